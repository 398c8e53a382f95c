"""No output of a full run shows a secret, a full number, or a word of what was said: success and failure alike.

The real log writes to the real stdout, the vendors are reached by their real SDKs, and every other library may log all
it likes, as under a root handler that someone turned up.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from botocore.exceptions import ClientError

import index
from core.conversation import ConversationKey
from core.errors import StoreUnavailableError
from core.wiring import Ports, heartbeat
from sandbox.context_objects import OPENAI_REFERENCE, RECIPIENT, SENDER, TWILIO_REFERENCE, make_body
from sandbox.stubs import OPENAI_KEY, TWILIO_AUTH_TOKEN, Outcome, answer, delay, drop, openai_error, twilio_error
from services.dynamodb_service import DynamoDBConversationStore
from services.secrets_manager_service import SecretsManagerSecrets
from services.sqs_service import SqsMessageQueue
from services.twilio_http import AnswerLostError
from tests.fakes.captured_output import CapturedOutput
from tests.fakes.faulty import Faulty
from tests.fakes.function import SETTINGS
from tests.samples.sqs_events import make_event, make_record
from tests.unit.stubbed.function import StubbedFunction, make_stubbed_function
from utils.logging_config import EventLog
from utils.redaction import Secret
from utils.sqs_heartbeat import SqsHeartbeat

GREETING, NAME, REASON = "Guten Morgen", "Annabelle-Sophie", "the barista position in Porto"
REPLY = json.dumps({"1": NAME, "2": GREETING, "3": REASON})
LAST_NAME, EMAIL, REPRESENTATIVE, NOTE = "Silveira-Prado", "annabelle@example.org", "Carolina", "allergic to hazelnuts"
ASSISTANT = "asst_1"
OTHER_KEY, OTHER_TOKEN = "sk-rotated-8d1f4c", "rotated-token-77aa01"

SAID = [GREETING, NAME, REASON, LAST_NAME, EMAIL, REPRESENTATIVE, NOTE]
SECRETS = [OPENAI_KEY, TWILIO_AUTH_TOKEN, OTHER_KEY, OTHER_TOKEN]
NUMBERS = [number.lstrip("+") for number in (RECIPIENT, SENDER)]
"""Without the plus, so that `%2B447700900123` and `whatsapp:447700900123` are found too; and see `national`."""

FORBIDDEN = [*SAID, *SECRETS, *NUMBERS, *(number[2:] for number in NUMBERS)]

BODY = make_body(
    frontend_payload__recipient_data__recipient_first_name=NAME,
    frontend_payload__recipient_data__recipient_last_name=LAST_NAME,
    frontend_payload__recipient_data__recipient_email=EMAIL,
    frontend_payload__project_data={"note": NOTE, REASON: [GREETING]},
    company_data_payload__company_rep={"name": REPRESENTATIVE},
)
EVERYTHING = " ".join(FORBIDDEN) + f" {RECIPIENT} whatsapp:{SENDER}"
"""What a vendor's or a library's own words may hold."""


class StandardError(logging.Handler):
    """Writes to what stderr is at that moment: pytest changes it between a test's setup and its call."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(self.format(record) + "\n")


@pytest.fixture(autouse=True)
def everybody_logs_everything() -> Iterator[None]:
    """Let whoever logs to the root logger be heard."""
    root, handler = logging.getLogger(), StandardError()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, output: CapturedOutput) -> StubbedFunction:
    assert output is not None
    world = make_stubbed_function(monkeypatch)
    world.stubs.app.openai.outcomes.add(Outcome(text=REPLY, duration_seconds=3), times=None)
    return world


def log_for_real(world: StubbedFunction) -> None:
    """Give the function its real log; in the test's call, for the log keeps the stdout of the moment."""
    if not isinstance(world.function.telemetry, EventLog):
        world.function.telemetry = EventLog("DEBUG", "1.0.0", SETTINGS.metrics_namespace)


class Context:
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


def run(world: StubbedFunction, body: str = BODY, **record: Any) -> list[dict[str, str]]:
    log_for_real(world)
    event = make_event(make_record(body=body, **record))
    return index.handle(world.function.runtime(), event, Context())["batchItemFailures"]


def assert_nothing_leaked(output: CapturedOutput, *more: str) -> None:
    text = output.text
    decoded = text.encode().decode("unicode_escape", errors="replace")
    for forbidden in [*FORBIDDEN, *more]:
        for shown in (text, decoded):
            position = shown.find(forbidden)
            assert position < 0, f"{forbidden!r} is shown: ...{shown[max(position - 200, 0) : position + 50]!r}"


def assert_all_lines_are_ours(output: CapturedOutput) -> None:
    assert all(line.get("service") == "whatsapp-channel-processor" for line in output.objects)


def free_form(world: StubbedFunction) -> None:
    secrets = world.function.secrets.twilio_secrets
    secrets[TWILIO_REFERENCE] = type(secrets[TWILIO_REFERENCE])(
        secrets[TWILIO_REFERENCE].account_sid, secrets[TWILIO_REFERENCE].auth_token
    )


# All is well


@pytest.mark.parametrize("mode", ["template", "free form"])
def test_a_message_that_is_sent(world: StubbedFunction, output: CapturedOutput, mode: str) -> None:
    if mode == "free form":
        free_form(world)

    failures = run(world)

    (message,) = world.messages()
    assert failures == []
    assert NAME in message["body"]
    assert any(line.get("event") == "conversation_closed" for line in output.lines)
    assert any(line.get("recipient") == "+44******0123" for line in output.lines)
    assert_nothing_leaked(output)
    assert_all_lines_are_ours(output)


def test_a_message_that_an_assistant_wrote(monkeypatch: pytest.MonkeyPatch, output: CapturedOutput) -> None:
    world = make_stubbed_function(monkeypatch, api="assistants")
    world.stubs.app.openai.outcomes.add(Outcome(text=REPLY, duration_seconds=3))
    asked = f'"assistant_id_template_sender": {json.dumps(ASSISTANT)}'

    failures = run(world, body=BODY.replace('"assistant_id_template_sender": "first-contact"', asked))

    assert failures == []
    assert len(world.messages()) == 1
    assert_nothing_leaked(output)
    assert_all_lines_are_ours(output)


def test_a_duplicate(world: StubbedFunction, output: CapturedOutput) -> None:
    run(world)

    run(world, message_id="m-2")

    assert any(line["event"] == "duplicate_suppressed" for line in output.lines)
    assert_nothing_leaked(output)
    assert_all_lines_are_ours(output)


def test_a_message_whose_answer_was_lost(world: StubbedFunction, output: CapturedOutput) -> None:
    world.stubs.app.actions.add(drop(after_effect=True), operation="twilio.messages.create")

    run(world)

    assert any(line["event"] == "send_reconciled" for line in output.lines)
    assert_nothing_leaked(output)
    assert_all_lines_are_ours(output)


def test_a_secret_that_was_rotated(world: StubbedFunction, output: CapturedOutput) -> None:
    run(world, body=BODY.replace("conv-0001", "conv-0000"))
    world.stubs.app.keys.change_openai(accept=[OTHER_KEY], revoke=[OPENAI_KEY])
    world.function.secrets.openai_secrets[OPENAI_REFERENCE] = Secret(OTHER_KEY)

    assert run(world) == []
    assert any(line["event"] == "secret_refreshed" for line in output.lines)
    assert_nothing_leaked(output)


# Something fails: each case breaks the world in one way, with all that must not be shown in the words of the error


def vendor_says_everything(operation: str, status: int) -> Callable[[StubbedFunction], None]:
    def spoil(world: StubbedFunction) -> None:
        body = (
            openai_error(EVERYTHING, code=EVERYTHING, type_=EVERYTHING, param=EVERYTHING)
            if operation.startswith("openai")
            else twilio_error(status, 20001, EVERYTHING) | {"details": {EVERYTHING: EVERYTHING}}
        )
        headers = {"Retry-After": "soon", "x-request-id": NAME}
        world.stubs.app.actions.add(answer(status, body, headers=headers), operation=operation, times=None)

    return spoil


def model_says(**outcome: Any) -> Callable[[StubbedFunction], None]:
    def spoil(world: StubbedFunction) -> None:
        world.stubs.app.openai.outcomes.reset()
        world.stubs.app.openai.outcomes.add(Outcome(duration_seconds=1, **outcome))

    return spoil


def wire_breaks(vendor: str, error: Exception) -> Callable[[StubbedFunction], None]:
    return lambda world: world.stubs.broken[vendor].extend([error] * 9)


def store_fails(method: str, error: Exception, times: int = 9) -> Callable[[StubbedFunction], None]:
    def spoil(world: StubbedFunction) -> None:
        world.function.store = Faulty(world.function.store)
        world.function.store.plan(method, error, times=times)

    return spoil


def refused_and_not_recorded(world: StubbedFunction) -> None:
    model_says(refusal=EVERYTHING)(world)
    store_fails("fail", RuntimeError(EVERYTHING))(world)


def action(operation: str, *actions: Any) -> Callable[[StubbedFunction], None]:
    def spoil(world: StubbedFunction) -> None:
        for one in actions:
            world.stubs.app.actions.add(one, operation=operation, times=None)

    return spoil


class LoudClient:
    """An AWS client whose every call fails with words that say everything."""

    def __init__(self, code: str) -> None:
        self._code = code

    def __getattr__(self, operation: str) -> Any:
        def call(**_: Any) -> Any:
            error = {"Error": {"Code": self._code, "Message": EVERYTHING}, "Item": {}}
            raise ClientError(error, operation)  # type: ignore[arg-type]

        return call

    def get_paginator(self, _: str) -> Any:
        return self


def aws_says_everything(world: StubbedFunction) -> None:
    world.function.store = DynamoDBConversationStore(LoudClient("ThrottlingException"), "t")  # type: ignore[arg-type]
    world.function.queue = SqsMessageQueue(LoudClient("AccessDenied"), "https://queue")  # type: ignore[arg-type]


def secrets_say_everything(world: StubbedFunction) -> None:
    world.function.secrets = SecretsManagerSecrets(LoudClient("AccessDeniedException"), 0, lambda: 0.0)  # type: ignore[arg-type]


class MisshapenSecrets:
    def get_secret_value(self, **_: Any) -> dict[str, str]:
        return {"SecretString": json.dumps({"auth_token": TWILIO_AUTH_TOKEN, EVERYTHING: OPENAI_KEY})}


def secrets_are_misshapen(world: StubbedFunction) -> None:
    world.function.secrets = SecretsManagerSecrets(MisshapenSecrets(), 0, lambda: 0.0)  # type: ignore[arg-type]


def keys_are_wrong(world: StubbedFunction) -> None:
    world.function.secrets.openai_secrets[OPENAI_REFERENCE] = Secret(OTHER_KEY)


def token_is_wrong(world: StubbedFunction) -> None:
    world.stubs.app.keys.change_twilio("AC0123456789abcdef0123456789abcdef", revoke=[TWILIO_AUTH_TOKEN])


CREATE = "twilio.messages.create"
ASK, POLL, OPEN = "openai.responses.create", "openai.responses.get", "openai.conversations.create"

FAILURES = [
    pytest.param(keys_are_wrong, id="wrong key"),
    pytest.param(token_is_wrong, id="wrong token"),
    pytest.param(vendor_says_everything(OPEN, 400), id="conversation refused"),
    pytest.param(vendor_says_everything(ASK, 400), id="response refused"),
    pytest.param(vendor_says_everything(ASK, 401), id="key rejected"),
    pytest.param(vendor_says_everything(ASK, 429), id="OpenAI throttles"),
    pytest.param(vendor_says_everything(ASK, 500), id="OpenAI fails"),
    pytest.param(vendor_says_everything(POLL, 500), id="poll fails"),
    pytest.param(vendor_says_everything(CREATE, 400), id="message refused"),
    pytest.param(vendor_says_everything(CREATE, 429), id="Twilio throttles"),
    pytest.param(vendor_says_everything(CREATE, 500), id="Twilio fails"),
    pytest.param(action(CREATE, answer(201, raw=EVERYTHING)), id="Twilio answers with text"),
    pytest.param(action(CREATE, answer(400, raw=EVERYTHING)), id="Twilio refuses with text"),
    pytest.param(action(ASK, answer(200, raw=EVERYTHING)), id="OpenAI answers with text"),
    pytest.param(action(CREATE, delay(30)), id="Twilio is late"),
    pytest.param(action(ASK, delay(30)), id="OpenAI is late"),
    pytest.param(wire_breaks("twilio", AnswerLostError(EVERYTHING)), id="connection to Twilio breaks"),
    pytest.param(wire_breaks("twilio", RuntimeError(EVERYTHING)), id="unforeseen at Twilio"),
    pytest.param(wire_breaks("openai", httpx2.ReadError(EVERYTHING)), id="connection to OpenAI breaks"),
    pytest.param(wire_breaks("openai", RuntimeError(EVERYTHING)), id="unforeseen at OpenAI"),
    pytest.param(model_says(text=EVERYTHING), id="no JSON"),
    pytest.param(model_says(text=json.dumps({EVERYTHING: EVERYTHING})), id="a name that is none"),
    pytest.param(model_says(text=json.dumps({"1": [EVERYTHING]})), id="a value that is none"),
    pytest.param(model_says(text=json.dumps({"1": EVERYTHING * 20})), id="too long"),
    pytest.param(model_says(refusal=EVERYTHING), id="refusal"),
    pytest.param(model_says(state="failed", code="server_error", message=EVERYTHING), id="failed run"),
    pytest.param(model_says(state="failed", code=EVERYTHING, message=EVERYTHING), id="failed run, odd code"),
    pytest.param(model_says(state="incomplete", reason=EVERYTHING), id="incomplete run, odd reason"),
    pytest.param(store_fails("create", RuntimeError(EVERYTHING)), id="unforeseen at the claim"),
    pytest.param(store_fails("intend", KeyError(EVERYTHING)), id="unforeseen at the intent"),
    pytest.param(store_fails("close", RuntimeError(EVERYTHING)), id="unforeseen at the close"),
    pytest.param(refused_and_not_recorded, id="refused, and the failure can't be recorded"),
    pytest.param(aws_says_everything, id="AWS fails"),
    pytest.param(secrets_say_everything, id="secrets are denied"),
    pytest.param(secrets_are_misshapen, id="secrets are misshapen"),
]


@pytest.mark.parametrize("spoil", FAILURES)
def test_a_message_that_fails(
    world: StubbedFunction, output: CapturedOutput, spoil: Callable[[StubbedFunction], None]
) -> None:
    spoil(world)

    run(world)
    run(world, receive_count=2)

    assert any(line["level"] in {"WARNING", "ERROR", "CRITICAL"} for line in output.lines)
    assert_nothing_leaked(output)
    assert_all_lines_are_ours(output)


def test_what_a_failed_record_says(world: StubbedFunction, output: CapturedOutput) -> None:
    """The record's words are read by people and shown by the operations command."""
    vendor_says_everything(CREATE, 400)(world)

    run(world)

    failure = world.function.record().conversation.last_error
    assert failure is not None
    assert not any(forbidden in f"{failure}" for forbidden in FORBIDDEN)
    assert_nothing_leaked(output)


def test_a_final_update_that_fails(world: StubbedFunction, output: CapturedOutput) -> None:
    store_fails("close", StoreUnavailableError("DynamoDB did not answer"))(world)

    run(world)

    (line,) = [line for line in output.lines if line["event"] == "final_db_update_failed"]
    assert line["level"] == "CRITICAL"
    assert line["message"] == "CRITICAL: message sent, but the final DynamoDB update failed"
    assert line["message_sids"] == [world.messages()[0]["sid"]]
    assert line["recipient"] == "+44******0123"
    assert_nothing_leaked(output)


BAD_BODIES = [
    pytest.param(EVERYTHING, id="no JSON"),
    pytest.param(json.dumps([EVERYTHING]), id="a list"),
    pytest.param(json.dumps({EVERYTHING: EVERYTHING}), id="other names"),
    pytest.param('{"a": 1, "a": ' + json.dumps(EVERYTHING) + "}", id="duplicates"),
    pytest.param(BODY.replace(RECIPIENT, RECIPIENT + EVERYTHING), id="number"),
    pytest.param(BODY.replace("conv-0001", EVERYTHING + "\\n"), id="conversation id"),
    pytest.param(BODY.replace("2026-11-22T08:59:30Z", EVERYTHING), id="timestamp"),
    pytest.param(BODY.replace(OPENAI_REFERENCE, EVERYTHING), id="key reference"),
    pytest.param(BODY.replace('"acme"', json.dumps(EVERYTHING + "\n")), id="company"),
    pytest.param(BODY.replace('"whatsapp"', json.dumps(EVERYTHING)), id="channel"),
    pytest.param(BODY.replace("true", json.dumps(EVERYTHING)), id="consent"),
    pytest.param(BODY.replace("true", "false"), id="no consent"),
    pytest.param(BODY.replace('"2.4.0"', json.dumps({EVERYTHING: [EVERYTHING]})), id="version"),
]


@pytest.mark.parametrize("body", BAD_BODIES)
def test_a_message_that_is_refused(world: StubbedFunction, output: CapturedOutput, body: str) -> None:
    failures = run(world, body=body)

    assert failures == [{"itemIdentifier": "m-1"}]
    assert [line["event"] for line in output.lines] == ["message_failed", "batch_finished"]
    assert_nothing_leaked(output)
    assert_all_lines_are_ours(output)


def test_a_heartbeat_that_fails_or_finds_a_message_gone(world: StubbedFunction, output: CapturedOutput) -> None:
    log_for_real(world)
    function = world.function
    runtime = function.runtime()
    ports = Ports(
        **{
            name: getattr(function, name)
            for name in ("store", "secrets", "model", "moderation", "whatsapp", "queue", "clock")
        },
        telemetry=function.telemetry,
        definitions=None,  # type: ignore[arg-type]
        executor=function.executor,
        jitter=lambda: 0.5,
        new_owner=lambda: "owner",
    )
    beats = heartbeat(SETTINGS, ports, SqsHeartbeat)
    delivery = runtime.batch._delivery(make_record(body=BODY), 0.0)
    delivery.lease.take(ConversationKey(RECIPIENT, "conv-0001"), 0.0)

    with beats.holding([delivery]):
        function.queue.error = RuntimeError(EVERYTHING)
        beats.beat()
        function.queue.error = None
        function.queue.gone = {delivery.receipt_handle}
        beats.beat()

    assert [line["event"] for line in output.lines] == ["heartbeat_failed", "heartbeat_lost"]
    assert_nothing_leaked(output)


# The search itself


@pytest.mark.parametrize("forbidden", FORBIDDEN)
def test_the_search_finds_what_is_shown(output: CapturedOutput, forbidden: str) -> None:
    sys.stdout.write(json.dumps({"message": f"about {forbidden}."}))

    with pytest.raises(AssertionError, match="is shown"):
        assert_nothing_leaked(output)


def test_the_search_finds_what_a_library_logs(output: CapturedOutput) -> None:
    logging.getLogger("some.library").debug("GET /Messages.json?To=whatsapp%%3A%%2B%s", NUMBERS[0])

    with pytest.raises(AssertionError, match="is shown"):
        assert_nothing_leaked(output)

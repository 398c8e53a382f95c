"""Every error of OpenAI and Twilio that can reach us: the status, code, visibility and metric it leads to.

Each row goes through the real adapter and the real pipeline; the rest of the world is in memory. Sources: OpenAI, guide
"Error codes"; Twilio, "Error and Warning Dictionary".
"""

import json
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from core.conversation import Status
from sandbox.context_objects import OPENAI_REFERENCE, TWILIO_REFERENCE, make_body
from sandbox.stubs import (
    TWILIO_ACCOUNT_SID,
    Fate,
    Outcome,
    answer,
    delay,
    drop,
    openai_error,
    stall,
    twilio_error,
)
from services.twilio_http import NotSentError
from tests.fakes.function import SETTINGS
from tests.unit.stubbed.function import StubbedFunction, make_stubbed_function
from utils.redaction import Secret

LATER = 23
"""Half-jittered backoff of a first receive, with the jitter of the tests."""

AT_ONCE = 0

AI, SEND = Status.FAILED_AI, Status.FAILED_SEND

CREATE_CONVERSATION, ASK, POLL = "openai.conversations.create", "openai.responses.create", "openai.responses.get"
CREATE_THREAD, RUN, POLL_RUN = "openai.threads.create", "openai.threads.runs.create", "openai.threads.runs.get"
CREATE, LIST = "twilio.messages.create", "twilio.messages.list"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> StubbedFunction:
    return make_stubbed_function(monkeypatch)


@pytest.fixture
def assistants(monkeypatch: pytest.MonkeyPatch) -> StubbedFunction:
    return make_stubbed_function(monkeypatch, api="assistants")


def check(world: StubbedFunction, status: Status, code: str, visible_after: int, *, permanent: bool) -> None:
    """Receive a message and see that its failure is recorded, counted and given back as the row says."""
    again = world.receive()

    assert again == ["m-1"]
    assert world.function.queue.hidden == [("m-1/1", visible_after)]
    record = world.function.record()
    assert record.conversation.status is status
    assert record.conversation.last_error is not None
    assert (record.conversation.last_error.code, record.conversation.last_error.permanent) == (code, permanent)
    assert record.needs_attention
    assert record.conversation.lease_owner is None
    assert world.function.telemetry.failed_codes == {code: 1}
    assert world.function.telemetry.metrics["MessagesFailed"] == 1


def openai(status: int, code: str | None, type_: str = "invalid_request_error", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answer(status, openai_error("the text of the vendor", type_=type_, code=code), headers=named)


def twilio(status: int, code: int, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answer(status, twilio_error(status, code, "the text of the vendor"), headers=named)


# OpenAI refuses


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (openai(400, "context_length_exceeded"), "openai_context_length_exceeded"),
        (openai(400, "invalid_prompt"), "openai_invalid_prompt"),
        (openai(400, "unsupported_value"), "openai_unsupported_value"),
        (openai(400, None), "openai_invalid_request_error"),
        (openai(401, "invalid_api_key"), "openai_invalid_api_key"),
        (openai(401, "ip_not_authorized"), "openai_ip_not_authorized"),
        (openai(403, "unsupported_country_region_territory"), "openai_unsupported_country_region_territory"),
        (openai(403, "model_not_permitted"), "openai_model_not_permitted"),
        (openai(404, "model_not_found"), "openai_model_not_found"),
        (openai(404, None), "openai_invalid_request_error"),
        (openai(422, None), "openai_invalid_request_error"),
        (openai(429, "insufficient_quota", "insufficient_quota"), "openai_insufficient_quota"),
        (openai(429, "credit_balance_exhausted", "insufficient_quota"), "openai_credit_balance_exhausted"),
        (
            openai(429, "organization_spend_limit_exceeded", "insufficient_quota"),
            "openai_organization_spend_limit_exceeded",
        ),
        (openai(429, "project_spend_limit_exceeded", "insufficient_quota"), "openai_project_spend_limit_exceeded"),
        (
            openai(429, "organization_usage_limit_exceeded", "insufficient_quota"),
            "openai_organization_usage_limit_exceeded",
        ),
        (openai(403, "insufficient_quota", "insufficient_quota"), "openai_insufficient_quota"),
        (openai(503, "billing_hard_limit_reached"), "openai_billing_hard_limit_reached"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("operation", [CREATE_CONVERSATION, ASK])
def test_a_refusal_of_openai_is_permanent(world: StubbedFunction, operation: str, action: Any, code: str) -> None:
    world.script(operation, action)

    check(world, AI, code, AT_ONCE, permanent=True)


# OpenAI may do better later


@pytest.mark.parametrize(
    ("action", "code", "visible_after", "calls"),
    [
        pytest.param(openai(400, "conversation_locked"), "openai_conversation_locked", LATER, 3, id="locked"),
        pytest.param(openai(429, "rate_limit_exceeded"), "openai_rate_limit_exceeded", LATER, 3, id="rate"),
        pytest.param(
            openai(429, "rate_limit_exceeded", retry_after="2"),
            "openai_rate_limit_exceeded",
            LATER,
            3,
            id="rate, short wish",
        ),
        pytest.param(
            openai(429, "rate_limit_exceeded", retry_after="120"),
            "openai_rate_limit_exceeded",
            120,
            1,
            id="rate, long wish",
        ),
        pytest.param(openai(429, "slow_down", "rate_limit_error"), "openai_slow_down", LATER, 3, id="slow down"),
        pytest.param(
            openai(503, "server_is_overloaded", "service_unavailable_error", retry_after="30"),
            "openai_server_is_overloaded",
            30,
            1,
            id="overloaded",
        ),
        pytest.param(openai(400, "rate_limit_exceeded"), "openai_rate_limit_exceeded", LATER, 3, id="rate as a 400"),
        pytest.param(openai(409, "conversation_locked"), "openai_conversation_locked", LATER, 3, id="locked as a 409"),
        pytest.param(openai(429, "slow_down", retry_after="7200"), "openai_slow_down", 900, 1, id="wish too long"),
        pytest.param(answer(403, raw="<html>Forbidden</html>"), "openai_blocked", LATER, 1, id="a proxy's 403"),
        pytest.param(answer(401, raw="<html>"), "openai_blocked", LATER, 1, id="a proxy's 401"),
        pytest.param(answer(407, raw=""), "openai_blocked", LATER, 1, id="a proxy's 407"),
        pytest.param(openai(408, None, "timeout"), "openai_timeout", LATER, 1, id="408"),
        pytest.param(openai(409, "conflict"), "openai_conflict", LATER, 1, id="409"),
        pytest.param(openai(500, "server_error", "server_error"), "openai_server_error", LATER, 1, id="500"),
        pytest.param(answer(502, raw="<html>"), "openai_http_502", LATER, 1, id="502"),
        pytest.param(delay(30), "openai_timeout", LATER, 1, id="no answer in time"),
        pytest.param(drop(), "openai_unreachable", LATER, 1, id="reset before the effect"),
        pytest.param(drop(after_effect=True), "openai_unreachable", LATER, 1, id="reset after the effect"),
        pytest.param(stall(1), "openai_unreachable", LATER, 1, id="half an answer"),
        pytest.param(answer(200, raw="<html>"), "openai_unreadable", LATER, 1, id="not JSON"),
    ],
)
@pytest.mark.parametrize("operation", [CREATE_CONVERSATION, ASK])
def test_trouble_at_openai_passes(
    world: StubbedFunction, operation: str, action: Any, code: str, visible_after: int, calls: int
) -> None:
    world.script(operation, action)

    check(world, AI, code, visible_after, permanent=False)

    path = "/v1/conversations" if operation == CREATE_CONVERSATION else "/v1/responses"
    assert [request.path for request in world.stubs.requests].count(path) == calls


@pytest.mark.parametrize("error", [httpx2.ConnectError("refused"), httpx2.ConnectTimeout("timed out")], ids=repr)
def test_openai_that_can_not_be_reached_is_tried_three_times(world: StubbedFunction, error: Exception) -> None:
    world.stubs.broken["openai"].extend([error] * 3)

    code = "openai_timeout" if isinstance(error, httpx2.ConnectTimeout) else "openai_unreachable"
    check(world, AI, code, LATER, permanent=False)

    assert world.stubs.requests == []


@pytest.mark.parametrize(
    ("action", "code", "visible_after"),
    [
        pytest.param(openai(500, "server_error", "server_error"), "openai_server_error", LATER, id="500"),
        pytest.param(
            openai(429, "rate_limit_exceeded", retry_after="1"), "openai_rate_limit_exceeded", LATER, id="429"
        ),
        pytest.param(
            openai(429, "rate_limit_exceeded", retry_after="61"), "openai_rate_limit_exceeded", 61, id="429, long wish"
        ),
        pytest.param(delay(30), "openai_timeout", LATER, id="no answer in time"),
        pytest.param(openai(404, None), "openai_run_gone", LATER, id="the response is gone"),
        pytest.param(answer(404, raw="<html>"), "openai_blocked", LATER, id="a proxy's 404"),
        pytest.param(answer(403, raw="<html>"), "openai_blocked", LATER, id="a proxy's 403"),
        pytest.param(answer(200, {"id": "resp_1", "status": "of_tomorrow"}), "openai_run_state_unknown", LATER, id="?"),
    ],
)
def test_trouble_while_polling_that_does_not_end_is_given_back_with_its_run(
    world: StubbedFunction, action: Any, code: str, visible_after: int
) -> None:
    world.stubs.app.openai.outcomes.add(Outcome(duration_seconds=10))
    world.script(POLL, action)

    check(world, AI, code, visible_after, permanent=False)

    kept = world.function.record().conversation.run
    assert (kept is None) == (code == "openai_run_gone")


PASSING = [
    pytest.param(openai(404, None), 41, id="a young response is not known"),
    pytest.param(openai(429, "rate_limit_exceeded", retry_after="1"), 50, id="polls are throttled"),
    pytest.param(openai(503, "server_is_overloaded"), 50, id="overloaded"),
    pytest.param(openai(500, "server_error"), 50, id="500"),
    pytest.param(answer(404, raw="<html>"), 50, id="a proxy's 404"),
    pytest.param(drop(), 50, id="reset"),
    pytest.param(answer(200, {"id": "resp_1", "status": "of_tomorrow"}), 50, id="a state that is not known"),
]


@pytest.mark.parametrize(("action", "seconds"), PASSING)
def test_a_run_in_doubt_is_polled_on_and_paid_once(world: StubbedFunction, action: Any, seconds: float) -> None:
    """A response that was just created can answer 404 for a while; 112 runs were paid for 40 conversations."""
    world.script(POLL, action)
    world.function.clock.at(seconds, world.stubs.app.actions.reset)

    again = world.receive()

    assert again == []
    assert [request.path for request in world.stubs.requests].count("/v1/responses") == 1
    assert len(world.messages()) == 1
    assert world.function.record().conversation.paid_runs == 1


@pytest.mark.parametrize("seconds", [1.5, 33.0, 40.0])
@pytest.mark.parametrize("duration_seconds", [0, 60])
def test_a_response_that_is_found_late_is_paid_once(
    world: StubbedFunction, seconds: float, duration_seconds: float
) -> None:
    world.stubs.app.openai.outcomes.add(Outcome(unknown_seconds=seconds, duration_seconds=duration_seconds), times=None)

    again = world.receive()

    assert again == []
    assert [request.path for request in world.stubs.requests].count("/v1/responses") == 1
    assert len(world.messages()) == 1


ASSISTANT = "company_data_payload__ai_config__openai_config__whatsapp__assistant_id_template_sender"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_of_an_assistant_that_is_found_late_is_paid_once(assistants: StubbedFunction) -> None:
    assistants.stubs.app.openai.outcomes.add(Outcome(text='{"1": "Ana"}', unknown_seconds=33.0), times=None)

    again = assistants.receive(body=make_body(**{ASSISTANT: "asst_1"}))

    assert again == []
    assert [request.path.endswith("/runs") for request in assistants.stubs.requests].count(True) == 1


@pytest.mark.parametrize(
    "text", ['{"1": "Ana"}', '{"1": "Ana \u30104:0\u2020source\u3011"}', '```json {"1": "Ana"}```']
)
def test_two_equal_final_messages_are_sent_once_and_without_what_is_not_meant_for_the_reader(
    world: StubbedFunction, text: str
) -> None:
    world.stubs.app.openai.outcomes.add(Outcome(text=f"<think>Who?</think>\n{text}", copies=2))

    again = world.receive()

    assert again == []
    (message,) = world.messages()
    assert json.loads(message["content_variables"]) == {"1": "Ana"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_assistant_sends_what_the_run_wrote_alone_and_no_citation(assistants: StubbedFunction) -> None:
    secrets = assistants.function.secrets.twilio_secrets
    secrets[TWILIO_REFERENCE] = replace(secrets[TWILIO_REFERENCE], template_sid=None)
    assistants.stubs.app.settings.change({"lists_whole_threads": True})
    outcomes = assistants.stubs.app.openai.outcomes
    outcomes.add(Outcome(text="The first one"))
    outcomes.add(Outcome(text="The second one", copies=2, citation="\u30104:0\u2020source\u3011"))
    body = {ASSISTANT: "asst_1"}
    assistants.receive(body=make_body(conversation_id="conv-1", **body))
    thread_id = next(iter(assistants.function.store.records.values())).conversation.run.thread_id

    assistants.receive(
        message_id="m-2", body=make_body(conversation_id="conv-2", conversation_data__thread_id=thread_id, **body)
    )

    assert [message["body"] for message in assistants.messages()] == ["The first one", "The second one"]


def test_a_run_that_was_recorded_long_ago_and_is_not_known_is_gone_at_once(world: StubbedFunction) -> None:
    world.stubs.app.openai.outcomes.add(Outcome(duration_seconds=400))
    world.receive()
    world.script(POLL, openai(404, None))
    started = world.function.clock.monotonic()

    again = world.receive(receive_count=2)

    assert again == ["m-1"]
    assert world.function.clock.monotonic() - started < 1
    assert world.function.record().conversation.run is None


def test_a_conversation_costs_three_runs_at_most(world: StubbedFunction) -> None:
    world.stubs.app.openai.outcomes.add(Outcome(text="no JSON"), times=None)

    for number in range(5):
        assert world.receive(message_id=f"m-{number}") == [f"m-{number}"]

    assert [request.path for request in world.stubs.requests].count("/v1/responses") == 3
    assert world.function.telemetry.failed_codes == {"openai_invalid_json": 3, "openai_runs_exhausted": 2}
    error = world.function.record().conversation.last_error
    assert error is not None
    assert (error.code, error.permanent) == ("openai_runs_exhausted", True)


# A run ends otherwise than with a reply


@pytest.mark.parametrize(
    ("outcome", "code", "permanent"),
    [
        (Outcome(state="failed", code="server_error"), "openai_run_server_error", False),
        (Outcome(state="failed", code="rate_limit_exceeded"), "openai_run_rate_limit_exceeded", False),
        (Outcome(state="failed", code="vector_store_timeout"), "openai_run_vector_store_timeout", False),
        (Outcome(state="failed", code="invalid_prompt"), "openai_run_invalid_prompt", True),
        (Outcome(state="failed", code="bio_policy"), "openai_run_bio_policy", True),
        (
            Outcome(state="failed", code="misalignment_policy_violation"),
            "openai_run_misalignment_policy_violation",
            True,
        ),
        (Outcome(state="failed", code="data_residency_mismatch"), "openai_run_data_residency_mismatch", True),
        (Outcome(state="incomplete"), "openai_incomplete", True),
        (Outcome(state="incomplete", reason="content_filter"), "openai_incomplete", True),
        (Outcome(state="incomplete", reason="max_messages"), "openai_incomplete", True),
        (Outcome(state="incomplete", reason="steered"), "openai_incomplete", True),
        (Outcome(state="cancelled"), "openai_run_cancelled", True),
        (Outcome(refusal="I can't help with that."), "openai_refusal", True),
        (Outcome(silent=True), "openai_empty_output", True),
        (Outcome(text="Hello Ana!"), "openai_invalid_json", False),
        (Outcome(text='{"1": ""}'), "reply_variable_empty", True),
        (Outcome(text='{"1": null}'), "reply_variable_empty", True),
        (Outcome(text='{"1": "%s"}' % ("x" * 1601)), "reply_variable_length", True),
        (Outcome(text=json.dumps({"1": "x" * 600, "2": "y" * 600})), "reply_template_length", True),
        (Outcome(text='{"1": "a\\u0000b"}'), "reply_broken_characters", False),
        (Outcome(text='{"1": "\u200b"}'), "reply_variable_empty", True),
        (Outcome(text="\u200b\u2060"), "openai_empty_output", True),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_end_without_a_reply_is_recorded_and_asked_anew(
    world: StubbedFunction, outcome: Outcome, code: str, permanent: bool
) -> None:
    world.stubs.app.openai.outcomes.add(replace(outcome, duration_seconds=3))

    check(world, AI, code, AT_ONCE if permanent else LATER, permanent=permanent)

    assert world.function.record().conversation.run is None
    assert world.messages() == []


# The Assistants API, at a compatible server


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK warns on each Assistants call
@pytest.mark.parametrize(
    ("operation", "action", "code", "visible_after"),
    [
        pytest.param(CREATE_THREAD, openai(404, None), "openai_invalid_request_error", AT_ONCE, id="closed"),
        pytest.param(RUN, openai(404, None), "openai_invalid_request_error", AT_ONCE, id="no such assistant"),
        pytest.param(RUN, openai(401, "invalid_api_key"), "openai_invalid_api_key", AT_ONCE, id="wrong key"),
        pytest.param(RUN, openai(429, "rate_limit_exceeded"), "openai_rate_limit_exceeded", LATER, id="rate"),
        pytest.param(RUN, openai(500, "server_error", "server_error"), "openai_server_error", LATER, id="500"),
        pytest.param(
            RUN,
            answer(400, openai_error("Thread thread_1 already has an active run run_1.")),
            "openai_conversation_locked",
            LATER,
            id="busy",
        ),
        pytest.param(POLL_RUN, openai(404, None), "openai_run_gone", LATER, id="the run is gone"),
    ],
)
def test_trouble_with_assistants(
    assistants: StubbedFunction, operation: str, action: Any, code: str, visible_after: int
) -> None:
    assistants.script(operation, action)
    assistant_id = "company_data_payload__ai_config__openai_config__whatsapp__assistant_id_template_sender"
    body = make_body(**{assistant_id: "asst_1"})

    again = assistants.receive(body=body)

    assert again == ["m-1"]
    assert assistants.function.queue.hidden == [("m-1/1", visible_after)]
    assert assistants.function.telemetry.failed_codes == {code: 1}
    assert assistants.function.record().conversation.status is AI


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("outcome", "code", "permanent"),
    [
        (Outcome(state="failed", code="server_error"), "openai_run_server_error", False),
        (Outcome(state="failed", code="rate_limit_exceeded"), "openai_run_rate_limit_exceeded", False),
        (Outcome(state="failed", code="invalid_prompt"), "openai_run_invalid_prompt", True),
        (Outcome(state="incomplete"), "openai_incomplete", True),
        (Outcome(state="cancelled"), "openai_run_cancelled", True),
        (Outcome(state="expired"), "openai_run_expired", False),
        (Outcome(state="requires_action"), "openai_requires_action", True),
        (Outcome(silent=True), "openai_empty_output", True),
        (Outcome(refusal="No."), "openai_refusal", True),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_run_of_an_assistant_that_ends_without_a_reply(
    assistants: StubbedFunction, outcome: Outcome, code: str, permanent: bool
) -> None:
    assistants.stubs.app.openai.outcomes.add(replace(outcome, duration_seconds=3))
    assistant_id = "company_data_payload__ai_config__openai_config__whatsapp__assistant_id_template_sender"

    again = assistants.receive(body=make_body(**{assistant_id: "asst_1"}))

    assert again == ["m-1"]
    assert assistants.function.queue.hidden == [("m-1/1", AT_ONCE if permanent else LATER)]
    assert assistants.function.telemetry.failed_codes == {code: 1}
    assert assistants.function.record().conversation.run is None


# Twilio refuses

THIS_MESSAGE = [
    21211, 21408, 21602, 21610, 21612, 21614, 21617, 21619, 21654, 21655, 21656, 21658, 21910, 30007,
    63003, 63005, 63006, 63013, 63014, 63015, 63016, 63021, 63024, 63027, 63028, 63030, 63031, 63032,
    63040, 63041, 63042, 63049, 92007,
]  # fmt: skip
CONFIGURATION = [
    21212, 21603, 21606, 21608, 21609, 21660, 21701, 21703, 21704, 21705, 63001, 63002, 63007, 63008,
    63020, 63038, 63051,
]  # fmt: skip


CONTENT = {
    21602, 21617, 21619, 21654, 21655, 21656, 21658, 30007, 63005, 63006, 63013, 63016, 63021, 63027, 63028, 63030,
    63040, 63041, 63042, 92007,
}  # fmt: skip
"""Of those, the ones that are about what was written or its template."""


@pytest.mark.parametrize("code", [*THIS_MESSAGE, *CONFIGURATION])
def test_a_refusal_of_twilio_is_permanent(world: StubbedFunction, code: int) -> None:
    world.script(CREATE, twilio(400, code))

    check(world, SEND, f"twilio_{code}", AT_ONCE, permanent=True)

    conversation = world.function.record().conversation
    assert conversation.intent_at is None
    assert (conversation.reply is None) == (conversation.run is None) == (code in CONTENT)
    assert world.messages() == []


@pytest.mark.parametrize(
    ("status", "code"), [*((status, code) for status in (400, 403, 404, 422) for code in (21610, 63003)), (429, 63038)]
)
def test_the_code_of_a_refusal_decides_whatever_the_status(world: StubbedFunction, status: int, code: int) -> None:
    world.script(CREATE, twilio(status, code))

    check(world, SEND, f"twilio_{code}", AT_ONCE, permanent=True)

    assert world.function.telemetry.events().count("secret_refreshed") == 0


@pytest.mark.parametrize("code", [21656, 63028, 63041])
def test_a_reply_that_was_refused_for_its_content_is_written_again_after_a_redrive(
    world: StubbedFunction, code: int
) -> None:
    world.stubs.app.actions.add(twilio(400, code), operation=CREATE)
    first = world.receive()

    second = world.receive(message_id="m-redriven")

    assert (first, second) == (["m-1"], [])
    assert len(world.messages()) == 1
    assert world.function.record().conversation.paid_runs == 2


def test_a_reply_of_which_a_part_is_out_is_kept_whatever_is_refused(world: StubbedFunction) -> None:
    reference = TWILIO_REFERENCE
    secrets = world.function.secrets.twilio_secrets
    secrets[reference] = replace(secrets[reference], template_sid=None)
    world.stubs.app.openai.outcomes.add(Outcome(text="\n\n".join(("x " * 700, "y " * 700))))
    world.stubs.app.actions.add(twilio(400, 21617), operation=CREATE, match="y y y")

    again = world.receive()

    assert again == ["m-1"]
    conversation = world.function.record().conversation
    assert len(conversation.sent) == 1
    assert conversation.reply is not None
    assert conversation.run is not None


@pytest.mark.parametrize(
    ("status", "code"), [(401, 20003), (403, 20403), (403, 20005), (403, 20008), (404, 20404), (422, 99999)]
)
def test_an_account_that_is_not_good_for_it_is_permanent(world: StubbedFunction, status: int, code: int) -> None:
    world.script(CREATE, twilio(status, code))

    check(world, SEND, f"twilio_{code}", AT_ONCE, permanent=True)

    assert world.function.record().conversation.intent_at is None


# Twilio refuses for now


@pytest.mark.parametrize(
    ("action", "code", "visible_after", "calls"),
    [
        pytest.param(twilio(429, 20429), "twilio_20429", LATER, 3, id="20429"),
        pytest.param(twilio(429, 20429, retry_after="1"), "twilio_20429", LATER, 3, id="20429, short wish"),
        pytest.param(twilio(429, 20429, retry_after="7200"), "twilio_20429", 900, 1, id="20429, wish too long"),
        pytest.param(twilio(400, 20429), "twilio_20429", LATER, 3, id="20429 as a 400"),
        pytest.param(twilio(429, 20429, retry_after="40"), "twilio_20429", 40, 1, id="20429, long wish"),
        pytest.param(answer(429, raw=""), "twilio_429", LATER, 3, id="429 without a body"),
        pytest.param(twilio(400, 21611), "twilio_21611", 300, 1, id="21611"),
        pytest.param(twilio(400, 63017), "twilio_63017", 60, 1, id="63017"),
        pytest.param(twilio(400, 63018), "twilio_63018", 900, 1, id="63018"),
        pytest.param(twilio(429, 21611), "twilio_21611", 300, 1, id="21611 as a 429"),
        pytest.param(twilio(429, 63017), "twilio_63017", 60, 1, id="63017 as a 429"),
        pytest.param(twilio(429, 63017, retry_after="1"), "twilio_63017", 60, 1, id="63017, short wish"),
        pytest.param(twilio(429, 63017, retry_after="90"), "twilio_63017", 90, 1, id="63017, long wish"),
        pytest.param(twilio(429, 63018), "twilio_63018", 900, 1, id="63018 as a 429"),
        pytest.param(answer(403, raw="<html>Forbidden</html>"), "twilio_blocked", LATER, 1, id="a proxy's 403"),
        pytest.param(answer(401, raw="<html>"), "twilio_blocked", LATER, 1, id="a proxy's 401"),
        pytest.param(answer(407, raw=""), "twilio_blocked", LATER, 1, id="a proxy's 407"),
        pytest.param(answer(404, raw="Not found"), "twilio_blocked", LATER, 1, id="a proxy's 404"),
    ],
)
def test_a_refusal_that_passes_clears_the_intent(
    world: StubbedFunction, action: Any, code: str, visible_after: int, calls: int
) -> None:
    world.script(CREATE, action)

    check(world, SEND, code, visible_after, permanent=False)

    assert world.function.record().conversation.intent_at is None
    assert len([request for request in world.stubs.requests if request.form.get("To")]) == calls


def test_twilio_that_can_not_be_reached_is_tried_three_times(world: StubbedFunction) -> None:
    world.stubs.broken["twilio"].extend([NotSentError("ConnectionRefusedError")] * 3)

    check(world, SEND, "twilio_unreachable", LATER, permanent=False)

    assert world.function.record().conversation.intent_at is None
    assert world.messages() == []
    assert not world.stubs.broken["twilio"]


# It is open whether Twilio accepted the message

WINDOW = SETTINGS.settle_seconds - 7
"""What is left of the reconcile window after three looks at the list."""

UNKNOWN = [
    pytest.param(twilio(500, 20500), WINDOW, id="20500"),
    pytest.param(twilio(503, 20503), WINDOW, id="20503"),
    pytest.param(answer(502, raw="<html>Bad Gateway</html>"), WINDOW, id="502 in HTML"),
    pytest.param(answer(504, raw=""), WINDOW, id="504"),
    pytest.param(twilio(408, 20408), WINDOW, id="408"),
    pytest.param(drop(), WINDOW, id="reset"),
]


@pytest.mark.parametrize(("action", "visible_after"), UNKNOWN)
def test_a_message_that_may_be_out_comes_back_at_the_end_of_the_window(
    world: StubbedFunction, action: Any, visible_after: int
) -> None:
    world.script(CREATE, action)

    check(world, SEND, "delivery_unknown", visible_after, permanent=False)

    assert world.function.record().conversation.intent_at is not None
    assert world.messages() == []


ACCEPTED = [
    pytest.param(replace(twilio(500, 20500), effect=True), id="20500"),
    pytest.param(replace(twilio(503, 20503), effect=True), id="20503"),
    pytest.param(answer(502, raw="<html>", after_effect=True), id="502 in HTML"),
    pytest.param(drop(after_effect=True), id="reset"),
    pytest.param(delay(25), id="no answer in time"),
    pytest.param(delay(25, before_effect=True), id="late effect"),
    pytest.param(stall(1), id="half an answer"),
    pytest.param(answer(201, raw="<html>OK</html>", after_effect=True), id="not JSON"),
    pytest.param(answer(201, {}, after_effect=True), id="no message in the answer"),
]


@pytest.mark.parametrize("action", ACCEPTED)
def test_a_message_that_is_out_is_found_and_not_sent_again(world: StubbedFunction, action: Any) -> None:
    world.stubs.app.actions.add(action, operation=CREATE)

    again = world.receive()

    assert again == []
    (message,) = world.messages()
    record = world.function.record()
    assert record.conversation.status is Status.SENT
    assert [entry.message_id for entry in record.messages] == [message["sid"]]
    assert world.function.telemetry.metrics["Reconciled"] == 1
    assert world.function.telemetry.metrics["MessagesSent"] == 1
    assert world.function.telemetry.failed_codes == {}


@pytest.mark.parametrize("action", ACCEPTED)
def test_a_message_that_is_out_and_listed_late_is_found_by_a_later_receive(world: StubbedFunction, action: Any) -> None:
    world.stubs.app.settings.change({"list_lag_seconds": SETTINGS.twilio_list_lag_seconds})
    world.stubs.app.actions.add(action, operation=CREATE)

    first = world.receive()
    (_, visible_after), *_ = world.function.queue.hidden
    world.function.clock.advance(visible_after)
    second = world.receive(receive_count=2)

    assert first == ["m-1"]
    assert second == []
    assert len(world.messages()) == 1
    assert world.function.telemetry.failed_codes == {"delivery_unknown": 1}
    assert world.function.record().conversation.status is Status.SENT


@pytest.mark.parametrize(
    "action",
    [
        pytest.param(twilio(500, 20500), id="500"),
        pytest.param(twilio(429, 20429), id="429"),
        pytest.param(drop(), id="reset"),
        pytest.param(delay(25), id="no answer in time"),
        pytest.param(answer(200, raw="<html>"), id="not JSON"),
        pytest.param(answer(200, {"messages": [{"sid": None}]}), id="another shape"),
    ],
)
def test_while_the_list_can_not_be_had_nothing_is_sent_again(world: StubbedFunction, action: Any) -> None:
    world.stubs.app.actions.add(drop(after_effect=True), operation=CREATE)
    world.script(LIST, action)

    for receive_count in (1, 2):
        again = world.receive(receive_count=receive_count)
        world.function.clock.advance(SETTINGS.settle_seconds)

        assert again == ["m-1"]
    assert len(world.messages()) == 1
    assert world.function.telemetry.failed_codes == {"delivery_unknown": 2}
    assert world.function.record().conversation.intent_at is not None


@pytest.mark.parametrize(
    ("action", "code"),
    [
        pytest.param(twilio(401, 20003), "twilio_20003", id="rejected"),
        pytest.param(twilio(404, 20404), "twilio_20404", id="refused"),
    ],
)
def test_a_list_that_is_refused_for_good_ends_the_conversation_with_its_intent_open(
    world: StubbedFunction, action: Any, code: str
) -> None:
    world.stubs.app.actions.add(drop(after_effect=True), operation=CREATE)
    world.script(LIST, action)

    check(world, SEND, code, AT_ONCE, permanent=True)

    assert world.function.record().conversation.intent_at is not None
    assert len(world.messages()) == 1


def test_a_failure_that_twilio_reports_later_does_not_reach_us(world: StubbedFunction) -> None:
    """63016 and its like come with the status callback: for the function the message is out."""
    world.stubs.app.twilio.fates.add(Fate(status="failed", error_code=63016))

    again = world.receive()

    assert again == []
    assert world.function.record().conversation.status is Status.SENT


# Rotation


@pytest.mark.parametrize("status", [401, 403])
def test_a_secret_that_was_rotated_in_mid_traffic_reaches_no_dlq(world: StubbedFunction, status: int) -> None:
    world.receive(body=make_body(conversation_id="conv-1"))
    world.stubs.app.actions.add(openai(status, "invalid_api_key"), operation=ASK)
    world.stubs.app.actions.add(twilio(status, 20003), operation=CREATE)
    secrets = world.function.secrets
    rotated = "b" * 32
    world.stubs.app.keys.change_openai(accept=["sk-rotated"])
    world.stubs.app.keys.change_twilio(TWILIO_ACCOUNT_SID, accept=[rotated])
    secrets.openai_secrets[OPENAI_REFERENCE] = Secret("sk-rotated")
    secrets.twilio_secrets[TWILIO_REFERENCE] = replace(
        secrets.twilio_secrets[TWILIO_REFERENCE], auth_token=Secret(rotated)
    )

    again = world.receive(message_id="m-2", body=make_body(conversation_id="conv-2"))

    assert again == []
    assert len(world.messages()) == 2
    assert world.function.telemetry.events().count("secret_refreshed") == 2
    assert world.function.telemetry.failed_codes == {}

"""Entry point: the shape of a batch response, whatever the event, and the refusal to start without settings."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import index
from sandbox.context_objects import make_body
from tests.fakes.faulty import Faulty
from tests.fakes.function import InMemoryFunction
from tests.samples.sqs_events import make_event, make_record
from utils.settings import SettingsError

LAMBDA = Path(index.__file__).parent
AWS = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
APIS = ("services.openai_responses_service", "services.openai_assistants_service")
SETTINGS = {
    "CONVERSATIONS_TABLE_NAME_DEV": "conversations-dev",
    "WHATSAPP_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/queue",
}


class Context:
    """Lambda's, at the start of an invocation."""

    aws_request_id = "request-1"

    def __init__(self, timeout_seconds: float = 300) -> None:
        self._timeout_seconds = timeout_seconds

    def get_remaining_time_in_millis(self) -> int:
        return round(self._timeout_seconds * 1000)


@pytest.fixture
def function() -> InMemoryFunction:
    return InMemoryFunction()


def handle(function: InMemoryFunction, event: object) -> dict[str, list[dict[str, str]]]:
    return index.handle(function.runtime(), event, Context())


REFUSED = make_record(message_id="m-refused", body="not JSON")


# Batch responses


def test_a_batch_without_failures_has_an_empty_list(function: InMemoryFunction) -> None:
    assert handle(function, make_event(make_record())) == {"batchItemFailures": []}


def test_failures_are_named_by_message_id(function: InMemoryFunction) -> None:
    response = handle(function, make_event(make_record(), REFUSED))

    assert response == {"batchItemFailures": [{"itemIdentifier": "m-refused"}]}


def test_a_response_is_plain_json(function: InMemoryFunction) -> None:
    response = handle(function, make_event(make_record(), REFUSED))

    assert json.loads(json.dumps(response)) == response
    assert type(response["batchItemFailures"]) is list


@pytest.mark.parametrize(
    "unnamed",
    [
        pytest.param(make_record(messageId=...), id="no id"),
        pytest.param(make_record(messageId=None), id="null"),
        pytest.param(make_record(messageId=""), id="empty"),
        pytest.param(make_record(messageId=5), id="a number"),
        pytest.param(make_record(messageId="\ud800"), id="no text that could be written"),
        pytest.param("record", id="a text for a record"),
        pytest.param(None, id="null for a record"),
    ],
)
def test_a_record_without_a_name_keeps_the_whole_batch_from_being_deleted(
    function: InMemoryFunction, unnamed: Any
) -> None:
    """Lambda takes an empty identifier for a failure of the whole batch; without it, the record would be lost."""
    response = handle(function, make_event(make_record(), unnamed, REFUSED))

    assert response == {"batchItemFailures": [{"itemIdentifier": "m-refused"}, {"itemIdentifier": ""}]}
    assert len(function.whatsapp.delivered) == 1
    assert function.telemetry.only("invalid_event").fields == {"records": 3}


NOT_SQS: list[Any] = [
    None,
    {},
    [],
    "text",
    5,
    {"Records": None},
    {"Records": {}},
    {"records": []},
    {"Records": "text"},
    [make_record()],
    {"detail-type": "Scheduled Event", "source": "aws.events"},
    {"Records": [{"EventSource": "aws:sns", "Sns": {"MessageId": "1", "Message": make_body()}}]},
    {"Records": [{"eventSource": "aws:s3", "s3": {}}, {"eventSource": "aws:s3", "s3": {}}]},
    {"Records": [None]},
]


@pytest.mark.parametrize("event", NOT_SQS, ids=str)
def test_an_event_that_is_none_of_sqs_is_an_error(function: InMemoryFunction, event: Any) -> None:
    """A pipe hands over a bare list, and deletes its messages after any result: only an error keeps them."""
    with pytest.raises(index.InvalidEventError):
        handle(function, event)

    assert function.telemetry.events() == ["invalid_event"]
    assert function.whatsapp.delivered == []


@pytest.mark.parametrize(
    ("timeout_seconds", "refused"), [(30, True), (36.9, True), (37, False), (38, False), (300, False)]
)
def test_a_timeout_in_which_nothing_can_be_sent_is_refused_before_anything_is_tried(
    function: InMemoryFunction, timeout_seconds: float, refused: bool
) -> None:
    context = Context(timeout_seconds)

    if refused:
        with pytest.raises(index.TimeoutTooShortError, match="at least 38 s"):
            index.handle(function.runtime(), make_event(make_record()), context)
    else:
        index.handle(function.runtime(), make_event(make_record()), context)

    assert ("start_refused" in function.telemetry.events()) == refused
    assert bool(function.store.records) == (not refused)


def test_an_empty_batch_is_done(function: InMemoryFunction) -> None:
    assert handle(function, {"Records": []}) == {"batchItemFailures": []}
    assert function.telemetry.events() == []


def test_the_same_message_twice_in_a_batch_is_sent_once(function: InMemoryFunction) -> None:
    response = handle(function, make_event(make_record(), make_record()))

    assert response == {"batchItemFailures": []}
    assert len(function.whatsapp.delivered) == 1


def test_one_records_failure_does_not_touch_its_neighbours(function: InMemoryFunction) -> None:
    function.store = Faulty(function.store)
    function.store.plan("create", RuntimeError("anything at all"), skip=1)
    records = [
        make_record(message_id=f"m-{number}", body=make_body(conversation_id=f"c-{number}")) for number in (1, 2, 3)
    ]

    response = handle(function, make_event(*records))

    assert response == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}
    assert len(function.whatsapp.delivered) == 2


# Invocations


def test_lines_carry_the_invocations_id_and_metrics_are_written_at_its_end(function: InMemoryFunction) -> None:
    handle(function, make_event(make_record()))

    assert function.telemetry.invocations == ["request-1"]
    assert function.telemetry.flushes == 1


def test_metrics_are_written_even_if_the_batch_raises(function: InMemoryFunction) -> None:
    function.executor = ThreadPoolExecutor(1)
    function.executor.shutdown()

    with pytest.raises(RuntimeError):
        handle(function, make_event(make_record()))

    assert function.telemetry.flushes == 1


def test_work_stops_a_margin_before_lambda_does(function: InMemoryFunction) -> None:
    event = make_event(make_record())

    too_late = function.process(event, timeout_seconds=15.5)
    in_time = function.process(event, timeout_seconds=60)

    assert too_late == ["m-1"]
    assert in_time == []


# The start


def start(**environ: str) -> "subprocess.CompletedProcess[str]":
    """Import the entry point as Lambda's init phase does."""
    return subprocess.run(
        [sys.executable, "-c", "import index, sys; print(*(name for name in sys.modules if name in sys.argv))", *APIS],
        cwd=LAMBDA,
        env={"AWS_LAMBDA_FUNCTION_NAME": "whatsapp-channel-processor-dev", **AWS, **environ},
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )


def test_without_settings_the_start_is_refused_with_one_line_that_names_every_fault() -> None:
    result = start(WHATSAPP_QUEUE_URL="sk-secret-value", MAX_MESSAGE_PARTS="99")

    line = json.loads(result.stdout)
    assert result.returncode != 0
    assert (line["level"], line["event"]) == ("CRITICAL", "start_refused")
    for name in ("CONVERSATIONS_TABLE_NAME_DEV", "WHATSAPP_QUEUE_URL", "MAX_MESSAGE_PARTS"):
        assert name in line["message"]
    assert "sk-secret-value" not in result.stdout + result.stderr
    assert "SettingsError" in result.stderr


@pytest.mark.parametrize(("api", "module"), [("responses", APIS[0]), ("assistants", APIS[1])])
def test_with_settings_the_start_builds_everything_and_imports_one_api_of_openai(api: str, module: str) -> None:
    result = start(**SETTINGS, OPENAI_API=api)

    assert (result.returncode, result.stdout, result.stderr) == (0, f"{module}\n", "")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Nothing but what reaches AWS's SDK, and no runtime yet."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    index.get_runtime.cache_clear()
    yield monkeypatch
    index.get_runtime.cache_clear()


def test_a_start_that_was_refused_is_tried_again(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError):
        index.get_runtime()
    for name, value in SETTINGS.items():
        environment.setenv(name, value)

    assert index.get_runtime().settings.conversations_table_name == "conversations-dev"


def test_the_runtime_is_built_once_and_serves_every_invocation(environment: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.items():
        environment.setenv(name, value)

    responses = [index.lambda_handler({"Records": []}, Context()) for _ in range(2)]

    assert responses == [{"batchItemFailures": []}] * 2
    assert index.get_runtime.cache_info().misses == 1

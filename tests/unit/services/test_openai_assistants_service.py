"""OpenAI by the Assistants API: what is asked for, and how an answer is read."""

from typing import Any

import pytest

from core.conversation import Mode, Run, Usage
from core.errors import TransientError
from core.model import ModelRequest, RunReport, RunState
from sandbox.stubs import OPENAI_KEY, answer
from services.openai_assistants_service import AssistantsGateway
from services.openai_client import OpenAIClients
from tests.unit.stubbed.transports import StubTransports
from utils.redaction import Secret

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK warns on each Assistants call

KEY = Secret(OPENAI_KEY)
RUN = Run("thread_1", "run_1")
MARKER = "\u30104:0\u2020source\u3011"
REQUEST = ModelRequest(
    assistant_id="asst_1",
    definition=None,
    user_message="Company:\n{}",
    mode=Mode.TEMPLATE,
    user_id="0" * 64,
    metadata={"conversation_id": "conv-1"},
)


@pytest.fixture
def gateway(stubs: StubTransports) -> AssistantsGateway:
    return AssistantsGateway(OpenAIClients(None, stubs.openai()))


def test_the_user_message_comes_with_the_run_in_one_call(gateway: AssistantsGateway, stubs: StubTransports) -> None:
    """Two calls could end between them, with a message in the thread and no run."""
    thread_id = gateway.open_thread(KEY, 12)

    gateway.start_run(thread_id, REQUEST, KEY, 15)

    opened, started = stubs.requests
    assert opened.path == "/v1/threads"
    assert started.path == f"/v1/threads/{thread_id}/runs"
    assert started.json == {
        "assistant_id": "asst_1",
        "additional_messages": [{"role": "user", "content": "Company:\n{}"}],
        "metadata": {"conversation_id": "conv-1"},
    }
    assert started.headers["openai-beta"] == "assistants=v2"
    assert stubs.timeouts == [12, 15]


def test_an_assistant_brings_its_own_definition(gateway: AssistantsGateway) -> None:
    assert not gateway.needs_definition
    assert not gateway.waits_for_answer


def test_a_run_that_is_over_at_once_is_fetched_for_its_text(gateway: AssistantsGateway, stubs: StubTransports) -> None:
    stubs.app.actions.add(answer(200, run(status="completed")), operation="openai.threads.runs.create")

    report = gateway.start_run("thread_1", REQUEST, KEY, 20)

    assert report.state is RunState.PENDING


def run(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": "run_1",
        "object": "thread.run",
        "status": "completed",
        "last_error": None,
        "incomplete_details": None,
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }
    return body | changes


def message(*parts: Any, role: str = "assistant", run_id: str | None = "run_1", at: int = 0) -> dict[str, Any]:
    shown = {"id": "msg_1", "object": "thread.message", "created_at": at, "role": role, "run_id": run_id}
    return {**shown, "content": list(parts)}


def part(value: Any, *annotations: dict[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": {"value": value, "annotations": list(annotations)}}


def citation(start: int, text: str = MARKER, **changes: Any) -> dict[str, Any]:
    return {"type": "file_citation", "text": text, "start_index": start, "end_index": start + len(text), **changes}


def fetched(
    gateway: AssistantsGateway, stubs: StubTransports, body: Any, messages: list[Any] | None = None
) -> RunReport:
    stubs.app.actions.add(answer(200, body), operation="openai.threads.runs.get")
    page = {"object": "list", "data": [message(part("Hello"))] if messages is None else messages, "has_more": False}
    stubs.app.actions.add(answer(200, page), operation="openai.threads.messages.list")
    return gateway.fetch_run(RUN, KEY, 20)


def test_the_answer_is_asked_for_by_its_run_in_order(gateway: AssistantsGateway, stubs: StubTransports) -> None:
    fetched(gateway, stubs, run())

    assert stubs.requests[-1].path == "/v1/threads/thread_1/messages"
    assert stubs.requests[-1].query == {"run_id": "run_1", "order": "desc", "limit": "100"}


@pytest.mark.parametrize(
    ("messages", "text", "refusal"),
    [
        pytest.param([message(part("Hello"))], "Hello", False, id="one"),
        pytest.param([message(part("Bye")), message(part("Hello"))], "Hello\n\nBye", False, id="two, the newest first"),
        pytest.param(
            [message(part("Hello"), at=1), message(part("Bye"), at=2)],
            "Hello\n\nBye",
            False,
            id="two, in another order",
        ),
        pytest.param([message(part("Hello")), message(part(" Hello\n"))], " Hello\n", False, id="two equal ones"),
        pytest.param([message(part("Hello"), part("Hello"))], "Hello\n\nHello", False, id="one that says it twice"),
        pytest.param(
            [message(part("Hello")), message(part("Old"), run_id="run_0")], "Hello", False, id="another run's too"
        ),
        pytest.param([message(part("By hand"), run_id=None)], "", False, id="nobody's run"),
        pytest.param([message(part("Hello"), part("Bye"))], "Hello\n\nBye", False, id="two parts"),
        pytest.param([message(part("Hi"), role="user"), message(part("Hello"))], "Hello", False, id="the user's too"),
        pytest.param([message({"type": "image_file"}, part("Hello"))], "Hello", False, id="an image"),
        pytest.param([message({"type": "refusal", "refusal": "No."})], "", True, id="a refusal"),
        pytest.param([], "", False, id="nothing"),
    ],
)
def test_the_answer_is_what_the_assistant_wrote(
    gateway: AssistantsGateway, stubs: StubTransports, messages: list[Any], text: str, refusal: bool
) -> None:
    report = fetched(gateway, stubs, run(), messages)

    assert (report.state, report.text, report.refusal) == (RunState.COMPLETED, text, refusal)
    assert report.usage == Usage(7, 3)


@pytest.mark.parametrize(
    ("value", "annotations", "text"),
    [
        pytest.param(f"Open till 9 {MARKER}.", [citation(12)], "Open till 9.", id="one"),
        pytest.param(f"{MARKER}A {MARKER}", [citation(0), citation(16)], "A", id="two equal ones"),
        pytest.param(f"\U0001f600 A {MARKER}", [citation(5)], "\U0001f600 A", id="counted in UTF-16 units"),
        pytest.param("A \u3010source\u3011", [citation(2, "\u3010source\u3011")], "A", id="another form"),
        pytest.param('{"1": "A' + MARKER + '"}', [citation(7)], '{"1": "A"}', id="in JSON"),
        pytest.param("A", [citation(2)], "A", id="not there"),
        pytest.param("A", [citation(0, "")], "A", id="empty"),
        pytest.param("\u3010new\u3011 A", [], "\u3010new\u3011 A", id="no citation"),
        pytest.param("sandbox:/a", [citation(0, "sandbox:/a", type="file_path")], "sandbox:/a", id="a path"),
    ],
)
def test_citations_are_removed_where_their_annotations_say(
    gateway: AssistantsGateway, stubs: StubTransports, value: str, annotations: list[Any], text: str
) -> None:
    assert fetched(gateway, stubs, run(), [message(part(value, *annotations))]).text == text


def test_a_long_thread_is_read_to_the_end_where_the_server_ignores_whose_run_is_asked_for(
    gateway: AssistantsGateway, stubs: StubTransports
) -> None:
    others = [message(part("Old"), run_id="run_0") | {"id": "msg_0"}]
    first, last = {"data": others, "has_more": True}, {"data": [message(part("Hello"))], "has_more": False}
    for page in (first, last):
        stubs.app.actions.add(answer(200, page), operation="openai.threads.messages.list")
    stubs.app.actions.add(answer(200, run()), operation="openai.threads.runs.get")

    report = gateway.fetch_run(RUN, KEY, 20)

    assert report.text == "Hello"
    assert stubs.requests[-1].query["after"] == "msg_0"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(run(status="queued", usage=None), {"state": RunState.PENDING, "usage": Usage()}, id="queued"),
        pytest.param(run(status="in_progress"), {"state": RunState.PENDING}, id="in progress"),
        pytest.param(run(status="cancelling"), {"state": RunState.PENDING}, id="cancelling"),
        pytest.param(run(status="requires_action"), {"state": RunState.REQUIRES_ACTION}, id="tool"),
        pytest.param(run(status="cancelled"), {"state": RunState.CANCELLED}, id="cancelled"),
        pytest.param(run(status="expired"), {"state": RunState.EXPIRED}, id="expired"),
        pytest.param(run(status="of_tomorrow"), {"state": RunState.UNKNOWN}, id="unknown"),
        pytest.param(
            run(status="failed", last_error={"code": "server_error", "message": "secret text"}),
            {"state": RunState.FAILED, "reason": "server_error", "retriable": True},
            id="failed for now",
        ),
        pytest.param(
            run(status="failed", last_error={"code": "invalid_prompt", "message": "x"}),
            {"state": RunState.FAILED, "reason": "invalid_prompt", "retriable": False},
            id="failed for good",
        ),
        pytest.param(
            run(status="incomplete", incomplete_details={"reason": "max_completion_tokens"}),
            {"state": RunState.INCOMPLETE, "reason": "max_completion_tokens"},
            id="incomplete",
        ),
        pytest.param(run(status="incomplete", usage={}), {"usage": Usage(0, 0)}, id="an empty usage"),
    ],
)
def test_a_run_that_did_not_complete_costs_no_second_call(
    gateway: AssistantsGateway, stubs: StubTransports, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    report = fetched(gateway, stubs, body)

    assert {name: getattr(report, name) for name in expected} == expected
    assert len(stubs.requests) == 1


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param([], None, id="a list"),
        pytest.param(run(id=None), None, id="no id"),
        pytest.param(run(last_error="text"), None, id="a text for an error"),
        pytest.param(run(), ["text"], id="texts for messages"),
        pytest.param(run(), [message("text")], id="texts for parts"),
        pytest.param(run(), [message(part(None))], id="null for a text"),
        pytest.param(run(), [{"role": "assistant", "run_id": "run_1"}], id="no content"),
    ],
)
def test_an_answer_of_another_shape_is_transient(
    gateway: AssistantsGateway, stubs: StubTransports, body: Any, messages: list[Any] | None
) -> None:
    with pytest.raises(TransientError) as caught:
        fetched(gateway, stubs, body, messages)

    assert caught.value.code == "openai_unreadable"


def test_a_thread_without_an_id_is_none(gateway: AssistantsGateway, stubs: StubTransports) -> None:
    stubs.app.actions.add(answer(200, {}), operation="openai.threads.create")

    with pytest.raises(TransientError) as caught:
        gateway.open_thread(KEY, 20)

    assert caught.value.code == "openai_unreadable"

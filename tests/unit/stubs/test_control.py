import json
from typing import Any

import pytest

from sandbox.stubs.control import Control
from sandbox.stubs.wire import Reply, Request
from tests.unit.stubs.world import TEMPLATE, World


@pytest.fixture
def control(world: World) -> Control:
    return Control(world.app)


def post(control: Control, name: str, body: Any) -> Reply:
    headers = {"content-type": "application/json"}
    return control.handle(Request.parse("POST", f"/_stub/{name}", headers, json.dumps(body).encode()))


def get(control: Control, name: str, query: str = "") -> Any:
    return json.loads(control.handle(Request.parse("GET", f"/_stub/{name}?{query}", {}), query).body)


def test_script_is_added_and_used_up(world: World, control: Control) -> None:
    entry = {
        "operation": "twilio.messages.create",
        "match": "+447700900123",
        "action": {"name": "busy", "effect": False, "status": 429, "headers": {"Retry-After": "3"}},
    }

    assert post(control, "scripts", entry).status == 200
    assert get(control, "scripts")[0]["value"]["name"] == "busy"
    assert world.send_whatsapp().reply.headers["retry-after"] == "3"
    assert get(control, "scripts") == []


def test_outcome_fate_template_and_settings_take_effect(world: World, control: Control) -> None:
    post(control, "outcomes", {"outcome": {"text": "Scripted", "commentary": ["..."]}})
    post(control, "fates", {"fate": {"status": "sent"}, "times": None})
    post(control, "templates", {"content_sid": TEMPLATE, "text": "Hi {{1}}"})
    post(control, "settings", {"run_seconds": 4})
    world.ask()
    world.send_whatsapp(ContentSid=TEMPLATE, ContentVariables='{"1": "Ana"}')
    world.pass_time(10)

    (response,), (message,) = get(control, "responses"), get(control, "messages")

    assert response["output"][-1]["content"][0]["text"] == "Scripted"
    assert response["completed_at"] - response["created_at"] == 4
    assert (message["body"], message["status"], message["content_sid"]) == ("Hi Ana", "sent", TEMPLATE)
    assert get(control, "settings")["run_seconds"] == 4


def test_usual_fate_is_that_of_every_message_until_the_reset(world: World, control: Control) -> None:
    post(control, "usual_fate", {"fate": {"status": "undelivered", "error_code": 63016}})
    post(control, "fates", {"fate": {"status": "read"}})
    for _ in range(3):
        world.send_whatsapp()
    world.pass_time(10)

    ends = [(message["status"], message["error_code"]) for message in get(control, "messages")]

    assert ends == [("read", None), ("undelivered", 63016), ("undelivered", 63016)]
    post(control, "reset", {})
    world.send_whatsapp()
    world.pass_time(10)
    assert [message["status"] for message in get(control, "messages")] == ["delivered"]


def test_outcome_only_runs_can_have_waits_for_a_run(world: World, control: Control) -> None:
    post(control, "outcomes", {"outcome": {"state": "expired"}})

    assert world.ask().json["status"] == "completed"
    thread_id = world.new_id("/threads")
    world.openai("POST", f"/threads/{thread_id}/runs", {"assistant_id": "asst_1"})
    assert [run["status"] for run in get(control, "runs")] == ["expired"]


def test_state_is_filtered_by_match(world: World, control: Control) -> None:
    world.send_whatsapp()
    world.send_whatsapp(To="whatsapp:+447700900555")
    world.new_id("/conversations", {"metadata": {"about": "apples"}})
    world.new_id("/threads", {"messages": [{"role": "user", "content": "pears"}]})

    assert len(get(control, "messages", "match=%2B447700900555")) == 1
    assert len(get(control, "conversations", "match=apples")) == 1
    assert len(get(control, "conversations", "match=pears")) == 0
    assert len(get(control, "threads", "match=pe&match=ars")) == 1
    assert len(get(control, "journal", "operation=twilio.*")["exchanges"]) == 2


def test_chaos_is_switched_on_and_off(world: World, control: Control) -> None:
    rule = {"operation": "twilio.*", "action": {"name": "drop", "effect": False, "drop": True}, "probability": 1}

    post(control, "chaos", {"rules": [rule], "seed": 5})
    dropped = world.send_whatsapp().delivery.reply
    post(control, "chaos", {"rules": []})

    assert dropped is None
    assert world.send_whatsapp().status == 201


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        pytest.param("scripts", {"operation": "twilio.message.create"}, "'action' is missing", id="no action"),
        pytest.param(
            "scripts",
            {"operation": "twilio.message.create", "action": {"name": "x"}},
            "names none of: openai.responses.create",
            id="no such operation",
        ),
        pytest.param("scripts", {"operation": "*", "action": {"name": "x", "colour": 1}}, "colour", id="unknown field"),
        pytest.param(
            "scripts", {"operation": "*", "action": {"name": "x"}, "times": 0}, "times must be at least 1", id="times"
        ),
        pytest.param("outcomes", {"outcome": {"state": "done"}}, "state must be one of", id="state"),
        pytest.param(
            "outcomes",
            {"outcome": {"state": "expired"}, "operation": "openai.responses.create"},
            "only Assistants runs can be expired",
            id="state of another API",
        ),
        pytest.param("fates", {"fate": {"status": "lost"}}, "status must be one of", id="fate"),
        pytest.param("settings", {"speed": 1}, "unknown setting 'speed'", id="setting"),
        pytest.param("settings", {"run_seconds": "fast"}, "must be a number of seconds", id="setting's value"),
        pytest.param("reset", [], "the body must be a JSON object", id="not an object"),
    ],
)
def test_mistake_is_answered_with_what_is_wrong(control: Control, name: str, body: Any, said: str) -> None:
    reply = post(control, name, body)

    assert reply.status == 400
    assert said in json.loads(reply.body)["error"]


def test_unknown_name_is_not_found(control: Control) -> None:
    assert post(control, "nothing", {}).status == 404
    assert control.handle(Request.parse("GET", "/_stub/nothing", {})).status == 404

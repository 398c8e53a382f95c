import json
from typing import Any

import pytest

from sandbox.stubs import Action, answer, delay, drop, stall
from sandbox.stubs.keys import OPENAI_KEY, TWILIO_AUTH_TOKEN
from tests.unit.stubs.world import MESSAGES, RECIPIENT, TEMPLATE, USER_MESSAGE, World

CREATE = "twilio.messages.create"


def test_scripted_answer_has_status_headers_and_body_and_no_effect(world: World) -> None:
    world.app.actions.add(answer(429, {"code": 20429}, headers={"Retry-After": "7"}), operation=CREATE)

    reply = world.send_whatsapp().reply

    assert (reply.status, json.loads(reply.body), reply.headers["retry-after"]) == (429, {"code": 20429}, "7")
    assert world.app.twilio.messages(()) == []


def test_raw_body_is_sent_as_it_stands(world: World) -> None:
    world.app.actions.add(answer(503, raw="<html>Bad gateway</html>"), operation=CREATE)

    reply = world.send_whatsapp().reply

    assert (reply.status, reply.body, reply.headers["content-type"]) == (
        503,
        b"<html>Bad gateway</html>",
        "text/html",
    )


@pytest.mark.parametrize(("status", "code"), [(401, 20003), (403, 20403), (429, 20429), (500, 20500), (503, 20503)])
def test_status_alone_brings_twilios_usual_body(world: World, status: int, code: int) -> None:
    world.app.actions.add(answer(status), operation=CREATE)

    assert world.send_whatsapp().json["code"] == code


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "invalid_api_key"), (429, "rate_limit_exceeded"), (500, "server_error"), (503, "server_is_overloaded")],
)
def test_status_alone_brings_openais_usual_body(world: World, status: int, code: str) -> None:
    world.app.actions.add(answer(status), operation="openai.responses.create")

    assert world.ask().json["error"]["code"] == code


def test_error_after_effect_sends_the_message_all_the_same(world: World) -> None:
    world.app.actions.add(answer(500, after_effect=True), operation=CREATE)

    status = world.send_whatsapp().status

    assert status == 500
    assert len(world.app.twilio.messages(RECIPIENT.split())) == 1


@pytest.mark.parametrize(("after_effect", "messages"), [(False, 0), (True, 1)])
def test_dropped_connection_has_no_answer_and_the_effect_asked_for(
    world: World, after_effect: bool, messages: int
) -> None:
    world.app.actions.add(drop(after_effect=after_effect), operation=CREATE)

    delivery = world.send_whatsapp().delivery

    assert delivery.reply is None
    assert len(world.app.twilio.messages(())) == messages


def test_delay_comes_after_the_effect_unless_it_is_asked_for_before(world: World) -> None:
    world.app.actions.add(delay(5), operation=CREATE)
    world.app.actions.add(delay(5, before_effect=True), operation=CREATE)
    started = world.now

    world.send_whatsapp()
    world.send_whatsapp()

    assert [m["created_at"] - started for m in world.app.twilio.messages(())] == [0, 10]
    assert world.now - started == 10


def test_stall_is_left_to_the_transport(world: World) -> None:
    world.app.actions.add(stall(3), operation=CREATE)

    delivery = world.send_whatsapp().delivery

    assert delivery.stall_seconds == 3
    assert delivery.reply is not None


def test_script_touches_only_what_matches(world: World) -> None:
    world.app.actions.add(answer(500), operation=CREATE, match="+447700900555")

    untouched = world.send_whatsapp().status
    touched = world.send_whatsapp(To="whatsapp:+447700900555").status

    assert (untouched, touched) == (201, 500)


def test_every_part_of_a_match_must_occur(world: World) -> None:
    world.app.actions.add(answer(500), operation=CREATE, match=["+447700900123", "Goodbye"])

    assert [world.send_whatsapp(Body=body).status for body in ("Hello", "Goodbye")] == [201, 500]


def test_entries_play_in_order_each_as_often_as_told(world: World) -> None:
    world.app.actions.add(answer(500), operation=CREATE, times=2)
    world.app.actions.add(answer(429), operation="twilio.*")

    assert [world.send_whatsapp().status for _ in range(4)] == [500, 500, 429, 201]
    assert world.app.actions.pending() == []


def test_entry_without_end_plays_on(world: World) -> None:
    world.app.actions.add(answer(500), operation=CREATE, times=None)

    assert {world.send_whatsapp().status for _ in range(5)} == {500}


@pytest.mark.parametrize(
    ("start", "poll"),
    [
        pytest.param(
            ("/responses", {"model": "gpt-6-luna", "input": USER_MESSAGE, "background": True}),
            "/responses/{id}",
            id="response",
        ),
        pytest.param(
            ("/conversations", {"metadata": {"about": USER_MESSAGE}}),
            "/conversations/{id}/items",
            id="conversation",
        ),
        pytest.param(
            ("/threads", {"messages": [{"role": "user", "content": USER_MESSAGE}]}),
            "/threads/{id}/messages",
            id="thread",
        ),
    ],
)
def test_match_also_finds_what_was_said_in_the_object_a_path_names(
    world: World, start: tuple[str, Any], poll: str
) -> None:
    world.app.actions.add(answer(503), operation="openai.*", match="+447700900123", times=None)
    world.app.actions.add(answer(503), operation="openai.*", match="+447700900555", times=None)
    world.app.actions.reset(["+447700900123"])
    object_id = world.new_id(*start)

    before = world.openai("GET", poll.format(id=object_id)).status
    world.app.actions.add(answer(503), operation="openai.*", match="+447700900123")
    after = world.openai("GET", poll.format(id=object_id)).status

    assert (before, after) == (200, 503)


def test_match_finds_a_fetched_message_by_its_recipient(world: World) -> None:
    sid = world.send_whatsapp().json["sid"]
    world.app.actions.add(answer(503), operation="twilio.messages.fetch", match="+447700900123")

    assert world.twilio("GET", f"{MESSAGES}/{sid}.json").status == 503


def test_match_is_looked_up_in_decoded_forms(world: World) -> None:
    world.app.actions.add(answer(500), operation=CREATE, match='{"1": "Zo\u00eb & Co"}')

    touched = world.send_whatsapp(ContentSid=TEMPLATE, ContentVariables='{"1": "Zo\u00eb & Co"}').status

    assert touched == 500


def test_wrong_credentials_are_refused_before_any_script(world: World) -> None:
    world.app.actions.add(answer(500, after_effect=True), operation="*")

    openai = world.openai("POST", "/conversations", {}, key="sk-wrong-but-long-enough")
    twilio = world.twilio("POST", f"{MESSAGES}.json", {"To": RECIPIENT}, token="wrong")

    assert [openai.status, twilio.status] == [401, 401]
    assert openai.json["error"]["code"] == "invalid_api_key"
    assert "sk-wrong-but-long-enough" not in openai.json["error"]["message"]
    assert len(world.app.actions.pending()) == 1


def test_keys_rotate_at_run_time(world: World) -> None:
    account_sid = f"AC{'e' * 32}"
    world.app.keys.change_openai(accept=["sk-new"], revoke=[OPENAI_KEY])
    world.app.keys.change_twilio(account_sid, accept=["t-1"])
    path = f"/2010-04-01/Accounts/{account_sid}/Messages.json"

    old, new = (world.openai("POST", "/conversations", {}, key=key).status for key in (OPENAI_KEY, "sk-new"))
    before = world.twilio("GET", path, account_sid=account_sid, token="t-1").status
    world.app.keys.change_twilio(account_sid, accept=["t-2"], revoke=["t-1"])
    after = world.twilio("GET", path, account_sid=account_sid, token="t-1").status
    fresh = world.twilio("GET", path, account_sid=account_sid, token="t-2").status

    assert (old, new) == (401, 200)
    assert (before, after, fresh) == (200, 401, 200)
    assert world.twilio("GET", f"{MESSAGES}.json", token=TWILIO_AUTH_TOKEN).status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"status": 99}, id="status"),
        pytest.param({"body": {}}, id="body without status"),
        pytest.param({"status": 500, "body": {}, "raw": ""}, id="two bodies"),
        pytest.param({"delay_seconds": -1}, id="negative time"),
        pytest.param({"drop": True, "status": 500}, id="drop with answer"),
        pytest.param({"effect": False}, id="neither effect nor answer"),
    ],
)
def test_action_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Action(name="x", **wrong)

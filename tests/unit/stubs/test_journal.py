import json

import pytest

from sandbox.stubs import OPENAI_KEY, TWILIO_AUTH_TOKEN, Exchange, answer, drop
from sandbox.stubs.journal import Journal
from sandbox.stubs.wire import Request
from tests.unit.stubs.world import MESSAGES, RECIPIENT, USER_MESSAGE, World


def test_exchange_holds_request_and_answer_decoded(world: World) -> None:
    sid = world.send_whatsapp(Body="Ol\u00e1 & tchau").json["sid"]

    (exchange,) = world.app.journal.find()

    assert (exchange.operation, exchange.method, exchange.path) == (
        "twilio.messages.create",
        "POST",
        f"{MESSAGES}.json",
    )
    assert exchange.form["Body"] == "Ol\u00e1 & tchau"
    assert (exchange.status, exchange.answer_json["sid"]) == (201, sid)
    assert (exchange.authorized, exchange.effect, exchange.fault) == (True, True, None)
    assert exchange.time == world.now


def test_query_and_json_are_decoded(world: World) -> None:
    world.list_messages(To=RECIPIENT)
    world.ask(metadata={"conversation_id": "c-1"})

    listed, asked = world.app.journal.find()

    assert listed.query == {"To": RECIPIENT}
    assert asked.json["metadata"] == {"conversation_id": "c-1"}


def test_faults_are_named_and_a_lost_answer_has_no_status(world: World) -> None:
    world.app.actions.add(drop(after_effect=True), operation="*")
    world.app.actions.add(answer(500, {"x": 1}), operation="*")

    delivery = world.send_whatsapp().delivery
    world.app.close(delivery, "dropped")
    world.send_whatsapp()
    lost, refused = world.app.journal.find()

    assert (lost.fault, lost.status, lost.effect, lost.ending) == ("drop_after_effect", None, True, "dropped")
    assert (refused.fault, refused.status, refused.effect, refused.scripted) == ("answer_500", 500, False, True)


def test_secrets_are_nowhere_in_the_journal(world: World) -> None:
    world.ask(input=f"my key is {OPENAI_KEY}", background=True)
    world.send_whatsapp(Body=f"token {TWILIO_AUTH_TOKEN}")
    world.openai("POST", "/conversations", {"metadata": {"k": "sk-wrong-key-123456"}}, key="sk-wrong-key-123456")
    world.twilio("GET", f"{MESSAGES}.json?To=another-wrong-token", token="another-wrong-token")

    recorded = json.dumps([exchange.view() for exchange in world.app.journal.find()])

    for secret in (OPENAI_KEY, TWILIO_AUTH_TOKEN, "sk-wrong-key-123456", "another-wrong-token"):
        assert secret not in recorded
    assert recorded.count("[removed]") >= 4
    assert [e.authorized for e in world.app.journal.find()] == [True, True, False, False]


def test_journal_is_filtered_by_match_and_operation(world: World) -> None:
    world.send_whatsapp()
    world.send_whatsapp(To="whatsapp:+447700900555")
    response_id = world.ask(background=True).json["id"]
    world.get(f"/responses/{response_id}")

    about = world.app.journal.find(["+447700900123"])
    sent = world.app.journal.find(["+447700900123"], "twilio.*")

    assert [e.operation for e in about] == [
        "twilio.messages.create",
        "openai.responses.create",
        "openai.responses.get",
    ]
    assert [e.operation for e in sent] == ["twilio.messages.create"]


def test_reset_by_match_forgets_only_that(world: World) -> None:
    for number in ("+447700900123", "+447700900555"):
        world.send_whatsapp(To=f"whatsapp:{number}")
        world.ask(input=USER_MESSAGE.replace("+447700900123", number), background=True)
        world.app.actions.add(answer(500), operation="*", match=number)

    world.app.reset(["+447700900123"])

    assert [e.operation for e in world.app.journal.find()] == ["twilio.messages.create", "openai.responses.create"]
    assert world.app.journal.find(["+447700900123"]) == []
    assert [m["to"] for m in world.app.twilio.messages(())] == ["whatsapp:+447700900555"]
    assert len(world.app.openai.views("responses", ())) == 1
    assert [entry.match for entry in world.app.actions.pending()] == [("+447700900555",)]


def test_reset_of_everything_restores_keys_and_settings(world: World) -> None:
    conversation_id, thread_id = world.new_id("/conversations"), world.new_id("/threads")
    world.app.keys.change_openai(revoke=[OPENAI_KEY])
    world.app.settings.change({"run_seconds": 9})

    world.app.reset()

    assert world.openai("GET", f"/conversations/{conversation_id}").status == 404
    assert world.openai("GET", f"/threads/{thread_id}").status == 404
    assert world.app.settings.run_seconds == 0
    assert len(world.app.journal.find()) == 2


def test_oldest_exchanges_make_room_and_are_counted() -> None:
    journal = Journal(limit=2)
    for number in range(5):
        request = Request.parse("GET", f"/{number}", {})
        journal.open(request, "unknown", request.text(), time=0, authorized=True, secret=None)

    assert [exchange.path for exchange in journal.find()] == ["/3", "/4"]
    assert journal.forgotten == 3


def test_exchange_survives_the_way_through_json(world: World) -> None:
    world.send_whatsapp()
    (exchange,) = world.app.journal.find()

    assert Exchange.from_view(json.loads(json.dumps(exchange.view()))) == exchange


@pytest.mark.parametrize("path", ["/", "/v2/responses", "/robots.txt"])
def test_request_to_no_vendor_is_recorded_as_unknown(world: World, path: str) -> None:
    reply = world.send("GET", path).reply

    assert reply is not None
    assert reply.status == 404
    assert world.app.journal.find()[0].operation == "unknown"

import pytest

from sandbox.stubs import Outcome
from tests.unit.stubs.world import World


def roles(world: World, conversation_id: str) -> list[str]:
    return [item["role"] for item in world.get(f"/conversations/{conversation_id}/items?order=asc")["data"]]


def test_items_are_added_when_the_response_completes(world: World) -> None:
    world.app.settings.change({"run_seconds": 2})
    conversation_id = world.new_id("/conversations")

    response = world.ask(conversation=conversation_id, background=True).json
    before = roles(world, conversation_id)
    world.pass_time(2)

    assert response["conversation"] == {"id": conversation_id}
    assert before == []
    assert roles(world, conversation_id) == ["user", "assistant"]


@pytest.mark.parametrize("state", ["failed", "incomplete", "cancelled"])
def test_nothing_is_added_by_a_response_that_does_not_complete(world: World, state: str) -> None:
    world.app.openai.outcomes.add(Outcome(state=state))
    conversation_id = world.new_id("/conversations")

    world.ask(conversation=conversation_id)

    assert roles(world, conversation_id) == []


def test_second_request_is_locked_out_until_the_first_is_done(world: World) -> None:
    world.app.settings.change({"run_seconds": 5})
    conversation_id = world.new_id("/conversations")
    world.ask(conversation=conversation_id, background=True)

    locked = world.ask(conversation={"id": conversation_id}, background=True)
    world.pass_time(5)
    free = world.ask(conversation=conversation_id, background=True)

    assert (locked.status, locked.json["error"]["code"]) == (400, "conversation_locked")
    assert locked.json["error"]["param"] == "conversation"
    assert free.status == 200


def test_lock_holds_for_one_conversation_only(world: World) -> None:
    world.app.settings.change({"run_seconds": 5})
    first, second = world.new_id("/conversations"), world.new_id("/conversations")

    world.ask(conversation=first, background=True)

    assert world.ask(conversation=second, background=True).status == 200


def test_foreground_response_holds_the_lock_while_it_runs(world: World) -> None:
    world.app.openai.outcomes.add(Outcome(duration_seconds=5))
    conversation_id = world.new_id("/conversations")
    seen = []
    pass_time = world.pass_time

    def ask_meanwhile(seconds: float) -> None:
        if seconds == 5:
            seen.append(world.ask(conversation=conversation_id).json["error"]["code"])
        pass_time(seconds)

    world.pass_time = ask_meanwhile  # type: ignore[method-assign]
    world.ask(conversation=conversation_id)

    assert seen == ["conversation_locked"]


def test_items_are_listed_in_pages_and_deleted(world: World) -> None:
    conversation_id = world.new_id("/conversations")
    path = f"/conversations/{conversation_id}"
    for words in ("one", "two"):
        world.ask(conversation=conversation_id, input=words)

    newest = world.get(f"{path}/items?limit=1")
    older = world.get(f"{path}/items?limit=5&after={newest['last_id']}")
    world.openai("DELETE", f"{path}/items/{newest['first_id']}")
    left = world.get(f"{path}/items")
    again = world.openai("DELETE", f"{path}/items/{newest['first_id']}")

    assert newest["has_more"] is True
    assert [item["content"][0]["type"] for item in older["data"]] == ["input_text", "output_text", "input_text"]
    assert left["data"] == older["data"]
    assert again.status == 404


def test_deleted_conversation_is_gone(world: World) -> None:
    conversation_id = world.new_id("/conversations")

    deleted = world.openai("DELETE", f"/conversations/{conversation_id}").json

    assert deleted == {"id": conversation_id, "object": "conversation.deleted", "deleted": True}
    assert world.openai("GET", f"/conversations/{conversation_id}/items").status == 404


def test_unknown_conversation_is_not_found(world: World) -> None:
    asked = world.ask(conversation="conv_unknown")
    fetched = world.openai("GET", "/conversations/conv_unknown/items")

    assert [asked.status, fetched.status] == [404, 404]

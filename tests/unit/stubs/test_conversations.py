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
    locked_items = world.openai(
        "POST", f"/conversations/{conversation_id}/items", {"items": [{"role": "user", "content": "x"}]}
    )
    world.pass_time(5)
    free = world.ask(conversation=conversation_id, background=True)

    for refused in (locked, locked_items):
        assert (refused.status, refused.json["error"]["code"]) == (400, "conversation_locked")
        assert refused.json["error"]["param"] == "conversation"
    assert free.status == 200


def test_lock_holds_for_one_conversation_only(world: World) -> None:
    world.app.settings.change({"run_seconds": 5})
    first, second = world.new_id("/conversations"), world.new_id("/conversations")

    world.ask(conversation=first, background=True)

    assert world.ask(conversation=second, background=True).status == 200


def test_cancelling_frees_the_conversation(world: World) -> None:
    world.app.settings.change({"run_seconds": 5})
    conversation_id = world.new_id("/conversations")
    response_id = world.ask(conversation=conversation_id, background=True).json["id"]

    world.openai("POST", f"/responses/{response_id}/cancel")

    assert world.ask(conversation=conversation_id, background=True).status == 200


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


def test_crud_of_conversations_and_items(world: World) -> None:
    items = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    conversation_id = world.new_id("/conversations", {"metadata": {"a": "b"}, "items": items})
    path = f"/conversations/{conversation_id}"

    added = world.openai("POST", f"{path}/items", {"items": [{"role": "user", "content": "three"}]}).json
    newest = world.get(f"{path}/items?limit=1")
    older = world.get(f"{path}/items?limit=5&after={newest['last_id']}")
    world.openai("DELETE", f"{path}/items/{added['first_id']}")
    updated = world.openai("POST", path, {"metadata": {"a": "c"}}).json
    deleted = world.openai("DELETE", path).json

    assert newest["has_more"] is True
    assert newest["first_id"] == added["first_id"]
    assert [item["content"][0]["type"] for item in older["data"]] == ["output_text", "input_text"]
    assert updated["metadata"] == {"a": "c"}
    assert deleted == {"id": conversation_id, "object": "conversation.deleted", "deleted": True}
    assert world.openai("GET", path).status == 404


def test_unknown_conversation_is_not_found(world: World) -> None:
    asked = world.ask(conversation="conv_unknown")
    fetched = world.openai("GET", "/conversations/conv_unknown")

    assert [asked.status, fetched.status] == [404, 404]


def test_more_than_twenty_items_at_once_are_refused(world: World) -> None:
    conversation_id = world.new_id("/conversations")

    answer = world.openai(
        "POST", f"/conversations/{conversation_id}/items", {"items": [{"role": "user", "content": "x"}] * 21}
    )

    assert (answer.status, answer.json["error"]["code"]) == (400, "array_above_max_length")

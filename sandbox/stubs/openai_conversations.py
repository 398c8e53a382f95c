"""Conversations: items, and the lock that one request at a time holds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.stubs import payloads
from sandbox.stubs.openai_rules import OpenAIRefusal, body_of, check_metadata, content_text, page_of
from sandbox.stubs.routes import Call
from sandbox.stubs.script import is_match
from sandbox.stubs.wire import Reply, Request


class Work(Protocol):
    """A response that uses a conversation."""

    def is_active(self, now: float) -> bool: ...

    def items(self) -> list[dict[str, Any]]:
        """What it adds to the conversation, once it is done."""
        ...


@dataclass(slots=True)
class Conversation:
    """A conversation; what a response adds shows once the response has completed."""

    id: str
    created_at: float
    metadata: dict[str, str]
    items: list[dict[str, Any]] = field(default_factory=list)
    work: Work | None = None

    def settle(self, now: float) -> None:
        """Take over the items of a response that is done."""
        if self.work and not self.work.is_active(now):
            self.items += self.work.items()
            self.work = None

    @property
    def text(self) -> str:
        """All that was said, for the model and for a `match`."""
        return "\n".join([self.id, *map(str, self.metadata.values()), *(_text(item) for item in self.items)])

    def resource(self) -> dict[str, Any]:
        return payloads.conversation(self.id, self.created_at, self.metadata)


class Conversations:
    """All conversations that are not deleted."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_id: dict[str, Conversation] = {}
        self._handlers: dict[str, Callable[[Call, Request], Reply]] = {
            "create": self._create,
            "delete": self._delete,
            "items.list": lambda call, request: Reply.of_json(page_of(self.get(call).items, request.query)),
            "items.delete": self._delete_item,
        }

    def handle(self, call: Call, request: Request, _text: str) -> Reply:
        return self._handlers[call.operation.removeprefix("openai.conversations.")](call, request)

    def find(self, conversation_id: str) -> Conversation | None:
        """Return a conversation as it is now."""
        conversation = self._by_id.get(conversation_id)
        if conversation:
            conversation.settle(self._clock())
        return conversation

    def get(self, call: Call) -> Conversation:
        return self._known(call.ids["conversation_id"])

    def free(self, conversation_id: str) -> Conversation:
        """Return a conversation that no request is using.

        Raises:
            OpenAIRefusal: 404, or 400 `conversation_locked`.
        """
        conversation = self._known(conversation_id)
        if conversation.work:
            raise OpenAIRefusal(
                "Another process is currently operating on this conversation. Please retry in a few seconds.",
                param="conversation",
                code="conversation_locked",
            )
        return conversation

    def _known(self, conversation_id: str) -> Conversation:
        conversation = self.find(conversation_id)
        if conversation is None:
            raise OpenAIRefusal(f"Conversation with id '{conversation_id}' not found.", status=404)
        return conversation

    def views(self, match: Sequence[str]) -> list[dict[str, Any]]:
        found = [self._known(conversation_id) for conversation_id in self._by_id]
        return [c.resource() | {"items": c.items} for c in found if is_match(match, c.text)]

    def reset(self, match: Sequence[str]) -> None:
        self._by_id = {c.id: c for c in self._by_id.values() if match and not is_match(match, self._known(c.id).text)}

    def _create(self, _call: Call, request: Request) -> Reply:
        body = body_of(request)
        check_metadata(body)
        conversation = Conversation(payloads.new_id("conv"), self._clock(), dict(body.get("metadata") or {}))
        self._by_id[conversation.id] = conversation
        return Reply.of_json(conversation.resource())

    def _delete(self, call: Call, _request: Request) -> Reply:
        conversation = self.get(call)
        del self._by_id[conversation.id]
        return Reply.of_json(payloads.deleted(conversation.id, "conversation"))

    def _item(self, call: Call) -> dict[str, Any]:
        for item in self.get(call).items:
            if item["id"] == call.ids["item_id"]:
                return item
        raise OpenAIRefusal(f"Item with id '{call.ids['item_id']}' not found.", status=404)

    def _delete_item(self, call: Call, _request: Request) -> Reply:
        conversation = self.get(call)
        conversation.items.remove(self._item(call))
        return Reply.of_json(conversation.resource())


def _text(item: Mapping[str, Any]) -> str:
    return content_text(item.get("content")) if item.get("type") == "message" else ""

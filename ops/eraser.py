"""Eraser: has OpenAI and Twilio delete what they keep of a person. What is gone already counts as deleted."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from openai import NotFoundError
from twilio.base.exceptions import TwilioException

from core.errors import TransientError
from core.ports import TwilioCredentials
from services.openai_client import OpenAIClients, is_vendors_own, translated_errors
from services.twilio_http import AnswerLostError, NotSentError, OneShotHttpClient
from services.twilio_service import classify, make_client
from utils.redaction import Secret
from utils.settings import Settings

if TYPE_CHECKING:
    from httpx2 import BaseTransport

TIMEOUT_SECONDS = 10

PAGE = 100
"""Items of a conversation that are listed at once. Source: OpenAI's OpenAPI document, listConversationItems."""

NOT_FOUND = 404


class Eraser:
    """Deletes at the addresses of the function's settings; raises a `ProcessorError` where a vendor doesn't."""

    def __init__(self, transport: "BaseTransport | None", now: Callable[[], datetime]) -> None:
        self._transport = transport
        self._now = now

    def conversation(self, conversation_id: str, key: Secret, settings: Settings) -> None:
        """Delete a conversation's items, then the conversation: it does not take them along.

        Source: OpenAI's OpenAPI document, deleteConversation: "Items in the conversation will not be deleted."
        """
        path = f"/conversations/{conversation_id}"
        while items := self._items(path, key, settings):
            for item in items:
                self._openai(f"{path}/items/{item}", key, settings)
        self._openai(path, key, settings)

    def response(self, response_id: str, key: Secret, settings: Settings) -> None:
        self._openai(f"/responses/{response_id}", key, settings)

    def thread(self, thread_id: str, key: Secret, settings: Settings) -> None:
        """Delete a thread of the Assistants API, with its messages and runs."""
        self._openai(f"/threads/{thread_id}", key, settings, {"OpenAI-Beta": "assistants=v2"})

    def message(self, sid: str, credentials: TwilioCredentials, settings: Settings) -> None:
        http = OneShotHttpClient(TIMEOUT_SECONDS, self._now)
        client = make_client(credentials, http)
        if settings.twilio_api_base_url is not None:
            client.api.base_url = settings.twilio_api_base_url
        try:
            client.messages(sid).delete()
        except (TwilioException, NotSentError, AnswerLostError) as exc:
            error = classify(exc, http, creating=False)
            if http.status != NOT_FOUND or isinstance(error, TransientError):  # a page of a proxy proves nothing
                raise error from exc

    def _items(self, path: str, key: Secret, settings: Settings) -> list[str]:
        client = OpenAIClients(settings.openai_base_url, self._transport).get(key)
        with translated_errors():
            try:
                page: Any = client.with_options(timeout=TIMEOUT_SECONDS).get(
                    f"{path}/items", cast_to=object, options={"params": {"limit": PAGE}}
                )
            except NotFoundError as exc:
                if not is_vendors_own(exc):
                    raise
                return []
            return [str(item["id"]) for item in page["data"]]

    def _openai(self, path: str, key: Secret, settings: Settings, headers: dict[str, str] | None = None) -> None:
        client = OpenAIClients(settings.openai_base_url, self._transport).get(key)
        with translated_errors():
            try:
                client.with_options(timeout=TIMEOUT_SECONDS).delete(
                    path, cast_to=object, options={"headers": headers or {}}
                )
            except NotFoundError as exc:
                if not is_vendors_own(exc):
                    raise

"""Saboteur: the entry module of a package under test; it asks the switchboard at each step, and dies when told to.

This file is in no package but the one that `tests.chaos.sabotage` makes, where it stands beside the production code,
which is left as it is. It wraps the adapters that `composition` builds; the core runs as it does in production.
"""

import http.client
import json
import os
import signal
import threading
import uuid
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import composition
import core.wiring
from core.batch import BatchProcessor
from core.delivery import Delivery
from core.outbox import Outbox
from core.reconciler import Reconciler
from core.wiring import Ports, wire
from utils.deadline import Deadline
from utils.settings import Settings

SWITCHBOARD = "CHAOS_SWITCHBOARD_URL"
MUTANT = "CHAOS_MUTANT"

STEPS = {
    "store": (
        *("create", "take_over", "resume", "record_run", "intend", "record_unknown", "close", "fail", "postpone"),
        *("find", "record_deliveries"),
    ),
    "secrets": ("twilio", "openai"),
    "model": ("open_thread", "start_run", "fetch_run"),
    "whatsapp": ("send", "list_messages", "fetch"),
    "queue": ("hide", "put"),
}
"""The calls of the ports before and after which a process may die."""

_ENVIRONMENT = uuid.uuid4().hex
_thread = threading.local()


def ask(point: str, conversation_id: str, **more: Any) -> None:
    """Tell the switchboard where we are, and go on or die as it says; who is to hang gets no answer."""
    connection = getattr(_thread, "connection", None)
    if connection is None:
        connection = _thread.connection = http.client.HTTPConnection(urlsplit(os.environ[SWITCHBOARD]).netloc)
    told = {"environment": _ENVIRONMENT, "point": point, "conversation_id": conversation_id, **more}
    connection.request("POST", "/", json.dumps(told), {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    if answer.status == HTTPStatus.GONE:
        os.kill(os.getpid(), signal.SIGKILL)


class Sabotaged:
    """An adapter; the switchboard is asked before and after each of its steps.

    A thread works on one conversation at a time; the heartbeat's thread works on none.
    """

    def __init__(self, name: str, adapter: Any) -> None:
        self._name = name
        self._adapter = adapter

    def __getattr__(self, method: str) -> Any:
        attribute = getattr(self._adapter, method)
        if method not in STEPS[self._name]:
            return attribute

        def step(*args: Any, **kwargs: Any) -> Any:
            conversation_id = getattr(_thread, "conversation_id", None)
            if conversation_id is None:
                return attribute(*args, **kwargs)
            ask(f"before {self._name}.{method}", conversation_id)
            try:
                return attribute(*args, **kwargs)
            finally:
                ask(f"after {self._name}.{method}", conversation_id)

        return step


class WatchedBatch(BatchProcessor):
    """A batch processor whose threads know whose conversation they work on."""

    def _process_one(self, delivery: Delivery, deadline: Deadline) -> bool:
        _thread.conversation_id = delivery.log_fields().get("conversation_id")
        return super()._process_one(delivery, deadline)


def wire_sabotaged(settings: Settings, ports: Ports) -> BatchProcessor:
    """Put the core together on adapters that are all sabotaged."""
    adapters: dict[str, Any] = {name: Sabotaged(name, getattr(ports, name)) for name in STEPS}
    with patch.object(core.wiring, "BatchProcessor", WatchedBatch):
        return wire(settings, replace(ports, **adapters))


MUTANTS = {
    "no_intent_record": patch.object(Outbox, "_intend", lambda self, *_: self._clock.now()),
    "resend_at_once": patch.object(Reconciler, "find", lambda *_: None),
}
"""Ways to break the promise on purpose, to see that a run finds it out."""

if os.environ.get(MUTANT):
    MUTANTS[os.environ[MUTANT]].start()
patch.object(composition, "wire", wire_sabotaged).start()

import index  # noqa: E402 - it builds the adapters when it is imported


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Process a batch as production does, and let the switchboard know who is in it."""
    batch = [
        {
            "message_id": record["messageId"],
            "receive_count": int(record["attributes"]["ApproximateReceiveCount"]),
            "conversation_id": json.loads(record["body"])["conversation_data"]["conversation_id"],
        }
        for record in event["Records"]
    ]
    ask("before handler", "", batch=batch)
    answer = index.lambda_handler(event, context)
    for message in batch:
        ask("after handler", message["conversation_id"])
    ask("answered", "")
    return answer

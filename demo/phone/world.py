"""World: what can be done from the page with the running stack, and the latest look at it."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from demo.examples import ready_examples, template_reply
from demo.observation import Observation, Observer, ops_aws
from demo.phone.faults import Faults
from demo.phone.view import Sent, phone_id, view_of
from demo.stack import warm_up
from ops.dead_letters import Letters, find_queue
from ops.names import Names
from ops.redrive import Move
from sandbox.harness.aws_proxy import AwsProxy
from sandbox.harness.deployment import Deployment
from sandbox.harness.plan import TEMPLATE_REFERENCE
from sandbox.harness.stack import Stack
from sandbox.stubs import Outcome, StubClient, StubError
from utils.context_processor import InvalidContextError, parse_context

LOOK_EVERY_SECONDS = 0.5


class World:
    """The stack as the page sees it; a context manager that keeps looking.

    Attributes:
        version: Grows whenever there is something new to see.
    """

    def __init__(self, deployment: Deployment, stubs: StubClient, faults: Faults) -> None:
        self._deployment = deployment
        self._stubs = stubs
        self._faults = faults
        self._observer = Observer(deployment, stubs)
        self._observation = Observation()
        self._sent: list[Sent] = []
        self._trouble = ""
        self._looking = threading.Lock()
        self._news = threading.Condition()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, name="observer", daemon=True)
        self.version = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        with self._news:
            self._news.notify_all()
        self._thread.join()

    # Seeing

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def examples(self) -> list[dict[str, Any]]:
        return [asdict(example) for example in ready_examples()]

    def check(self, body: str) -> list[dict[str, str]]:
        """Return the faults that the function would find in a body."""
        try:
            parse_context(body)
        except InvalidContextError as error:
            return [{"path": path, "reason": reason} for path, _, reason in (f.partition(": ") for f in error.faults)]
        return []

    def state(self, *, unmasked: bool) -> dict[str, Any]:
        """Return everything that changes on the page."""
        with self._news:
            observation, sent, version, trouble = self._observation, list(self._sent), self.version, self._trouble
        return {
            "version": version,
            "trouble": trouble,
            "faults": self._faults.view(),
            **view_of(observation, sent, unmasked=unmasked),
        }

    def wait_for_news(self, version: int, seconds: float) -> bool:
        """Return whether there is something newer than `version`, at the latest after some seconds."""
        with self._news:
            return self._news.wait_for(lambda: self.version != version or self.stopped, seconds)

    def _keep_looking(self) -> None:
        while not self._stopped.is_set():
            try:
                with self._looking:
                    observation, trouble = self._observer.look(), ""
            except (ClientError, BotoCoreError, StubError) as exc:
                observation, trouble = self._observation, f"The stack does not answer: {exc}"
            with self._news:
                if (observation, trouble) != (self._observation, self._trouble):
                    self._observation, self._trouble = observation, trouble
                    self._tell()
            self._stopped.wait(LOOK_EVERY_SECONDS)

    def _tell(self) -> None:
        self.version += 1
        self._news.notify_all()

    # Doing

    def send(self, body: str, *, title: str, reply: str | None = None, times: int = 1) -> dict[str, Any]:
        """Put a body on the queue and return the ids of the messages, and the phone that may ring.

        Args:
            reply: What the model is to say, in words or as content variables; None leaves it to the stub.
            times: More than once plays a router that repeats itself.
        """
        known = about(body)
        if reply and known.get("conversation_id"):
            outcome = Outcome(text=reply_for(reply, known))
            self._stubs.outcome(outcome, match=known["conversation_id"])
        ids = [self._deployment.send(body) for _ in range(times)]
        shown = {name: known.get(name) for name in ("conversation_id", "recipient", "first_name", "company")}
        with self._news:
            self._sent += [Sent(message_id, datetime.now(UTC), title, **shown) for message_id in ids]
            self._tell()
        return {"message_ids": ids, "phone": phone_id(known["recipient"]) if "recipient" in known else None}

    def switch_fault(self, name: str, *, on: bool) -> None:
        self._faults.switch(name, on=on)
        with self._news:
            self._tell()

    def rotate(self, vendor: str) -> None:
        self._faults.rotate(vendor)

    def redrive(self, message_id: str | None) -> int:
        """Move one message, or all, from the DLQ back to the queue; return how many were moved.

        Nobody looks meanwhile: messages that stay are hidden for a moment, as if they were gone.
        """
        aws, names = ops_aws(self._deployment), Names.of(self._deployment.environment)
        source, destination = find_queue(aws, names.dead_letter_queue), find_queue(aws, names.queue)
        move = Move(aws.sqs, destination)
        with self._looking, Letters(aws.sqs, source) as letters:
            for batch in letters.batches():
                move.move([letter for letter in batch if message_id in (None, letter.message_id)], letters)
        with self._news:
            known = {item.message_id: item for item in self._sent}
            self._sent += [
                replace(known[old], message_id=new, origin=known[old].origin or old)
                for old, new in move.new_ids.items()
                if old in known
            ]
            self._tell()
        return move.moved


@contextmanager
def open_world(stack: Stack) -> Iterator[World]:
    """Return the world of a running stack, in which everything can be made to go wrong."""
    deployment = stack.deployment()
    with (
        AwsProxy(stack.address.endpoint, stack.traits) as table,
        deployment.changed(AWS_ENDPOINT_URL_DYNAMODB=table.url),
        World(deployment, stack.stubs, faults := Faults(deployment, stack.stubs, table)) as world,
    ):
        faults.play()
        warm_up(deployment)  # which a change of its environment has made necessary again
        yield world


def about(body: str) -> dict[str, str]:
    """Return what the page needs to know of a body, as far as it can be read; it may be anything."""
    try:
        context = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    found = {
        "conversation_id": _text_at(context, "conversation_data", "conversation_id"),
        "recipient": _text_at(context, "frontend_payload", "recipient_data", "recipient_tel"),
        "first_name": _text_at(context, "frontend_payload", "recipient_data", "recipient_first_name"),
        "company": _text_at(context, "company_data_payload", "company_name"),
        "credentials": _text_at(
            context, "company_data_payload", "channel_config", "whatsapp", "whatsapp_credentials_id"
        ),
    }
    return {name: value for name, value in found.items() if value}


def _text_at(value: Any, *path: str) -> str | None:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else None


def reply_for(words: str, known: Mapping[str, str]) -> str:
    """Return what the model says: for a template, words become its last variable."""
    if known.get("credentials") != TEMPLATE_REFERENCE or words.lstrip().startswith("{"):
        return words
    return template_reply(known.get("first_name", "there"), words, known.get("company", "us"))

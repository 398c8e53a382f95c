"""Conversation: one conversation of a test, seen from every side."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from sandbox.context_objects import make_body
from sandbox.eventually import eventually
from sandbox.harness.deployment import DeadLetter, Deployment, Record
from sandbox.harness.function_log import LogLine
from sandbox.stubs import Exchange, StubClient

T = TypeVar("T")

PAUSE_SECONDS = 0.1
SHOWN_LINES = 30
SHOWN_EXCHANGES = 20

SENT = "initial_message_sent"


class Conversation:
    """One recipient and one conversation of their own: what is sent, stored, logged and asked of the vendors.

    Waiting ends in time: a deadline is the most that the design and a slow machine allow, and passing it shows the last
    state, the function's log and the vendors' journal.
    """

    def __init__(
        self,
        deployment: Deployment,
        stubs: StubClient,
        recipient_tel: str,
        conversation_id: str,
        slack_seconds: float,
        **context: Any,
    ) -> None:
        """Take what a Context Object of this conversation says, in the words of `make_context`."""
        self.deployment = deployment
        self.stubs = stubs
        self.recipient_tel = recipient_tel
        self.conversation_id = conversation_id
        self._slack_seconds = slack_seconds
        self._context = context
        self._since_ms = deployment.now_ms()

    # Doing

    def body(self, **overrides: Any) -> str:
        """Return a Context Object as the body of a message."""
        ids = {"conversation_id": self.conversation_id, "recipient_tel": self.recipient_tel}
        return make_body(**{**ids, **self._context, **overrides})

    def send(self, **overrides: Any) -> str:
        """Send a Context Object; return the id of the message."""
        return self.deployment.send(self.body(**overrides))

    # Seeing

    @property
    def record(self) -> Record | None:
        return self.deployment.record(self.recipient_tel, self.conversation_id)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What the recipient got from Twilio, oldest first."""
        return self.stubs.messages(self.recipient_tel)

    @property
    def dead_letters(self) -> list[DeadLetter]:
        return self.deployment.dead_letters(self.conversation_id)

    def journal(self, operation: str = "*") -> list[Exchange]:
        """What the vendors were asked about this recipient."""
        return self.stubs.journal(self.recipient_tel, operation=operation)

    def lines(self, event: str | None = None) -> list[LogLine]:
        """Return what the function logged about this conversation, or of that only the lines of one event."""
        return [
            line
            for line in self.deployment.log.lines(self._since_ms)
            if line.json is not None
            and line.json.get("conversation_id") == self.conversation_id
            and event in (None, line.event)
        ]

    # Waiting

    def within(self, *parts: float) -> float:
        """Return a deadline: what the design allows, and what the machine may take on top."""
        return sum(parts) + self._slack_seconds

    @property
    def one_attempt_seconds(self) -> float:
        return self.within(self.deployment.timeout_seconds)

    @property
    def after_a_crash_seconds(self) -> float:
        """Until an attempt after one that was killed has ended."""
        settings = self.deployment.settings
        return self.within(self.deployment.timeout_seconds * 2, settings.visibility_timeout_seconds)

    @property
    def after_settling_seconds(self) -> float:
        """Until an attempt has ended that may send again what Twilio does not list."""
        return self.within(self.deployment.timeout_seconds * 2, self.deployment.settings.settle_seconds)

    def wait_for(
        self, what: str, look: Callable[[], T], accept: Callable[[T], object] = bool, *, within: float | None = None
    ) -> T:
        """Return what is seen as soon as it is accepted.

        Raises:
            AssertionError: It was not in time; the message shows everything that was.
        """
        seconds = self.one_attempt_seconds if within is None else within
        last: list[T] = []

        def check() -> bool:
            last[:] = [look()]
            return bool(accept(last[0]))

        try:
            eventually(check, within_seconds=seconds, pause_seconds=PAUSE_SECONDS)
        except AssertionError as exc:
            seen = json.dumps(last[0], indent=1, default=str) if last else str(exc)
            raise AssertionError(
                f"{what}: not within {seconds:.0f} s. Last seen:\n{seen}\n\n{self.evidence()}"
            ) from None
        return last[0]

    def wait_for_status(self, status: str, *, within: float | None = None) -> Record:
        """Return the record as soon as it has a status."""
        record = self.wait_for(
            f"the record has the status {status}",
            lambda: self.record,
            lambda record: record is not None and record["conversation_status"] == status,
            within=within,
        )
        assert record is not None
        return record

    def wait_until_sent(self, *, within: float | None = None) -> Record:
        """Return the record as soon as it is closed."""
        return self.wait_for_status(SENT, within=within)

    def wait_for_dead_letter(self, *, within: float | None = None) -> DeadLetter:
        """Return the message as soon as it is in the DLQ."""
        return self.wait_for("the message is in the DLQ", lambda: self.dead_letters, within=within)[0]

    def wait_for_line(self, event: str, *, count: int = 1, within: float | None = None) -> LogLine:
        """Return the last of `count` lines of one event as soon as they are there."""
        lines = self.wait_for(
            f"{count} log line(s) {event}", lambda: self.lines(event), lambda found: len(found) >= count, within=within
        )
        return lines[count - 1]

    def wait_until_queue_is_empty(self, *, within: float | None = None) -> None:
        """Return when every message of the deployment is done or in the DLQ."""
        self.wait_for("the queue is empty", self.deployment.queued, lambda counts: counts == (0, 0), within=within)

    def evidence(self) -> str:
        """Return what is known of this conversation, for whoever has to find out what went wrong."""
        shown = ["Record:", json.dumps(self.record, indent=1), "", f"Messages: {len(self.messages)}"]
        shown += [
            "",
            f"Function log, last {SHOWN_LINES} lines about it:",
            *(line.text for line in self.lines()[-SHOWN_LINES:]),
        ]
        others = [line.text for line in self.deployment.log.lines(self._since_ms) if self._is_telling(line)]
        shown += ["", "Function log, errors and ends of runs:", *others[-SHOWN_LINES:]]
        shown += ["", "Journal of the stubs:", *(_summary(one) for one in self.journal()[-SHOWN_EXCHANGES:])]
        shown += ["", f"Messages in the queue, visible and hidden: {self.deployment.queued()}"]
        shown += [f"Bodies in the DLQ: {len(self.deployment.dead_letters())}"]
        return "\n".join(shown)

    def _is_telling(self, line: LogLine) -> bool:
        if line.json is None:
            return not line.text.startswith(("START", "END", "REPORT"))
        return line.json.get("level") in ("ERROR", "CRITICAL") or line.event == "batch_finished"


def _summary(exchange: Exchange) -> str:
    fault = f" [{exchange.fault}]" if exchange.fault else ""
    return f"{exchange.time:.2f} {exchange.operation} -> {exchange.status or exchange.ending}{fault}"

"""Faults: what can be made to go wrong, by switches that stay until they are turned back."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from sandbox.harness.aws_proxy import AwsProxy, aws_error
from sandbox.harness.deployment import Deployment
from sandbox.harness.plan import (
    FREE_FORM_REFERENCE,
    OPENAI_REFERENCE,
    TEMPLATE_REFERENCE,
    TEMPLATE_SID,
    openai_secret,
    twilio_secret,
)
from sandbox.stubs import (
    OPENAI_KEY,
    TWILIO_ACCOUNT_SID,
    TWILIO_AUTH_TOKEN,
    Action,
    ChaosRule,
    Fate,
    StubClient,
    answer,
    drop,
)

SLOW_SECONDS = 14
"""Longer than one invocation has: the second one polls the run of the first."""

RETRY_AFTER_SECONDS = 8

AS_IT_SHOULD = Fate(status="read", course=((0, "queued"), (0.5, "sent"), (1.5, "delivered"), (6, "read")))
NOT_DELIVERED = Fate(status="undelivered", error_code=63016)
"""What becomes of messages that Twilio accepts."""

_CLOSES = '":task_complete": {"N": "1"}'
"""Stands in the one write that closes a conversation, and in no other."""

_DENIED = aws_error("AccessDeniedException", "refused by a switch of the local phone")

ASK = "openai.responses.create"
SEND = "twilio.messages.create"


@dataclass(frozen=True, slots=True)
class Fault:
    """One switch.

    Attributes:
        teaches: What to see while it is on.
        excludes: Switches that this one turns off, as both are about the same call.
    """

    name: str
    title: str
    teaches: str
    rule: tuple[str, Action] | None = None
    excludes: tuple[str, ...] = ()


_NO_CREDIT = {
    "error": {
        "message": "You exceeded your current quota",
        "type": "insufficient_quota",
        "param": None,
        "code": "insufficient_quota",
    }
}

FAULTS = (
    Fault(
        "slow_model",
        "The model is slow",
        f"It thinks for {SLOW_SECONDS} s, longer than an invocation may last: the heartbeat keeps the message hidden,"
        " and the next delivery polls the same run.",
    ),
    Fault(
        "throttled_model",
        "OpenAI throttles",
        f"429 with Retry-After: {RETRY_AFTER_SECONDS} s. The message comes again just then; after three receives it is"
        " in the DLQ.",
        (ASK, answer(429, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})),
        ("no_credit",),
    ),
    Fault(
        "no_credit",
        "OpenAI has no credit left",
        "429 too, but waiting won't help: in the DLQ within seconds.",
        (ASK, answer(429, _NO_CREDIT)),
        ("throttled_model",),
    ),
    Fault(
        "answer_lost",
        "Twilio's answer is lost",
        "Twilio accepts the message, then the connection breaks. It is found in Twilio's list, not sent again.",
        (SEND, drop(after_effect=True)),
        ("error_after_accept", "request_lost"),
    ),
    Fault(
        "error_after_accept",
        "Twilio says 500, and sends",
        "The error is a lie: the message went out. It is found in Twilio's list, not sent again.",
        (SEND, answer(500, after_effect=True)),
        ("answer_lost", "request_lost"),
    ),
    Fault(
        "request_lost",
        "The request to Twilio is lost",
        "The connection breaks before Twilio has the message. Nobody can know: it is looked for until the window is"
        " over, and only then sent again.",
        (SEND, drop()),
        ("answer_lost", "error_after_accept"),
    ),
    Fault(
        "no_final_write",
        "DynamoDB refuses the final write",
        "The message is out and the record can't say so: the critical alarm. Turned off, the next delivery finds the"
        " message and closes.",
    ),
    Fault(
        "not_delivered",
        "WhatsApp does not deliver (63016)",
        "Twilio accepts the message, and WhatsApp drops it, as outside the 24-hour window. Nothing is sent again: the"
        " phone shows why.",
    ),
)


class Faults:
    """The switches of one stack, all off at first."""

    def __init__(self, deployment: Deployment, stubs: StubClient, table: AwsProxy) -> None:
        self._deployment = deployment
        self._stubs = stubs
        self._table = table
        self._on: set[str] = set()
        self._openai_key = OPENAI_KEY
        self._twilio_token = TWILIO_AUTH_TOKEN
        self._lock = Lock()

    def view(self) -> list[dict[str, Any]]:
        with self._lock:
            on = set(self._on)
        return [{"name": f.name, "title": f.title, "teaches": f.teaches, "on": f.name in on} for f in FAULTS]

    def switch(self, name: str, *, on: bool) -> None:
        """Turn a switch.

        Raises:
            KeyError: There is no such switch.
        """
        fault = next((fault for fault in FAULTS if fault.name == name), None)
        if fault is None:
            raise KeyError(name)
        with self._lock:
            self._on = (self._on | {name}) - set(fault.excludes) if on else self._on - {name}
            self._play()

    def play(self) -> None:
        """Let everything go as the switches say."""
        with self._lock:
            self._play()

    def _play(self) -> None:
        self._stubs.usual_fate(NOT_DELIVERED if "not_delivered" in self._on else AS_IT_SHOULD)
        self._stubs.configure(run_seconds=SLOW_SECONDS if "slow_model" in self._on else 0)
        self._table.reset()
        if "no_final_write" in self._on:
            self._table.script("UpdateItem", _DENIED, match=_CLOSES, times=None)
        rules = [ChaosRule(*fault.rule, 1) for fault in FAULTS if fault.rule and fault.name in self._on]
        self._stubs.chaos(rules, seed=0)

    def rotate(self, vendor: str) -> None:
        """Store a new key in Secrets Manager and let the vendor refuse the old one, which the function has cached.

        Raises:
            KeyError: There is no such vendor.
        """
        rotations: Mapping[str, Callable[[], None]] = {"openai": self._rotate_openai, "twilio": self._rotate_twilio}
        rotate = rotations[vendor]
        with self._lock:
            rotate()

    def _rotate_openai(self) -> None:
        old, self._openai_key = self._openai_key, f"sk-stub-{secrets.token_hex(8)}"
        self._deployment.store_secret(OPENAI_REFERENCE, openai_secret(self._openai_key))
        self._stubs.change_openai_keys(accept=[self._openai_key], revoke=[old])

    def _rotate_twilio(self) -> None:
        old, token = self._twilio_token, secrets.token_hex(16)
        self._twilio_token = token
        self._deployment.store_secret(TEMPLATE_REFERENCE, twilio_secret(template_sid=TEMPLATE_SID, auth_token=token))
        self._deployment.store_secret(FREE_FORM_REFERENCE, twilio_secret(auth_token=token))
        self._stubs.change_twilio_tokens(TWILIO_ACCOUNT_SID, accept=[token], revoke=[old])

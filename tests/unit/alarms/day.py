"""A day of the function: the real code on fakes, its queue and DLQ, and the metrics that both make."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from twilio.base.exceptions import TwilioRestException

from core.continuation import ATTRIBUTE
from core.errors import PutDeniedError, TransientError
from core.ports import OutboundPart, TwilioCredentials
from sandbox.context_objects import OPENAI_REFERENCE, SENDER, TWILIO_REFERENCE, make_body
from services.secrets_manager_service import SecretsManagerSecrets
from services.twilio_http import OneShotHttpClient
from services.twilio_service import classify
from tests.fakes.clock import FakeClock
from tests.fakes.function import PATIENT, InMemoryFunction, StillHeart
from tests.fakes.model import InMemoryModel
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.whatsapp import InMemoryWhatsApp
from tests.unit.alarms.cloudwatch import MINUTE, Metrics
from tests.unit.alarms.definitions import DEAD_LETTER_QUEUE, FUNCTION, MAPPING, NAMESPACE
from utils.known_good import KnownGood
from utils.logging_config import SERVICE

HOUR = 3600
DAY = 24 * HOUR
MAX_RECEIVES = 3
DELIVERY_SECONDS = 20
SECRETS = {
    TWILIO_REFERENCE: f'{{"twilio_account_sid": "AC{"0" * 32}", "twilio_auth_token": "twilio-token-1",'
    f' "twilio_template_sid": "HX{"1" * 32}"}}',
    OPENAI_REFERENCE: '{"ai_api_key": "sk-test-1"}',
}


class Counting(RecordingTelemetry):
    """Puts what the function counts where `EventLog` does: without a code, and once more with it."""

    def __init__(self, clock: FakeClock, metrics: Metrics) -> None:
        super().__init__()
        self._clock = clock
        self._metrics = metrics

    def metric(self, metric: str, value: float = 1, *, code: str | None = None) -> None:
        super().metric(metric, value, code=code)
        now = self._clock.elapsed_seconds
        self._metrics.put(now, NAMESPACE, str(metric), value, service=SERVICE)
        if code is not None:
            self._metrics.put(now, NAMESPACE, str(metric), value, service=SERVICE, code=code)


class SecretsManager:
    """The client: it denies what there is not, as IAM does by exact ARNs."""

    def __init__(self) -> None:
        self.denied: set[str] = set()

    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803
        if SecretId in self.denied or SecretId not in SECRETS:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetSecretValue")
        return {"SecretString": SECRETS[SecretId]}


class Twilio(InMemoryWhatsApp):
    """Refuses recipients and senders with the codes that Twilio uses; the real adapter classifies them."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.refused: dict[str, int] = {}
        self.senders = {SENDER}
        self._known_good = KnownGood()

    def check(self, part: OutboundPart, credentials: TwilioCredentials, start_before: datetime) -> None:
        super().check(part, credentials, start_before)
        if code := self.refused.get(part.to) or (21212 if part.from_ not in self.senders else None):
            http = OneShotHttpClient(1.0, self._clock.now)
            http.status, http.text = 400, f'{{"code": {code}}}'
            known_sender = part.from_ in self._known_good
            raise classify(TwilioRestException(400, "", code=code), http, creating=True, known_sender=known_sender)
        self._known_good.add(part.from_)


class OpenAI(InMemoryModel):
    """Overloaded while it is down."""

    down = False

    def open_thread(self, key: Any, timeout_seconds: float) -> str:
        if self.down:
            raise TransientError("OpenAI is overloaded (HTTP 503)", code="openai_server_error", repeatable=True)
        return super().open_thread(key, timeout_seconds)


@dataclass(order=True)
class Message:
    at: float
    number: int
    id: str = field(compare=False)
    body: str = field(compare=False)
    sent_at: float = field(compare=False)
    continuation: str | None = field(compare=False, default=None)
    receives: int = field(compare=False, default=0)


class Day:
    """A day that is planned first and lived then.

    Attributes:
        undelivered: Recipients whose messages WhatsApp drops after Twilio has accepted them. The world counts
            deliveries in the place of the function's own watch.
    """

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.clock = FakeClock()
        self.twilio, self.openai, self.client = Twilio(self.clock), OpenAI(self.clock), SecretsManager()
        self.openai.outcome.duration_seconds = 0.0
        self.dead_letters: list[Message] = []
        self.undelivered: set[str] = set()
        self.telemetry = Counting(self.clock, self.metrics)
        self._function = InMemoryFunction(
            clock=self.clock,
            telemetry=self.telemetry,
            model=self.openai,
            whatsapp=self.twilio,
            secrets=SecretsManagerSecrets(self.client, 300, self.clock.monotonic),  # type: ignore[arg-type]
            settings=PATIENT,
            heartbeat_type=StillHeart,
        )
        self._runtime = self._function.runtime()
        self._messages: list[Message] = []
        self._turns: list[tuple[float, Callable[[], object]]] = []
        self._count = 0

    def send(self, at: float, body: str) -> None:
        """Let the router put a body on the queue."""
        self._put(at, body)

    def send_all_day(self, each_seconds: float = 36, until: float = DAY) -> list[str]:
        """Let the router send valid bodies all day long, and return their recipients."""
        recipients = []
        for number in range(int(until / each_seconds)):
            recipients.append(f"+4477{number:08d}")
            self.send(number * each_seconds, make_body(conversation_id=f"c-{number}", recipient_tel=recipients[-1]))
        return recipients

    def deny_puts(self) -> None:
        """Take the right to put messages on the queue from the function."""
        self._function.queue.put_error = PutDeniedError("no right")

    def at(self, moment: float, turn: Callable[[], object]) -> None:
        """Let the world change."""
        self._turns.append((moment, turn))

    def live(self, until: float = DAY) -> None:
        """Live it, and keep the depth of the DLQ as SQS does: a value a minute."""
        for minute in range(MINUTE, int(until) + 1, MINUTE):
            while self._messages and self._messages[0].at < minute:
                message = heapq.heappop(self._messages)
                self._pass_time(message.at)
                self._receive(message)
            self._pass_time(minute)
            depth = len(self.dead_letters)
            self.metrics.put(
                minute - 1, "AWS/SQS", "ApproximateNumberOfMessagesVisible", depth, QueueName=DEAD_LETTER_QUEUE
            )

    def _pass_time(self, until: float) -> None:
        for moment, turn in sorted(self._turns, key=lambda planned: planned[0]):
            if moment <= until:
                self._turns.remove((moment, turn))
                turn()
        self.clock.advance(max(until - self.clock.elapsed_seconds, 0.0))

    def _put(self, at: float, body: str, continuation: str | None = None, sent_at: float | None = None) -> None:
        self._count += 1
        number = self._count
        sent_at = at if sent_at is None else sent_at
        heapq.heappush(self._messages, Message(at, number, f"m-{number}", body, sent_at, continuation))

    def _receive(self, message: Message) -> None:
        message.receives += 1
        accepted, puts = len(self.twilio.delivered), len(self._function.queue.puts)
        handle = f"{message.id}/{message.receives}"
        again = self._function.process({"Records": [self._record(message, handle)]})
        now = self.clock.elapsed_seconds
        self.metrics.put(now, "AWS/Lambda", "Errors", 0, FunctionName=FUNCTION)
        self.metrics.put(now, "AWS/Lambda", "FailedInvokeEventCount", len(again), EventSourceMappingUUID=MAPPING)
        for put in self._function.queue.puts[puts:]:
            self._put(now + put.delay_seconds, put.envelope.body, put.continuation, sent_at=now)
        for delivered in self.twilio.delivered[accepted:]:
            name = "MessagesUndelivered" if delivered.part.to in self.undelivered else "MessagesDelivered"
            self.metrics.put(now + DELIVERY_SECONDS, NAMESPACE, name, 1, service=SERVICE)
        if again:
            delay = next((seconds for held, seconds in self._function.queue.hidden if held == handle), 360)
            self._come_again(message, now + delay)

    def _come_again(self, message: Message, at: float) -> None:
        if message.receives >= MAX_RECEIVES:
            self.dead_letters.append(message)
            return
        message.at = at
        heapq.heappush(self._messages, message)

    def _record(self, message: Message, handle: str) -> dict[str, Any]:
        attributes = {"dataType": "String", "stringValue": message.continuation}
        sent_ms = (self.clock.now().timestamp() - self.clock.elapsed_seconds + message.sent_at) * 1000
        return {
            "messageId": message.id,
            "receiptHandle": handle,
            "body": message.body,
            "attributes": {"ApproximateReceiveCount": str(message.receives), "SentTimestamp": str(int(sent_ms))},
            "messageAttributes": {ATTRIBUTE: attributes} if message.continuation else {},
            "eventSource": "aws:sqs",
        }

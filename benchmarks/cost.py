"""Cost: what conversations cost on AWS and how much of everything they take, from measured figures.

A model, small enough to check by hand: every term is a measured amount times a price or a rate.
"""

import math
from dataclasses import dataclass

MILLION = 1_000_000
DAY_SECONDS = 86_400
GB_BYTES = 1024**3
WRITE_UNIT_BYTES = 1024
READ_UNIT_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars, in us-east-1 in November 2026, without the free tier; other regions take up to a quarter more.

    Sources: the pricing pages of AWS Lambda (arm64), Amazon SQS (standard queues), Amazon DynamoDB (on demand), Amazon
    CloudWatch (logs, standard class) and AWS Secrets Manager.
    """

    gb_second: float = 0.0000133334
    invocation: float = 0.20 / MILLION
    sqs_request: float = 0.40 / MILLION
    write_unit: float = 0.625 / MILLION
    read_unit: float = 0.125 / MILLION
    log_gb: float = 0.50
    secret_read: float = 0.05 / 10_000


@dataclass(frozen=True, slots=True)
class Usage:
    """What conversations take, measured.

    Attributes:
        batch: Messages of one invocation.
        batch_seconds: How long that invocation takes.
        memory_mb: What the function is given.
        writes: Writes to the table, of one conversation.
        item_bytes: Its finished record; each write counts as if it were written whole.
        secret_reads: Reads of a secret, of one conversation.
        log_bytes: What it logs, metrics included.
        openai_requests: Requests to OpenAI, polls included.
        visibility_seconds: Time between two calls that keep a batch hidden.
    """

    batch: int
    batch_seconds: float
    writes: float
    item_bytes: float
    secret_reads: float
    log_bytes: float
    openai_requests: float
    memory_mb: int = 512
    visibility_seconds: float = 120

    @property
    def invocations(self) -> float:
        return 1 / self.batch

    @property
    def write_units(self) -> float:
        return self.writes * math.ceil(self.item_bytes / WRITE_UNIT_BYTES)

    @property
    def read_units(self) -> float:
        """The function reads nothing of a conversation that does not wait."""
        return 0.0

    @property
    def gb_seconds(self) -> float:
        """Of one conversation: the invocation is paid once, whatever the number of messages in it."""
        return self.batch_seconds * self.memory_mb / 1024 / self.batch

    @property
    def sqs_requests(self) -> float:
        """Sent alone; received, deleted and kept hidden as a batch."""
        return 1 + (2 + self.batch_seconds // self.visibility_seconds) / self.batch

    @property
    def messages_per_second(self) -> float:
        """What one execution environment gets done."""
        return self.batch / self.batch_seconds


@dataclass(frozen=True, slots=True)
class Journey:
    """What one conversation takes that waits in the queue, measured; its looks back are included.

    Attributes:
        seconds: Billed.
        invocations: An invocation of ten messages is a tenth for each.
        puts: Times that the function puts its message on the queue.
        reads: Consistent, of the whole record.
    """

    seconds: float
    invocations: float
    puts: float
    writes: float
    reads: float
    item_bytes: float
    log_bytes: float
    secret_reads: float = 0.0
    memory_mb: int = 512

    @property
    def gb_seconds(self) -> float:
        return self.seconds * self.memory_mb / 1024

    @property
    def write_units(self) -> float:
        return self.writes * math.ceil(self.item_bytes / WRITE_UNIT_BYTES)

    @property
    def read_units(self) -> float:
        return self.reads * math.ceil(self.item_bytes / READ_UNIT_BYTES)

    @property
    def sqs_requests(self) -> float:
        """Sent by the router and by the function; received and deleted with the others of its invocation."""
        return 1 + self.puts + 2 * self.invocations


@dataclass(frozen=True, slots=True)
class Bill:
    """US dollars for a number of conversations."""

    compute: float
    requests: float
    table: float
    queue: float
    logs: float
    secrets: float

    @property
    def total(self) -> float:
        return self.compute + self.requests + self.table + self.queue + self.logs + self.secrets


def bill(taken: Usage | Journey, conversations: int = MILLION, prices: Prices | None = None) -> Bill:
    prices = prices or Prices()
    return Bill(
        compute=conversations * taken.gb_seconds * prices.gb_second,
        requests=conversations * taken.invocations * prices.invocation,
        table=conversations * (taken.write_units * prices.write_unit + taken.read_units * prices.read_unit),
        queue=conversations * taken.sqs_requests * prices.sqs_request,
        logs=conversations * taken.log_bytes / GB_BYTES * prices.log_gb,
        secrets=conversations * taken.secret_reads * prices.secret_read,
    )


@dataclass(frozen=True, slots=True)
class Demand:
    """What a rate of conversations asks of each part, at its peak.

    Attributes:
        per_second: Conversations that begin.
        in_flight: Messages that are hidden, for their conversations are being opened.
        environments: Execution environments at work.
        write_units: DynamoDB write units a second.
        openai_requests_per_minute: Polls included.
        senders: WhatsApp senders, at what one may send.
    """

    per_second: float
    in_flight: float
    environments: int
    write_units: float
    openai_requests_per_minute: float
    senders: int


MESSAGES_PER_SENDER = 80
"""A second, of one WhatsApp number. Source: Meta, WhatsApp Business Platform, "Throughput"."""


def demand(usage: Usage, per_day: float, peak_factor: float) -> Demand:
    """Return what is needed when the busiest second has `peak_factor` times the day's average."""
    per_second = per_day / DAY_SECONDS * peak_factor
    return Demand(
        per_second=per_second,
        in_flight=per_second * usage.batch_seconds,
        environments=math.ceil(per_second / usage.messages_per_second),
        write_units=per_second * usage.write_units,
        openai_requests_per_minute=per_second * usage.openai_requests * 60,
        senders=math.ceil(per_second / MESSAGES_PER_SENDER),
    )

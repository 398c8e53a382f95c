"""Warm path: AWS calls, CPU and memory of a message when the vendors answer at once, over many messages."""

import time
from collections import Counter
from dataclasses import dataclass
from statistics import median

from benchmarks.bench import Bench, Sizes
from benchmarks.environment import ExecutionEnvironment
from benchmarks.figure import Figure, Limit

BATCH = 10
COUNTED_BATCHES = 5
BASELINE_MESSAGES = 20
SHOWN_EVERY = 250
MEMORY_FROM = 500
"""Messages after which memory must not grow any more."""

HEARTBEAT_SECONDS = 1
HELD_SECONDS = 3.5

WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")
READS = ("GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems")
VISIBILITY = ("ChangeMessageVisibility", "ChangeMessageVisibilityBatch")


@dataclass(frozen=True, slots=True)
class Beat:
    """What was left after a batch.

    Attributes:
        messages: Done so far.
        cpu_seconds: Used so far.
        batch_seconds: Time of this batch.
    """

    messages: int
    cpu_seconds: float
    rss_bytes: int
    batch_seconds: float


def steps(sizes: Sizes) -> int:
    return 3 + -(-sizes.conversations // SHOWN_EVERY)


def measure(bench: Bench) -> list[Figure]:
    calls, baseline_cpu_ms = _calls(bench)
    return [*calls, _visibility(bench), *_endurance(bench, baseline_cpu_ms)]


def _calls(bench: Bench) -> tuple[list[Figure], float]:
    """Return the calls of a message, and the baseline's CPU time for one."""
    bench.tick("counting calls")
    with bench.wire() as wire, bench.environment(bench.ours, wire) as environment:
        environment.invoke(bench.router.event(BATCH))
        wire.forget()
        logged = environment.log_bytes()
        events = [bench.router.event(BATCH) for _ in range(COUNTED_BATCHES)]
        for event in events:
            environment.invoke(event)
        ours, messages = wire.aws.calls(), COUNTED_BATCHES * BATCH
        logged_each = (environment.log_bytes() - logged) / messages
    bench.tick("counting the baseline's calls")
    with bench.wire() as wire, bench.environment(bench.baseline, wire) as environment:
        environment.invoke(bench.router.event(1))
        wire.forget()
        cpu, logged = environment.cpu_seconds(), environment.log_bytes()
        plain_event = bench.router.event(BASELINE_MESSAGES)
        environment.invoke(plain_event)
        plain = wire.aws.calls()
        plain_cpu = (environment.cpu_seconds() - cpu) / BASELINE_MESSAGES
        plain_logged = (environment.log_bytes() - logged) / BASELINE_MESSAGES

    def each(calls: Counter[str], names: tuple[str, ...], among: int) -> float:
        return sum(calls[name] for name in names) / among

    def figure(key: str, what: str, limit: float, *names: str) -> Figure:
        own, other = each(ours, names, messages), each(plain, names, BASELINE_MESSAGES)
        return Figure(key, f"{what} of a message", own, other, digits=1, limit=Limit(limit))

    figures = [
        figure("writes", "Writes to DynamoDB", 4, *WRITES),
        figure("reads", "Reads from DynamoDB", 0, *READS),
        figure("secret_reads", "Reads of a secret", 0, "GetSecretValue"),
        Figure(
            "item_bytes",
            "Record of a finished conversation",
            bench.world.item_bytes(events[-1]),
            bench.world.item_bytes(plain_event),
            unit="bytes",
            digits=0,
        ),
        Figure("log_bytes", "Logs and metrics of a message", logged_each, plain_logged, unit="bytes", digits=0),
    ]
    return figures, plain_cpu * 1000


def _visibility(bench: Bench) -> Figure:
    bench.tick("counting heartbeats")
    stubs = bench.world.stubs.client
    event = bench.world.delivered(bench.router.event(BATCH))
    stubs.configure(run_seconds=HELD_SECONDS)
    with (
        bench.wire() as wire,
        bench.environment(
            bench.ours, wire, HEARTBEAT_INTERVAL_SECONDS=str(HEARTBEAT_SECONDS), VISIBILITY_TIMEOUT_SECONDS="360"
        ) as environment,
    ):
        _, seconds = environment.invoke(event)
        calls = wire.aws.calls()
    stubs.configure(run_seconds=0)
    kept = sum(calls[name] for name in VISIBILITY) / (seconds // HEARTBEAT_SECONDS)
    return Figure("visibility_calls", "Visibility calls of a batch of 10, each interval", kept, limit=Limit(1))


def _endurance(bench: Bench, baseline_cpu_ms: float) -> list[Figure]:
    beats: list[Beat] = []
    with bench.environment(bench.ours) as environment:
        environment.invoke(bench.router.event(BATCH))
        start = environment.cpu_seconds()
        for done in range(BATCH, bench.sizes.conversations + BATCH, BATCH):
            if (done - BATCH) % SHOWN_EVERY == 0:
                bench.tick(f"conversation {done - BATCH + 1} of {bench.sizes.conversations}")
            beats.append(_batch(bench, environment, done))
    total = beats[-1].messages
    settled = next(beat for beat in beats if beat.messages >= min(MEMORY_FROM, total))
    part = min(1000, total // 2)
    first, last = (
        [beat for beat in beats if beat.messages <= part],
        [beat for beat in beats if beat.messages > total - part],
    )
    last_before = next(beat for beat in reversed(beats) if beat.messages <= total - part)
    first_cpu, last_cpu = (
        (first[-1].cpu_seconds - start) / part,
        (beats[-1].cpu_seconds - last_before.cpu_seconds) / part,
    )
    return [
        Figure(
            "cpu_ms",
            f"CPU of a message, over {total:,} (baseline: {BASELINE_MESSAGES})",
            (beats[-1].cpu_seconds - start) * 1000 / total,
            baseline_cpu_ms,
            unit="ms",
            digits=1,
            limit=Limit(25),
        ),
        Figure(
            "memory_growth",
            f"Memory after {total:,} messages, to that after {settled.messages:,}",
            beats[-1].rss_bytes / settled.rss_bytes,
            unit="x",
            digits=3,
            limit=Limit(1.05),
        ),
        Figure("memory_mib", "Memory (RSS)", beats[-1].rss_bytes / 1024**2, unit="MiB", digits=0),
        Figure(
            "cpu_flat",
            f"CPU of a message, last {part:,} of {total:,} to first {part:,}",
            last_cpu / first_cpu,
            unit="x",
            limit=Limit(1.1),
        ),
        Figure(
            "time_flat",
            f"Time of a batch, last {part:,} of {total:,} to first {part:,}",
            median(beat.batch_seconds for beat in last) / median(beat.batch_seconds for beat in first),
            unit="x",
            limit=Limit(1.1),
        ),
    ]


def _batch(bench: Bench, environment: ExecutionEnvironment, done: int) -> Beat:
    event = bench.router.event(BATCH)
    started = time.perf_counter()
    answer, _ = environment.invoke(event)
    seconds = time.perf_counter() - started
    if answer["batchItemFailures"]:
        raise RuntimeError(f"a message failed:\n{environment.log_text()[-2000:]}")
    return Beat(done, environment.cpu_seconds(), environment.rss_bytes(), seconds)

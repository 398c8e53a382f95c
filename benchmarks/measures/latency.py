"""Latency: what one environment gets done while the model takes its time, and what waiting for it adds."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from benchmarks.bench import Bench, Sizes
from benchmarks.figure import Figure, Limit

BATCH = 10
ADDED_LIMIT = 0.1
HINT_SECONDS = 3.0
HINTED_RUN_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Polling:
    """How a run was waited for.

    Attributes:
        polls: Requests that asked for it.
        added_seconds: From its end to the poll that saw it.
        shortest_pause_seconds: Between two polls.
    """

    polls: int
    added_seconds: float
    shortest_pause_seconds: float


def steps(sizes: Sizes) -> int:
    return len(sizes.latencies_seconds) + 1


def measure(bench: Bench) -> list[Figure]:
    figures: list[Figure] = []
    stubs = bench.world.stubs.client
    with (
        bench.environment(bench.ours) as ours,
        bench.environment(bench.baseline) as plain,
        ThreadPoolExecutor(2) as both,
    ):
        ours.invoke(bench.router.event(1))
        plain.invoke(bench.router.event(1))
        for latency in bench.sizes.latencies_seconds:
            bench.tick(f"the model takes {latency} s")
            stubs.configure(run_seconds=latency)
            own_event, plain_event = bench.router.event(BATCH), bench.router.event(1)
            futures = both.submit(ours.invoke, own_event), both.submit(plain.invoke, plain_event)
            own_seconds, plain_seconds = (future.result()[1] for future in futures)
            own, other = (_polling(bench, event, latency) for event in (own_event, plain_event))
            figures += [
                Figure(
                    f"batch_{latency}",
                    f"Invocation of 10 messages (baseline: 10 times one), the model takes {latency} s",
                    own_seconds,
                    plain_seconds * BATCH,
                    unit="s",
                ),
                Figure(
                    f"messages_per_second_{latency}",
                    f"Messages a second of one environment, the model takes {latency} s",
                    BATCH / own_seconds,
                    1 / plain_seconds,
                ),
                Figure(
                    f"polling_added_{latency}",
                    f"Wait that polling adds to {latency} s",
                    100 * median(each.added_seconds for each in own) / latency,
                    100 * median(each.added_seconds for each in other) / latency,
                    unit="%",
                    digits=1,
                    limit=Limit(100 * ADDED_LIMIT),
                ),
                Figure(
                    f"polls_{latency}",
                    f"Polls of a run of {latency} s",
                    max(each.polls for each in own),
                    max(each.polls for each in other),
                    digits=0,
                ),
            ]
        bench.tick("the vendor says when to poll")
        stubs.configure(run_seconds=HINTED_RUN_SECONDS, poll_after_seconds=HINT_SECONDS)
        events = [bench.router.event(1) for _ in range(2)]
        for future in [both.submit(each.invoke, event) for each, event in zip((ours, plain), events, strict=True)]:
            future.result()
        own, other = (_polling(bench, event, HINTED_RUN_SECONDS) for event in events)
        stubs.configure(run_seconds=0, poll_after_seconds=None)
    figures.append(
        Figure(
            "polling_hint",
            "Shortest pause between polls when the vendor asks for 3 s",
            min(each.shortest_pause_seconds for each in own),
            min(each.shortest_pause_seconds for each in other),
            unit="s",
            limit=Limit(HINT_SECONDS, at_least=True),
        )
    )
    return figures


def _polling(bench: Bench, event: dict[str, Any], latency_seconds: float) -> list[Polling]:
    """Return how the runs of an event's messages were waited for, from what the stub saw."""
    journal = bench.world.stubs.client.journal
    found = []
    for record in event["Records"]:
        recipient = json.loads(record["body"])["frontend_payload"]["recipient_data"]["recipient_tel"]
        (created,) = journal(recipient, operation="openai.responses.create")
        response_id = json.loads(created.answer_body)["id"]
        polls = sorted(each.time for each in journal(response_id, operation="openai.responses.get"))
        found.append(
            Polling(
                polls=len(polls),
                added_seconds=polls[-1] - created.time - latency_seconds,
                shortest_pause_seconds=min((b - a for a, b in pairwise(polls)), default=latency_seconds),
            )
        )
    return found

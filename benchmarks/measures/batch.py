"""Batch: ten messages side by side take about as long as one."""

from statistics import median

from benchmarks.bench import Bench, Sizes
from benchmarks.figure import Figure, Limit

MODEL_SECONDS = 2.0
BATCH = 10
ROUNDS = 3
LIMIT = 1.2


def steps(_: Sizes) -> int:
    return ROUNDS + 1


def measure(bench: Bench) -> list[Figure]:
    bench.world.stubs.client.configure(run_seconds=MODEL_SECONDS)
    with bench.environment(bench.ours) as ours, bench.environment(bench.baseline) as plain:
        for environment in (ours, plain):
            environment.invoke(bench.router.event(1))
        singles, batches = [], []
        for number in range(ROUNDS):
            bench.tick(f"one message and ten, round {number + 1}")
            singles.append(ours.invoke(bench.router.event(1))[1])
            batches.append(ours.invoke(bench.router.event(BATCH))[1])
        bench.tick("one message and ten, the baseline")
        plain_single = plain.invoke(bench.router.event(1))[1]
        plain_batch = plain.invoke(bench.router.event(BATCH))[1]
    bench.world.stubs.client.configure(run_seconds=0)
    return [
        Figure(
            "batch_to_one",
            "Batch of 10 to one message, the model takes 2 s",
            median(batches) / median(singles),
            plain_batch / plain_single,
            unit="x",
            limit=Limit(LIMIT),
        ),
        Figure("batch_2", "Batch of 10, the model takes 2 s", median(batches), plain_batch, unit="s"),
    ]

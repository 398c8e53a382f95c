"""Scaling: what the documents say of measured figures and of what the cost model makes of them."""

import math
from dataclasses import replace
from pathlib import Path
from textwrap import fill

from benchmarks.cost import DAY_SECONDS, MILLION, Journey, Usage, bill, demand
from benchmarks.results import Results, markdown

BATCH = 10
LATENCIES = (5, 20, 60)
WAITS = (2, 5, 20, 60)
PER_DAY = 10 * MILLION
PEAK_FACTORS = (1, 3)
LINE_LENGTH = 128
WRITES_TO_OPENAI = 2
"""One opens the conversation, one asks; the rest are polls."""

BEGIN, END = "<!-- {name}: made by `make bench` -->", "<!-- end of {name} -->"


def usages(results: Results, latency: int) -> tuple[Usage, Usage, Usage]:
    """Return what ten messages in a batch take, what one alone takes, and what the baseline takes."""
    invocation, polls = results[f"batch_{latency}"], results[f"polls_{latency}"]
    ours = Usage(
        batch=BATCH,
        batch_seconds=invocation.ours,
        writes=results["writes"].ours,
        item_bytes=results["item_bytes"].ours,
        secret_reads=results["secret_reads"].ours,
        log_bytes=results["log_bytes"].ours,
        openai_requests=WRITES_TO_OPENAI + polls.ours,
    )
    plain = Usage(
        batch=BATCH,
        batch_seconds=invocation.baseline or 0,
        writes=results["writes"].baseline or 0,
        item_bytes=results["item_bytes"].baseline or 0,
        secret_reads=results["secret_reads"].baseline or 0,
        log_bytes=results["log_bytes"].baseline or 0,
        openai_requests=WRITES_TO_OPENAI + (polls.baseline or 0),
    )
    return ours, alone(ours), plain


def alone(usage: Usage) -> Usage:
    """Return the same for a message that is alone in its batch, as on a quiet queue."""
    return replace(usage, batch=1)


def costs(results: Results) -> str:
    """Return the table of dollars for a million conversations."""
    rows = []
    for latency in LATENCIES:
        for name, usage in zip(
            ("ours, batches of 10", "ours, one by one", "baseline"), usages(results, latency), strict=True
        ):
            cost = bill(usage)
            parts = (cost.compute, cost.requests, cost.table, cost.queue, cost.logs, cost.secrets, cost.total)
            rows.append(
                (f"{latency} s, {name}", f"{usage.messages_per_second:.2f}", *(f"{part:.2f}" for part in parts))
            )
    headers = (
        "model takes",
        "messages/s",
        "Lambda time",
        "invocations",
        "DynamoDB",
        "SQS",
        "logs",
        "secrets",
        "total $",
    )
    return markdown(rows, headers)


def journey(results: Results, latency: int, batch: int, memory_mb: int = 512) -> Journey:
    """Return what a conversation takes that waits in the queue, as it was measured."""

    def of(*names: str) -> float:
        return sum(results[f"wait_{latency}_{batch}_{name}"].ours for name in names)

    return Journey(
        seconds=of("seconds", "look_seconds"),
        invocations=of("invocations", "look_invocations"),
        puts=of("puts", "looks"),
        writes=of("writes"),
        reads=of("reads"),
        item_bytes=results["item_bytes"].ours,
        log_bytes=of("log_bytes"),
        memory_mb=memory_mb,
    )


def waits(results: Results) -> str:
    """Return the table of what waiting in the queue costs, watch included."""
    rows = []
    for latency in WAITS:
        for batch in (1, BATCH):
            taken = journey(results, latency, batch)
            environments = math.ceil(PER_DAY / DAY_SECONDS * taken.seconds)
            rows.append(
                (
                    f"{latency} s, {'one by one' if batch == 1 else 'in tens'}",
                    f"{taken.invocations:.1f}",
                    f"{taken.seconds:.2f}",
                    f"{taken.puts:.1f}",
                    f"{taken.sqs_requests:.1f}",
                    f"{taken.writes:.1f}",
                    f"{results[f'wait_{latency}_{batch}_added'].ours:.0f} %",
                    f"{bill(taken).total:.2f}",
                    f"{bill(journey(results, latency, batch, 1024)).total:.2f}",
                    f"{environments:,}",
                )
            )
    headers = (
        "model takes",
        "invocations",
        "billed s",
        "puts",
        "SQS requests",
        "writes",
        "added wait",
        "$ at 512 MB",
        "$ at 1,024 MB",
        "environments for 10M a day",
    )
    return markdown(rows, headers)


def deployed(results: Results, latency: int = 20) -> str:
    """Return what the README says of the cost as Terraform deploys it."""
    alone, full = (bill(journey(results, latency, batch, 1024)).total for batch in (1, BATCH))
    return fill(
        f"As Terraform deploys it, with 1,024 MB, the queue waits for that model, and for the message to be delivered:"
        f" about ${alone:.0f} on the quiet queue, ${full:.0f} on the busy one. OpenAI's tokens, Twilio's messages and"
        " Meta's fees come on top, and cost far more. [Measured](benchmarks/RESULTS.md) by `make bench`;"
        " [the way to ten million a day](docs/scaling.md).",
        LINE_LENGTH,
        break_long_words=False,
        break_on_hyphens=False,
    )


def arithmetic(results: Results, latency: int = 20) -> str:
    """Return the largest term, spelt out."""
    usage, single, plain = usages(results, latency)
    lines = []
    for name, each in (("batches of 10", usage), ("one by one", single), ("baseline", plain)):
        lines.append(
            f"- {name}: {each.batch_seconds:.2f} s x {each.memory_mb / 1024:g} GB / {each.batch} message"
            f"{'s' if each.batch > 1 else ''} = {each.gb_seconds:.3f} GB-s; x 1,000,000 x $0.0000133334"
            f" = ${bill(each).compute:.2f}"
        )
    return "\n".join(lines)


def demands(results: Results) -> str:
    """Return the table of what ten million conversations a day ask of each part."""
    rows = []
    for factor in PEAK_FACTORS:
        for latency in LATENCIES:
            usage = usages(results, latency)[0]
            need = demand(usage, PER_DAY, factor)
            daily = bill(usage, PER_DAY).total
            rows.append(
                (
                    f"{latency} s, {factor} x the average",
                    f"{need.per_second:,.0f}",
                    f"{need.in_flight:,.0f}",
                    f"{need.environments:,}",
                    f"{need.write_units:,.0f}",
                    f"{need.openai_requests_per_minute:,.0f}",
                    f"{need.senders}",
                    f"{daily:,.0f}" if factor == 1 else "",
                )
            )
    headers = (
        "model takes, at the peak",
        "messages/s",
        "in flight",
        "environments",
        "write units/s",
        "OpenAI requests/min",
        "senders",
        "$/day",
    )
    return markdown(rows, headers)


def headline(results: Results, latency: int = 20) -> str:
    """Return what the README says of it all."""
    ours, single, plain = usages(results, latency)
    batch = results["batch_to_one"]
    return fill(
        f"Ten messages of a batch wait together, so a full batch takes {batch.ours:.2f} times as long as one message"
        f" (a plain handler: {batch.baseline:.1f} times). Where the function itself waits for a model that takes"
        f" {latency} s, a million conversations cost about ${bill(ours).total:.0f} on AWS at {ours.memory_mb} MB on a"
        f" busy queue, in full batches, and ${bill(single).total:.0f} on a quiet one, one by one (a plain handler:"
        f" ${bill(plain).total:.0f}). A cold start takes"
        f" {results['cold_start_first_call'].ratio:.2f} of the plain handler's time, the zip"
        f" {results['package_zip'].ratio:.2f} of its size.",
        LINE_LENGTH,
    )


def blocks(results: Results) -> dict[str, dict[str, str]]:
    """Return for each document its parts that follow from measured figures, by their names there."""
    return {
        "README.md": {"headline": headline(results), "deployed": deployed(results)},
        "docs/scaling.md": {
            "costs": costs(results),
            "waits": waits(results),
            "arithmetic": arithmetic(results),
            "demands": demands(results),
        },
    }


def update(document: str, parts: dict[str, str]) -> str:
    """Return a document with the parts between their marks replaced."""
    for name, text in parts.items():
        begin, end = BEGIN.format(name=name), END.format(name=name)
        before, mark, rest = document.partition(begin)
        _, closing, after = rest.partition(end)
        if not mark or not closing:
            raise ValueError(f"the document has no part {name!r}, from {begin} to {end}")
        document = f"{before}{begin}\n{text}\n{end}{after}"
    return document


def update_files(root: Path, results: Results) -> None:
    """Write each document's parts anew."""
    for name, parts in blocks(results).items():
        path = root / name
        path.write_text(update(path.read_text(encoding="utf-8"), parts), encoding="utf-8")

"""Command line: `python -m tests.chaos --conversations 200 --seed 0`, on the engine that ENGINE names."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sandbox.engines.choice import choose
from sandbox.engines.engine import EngineError
from sandbox.harness import Deployment, HarnessError, Plan, Stack, Step
from sandbox.harness.aws_proxy import AwsProxy
from sandbox.harness.plan import QUICK, merged
from tests.chaos import report
from tests.chaos.run import Heard, Part, closed, deal, drain, feed, redrive, set_up
from tests.chaos.sabotage import sabotaged
from tests.chaos.site import Site
from tests.chaos.switchboard import Switchboard
from tests.chaos.verdict import Verdict, is_undecided, judge
from tools.infrastructure.errors import TerraformError
from tools.surroundings import settle

VARIABLES = merged(
    QUICK,
    {
        "queue": {"visibility_timeout_seconds": 40},
        "function": {"timeout_seconds": 30},
        "function_settings": {
            "heartbeat_interval_seconds": 4,
            "safety_margin_seconds": 12,
            "twilio_timeout_seconds": 3,
            "twilio_list_lag_seconds": 3,
            "reconcile_after_seconds": 11,
            "delivery_watch_seconds": 75,  # long enough for three looks, and for every fate of the cast
        },
        "event_source": {"batch_size": 2},
    },
)
"""Production's waits, a fifth to a tenth as long and in the same order: an invocation outlasts a reconciliation.

The margin has to cover what an engine takes to start a function after it received the message: where a lease outlasts
the visibility, the next receive comes too early and is spent for nothing. Batches are small, for a process that dies
takes all of its batch with it, and each may suffer only so much.
"""

ENDURABLE = 2
"""Faults that the design endures for each conversation (docs/reliability.md, The guarantee, 5)."""

DRAIN_SECONDS = 420.0
REDRIVE_SECONDS = 120.0
SHOWN_VIOLATIONS = 3
LINE_SECONDS = 20.0
PLAIN_WIDTH = 120

console = Console(highlight=False, soft_wrap=True)
if not console.is_terminal:
    console = Console(highlight=False, soft_wrap=True, width=PLAIN_WIDTH)
app = typer.Typer(add_completion=False)


@app.command()
def chaos(
    conversations: Annotated[int, typer.Option(min=1, max=9999, help="Conversations to open.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Another one draws other conversations, faults and moments.")] = 0,
    *,
    mutant: Annotated[
        str | None, typer.Option(help="Break the function on purpose: no_intent_record or resend_at_once.")
    ] = None,
) -> None:
    """Open conversations on the deployed package while processes die and calls fail; each must end as promised."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: clean up, then go
    try:
        choice = choose(os.environ)
        console.print(str(choice))
        with Stack.start(choice.engine, name="chaos", plans=[Plan(variables=VARIABLES)], progress=_tell) as stack:
            violations = _run(stack, conversations, seed, mutant)
    except (EngineError, HarnessError, TerraformError) as exc:
        console.print(str(exc), style="red")
        raise typer.Exit(2) from exc
    except KeyboardInterrupt:
        console.print("Ended early; nothing is left running.")
        raise typer.Exit(130) from None
    raise typer.Exit(1 if violations else 0)


def _run(stack: Stack, conversations: int, seed: int, mutant: str | None) -> int:
    random, deployment = Random(seed), stack.deployment()
    with (
        Switchboard(stack.traits, endurable=ENDURABLE) as switchboard,
        AwsProxy(stack.aws.endpoint, stack.traits) as dynamodb,
        sabotaged(deployment, switchboard, mutant=mutant, AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url),
    ):
        site = Site(deployment, stack.stubs, dynamodb, switchboard)
        parts = deal(conversations, random)
        console.print(report.planned(parts))
        started = time.monotonic()
        set_up(site, parts)
        redriven, leftovers = _play(deployment, site, parts, random)
        verdicts = judge(parts, site, deployment.settings.max_receive_count)
        totals = report.Totals(verdicts, redriven, leftovers, time.monotonic() - started, seed)
        _show(totals, deployment, site)
    return totals.violations


def _play(deployment: Deployment, site: Site, parts: list[Part], random: Random) -> tuple[int, list[str]]:
    """Return how many messages an operator had to redrive, and what is wrong with the queues in the end."""
    leftovers = []
    with _progress(len(parts)) as heard:
        feed(deployment, parts, random, lambda: heard(closed(deployment)))
        if not drain(deployment, DRAIN_SECONDS, heard).in_time:
            leftovers.append(f"the queue still holds {deployment.queued()} messages, visible and hidden")
        site.switchboard.disarm()
        site.dynamodb.reset()
        redriven = redrive(deployment, parts)
        if redriven and not drain(deployment, REDRIVE_SECONDS, heard).in_time:
            leftovers.append(f"after the redrive, the queue still holds {deployment.queued()} messages")
    undecided = [r["conversation_id"] for r in deployment.records() if is_undecided(r)]
    if dead := [d for d in deployment.dead_letters() if not any(f'"{name}"' in d.body for name in undecided)]:
        leftovers.append(f"the DLQ still holds {len(dead)} messages after the redrive")
    return redriven, leftovers


def _show(totals: report.Totals, deployment: Deployment, site: Site) -> None:
    console.print(report.table(totals.verdicts))
    wrong: list[Verdict] = [verdict for verdict in totals.verdicts if verdict.violations]
    for verdict in wrong[:SHOWN_VIOLATIONS]:
        console.print(report.trace(verdict, deployment, site.stubs, site.switchboard, totals.seed), markup=False)
    for verdict in wrong[SHOWN_VIOLATIONS:]:
        console.print(f"{verdict.part.member.conversation_id}: {'; '.join(verdict.violations)}", style="red")
    for leftover in totals.leftovers:
        console.print(leftover, style="red")
    console.print(report.summary(totals), style="bold red" if totals.violations else "bold green")


def _tell(step: Step) -> None:
    if step.seconds is not None:
        console.print(f"  {step}")


@contextmanager
def _progress(total: int) -> Iterator[Heard]:
    """Show how many conversations are closed: as a bar, or where there is no terminal, as a line now and then."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("conversations closed", total=total)
        started = said = time.monotonic()

        def heard(count: int) -> None:
            nonlocal said
            progress.update(task, completed=count)
            if not console.is_terminal and time.monotonic() - said >= LINE_SECONDS:
                said = time.monotonic()
                console.print(f"  {count} of {total} conversations closed after {said - started:.0f} s")

        yield heard


if __name__ == "__main__":
    settle()
    app()

"""`pause` and `resume`: whether messages are taken from the queue. Needs AWS credentials, and nothing else."""

from collections.abc import Mapping
from typing import Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from ops.answers import Deliveries
from ops.aws_errors import asking_for
from ops.errors import ExitCode, OpsError
from ops.options import Yes
from ops.patient import Patient
from ops.render import BAD, GOOD, WARN, counted
from ops.session import Session

PATIENCE_SECONDS = 120.0
"""A mapping needs up to a minute or so until it is off or on."""

POLL_SECONDS = 1.0

OFF, ON = "Disabled", "Enabled"


def pause(session: Session, *, yes: Yes = False) -> None:
    """Stop everything: no message is taken from the queue until `ops resume`. Messages wait up to 4 days.

    What is at work goes on to its end. A deployment leaves it paused.
    """
    _switch(session, on=False, yes=yes)


def resume(session: Session, *, yes: Yes = False) -> None:
    """Let messages be taken from the queue again."""
    _switch(session, on=True, yes=yes)


def _switch(session: Session, *, on: bool, yes: bool) -> None:
    patient, names = Patient(session.aws, session.names), session.names
    mappings = patient.own_mappings
    if not mappings:
        raise OpsError(
            f"Nothing feeds {names.function} from {names.queue}",
            "Is it another function or queue (--function, --queue), or not deployed?",
        )
    wanted = ON if on else OFF
    to_switch = [mapping for mapping in mappings if mapping["State"] != wanted]
    waiting = int(patient.queue["ApproximateNumberOfMessages"])
    if to_switch:
        verb = "Resume" if on else "Stop"
        session.screen.confirm(
            f"{verb} deliveries from {names.queue} to {names.function} (account {patient.account}, {session.aws.where},"
            f" {counted(waiting, 'message')} waiting)?",
            yes=yes,
        )
    with asking_for(f"the event source mapping of {names.queue}", session.aws.where):
        for mapping in to_switch:
            session.aws.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)
        states = [_wait(session, mapping, wanted) for mapping in mappings]
    answer = Deliveries(
        queue=names.queue,
        function=names.function,
        wanted="on" if on else "off",
        states=states,
        changed=bool(to_switch),
        settled=all(state == wanted for state in states),
        waiting=waiting,
    )
    session.screen.answer(answer, _render)
    if not answer.settled:
        raise typer.Exit(ExitCode.PROBLEM)


def _wait(session: Session, mapping: Mapping[str, Any], wanted: str) -> str:
    """Return the state of a mapping once it is the wanted one, or what it is at the end of our patience."""
    waited = 0.0
    with session.screen.progress("switching") as tick:
        while True:
            state: str = session.aws.functions.get_event_source_mapping(UUID=mapping["UUID"])["State"]
            if state == wanted or waited >= PATIENCE_SECONDS:
                return state
            session.world.sleep(POLL_SECONDS)
            waited += POLL_SECONDS
            tick(int(waited), int(PATIENCE_SECONDS))


def _render(answer: Deliveries) -> RenderableType:
    waiting = counted(answer.waiting, "message")
    if not answer.settled:
        states = ", ".join(answer.states).lower()
        return Text(f"{answer.queue} is still {states}. Look again: ops doctor --no-secrets", BAD)
    already = "" if answer.changed else " already"
    if answer.wanted == "on":
        return Text(f"{answer.queue} is being delivered{already}; {waiting} waiting.", GOOD)
    return Group(
        Text(f"{answer.queue} is paused{already}; {waiting} waiting, kept up to 4 days.", WARN),
        Text("A deployment leaves it so. When it may go on: ops resume"),
    )

"""`resolve`: a person decides whether a message was sent, or has dealt with one that was not delivered."""

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from core.errors import DeliveryUndecidedError
from ops import resolution
from ops.answers import Choice, Resolved
from ops.commands.show import find_records
from ops.errors import OpsError, UsageError
from ops.options import Yes
from ops.render import GOOD, moment
from ops.resolution import Resolution, in_question
from ops.session import Session
from ops.table import ConversationTable

REDRIVE = f"ops dlq redrive --code {DeliveryUndecidedError.code}"


def resolve(
    session: Session,
    conversation_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the conversation.")],
    *,
    adopt: Annotated[str | None, typer.Option(metavar="SID", help="This message at Twilio is the one.")] = None,
    resend: Annotated[bool, typer.Option("--resend", help="It was not sent: let it be sent.")] = False,
    seen: Annotated[
        bool, typer.Option("--seen", help="It was sent and not delivered, and somebody has dealt with that.")
    ] = False,
    recipient: Annotated[
        str | None, typer.Option(help="The recipient's number; without it, the record is looked for.")
    ] = None,
    scan: Annotated[bool, typer.Option("--scan", help="Look for it in the whole table, however large.")] = False,
    yes: Yes = False,
) -> None:
    """Decide whether an undecided message was sent, or say that one which was not delivered is dealt with.

    Look at the messages in question first: `ops show ID`, and Twilio's console by their SIDs. After a decision,
    `ops dlq redrive` finishes the conversation; after --seen there is nothing left to do.
    """
    if [adopt is not None, resend, seen].count(True) != 1:
        raise UsageError(
            "Say one thing that is true: --adopt SID, --resend or --seen", "`ops show` says which of them can be."
        )
    table = ConversationTable(session.aws, session.names)
    items = find_records(session, table, conversation_id, recipient, scan=scan)
    if not items:
        raise OpsError(f"There is no conversation {conversation_id} in {session.names.table}")
    if len(items) > 1:
        raise UsageError(f"{len(items)} recipients have a conversation {conversation_id}", "Pass --recipient NUMBER.")
    (item,) = items
    decided = Resolution(Choice.SEEN if seen else Choice.RESEND if resend else Choice.ADOPT, adopt)
    now = session.world.now()
    record = resolution.check(item, decided, now)
    between = in_question(item, decided)
    session.screen.confirm(f"{conversation_id} to {record.key.recipient_tel}: {_question(decided, between)}", yes=yes)
    resolution.write(session, table, item, record, decided)
    session.screen.answer(
        Resolved(
            conversation_id=conversation_id,
            recipient=record.key.recipient_tel,
            at=now,
            choice=decided.choice,
            sid=adopt,
            between=between,
        ),
        _render,
    )


def _question(decided: Resolution, between: list[str]) -> str:
    if decided.choice is Choice.SEEN:
        return "take it off the list of those that need attention? Its record keeps what went wrong."
    if decided.sid is not None:
        return f"record {decided.sid} as its message, and never send it again?"
    others = f" {', '.join(between)} will be left to others." if between else ""
    return f"let it be sent again?{others} If it was sent after all, the person gets it twice."


def _render(answer: Resolved) -> RenderableType:
    if answer.choice is Choice.SEEN:
        return Text(
            f"{moment(answer.at)}  {answer.conversation_id}  {answer.recipient}: dealt with, needs no attention.", GOOD
        )
    what = f"adopted {answer.sid}" if answer.sid else "to be sent again"
    between = f", between {', '.join(answer.between)}" if answer.between else ""
    return Group(
        Text(f"{moment(answer.at)}  {answer.conversation_id}  {answer.recipient}: {what}{between}.", GOOD),
        Text(f"Next, if its message is in the DLQ:\n  {REDRIVE}"),
    )

"""`show`: everything that a conversation's record says, and Twilio's word on its messages."""

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from core.conversation import ConversationKey, WaitReason
from core.deliveries import DeliveryStatus
from core.errors import DeliveryUndecidedError
from core.openai_processor import MAX_PAID_RUNS
from ops.answers import Choice, ConversationRecord, Conversations, Reply, Sent, UndecidedMessage
from ops.errors import OpsError, UsageError
from ops.fates import code_of, fate_text, knows_the_end, status_now
from ops.masking import HIDDEN
from ops.options import NoSecrets, Unmask
from ops.reasons import NO_ERROR
from ops.recipients import number_in
from ops.records import read_record
from ops.render import BAD, DIM, STRONG, WARN, counted, delivery, duration, moment, pairs, status
from ops.session import Session
from ops.table import ConversationTable, Item
from ops.twilio_word import TwilioWord
from services.conversation_item import read_conversation

WAITS_FOR = {
    WaitReason.MODEL: "the model to write",
    WaitReason.UNAVAILABLE: "a vendor or AWS to answer",
    WaitReason.ACCOUNT: "a vendor to accept the account again",
    WaitReason.RECONCILE: "Twilio to list what it may have accepted",
    WaitReason.LEASE: "another delivery to end",
    WaitReason.TIME: "an invocation with time for it",
    WaitReason.DELIVERY: "WhatsApp to say whether it delivered the message",
}

NOT_DELIVERED = "docs/runbook.md#delivery-codes"
"""What each code of a message that was not delivered means, and what to do."""

SCANNED_UNASKED = 100_000
"""Most records that are read for one conversation without being told to: a table may have a hundred million."""


def show(
    session: Session,
    wanted: Annotated[
        str, typer.Argument(metavar="ID|NUMBER", help="Id of a conversation, or a recipient's number for all of them.")
    ],
    *,
    recipient: Annotated[
        str | None, typer.Option(help="The recipient's number; without it, the record is looked for.")
    ] = None,
    scan: Annotated[bool, typer.Option("--scan", help="Look for it in the whole table, however large.")] = False,
    unmask: Unmask = False,
    text: Annotated[bool, typer.Option("--text", help="Show what was written to the recipient.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Ask Twilio even where the record knows the end.")] = False,
    no_secrets: NoSecrets = False,
) -> None:
    """Show one conversation, or all of one recipient."""
    if now and no_secrets:
        raise UsageError("--now asks Twilio, --no-secrets asks nobody", "Pass one of them.")
    table = ConversationTable(session.aws, session.names)
    number = number_in(wanted)
    items = table.of_recipient(number) if number else find_records(session, table, wanted, recipient, scan=scan)
    if not items:
        raise nothing_about(session, wanted)
    word = TwilioWord(session, silent=no_secrets)
    known = [] if now or no_secrets else [item for item in items if knows_the_end(read_conversation(item))]
    word.ask(item for item in items if item not in known)
    at = session.world.now()
    answer = Conversations(
        conversations=[read_record(item, at, word.of(item), unmask=unmask, with_text=text) for item in items],
        not_asked=word.problems,
        not_asked_again=[str(item["conversation_id"]) for item in known],
    )
    session.screen.answer(answer, _render, unmask=unmask)


def nothing_about(session: Session, wanted: str) -> OpsError:
    """Return the error about an id or a number that no record has."""
    what = f"of {wanted}" if number_in(wanted) else wanted
    return OpsError(
        f"There is no conversation {what} in {session.names.table}",
        f"It may wait on the queue, be in the DLQ (`ops dlq show {wanted}`), or be refused with no keys to record it"
        " under (`ops trace MESSAGE_ID`).",
    )


def find_records(
    session: Session, table: ConversationTable, conversation_id: str, recipient: str | None, *, scan: bool
) -> list[Item]:
    """Return the records of a conversation id, by as few reads as possible."""
    if recipient is not None:
        item = table.get(ConversationKey(recipient, conversation_id))
        return [] if item is None else [item]
    keys = [
        ConversationKey(item["recipient_tel"], conversation_id) for item in table.needing_attention(conversation_id)
    ]
    if keys:
        return [item for item in map(table.get, keys) if item is not None]
    size = table.size()
    if size > SCANNED_UNASKED and not scan:
        raise UsageError(
            f"{conversation_id} needs no attention, and all of about {size:,} records would have to be read to find it",
            "Pass --recipient NUMBER, or --scan to read them all; `ops trace` finds it in the log.",
        )
    with session.screen.progress("looking at every record") as tick:
        return list(table.scan_for(conversation_id, lambda looked_at: tick(looked_at, size or None)))


def _render(answer: Conversations) -> RenderableType:
    blocks = [block for record in answer.conversations for block in _blocks(record)]
    blocks += [not_asked(why) for why in answer.not_asked]
    if answer.not_asked_again:
        whose = "the record knows the end" if len(answer.conversations) == 1 else "the records know the end of some"
        blocks.append(Text(f"Twilio was not asked again, as {whose}: --now asks.", DIM))
    return Group(*blocks)


def not_asked(why: str) -> Text:
    """Say that Twilio's word is missing, and why."""
    return Text(f"Twilio was not asked about delivery: {why}", WARN)


def _blocks(record: ConversationRecord) -> Iterator[RenderableType]:
    yield Text(record.conversation_id, STRONG)
    yield Text(_meaning(record), WARN if record.needs_attention else "")
    yield Text()
    error, run, reply = record.last_error, record.run, record.reply
    yield pairs(
        {
            "Status": status(record.status),
            "Recipient": record.recipient,
            "Created": moment(record.created_at),
            "Updated": moment(record.updated_at),
            "Attempts": str(record.attempts),
            "Paid runs": f"{record.paid_runs} of {MAX_PAID_RUNS}" if record.paid_runs else None,
            "Took": duration(record.processing_time_ms) if record.processing_time_ms is not None else None,
            "Deleted after": moment(record.expires_at) if record.expires_at else None,
            "Lease": _lease_line(record),
            "Waits": f"since {moment(record.waiting.since)} for {WAITS_FOR[record.waiting.reason]}"
            if record.waiting
            else None,
            "OpenAI": f"{run.thread_id}, {run.response_id}" if run else None,
            "Reply": _reply_line(reply) if reply else None,
            "Delivery": _delivery_line(record),
        }
    )
    if error is not None:
        yield Text()
        yield Text(f"Last error: {error.code}", BAD)
        kind = "permanent" if error.permanent else "may pass"
        yield pairs(
            {
                "Says": error.message,
                "Step": f"{error.step}, {kind}",
                "At": f"{moment(error.at)}, receive {error.receive_count} of message {error.message_id}",
            }
        )
    if record.sent or record.intent:
        yield Text()
        yield pairs(_messages(record))
    if record.undecided:
        yield Text()
        yield Text("Twilio lists, and nobody knows whose it is", STRONG)
        yield pairs((row.sid, _undecided_line(row)) for row in record.undecided)
    if record.resolutions:
        yield Text()
        yield pairs((moment(past.at), f"{past.choice} {past.sid or ''}".rstrip()) for past in record.resolutions)
    if reply and reply.text and not record.sent:
        yield Text()
        yield pairs((f"Part {number}", part) for number, part in enumerate(reply.text, 1))
    yield Text()
    yield pairs((name, value) for name, value in record.details.items() if value != HIDDEN)
    hidden = [name for name, value in record.details.items() if value == HIDDEN]
    if hidden:
        yield Text(f"Hidden without --unmask: {', '.join(hidden)}", DIM)
    yield Text()


def _messages(record: ConversationRecord) -> Iterator[tuple[str, str]]:
    for number, message in enumerate(record.sent, 1):
        said = delivery(message.delivery, message.delivery_error)
        yield f"Message {number}", f"{moment(message.sent_at)}  {message.sid}{f'  {said}' if said else ''}"
        if message.recorded is not None:
            yield "", f"the record says {fate_text(message.recorded)}, {moment(message.recorded.at)}"
        if message.text is not None:
            yield "", message.text
    if record.intent is not None:
        outcome = "outcome unknown" if record.intent.outcome_unknown else "no outcome recorded"
        yield f"Message {record.intent.part}", f"{moment(record.intent.decided_at)}  {outcome}"


def _undecided_line(row: UndecidedMessage) -> str:
    text = "its text is shown" if row.shown else "its text is not shown"
    return f"{moment(row.created_at)}  {row.status or '-'}, {text}"


def _lease_line(record: ConversationRecord) -> str | None:
    lease = record.lease
    if lease is None:
        return None
    return f"{'until' if lease.held else 'expired'} {moment(lease.expires_at)}, {lease.owner}"


def _reply_line(reply: Reply) -> str:
    return f"{reply.mode}, {counted(reply.parts, 'part')}, {reply.tokens_in} + {reply.tokens_out} tokens"


def _delivery_line(record: ConversationRecord) -> str | None:
    if record.delivery_status is None:
        return None
    watch = record.delivery_watch
    return f"{record.delivery_status}, looked for until {moment(watch.until)}" if watch else record.delivery_status


def _meaning_of_closed(record: ConversationRecord) -> str:
    """Say what became of the messages, and what a person must do about it."""
    statuses = {message.sid: status_now(message) for message in record.sent}
    failed = [message for message in record.sent if (found := statuses[message.sid]) and found.is_failure]
    if failed:
        return _meaning_of_undelivered(record, failed, sum(found is not None for found in statuses.values()))
    known = {found for found in statuses.values() if found is not None}
    if known and all(found.is_success for found in known):
        unseen = " Twilio does not show its text; it can be nobody else's." if record.adopted_unseen else ""
        is_read = known == {DeliveryStatus.READ}
        return f"Done: {'the recipient has read' if is_read else 'WhatsApp delivered'} the message.{unseen}"
    done = "Done: the message is out and the record is closed."
    if record.adopted_unseen:
        done = "Done: Twilio accepted a message whose text it does not show; it can be nobody else's."
    watch = record.delivery_watch
    if record.delivery_status is None:
        return done
    if watch is not None and not watch.overdue:
        return f"{done}\nWhether WhatsApp delivers it is looked for until {moment(watch.until)}."
    overdue = f"\nThe look at it is overdue: ops dlq show {record.conversation_id}" if watch else ""
    return f"{done}\nWhether WhatsApp delivered it is not confirmed: Twilio has no last word on it.{overdue}"


def _meaning_of_undelivered(record: ConversationRecord, failed: list[Sent], of: int) -> str:
    whose = "the message" if of == 1 else f"{len(failed)} of {of} messages"
    meaning = f"WhatsApp did not deliver {whose}: {', '.join(dict.fromkeys(map(code_of, failed)))}."
    if not record.needs_attention and any(past.choice == Choice.SEEN for past in record.resolutions):
        return f"{meaning}\nA person has dealt with it; nothing needs to be done."
    meaning += f"\nWhat to do, by code: {NOT_DELIVERED}\nTo send it again, if that can help:\n  ops replay FILE --again"
    if record.needs_attention:
        meaning += f"\nWhen you have dealt with it:\n  ops resolve {record.conversation_id} --seen"
    return meaning


def _meaning(record: ConversationRecord) -> str:
    """Say where the conversation stands and what comes next."""
    if record.closed:
        return _meaning_of_closed(record)
    if record.lease is not None and record.lease.held:
        return f"A delivery is at work on it until {moment(record.lease.expires_at)} at the latest."
    error = record.last_error
    if record.waiting is not None:
        return (
            f"It waits in the queue for {WAITS_FOR[record.waiting.reason]}, until"
            f" {moment(record.waiting.until)} at the latest; nothing needs to be done."
        )
    if error is not None and error.code == DeliveryUndecidedError.code:
        return (
            "Nobody can tell whether the message was sent. Look at Twilio's console, then say which message it is:"
            f"\n  ops resolve {record.conversation_id} --adopt SID\nor that there is none:"
            f"\n  ops resolve {record.conversation_id} --resend"
        )
    redrive = f"\n  ops dlq redrive --code {error.code if error else NO_ERROR}"
    if record.intent is not None:
        return (
            "The message may be out: the next delivery looks for it in Twilio's list before it sends."
            f" If there is none left to come:{redrive}"
        )
    if error is not None and error.permanent:
        return f"Trying again can't help until the cause is gone. Then:{redrive}"
    return f"The next delivery goes on from here. If there is none left to come:{redrive}"

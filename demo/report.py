"""Report: what came out of the scenes, as it is printed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from core.conversation import Status
from core.events import Event
from demo.observation import Dead, Observation, number_of
from demo.scenes import PEOPLE, TEMPLATE, TITLES, Outcomes, Promise, is_suppressed
from demo.story import Story, Tone, seconds
from ops.masking import mask_numbers, printable
from sandbox.harness.deployment import Record
from utils.redaction import mask_phone

BUBBLE_WIDTH = 62
STYLES = {Tone.DONE: "green", Tone.GUARD: "magenta", Tone.WAIT: "yellow", Tone.TROUBLE: "red", Tone.ALARM: "bold red"}
MARKS = {Tone.DONE: "+", Tone.GUARD: "*", Tone.WAIT: "~", Tone.TROUBLE: "x", Tone.ALARM: "!"}


def report(outcomes: Outcomes) -> Iterator[RenderableType]:
    """Yield everything there is to see, part by part."""
    seen = outcomes.observation
    yield from _part("What was sent, and what became of it", fates(seen))
    yield from _part("What the recipients see", chats(seen.messages))
    lost = next((story for story in seen.stories if story.steps(Event.SEND_RECONCILED)), None)
    if lost is not None:
        yield from _part("How Cleo got one message, though Twilio's answer was lost", steps_of(lost))
    yield from _part("The records in DynamoDB, numbers masked", records(seen.records))
    first = seen.record(TEMPLATE)
    if first is not None:
        yield from _part("Ana's record, without what came with the Context Object", whole(first))
    yield from _part("What is in the DLQ, and why", dead_letters(seen.dead))
    yield from _part("What this shows", promises(outcomes.promises()))


def _part(title: str, content: RenderableType) -> Iterator[RenderableType]:
    yield Text()
    yield Rule(Text(title, style="bold"), align="left", style="dim")
    yield content


def fates(seen: Observation) -> RenderableType:
    """Return one line for each Context Object."""
    table = Table.grid(padding=(0, 2))
    for name, title in TITLES.items():
        table.add_row(Text(title), fate_of(name, seen))
    table.add_row(Text("Ana again: the same Context Object"), _suppressed(seen))
    unread = [dead for dead in seen.dead if dead.conversation_id is None]
    fate = Text(f"in the DLQ: {unread[0].code}", "red") if unread else Text("lost", "bold red")
    table.add_row(Text("Something that is not JSON"), fate)
    return table


def fate_of(conversation_id: str, seen: Observation) -> Text:
    """Say what became of a conversation."""
    dead = [dead for dead in seen.dead if dead.conversation_id == conversation_id]
    if dead:
        return Text(f"in the DLQ: {dead[0].code}", "red")
    record, story = seen.record(conversation_id), seen.story(conversation_id)
    if record is None or record["conversation_status"] != Status.SENT:
        return Text("not sent", "bold red")
    took = f"sent in {seconds(record['processing_time_ms'] / 1000)}"
    if story is not None and story.steps(Event.SEND_RECONCILED):
        return Text(f"{took}, once: found in Twilio's list", "magenta")
    return Text(took, "green")


def _suppressed(seen: Observation) -> Text:
    return Text("suppressed", "magenta") if is_suppressed(seen) else Text("not suppressed", "bold red")


def chats(messages: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return the messages as their recipients see them, the known ones in the order of their names."""
    shown: list[RenderableType] = []
    recipients = dict.fromkeys(number_of(message["to"]) for message in messages)
    for recipient in sorted(recipients, key=lambda recipient: PEOPLE.get(recipient, "~")):
        shown.append(Text.assemble((PEOPLE.get(recipient, "Somebody"), "bold"), (f"  {mask_phone(recipient)}", "dim")))
        shown += [bubble(message) for message in messages if number_of(message["to"]) == recipient]
    return Group(*shown)


def bubble(message: Mapping[str, Any]) -> RenderableType:
    at = datetime.fromtimestamp(message["created_at"]).astimezone()
    kind = "template · " if message["content_sid"] else ""
    panel = Panel(
        Text(printable(message["body"])),
        box=box.ROUNDED,
        expand=False,
        width=BUBBLE_WIDTH if len(message["body"]) > BUBBLE_WIDTH - 4 else None,
        border_style="green",
        subtitle=Text(f"{kind}{at:%H:%M}", "dim"),
        subtitle_align="right",
    )
    return Padding(panel, (0, 0, 0, 2))


def steps_of(story: Story) -> RenderableType:
    """Return a story, delivery by delivery."""
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(width=1)
    table.add_column()
    for number, delivery in enumerate(story.deliveries, 1):
        if len(story.deliveries) > 1:
            table.add_row("", "", Text(f"delivery {number}", "bold"))
        for step in delivery.steps:
            after = f"+{(step.at - delivery.started_at).total_seconds():.2f} s"
            words = Text.assemble((step.title, STYLES[step.tone]), (f"  {shortened(printable(step.detail))}", "dim"))
            table.add_row(after, Text(MARKS[step.tone], STYLES[step.tone]), words)
    return table


def records(items: Sequence[Record]) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("conversation", "recipient", "status", "attempts", "message SID"):
        table.add_column(name, overflow="fold")
    for item in sorted(items, key=lambda item: str(item["conversation_id"])):
        failed = item["conversation_status"] != Status.SENT
        table.add_row(
            Text(item["conversation_id"]),
            Text(mask_phone(item["recipient_tel"])),
            Text(item["conversation_status"], "red" if failed else "green"),
            Text(str(item.get("attempts", "-"))),
            Text(", ".join(shortened(message["message_id"]) for message in item.get("messages", [])) or "-"),
        )
    return table


OF_THE_CONVERSATION = (
    "recipient_tel",
    "conversation_id",
    "conversation_status",
    "attempts",
    "task_complete",
    "processing_time_ms",
    "openai_thread_id",
    "openai_response_id",
)
"""What the function adds to a Context Object of a conversation that goes well, beside the messages."""


def whole(item: Record) -> RenderableType:
    """Return what a record says about its conversation."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")

    def add(name: str, value: object) -> None:
        table.add_row(name, Text(shortened(printable(mask_numbers(str(value))))))

    for name in OF_THE_CONVERSATION:
        if name in item:
            add(name, item[name])
    for index, message in enumerate(item.get("messages", [])):
        for name, value in message.items():
            add(f"messages[{index}].{name}", value)
    return table


_LONG_ID = re.compile(r"\b((?:resp_|conv_|run_|thread_|SM|MM)[0-9A-Za-z]{8})[0-9A-Za-z]+")


def shortened(text: str) -> str:
    """Return a text with the vendors' ids short enough to be read."""
    return _LONG_ID.sub(r"\1…", text)


def dead_letters(dead: Sequence[Dead]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    for letter in sorted(dead, key=lambda letter: letter.conversation_id or "~"):
        what = letter.conversation_id or f"message {letter.message_id[:8]}"
        reason = Text.assemble((letter.code, "red"), f"  {printable(mask_numbers(letter.reason))}")
        table.add_row(Text(what, "bold"), reason)
    return table


def promises(kept: Sequence[Promise]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    for promise in kept:
        mark = Text("✓", "green") if promise.kept else Text("✗ BROKEN", "bold red")
        table.add_row(mark, Text(promise.text))
    return table

"""Answers: what each command says, as the JSON of `--json`; docs/operations.schema.json is made from these.

A field may be added; none is renamed, removed or given another meaning without a new major version.
"""

from ops.answers.base import Answer, Problem
from ops.answers.context import FileVerdict, Replay, Validation
from ops.answers.conversations import (
    Attention,
    AttentionItem,
    Choice,
    ConversationRecord,
    Conversations,
    Found,
    FoundConversation,
    FoundMessage,
    Intent,
    LastError,
    Lease,
    LogLine,
    OtherMessage,
    PastResolution,
    Reply,
    Resolved,
    Run,
    Sent,
    Trace,
    UndecidedMessage,
)
from ops.answers.dead_letters import Example, Peek, Reason, ReasonGroup, Redrive
from ops.answers.diagnosis import Diagnosis, Finding, Verdict, fail, not_checked, ok, skip, warn

ANSWERS: dict[str, type[Answer]] = {
    "attention": Attention,
    "find": Found,
    "show": Conversations,
    "resolve": Resolved,
    "trace": Trace,
    "dlq peek": Peek,
    "dlq redrive": Redrive,
    "replay": Replay,
    "validate": Validation,
    "doctor": Diagnosis,
    "(error)": Problem,
}
"""Command to what it prints with `--json`."""

__all__ = [
    "ANSWERS",
    "Answer",
    "Attention",
    "AttentionItem",
    "Choice",
    "ConversationRecord",
    "Conversations",
    "Diagnosis",
    "Example",
    "FileVerdict",
    "Finding",
    "Found",
    "FoundConversation",
    "FoundMessage",
    "Intent",
    "LastError",
    "Lease",
    "LogLine",
    "OtherMessage",
    "PastResolution",
    "Peek",
    "Problem",
    "Reason",
    "ReasonGroup",
    "Redrive",
    "Replay",
    "Reply",
    "Resolved",
    "Run",
    "Sent",
    "Trace",
    "UndecidedMessage",
    "Validation",
    "Verdict",
    "fail",
    "not_checked",
    "ok",
    "skip",
    "warn",
]

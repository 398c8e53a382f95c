"""Checks of account, queue and DLQ."""

import json
from collections.abc import Iterator, Mapping

from ops.answers import Finding, fail, ok, warn
from ops.patient import Patient
from ops.render import counted, duration


def check_account(patient: Patient) -> Iterator[Finding]:
    yield ok("account", f"{patient.account}, {patient.aws.where}")


def check_queue(patient: Patient) -> Iterator[Finding]:
    queue = patient.queue
    waiting, in_work = _counts(queue)
    yield ok("queue", f"{patient.names.queue}, {waiting} waiting, {in_work} in work")


def check_dead_letter_queue(patient: Patient) -> Iterator[Finding]:
    name = patient.names.dead_letter_queue
    messages = sum(_counts(patient.dead_letter_queue))
    if messages:
        yield warn("DLQ", f"{name} has {counted(messages, 'message')}", "See why: ops dlq peek")
    else:
        yield ok("DLQ", f"{name}, empty")
    kept, kept_before = (int(queue["MessageRetentionPeriod"]) for queue in (patient.dead_letter_queue, patient.queue))
    if kept <= kept_before:
        yield fail(
            "DLQ retention",
            f"{duration(kept * 1000)}, not longer than the queue's {duration(kept_before * 1000)}:"
            " a message keeps its first send time and could expire before anyone has seen it",
            f"{patient.deploy}; Terraform sets 14 days.",
        )


def check_redrive_policy(patient: Patient) -> Iterator[Finding]:
    policy = json.loads(patient.queue.get("RedrivePolicy", "{}"))
    target = policy.get("deadLetterTargetArn")
    if target is None:
        yield fail("redrive policy", "messages that fail are delivered until they expire", patient.deploy)
    elif target != patient.dead_letter_queue["QueueArn"]:
        yield fail(
            "redrive policy",
            f"leads to {target.rpartition(':')[2]}, not to {patient.names.dead_letter_queue}",
            f"{patient.deploy}, or name the DLQ with --dlq.",
        )
    else:
        receives = int(policy["maxReceiveCount"])
        yield ok("redrive policy", f"to the DLQ after {counted(receives, 'receive')}")


def _counts(queue: Mapping[str, str]) -> tuple[int, int]:
    return int(queue["ApproximateNumberOfMessages"]), int(queue["ApproximateNumberOfMessagesNotVisible"])

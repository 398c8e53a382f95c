"""Checks of the alarms and of who hears them."""

from collections.abc import Iterator

from ops.answers import Finding, fail, ok, skip, warn
from ops.aws_errors import asking_for
from ops.names import ALARMS, COMPOSITES
from ops.patient import Patient
from ops.render import counted

CONFIRMED = "arn:"
"""How the subscription of somebody who has confirmed it begins; the others say that they are pending."""


def check_alarms(patient: Patient) -> Iterator[Finding]:
    expected = {about: patient.names.alarm(about) for about in ALARMS}
    missing = [name for name in expected.values() if name not in patient.alarms]
    there = [patient.alarms[name] for name in expected.values() if name in patient.alarms]
    if not there:
        yield fail("alarms", f"none of {counted(len(expected), 'alarm')} is there", patient.deploy)
        return
    if missing:
        yield fail("alarms", f"missing: {', '.join(missing)}", patient.deploy)
    muted = [alarm["AlarmName"] for alarm in there if not alarm.get("ActionsEnabled", True)]
    if muted:
        yield fail(
            "alarms",
            f"actions are off: {', '.join(muted)}",
            f"aws cloudwatch enable-alarm-actions --alarm-names {' '.join(muted)}",
        )
    composites = {expected[about] for about in COMPOSITES}
    silent = [
        alarm["AlarmName"] for alarm in there if not alarm.get("AlarmActions") and alarm["AlarmName"] not in composites
    ]
    if silent:
        yield fail("alarms", f"tell nobody: {', '.join(silent)}", patient.deploy)
    ringing = [alarm["AlarmName"] for alarm in there if alarm.get("StateValue") == "ALARM"]
    if ringing:
        yield warn("alarms", f"ringing: {', '.join(ringing)}", "See docs/runbook.md.")
    if not (missing or muted or silent or ringing):
        yield ok("alarms", f"{counted(len(there), 'alarm')}, actions enabled, none rings")


def check_listeners(patient: Patient) -> Iterator[Finding]:
    topics = sorted(
        {
            action
            for about in ALARMS
            for action in patient.alarms.get(patient.names.alarm(about), {}).get("AlarmActions", [])
            if ":sns:" in action
        }
    )
    if not topics:
        yield skip("listeners", "no alarm has a topic")
    for topic in topics:
        name = topic.rpartition(":")[2]
        with asking_for(f"the topic {name}", patient.aws.where):
            pages = patient.aws.topics.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
            arns = [subscription["SubscriptionArn"] for page in pages for subscription in page["Subscriptions"]]
        confirmed = sum(arn.startswith(CONFIRMED) for arn in arns)
        if not confirmed:
            pending = f", {len(arns)} not confirmed yet" if arns else ""
            yield warn("listeners", f"nobody listens to {name}{pending}", "docs/deploying.md, 6. Be told")
        else:
            yield ok("listeners", f"{confirmed} of {name}")

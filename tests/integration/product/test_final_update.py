"""A record that can't be closed after its message went out: somebody is called, and the next delivery heals it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.engines.engine import Ability
from sandbox.harness import Deployment, Stack
from sandbox.harness.aws_proxy import AwsProxy, aws_error
from sandbox.harness.function_log import LogLine
from tests.integration.conftest import MakeConversation
from tests.integration.product.alarm_listener import listening
from tests.integration.product.filter_pattern import FilterPattern

pytestmark = pytest.mark.integration

FINAL_UPDATE = "task_complete"
TRIES = 5
LONGEST_BACKOFF_SECONDS = 30

PERIOD_SECONDS = 10
"""LocalStack looks at an alarm once in its period, which is five minutes."""

ENGINES_PATTERNS = (
    '"CRITICAL: message sent, but the final DynamoDB update failed"',
    '"final DynamoDB update failed"',
    'CRITICAL "final DynamoDB update failed"',
    '{ $.level = "CRITICAL" && $.message = "*final DynamoDB update failed*" }',
)
"""How alarms of the engine's original component look for the line."""

DEFINITION = (
    "AlarmName",
    "AlarmDescription",
    "ActionsEnabled",
    "AlarmActions",
    "Namespace",
    "MetricName",
    "Statistic",
    "Period",
    "EvaluationPeriods",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
)


@pytest.mark.slow
def test_failed_final_update_calls_somebody_and_is_healed_by_the_next_delivery(
    make_conversation: MakeConversation, deployment: Deployment, stack: Stack
) -> None:
    conversation = make_conversation()
    other = make_conversation()
    denied = aws_error("AccessDeniedException")

    alarm = Alarm.critical(deployment, stack)
    with (
        alarm.looking_often(),
        listening(deployment) as on_call,
        AwsProxy(stack.address.endpoint, stack.traits) as proxy,
        deployment.changed(AWS_ENDPOINT_URL_DYNAMODB=proxy.url),
    ):
        proxy.script("UpdateItem", denied, match=(conversation.conversation_id, FINAL_UPDATE), times=TRIES)
        since = deployment.now_ms()
        deployment.send_together([conversation.body(), other.body()])
        critical = conversation.wait_for_line("final_db_update_failed")
        failed = conversation.wait_for_status("failed_unknown")
        other.wait_until_sent()
        earlier = len(on_call.heard())
        alarm.switch_off()
        alarm.let_count(deployment.log.lines(since))
        conversation.wait_for("the metric counts it", lambda: alarm.counted(since))
        notification = conversation.wait_for(
            "on-call is told", lambda: [one for one in on_call.heard()[earlier:] if one["NewStateValue"] == "ALARM"]
        )[0]
        record = conversation.wait_until_sent(within=conversation.within(LONGEST_BACKOFF_SECONDS))
        conversation.wait_until_queue_is_empty()
    lines = deployment.log.lines(since)

    (message,) = conversation.messages
    says = critical.json
    assert says is not None
    assert says["level"] == "CRITICAL"
    assert says["message_sids"] == [message["sid"]]
    assert says["should_have_written"]["conversation_status"] == "initial_message_sent"
    assert conversation.recipient_tel not in critical.text
    assert failed["last_error"]["code"] == "final_db_update_failed"
    assert failed["needs_attention"] == "yes"
    assert notification["AlarmName"] == alarm.name
    assert record["messages"][0]["message_id"] == message["sid"]
    assert "needs_attention" not in record
    assert len(conversation.journal("openai.responses.create")) == 1
    for pattern in (alarm.pattern, *map(FilterPattern, ENGINES_PATTERNS)):
        assert [line.text for line in lines if pattern.matches(line.text)] == [critical.text]
    assert len([line for line in lines if line.json is not None]) > 10


class Alarm:
    """The critical alarm, from the line in the log to the topic, as far as the engine goes by itself."""

    def __init__(
        self, watch: Any, metric_filter: dict[str, Any], alarm: dict[str, Any], *, engine_counts: bool
    ) -> None:
        self.name = alarm["AlarmName"]
        self.pattern = FilterPattern(metric_filter["filterPattern"])
        self._watch = watch
        self._filter = metric_filter
        self._alarm = alarm
        self._engine_counts = engine_counts

    @classmethod
    def critical(cls, deployment: Deployment, stack: Stack) -> "Alarm":
        """Find the filter in the function's log group, and the alarm on its metric."""
        watch = deployment.aws.client("cloudwatch")
        filters = deployment.aws.client("logs").describe_metric_filters(logGroupName=deployment.log.group)
        (metric_filter,) = filters["metricFilters"]
        (transformation,) = metric_filter["metricTransformations"]
        metric = transformation["metricNamespace"], transformation["metricName"]
        alarms = watch.describe_alarms(AlarmTypes=["MetricAlarm"])["MetricAlarms"]
        (alarm,) = [one for one in alarms if (one.get("Namespace"), one.get("MetricName")) == metric]
        assert metric_filter["filterPattern"] == deployment.outputs["critical_filter_pattern"]
        assert alarm["AlarmActions"] == [deployment.outputs["alarm_topic_arn"]]
        return cls(watch, metric_filter, alarm, engine_counts=Ability.METRIC_FILTERS not in stack.traits.lacks)

    @contextmanager
    def looking_often(self) -> Iterator[None]:
        """Have an engine that looks at an alarm once in its period look more often, until the end of the block."""
        if not self._engine_counts:
            yield
            return
        as_it_is = {name: self._alarm[name] for name in DEFINITION if name in self._alarm}
        self._watch.put_metric_alarm(**{**as_it_is, "Period": PERIOD_SECONDS})
        try:
            yield
        finally:
            self._watch.put_metric_alarm(**as_it_is)

    def switch_off(self) -> None:
        """Have it ring anew; LocalStack's filters count every line, so that it is on already."""
        self._watch.set_alarm_state(AlarmName=self.name, StateValue="OK", StateReason="a test")

    def let_count(self, lines: list[LogLine]) -> None:
        """Count the lines that match, where the engine's metric filters do not: by the same pattern and metric."""
        if self._engine_counts:
            return
        (transformation,) = self._filter["metricTransformations"]
        counted = {
            "MetricName": transformation["metricName"],
            "Value": float(transformation["metricValue"]),
            "Unit": "Count",
        }
        self._watch.put_metric_data(
            Namespace=transformation["metricNamespace"],
            MetricData=[counted for line in lines if self.pattern.matches(line.text)],
        )

    def counted(self, since_ms: int) -> float:
        """Return what the metric has counted since a moment."""
        start = datetime.fromtimestamp(since_ms / 1000, UTC) - timedelta(minutes=1)
        points = self._watch.get_metric_statistics(
            Namespace=self._alarm["Namespace"],
            MetricName=self._alarm["MetricName"],
            StartTime=start,
            EndTime=start + timedelta(minutes=10),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

"""Alarm listener: a queue that hears what a topic says, as an on-call person would."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sandbox.harness import Deployment


class AlarmListener:
    """Notifications of one deployment's alarms, in their order."""

    def __init__(self, queue: Any, queue_url: str) -> None:
        self._queue = queue
        self._queue_url = queue_url
        self._heard: list[dict[str, Any]] = []

    def heard(self) -> list[dict[str, Any]]:
        """Return all notifications so far: the JSON that CloudWatch put into each message."""
        while messages := self._receive():
            for message in messages:
                self._queue.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
                envelope = json.loads(message["Body"])
                self._heard.append(json.loads(envelope["Message"]))
        return list(self._heard)

    def _receive(self) -> list[dict[str, Any]]:
        answer = self._queue.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        return list(answer.get("Messages", []))


@contextmanager
def listening(deployment: Deployment) -> Iterator[AlarmListener]:
    """Subscribe a queue to the topic that alarms notify, until the end of the block."""
    queue, topics = deployment.aws.client("sqs"), deployment.aws.client("sns")
    topic_arn = deployment.outputs["alarm_topic_arn"]
    url = queue.create_queue(QueueName=f"on-call-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = queue.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    let_topic_send = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [let_topic_send]})
    queue.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscription = topics.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
    try:
        yield AlarmListener(queue, url)
    finally:
        topics.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
        queue.delete_queue(QueueUrl=url)

"""Waiting: what a conversation takes that waits in the queue, for the model and for its delivery, as deployed."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

from benchmarks.bench import Bench, Sizes
from benchmarks.environment import ExecutionEnvironment
from benchmarks.figure import Figure, Limit

ATTRIBUTE = "continuation"
LATENCIES = (2, 5, 20, 60)
BATCHES = (1, 10)
LEARNT_FROM = 3
"""Conversations from which the function learns what runs take."""

ROUNDS = {1: 2, 10: 1}
"""How often it is measured: one message says less than ten."""

WAITING = {"PATIENCE_SECONDS": "21600", "DELIVERY_WATCH_SECONDS": "3600"}
WRITES, READS = ("PutItem", "UpdateItem"), ("GetItem", "Query")
END_SECONDS = 400.0
ADDED_LIMIT = 12.0
"""Percent of the model's time that the wait for a run of 20 s may add."""


@dataclass
class Trip:
    """What messages took on their way from the router to their last look.

    Attributes:
        seconds: Billed, of the work and of the looks back; an invocation is shared by the messages in it.
        invocations: The same.
        puts: Messages that the function put on the queue, to work on and to look.
        logged: Bytes.
        added: From the end of each run to its message's creation at Twilio, in percent of the run's time.
    """

    seconds: Counter[str] = field(default_factory=Counter)
    invocations: Counter[str] = field(default_factory=Counter)
    puts: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    added: list[float] = field(default_factory=list)
    logged: int = 0


def steps(_: Sizes) -> int:
    return len(LATENCIES) * (len(BATCHES) + 1)


def measure(bench: Bench) -> list[Figure]:
    figures: list[Figure] = []
    stubs = bench.world.stubs.client
    for latency in LATENCIES:
        stubs.configure(run_seconds=latency)
        with bench.wire() as wire, bench.environment(bench.ours, wire, **WAITING) as environment:
            bench.tick(f"waiting in the queue, {latency} s: it learns what runs take")
            _travel(bench, environment, LEARNT_FROM, latency)
            for batch in BATCHES:
                bench.tick(f"waiting in the queue, {latency} s, {batch} at a time")
                trip, logged = Trip(), environment.log_bytes()
                wire.forget()
                for _ in range(ROUNDS[batch]):
                    _travel(bench, environment, batch, latency, trip)
                trip.calls, trip.logged = wire.aws.calls(), environment.log_bytes() - logged
                figures += _figures(trip, latency, batch)
    stubs.configure(run_seconds=0)
    return figures


def _figures(trip: Trip, latency: int, batch: int) -> list[Figure]:
    messages = batch * ROUNDS[batch]
    looks = trip.puts["look"] / messages

    def figure(what: str, name: str, value: float, unit: str = "", digits: int = 2) -> Figure:
        limit = Limit(ADDED_LIMIT) if (what, latency) == ("added", 20) else None
        told = f"{name}, the model takes {latency} s, {'alone' if batch == 1 else f'{batch} at a time'}"
        return Figure(f"wait_{latency}_{batch}_{what}", told, value, unit=unit, digits=digits, limit=limit)

    return [
        figure("seconds", "Billed time of a conversation", trip.seconds["work"] / messages, "s", 3),
        figure("invocations", "Invocations of a conversation", trip.invocations["work"] / messages),
        figure("puts", "Times it is put on the queue again", trip.puts["work"] / messages),
        figure("writes", "Writes to DynamoDB, looks included", sum(trip.calls[name] for name in WRITES) / messages),
        figure("reads", "Reads from DynamoDB, looks included", sum(trip.calls[name] for name in READS) / messages),
        figure("added", "Wait that it adds", mean(trip.added), "%", 1),
        figure("log_bytes", "Logs and metrics, looks included", trip.logged / messages, "bytes", 0),
        figure("looks", "Looks back", looks),
        figure("look_seconds", "Billed time of its looks", trip.seconds["look"] / messages, "s", 3),
        figure("look_invocations", "Invocations of its looks", trip.invocations["look"] / messages),
    ]


def _travel(
    bench: Bench, environment: ExecutionEnvironment, batch: int, latency: int, trip: Trip | None = None
) -> None:
    """Send messages and be SQS and its event source to them, until nothing is left in the queue."""
    trip = trip or Trip()
    sqs, queue_url = bench.world.aws_client("sqs"), bench.world.queue_url
    event = bench.router.event(batch)
    for record in event["Records"]:
        sqs.send_message(QueueUrl=queue_url, MessageBody=record["body"])
    deadline = time.monotonic() + END_SECONDS
    while _left(sqs, queue_url):
        if time.monotonic() > deadline:
            raise RuntimeError(f"messages are left after {END_SECONDS:.0f} s:\n{environment.log_text()[-2000:]}")
        received = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=1,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        if received:
            _invoke(environment, received, trip)
            for message in received:
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    trip.added += [_added(bench, record, latency) for record in event["Records"]]


def _left(sqs: Any, queue_url: str) -> int:
    names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
    counts = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(map(int, counts.values()))


def _invoke(environment: ExecutionEnvironment, received: list[dict[str, Any]], trip: Trip) -> None:
    answer, seconds = environment.invoke({"Records": [_record(message) for message in received]})
    if answer["batchItemFailures"]:
        raise RuntimeError(f"a message failed:\n{environment.log_text()[-2000:]}")
    for message in received:
        waits_for = _waits_for(message)
        kind = "look" if waits_for == "delivery" else "work"
        trip.seconds[kind] += seconds / len(received)  # type: ignore[assignment]
        trip.invocations[kind] += 1 / len(received)  # type: ignore[assignment]
        if waits_for is not None:
            trip.puts[kind] += 1


def _record(message: dict[str, Any]) -> dict[str, Any]:
    """Return a received message as Lambda's event source hands it over."""
    attributes = message.get("MessageAttributes", {})
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {
            name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
            for name, value in attributes.items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:benchmark",
        "awsRegion": "eu-west-1",
    }


def _waits_for(message: dict[str, Any]) -> str | None:
    attribute = message.get("MessageAttributes", {}).get(ATTRIBUTE)
    return str(json.loads(attribute["StringValue"])["reason"]) if attribute else None


def _added(bench: Bench, record: dict[str, Any], latency: int) -> float:
    """Return how much later than its run's end a message was sent, in percent of the run's time."""
    client = bench.world.stubs.client
    recipient = json.loads(record["body"])["frontend_payload"]["recipient_data"]["recipient_tel"]
    (asked,) = client.journal(recipient, operation="openai.responses.create")
    (sent,) = client.messages(recipient)
    return float(100 * max(sent["created_at"] - asked.time - latency, 0.0) / latency)

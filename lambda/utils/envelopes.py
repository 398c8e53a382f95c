"""Envelopes: bodies that hold a Context Object inside something else, and what to set at the sender."""

import json
from collections.abc import Mapping
from typing import Any


def envelope_fault(data: object) -> str | None:
    """Name the envelope that a body is, and what to change at the sender; None if it is no envelope that is known."""
    if isinstance(data, str):
        return _encoded_twice(data)
    if isinstance(data, list):
        return _s3_pointer(data)
    if not isinstance(data, Mapping) or "frontend_payload" in data:
        return None
    if "TopicArn" in data and "Type" in data:
        return "an SNS envelope: set RawMessageDelivery to true at the topic's subscription"
    if {"detail-type", "detail"} <= data.keys():
        return "an EventBridge envelope: set InputPath to $.detail at the rule's target"
    if isinstance(data.get("Records"), list):
        return "an event with records, as of S3, SQS or Kinesis: send one Context Object as the body of each message"
    if "s3BucketName" in data and "s3Key" in data:
        return _POINTER
    if isinstance(data.get("body"), str) and ("messageId" in data or "MessageId" in data or "headers" in data):
        return "a message or request inside a message: send its body alone"
    if isinstance(data.get("Message"), str | Mapping) or isinstance(data.get("MessageBody"), str | Mapping):
        return "an envelope around the object: send the inner object alone as the body"
    return None


_POINTER = "a pointer to a payload in S3, of an extended SQS client: send the object itself, it fits into a message"


def _encoded_twice(text: str) -> str | None:
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(inner, dict | list | str):
        return "JSON encoded twice: send the object's JSON as the body, not a string that holds it"
    return None


def _s3_pointer(items: list[Any]) -> str | None:
    if any(isinstance(item, str) and item.endswith("S3Pointer") for item in items):
        return _POINTER
    if any(isinstance(item, Mapping) and "frontend_payload" in item for item in items):
        return "a list of Context Objects: send each as a message of its own"
    return None

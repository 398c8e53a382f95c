"""Leaks: whether anything is in a function's log that must never be there."""

import json
import re
from collections.abc import Iterator

from sandbox.harness.stack import Stack
from sandbox.stubs import OPENAI_KEY, TWILIO_AUTH_TOKEN

MIN_LENGTH = 4
"""Shorter texts occur by chance."""

PHONE_NUMBER = re.compile(r"(?<![0-9A-Za-z_.-])\+?[1-9]\d{10,14}(?![0-9A-Za-z_.-])")
"""A full number, with or without its plus; ids and times have letters, dots or dashes beside their digits."""

PERSONAL = (
    "recipient_tel",
    "recipient_first_name",
    "recipient_last_name",
    "recipient_email",
    "company_whatsapp_number",
)


def find_leaks(stack: Stack) -> list[str]:
    """Return each line of each function's log that shows a secret, a full number, a person or the text of a message."""
    lines = [line for deployment in stack.deployments for line in deployment.log.lines()]
    needles = dict(_needles(stack))
    faults = []
    for line in lines:
        faults += [f"{what} in: {line.text}" for needle, what in needles.items() if needle in line.text]
        if line.json is None or not line.is_metric:
            faults += [f"a number in: {line.text}" for _ in PHONE_NUMBER.finditer(line.text)]
    if not lines:
        faults.append("the functions have logged nothing at all, so this shows nothing")
    return faults


def _needles(stack: Stack) -> Iterator[tuple[str, str]]:
    """Yield what must not be there, and what it is."""
    yield OPENAI_KEY, "OpenAI's key"
    yield TWILIO_AUTH_TOKEN, "Twilio's token"
    for key in _stored_keys(stack):
        yield key, "a stored key"
    for deployment in stack.deployments:
        for record in deployment.records():
            for name in PERSONAL:
                if len(str(record.get(name, ""))) >= MIN_LENGTH:
                    yield str(record[name]), name
    for message in stack.stubs.messages():
        yield message["body"], "a message's text"
        for value in json.loads(message["content_variables"] or "{}").values():
            if len(value) >= MIN_LENGTH:
                yield value, "a message's variable"


def _stored_keys(stack: Stack) -> Iterator[str]:
    """Yield the keys and tokens in Secrets Manager, those before the last rotation included."""
    secrets = stack.aws.client("secretsmanager")
    pages = secrets.get_paginator("list_secrets").paginate()
    for name in [secret["Name"] for page in pages for secret in page["SecretList"]]:
        for stage in ("AWSCURRENT", "AWSPREVIOUS"):
            try:
                text = secrets.get_secret_value(SecretId=name, VersionStage=stage)["SecretString"]
            except (secrets.exceptions.ResourceNotFoundException, KeyError):
                continue  # no value yet, or never rotated
            try:
                values = json.loads(text)
                keys = [values.get(name, "") for name in ("ai_api_key", "twilio_auth_token", "twilio_api_key_secret")]
            except (ValueError, AttributeError):
                keys = [text]
            yield from (key for key in keys if len(key) >= MIN_LENGTH)

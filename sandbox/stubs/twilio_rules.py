"""What Twilio checks before it accepts a message, with the error codes it answers.

Source: Twilio's error reference, one page per code. The wording of messages is close to Twilio's, not a
contract. Limits that Twilio finds only later (a template text that is too long, the 24-hour window) fail the
message after it was accepted, see `twilio_messages.py`.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

MAX_BODY_UNITS = 1600
MAX_VARIABLE_CHARACTERS = 1600
MAX_VARIABLES = 100

_PHONE = r"\+[1-9]\d{6,14}"
_ADDRESS = re.compile(rf"(?:(?P<channel>whatsapp):(?:{_PHONE}|[A-Z]{{2}}\.[A-Za-z0-9.]{{1,140}})|{_PHONE})")
_CONTENT_SID = re.compile(r"HX[0-9a-fA-F]{32}")
_SERVICE_SID = re.compile(r"MG[0-9a-fA-F]{32}")
_VARIABLE_NAME = re.compile(r"[A-Za-z0-9_]{1,16}")
_FORBIDDEN_IN_VALUE = re.compile(r"[\n\r\t]| {5,}")


class TwilioRefusal(Exception):  # noqa: N818 - an answer of the vendor, not an error of the stub
    """Twilio refuses the request; nothing was sent."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        self.code = code
        self.message = message
        self.status = status
        super().__init__(f"{code} {message}")


def check_create(form: Mapping[str, str]) -> dict[str, str]:
    """Return the content variables of a request to create a message.

    Raises:
        TwilioRefusal: A parameter is missing or wrong; the first fault found counts.
    """
    _check_addresses(form)
    callback = form.get("StatusCallback")
    if callback and not _is_public_url(callback):
        raise TwilioRefusal(21609, f"The 'StatusCallback' URL {callback} is not a valid URL.")
    variables = _check_content(form)
    if not form.get("ContentSid"):
        _check_body(form)
    return variables


def _check_addresses(form: Mapping[str, str]) -> None:
    to, from_, service = form.get("To"), form.get("From"), form.get("MessagingServiceSid")
    if not to:
        raise TwilioRefusal(21604, "A 'To' phone number is required.")
    if not from_ and not service:
        raise TwilioRefusal(21603, "A 'From' phone number is required.")
    if service and not _SERVICE_SID.fullmatch(service):
        raise TwilioRefusal(21705, f"The Messaging Service Sid {service} is invalid.")
    to_address = _ADDRESS.fullmatch(to)
    if to_address is None:
        raise TwilioRefusal(21211, f"The 'To' number {to} is not a valid phone number.")
    if not from_:
        return
    from_address = _ADDRESS.fullmatch(from_)
    if from_address is None:
        raise TwilioRefusal(
            21212,
            f"The 'From' number {from_} is not a valid phone number, shortcode, or alphanumeric sender ID.",
        )
    if to_address["channel"] != from_address["channel"]:
        raise TwilioRefusal(21910, "Invalid From and To pair. From and To should be of the same channel")
    if to == from_:
        raise TwilioRefusal(63031, "Channels message cannot have same From and To")


def _check_content(form: Mapping[str, str]) -> dict[str, str]:
    content_sid, encoded = form.get("ContentSid"), form.get("ContentVariables")
    if content_sid and not _CONTENT_SID.fullmatch(content_sid):
        raise TwilioRefusal(21655, "The ContentSid is Invalid")
    if not encoded:
        return {}
    if not content_sid:
        raise TwilioRefusal(21654, "ContentSid is required with ContentVariables")
    try:
        variables: Any = json.loads(encoded)
    except (ValueError, RecursionError):
        variables = None
    if not isinstance(variables, dict) or len(variables) > MAX_VARIABLES:
        raise TwilioRefusal(21656, "The ContentVariables Parameter is invalid")
    for name, value in variables.items():
        is_usable = isinstance(value, str) and value != "" and not _FORBIDDEN_IN_VALUE.search(value)
        if not _VARIABLE_NAME.fullmatch(name) or not is_usable:
            raise TwilioRefusal(21656, "The ContentVariables Parameter is invalid")
        if len(value) > MAX_VARIABLE_CHARACTERS:
            raise TwilioRefusal(21658, "The ContentVariables value exceeds the limit of 1600 characters")
    return variables


def _check_body(form: Mapping[str, str]) -> None:
    body = form.get("Body")
    if not form.get("MediaUrl"):
        if body is None:
            raise TwilioRefusal(21619, "A text message body or media urls must be specified.")
        if not body.strip():
            raise TwilioRefusal(21602, "Message body is required.")
    if body and utf_16_units(body) > MAX_BODY_UNITS:
        raise TwilioRefusal(21617, "The concatenated message body exceeds the 1600 character limit")


def utf_16_units(text: str) -> int:
    """Return the length in UTF-16 units, the strictest reading of Twilio's "characters"."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def _is_public_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "_" not in (parts.hostname or "")
    except ValueError:
        return False

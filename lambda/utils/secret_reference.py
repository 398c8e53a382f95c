"""Secret reference: the name of a secret, a path that says by one of its segments what the secret is for."""

import re
from enum import StrEnum

MAX_REFERENCE_LENGTH = 512
"""Source: AWS Secrets Manager API Reference, CreateSecret: names have 1 to 512 characters."""

_SEGMENT = r"\.*[A-Za-z0-9_+=@-][A-Za-z0-9_+=.@-]*"
"""Anything but an empty segment, or one of dots alone."""

REFERENCE_PREFIX = rf"^({_SEGMENT}/)*({_SEGMENT})?$"
"""Pattern of `SECRET_NAME_PREFIX`: whole segments; the slash at its end may be left out."""

_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")


class SecretKind(StrEnum):
    """The path segment that every secret of a kind has."""

    TWILIO = "whatsapp-credentials"
    OPENAI = "openai-api-key"


def reference_pattern(kind: SecretKind) -> str:
    """Return the pattern that a JSON Schema shows for references of a kind."""
    return rf"^({_SEGMENT}/)*{kind}(/{_SEGMENT})*$"


def reference_fault(reference: str, kind: SecretKind, prefix: str = "") -> str | None:
    """Say why a secret may not be used as one of a kind; None if it may.

    A tenant's configuration names the secret, so nothing but the exact form counts: no ARN, no other case, no
    character that only looks like one of the kind's.

    Args:
        prefix: Segments that the reference must begin with; the slash at their end may be left out.
    """
    if len(reference) > MAX_REFERENCE_LENGTH or not _PATH.fullmatch(reference):
        return (
            f"must be a secret's name of at most {MAX_REFERENCE_LENGTH} characters:"
            " segments of letters, digits and _+=.@- with a slash between them"
        )
    segments = reference.split("/")
    if kind not in segments:
        return f"must have the path segment {kind}"
    if any(other in segments for other in SecretKind if other is not kind):
        return "must not have the path segments of two kinds of secret"
    if prefix and not reference.startswith(with_slash(prefix)):
        return "must begin with SECRET_NAME_PREFIX"
    return None


def with_slash(prefix: str) -> str:
    """Return a prefix of whole segments, its slash included; an empty one stays empty."""
    return f"{prefix.removesuffix('/')}/" if prefix else ""


def kind_of(name: str, prefix: str = "") -> SecretKind | None:
    """Return what a secret is for by its name, or None if it is for nothing of ours."""
    return next((kind for kind in SecretKind if reference_fault(name, kind, prefix) is None), None)

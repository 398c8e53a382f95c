"""Filter pattern: evaluates a filter pattern of CloudWatch Logs on one log event, as a metric filter would.

No emulator does it right, and AWS's own TestMetricFilter needs AWS. Only what the documents state is here; all else
is a `PatternError`, so that a pattern which passes means what it seems to.

Source: Amazon CloudWatch Logs User Guide, "Filter pattern syntax for metric filters", JSON log events and unstructured
log events.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

MAX_LENGTH = 1024
MAX_REGEXES = 2

Condition = Callable[[Any], bool]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<op><=|>=|!=|=|<|>) | (?P<logic>&&|\|\|) | (?P<paren>[()])
      | (?P<string>"(?:[^"\\]|\\.)*") | (?P<regex>%(?:[^%\\]|\\.)+%)
      | (?P<selector>\$(?:\.[A-Za-z0-9_-]+|\[\d+\])+) | (?P<word>[^\s()=<>!&|"%$]+)
    )""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_BARE = re.compile(r"[A-Za-z0-9_*]+|[0-9.*]+")
_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]")

_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


_TERMS = re.compile(r"""\s*(?P<sign>[-?]?)(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[A-Za-z0-9_]+))(?=\s|$)""")


class PatternError(ValueError):
    """The pattern breaks a rule of its grammar, or uses what the documents leave open."""


class FilterPattern:
    """A pattern such as `{ ($.level = "ERROR") && ($.event = "x") }`, or of terms: `CRITICAL "update failed"`."""

    def __init__(self, pattern: str) -> None:
        """Parse a pattern.

        Raises:
            PatternError: It is not one.
        """
        if len(pattern) > MAX_LENGTH:
            raise PatternError(f"a pattern has at most {MAX_LENGTH} characters; this one has {len(pattern)}")
        text = pattern.strip()
        self._condition: Condition | None = None
        self._terms: list[tuple[str, str]] = []
        if not text.startswith("{"):
            self._terms = list(_terms(text))
            return
        if not text.endswith("}"):
            raise PatternError("a JSON filter pattern stands in braces")
        parser = _Parser(list(_tokens(text[1:-1])))
        self._condition = parser.expression()
        parser.end()

    def matches(self, message: str) -> bool:
        """Whether a log event matches; one that is not a single JSON object matches no JSON pattern."""
        if self._condition is None:
            return _has_terms(message, self._terms)
        try:
            event = json.loads(message)
        except ValueError:
            return False
        return isinstance(event, dict) and self._condition(event)


def _terms(text: str) -> Iterator[tuple[str, str]]:
    """Yield each term with its sign: none if it must occur, `-` if it must not, `?` if it is one of several."""
    position = 0
    while text[position:].strip():
        found = _TERMS.match(text, position)
        if found is None:
            raise PatternError(f"not understood: {text[position:].strip()!r}")
        quoted = found["quoted"]
        yield found["sign"], found["bare"] if quoted is None else json.loads(f'"{quoted}"')
        position = found.end()
    if not position:
        raise PatternError("a pattern has a term")


def _has_terms(message: str, terms: list[tuple[str, str]]) -> bool:
    any_of = [term for sign, term in terms if sign == "?"]
    return (
        all(term in message for sign, term in terms if not sign)
        and not any(term in message for sign, term in terms if sign == "-")
        and (not any_of or any(term in message for term in any_of))
    )


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def _tokens(text: str) -> Iterator[_Token]:
    position, regexes = 0, 0
    while text[position:].strip():
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise PatternError(f"not understood: {text[position:].strip()!r}")
        regexes += found.lastgroup == "regex"
        if regexes > MAX_REGEXES:
            raise PatternError(f"a pattern has at most {MAX_REGEXES} regular expressions")
        yield _Token(found.lastgroup, found[found.lastgroup])
        position = found.end()


class _Parser:
    """Recursive descent: parentheses bind before `&&`, and `&&` before `||`."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens

    def expression(self) -> Condition:
        return self._chain("||", self._conjunction, any)

    def _conjunction(self) -> Condition:
        return self._chain("&&", self._term, all)

    def _chain(self, operator: str, part: Callable[[], Condition], fold: Callable[..., bool]) -> Condition:
        parts = [part()]
        while self._peek().text == operator:
            self._next()
            parts.append(part())
        return parts[0] if len(parts) == 1 else lambda event: fold(condition(event) for condition in parts)

    def _term(self) -> Condition:
        token = self._next()
        if token == _Token("paren", "("):
            inner = self.expression()
            self._expect(")")
            return inner
        if token.kind != "selector":
            raise PatternError(f"a selector such as $.level is wanted, not {token.text!r}")
        return self._comparison(token.text)

    def _comparison(self, selector: str) -> Condition:
        token = self._next()
        if token.kind == "op":
            accepts = _comparison(token.text, self._next())
            return lambda event: (found := _select(event, selector)) is not _MISSING and accepts(found)
        words = (token.text, self._next().text)
        if words == ("NOT", "EXISTS"):
            return lambda event: _select(event, selector, leaves_only=False) is _MISSING
        constants = {("IS", "NULL"): None, ("IS", "TRUE"): True, ("IS", "FALSE"): False}
        if words not in constants:
            raise PatternError(f"not understood after {selector}: {' '.join(words)!r}")
        wanted = constants[words]
        return lambda event: _select(event, selector) is wanted

    def end(self) -> None:
        if self._tokens:
            raise PatternError(f"not understood: {self._tokens[0].text!r}")

    def _expect(self, text: str) -> None:
        if self._next().text != text:
            raise PatternError(f"{text!r} is missing")

    def _peek(self) -> _Token:
        return self._tokens[0] if self._tokens else _Token("end", "")

    def _next(self) -> _Token:
        if not self._tokens:
            raise PatternError("the pattern ends too early")
        return self._tokens.pop(0)


def _comparison(operator: str, value: _Token) -> Callable[[Any], bool]:
    if value.kind == "word" and _NUMBER.fullmatch(value.text):
        return _numeric(operator, float(value.text))
    if operator not in ("=", "!="):
        raise PatternError(f"{operator} compares numbers; {value.text!r} is none")
    if value.kind == "string":
        text = json.loads(value.text)
        expression = re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)
    elif value.kind == "regex":
        expression = re.compile(f".*(?:{value.text[1:-1]}).*", re.DOTALL)
    elif value.kind == "word" and _BARE.fullmatch(value.text):
        expression = re.compile(".*".join(map(re.escape, value.text.split("*"))), re.DOTALL)
    else:
        raise PatternError(f"a string of other than letters, digits and _ is quoted: {value.text!r}")
    return lambda found: (expression.fullmatch(_text(found)) is not None) == (operator == "=")


def _numeric(operator: str, wanted: float) -> Callable[[Any], bool]:
    def accepts(found: Any) -> bool:
        if isinstance(found, bool) or not isinstance(found, int | float):
            return False
        if operator in _ORDER:
            return _ORDER[operator](float(found), wanted)
        return (float(found) == wanted) == (operator == "=")

    return accepts


class _Missing:
    """Stands for a property that is not there, or that no comparison is made with."""


_MISSING = _Missing()


def _select(event: Any, selector: str, *, leaves_only: bool = True) -> Any:
    """Return what a selector names; an object or array is not compared with anything."""
    found = event
    for name, index in _STEP.findall(selector):
        if name and isinstance(found, dict) and name in found:
            found = found[name]
        elif index and isinstance(found, list) and int(index) < len(found):
            found = found[int(index)]
        else:
            return _MISSING
    return _MISSING if leaves_only and isinstance(found, dict | list) else found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)

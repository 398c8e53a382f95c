"""Expressions of DynamoDB: conditions and updates, compiled once and evaluated on typed items.

Covers what a client of one table writes; an expression beyond it raises, so that nothing is silently ignored.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

Item = dict[str, Any]
"""Attributes with DynamoDB's types: `{"S": "text"}`."""

Names = Mapping[str, str]
Operand = Callable[[Item, Names, Item], Any]
Condition = Callable[[Item, Names, Item], bool]

_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),+-]|[#:]?[A-Za-z_][\w.\[\]#]*)")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}
_CLAUSES = {"SET", "REMOVE", "ADD", "DELETE"}


class WrongOperandError(Exception):
    """A function is given an operand of a type that it does not take."""


@dataclass(slots=True)
class Update:
    """What an update expression changes."""

    sets: list[tuple[str, Operand]] = field(default_factory=list)
    removes: list[str] = field(default_factory=list)
    adds: list[tuple[str, Operand]] = field(default_factory=list)

    def apply(self, item: Item, names: Names, values: Item) -> Item:
        """Return the item as it is afterwards; every operand is read from the item as it was."""
        after = dict(item)
        for path, operand in self.sets:
            after[names.get(path, path)] = operand(item, names, values)
        for path in self.removes:
            after.pop(names.get(path, path), None)
        for path, operand in self.adds:
            name = names.get(path, path)
            before = Decimal(item[name]["N"]) if name in item else Decimal(0)
            after[name] = {"N": str(before + Decimal(operand(item, names, values)["N"]))}
        return after


@cache
def condition(expression: str) -> Condition:
    """Compile a condition."""
    parser = _Parser(expression)
    compiled = parser.disjunction()
    parser.end()
    return compiled


@cache
def update(expression: str) -> Update:
    """Compile an update."""
    parser, compiled = _Parser(expression), Update()
    while parser.more():
        clause = parser.take().upper()
        while True:
            path = parser.take()
            if clause == "SET":
                parser.expect("=")
                compiled.sets.append((path, parser.sum()))
            elif clause == "REMOVE":
                compiled.removes.append(path)
            elif clause == "ADD":
                compiled.adds.append((path, parser.operand()))
            else:
                raise NotImplementedError(clause)
            if parser.peek() != ",":
                break
            parser.take()
    return compiled


@cache
def placeholders(*expressions: str) -> frozenset[str]:
    """Return the values that expressions name."""
    return frozenset(token for text in expressions for token in _tokens(text) if token.startswith(":"))


def _tokens(text: str) -> list[str]:
    tokens, at, text = [], 0, text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise NotImplementedError(f"{text[at:]!r} in an expression")
        tokens.append(found[1])
        at = found.end()
    return tokens


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    def peek(self) -> str:
        return self._tokens[self._at] if self.more() else ""

    def take(self) -> str:
        token = self.peek()
        self._at += 1
        return token

    def more(self) -> bool:
        return self._at < len(self._tokens)

    def expect(self, token: str) -> None:
        if (taken := self.take()) != token:
            raise NotImplementedError(f"{taken!r} where {token!r} should be")

    def end(self) -> None:
        if self.more():
            raise NotImplementedError(f"{self.peek()!r} after the end")

    def disjunction(self) -> Condition:
        terms = [self.conjunction()]
        while self.peek().upper() == "OR":
            self.take()
            terms.append(self.conjunction())
        return terms[0] if len(terms) == 1 else lambda *args: any(term(*args) for term in terms)

    def conjunction(self) -> Condition:
        terms = [self.negation()]
        while self.peek().upper() == "AND":
            self.take()
            terms.append(self.negation())
        return terms[0] if len(terms) == 1 else lambda *args: all(term(*args) for term in terms)

    def negation(self) -> Condition:
        if self.peek().upper() == "NOT":
            self.take()
            inner = self.negation()
            return lambda *args: not inner(*args)
        return self.predicate()

    def predicate(self) -> Condition:
        if self.peek() == "(":
            self.take()
            inner = self.disjunction()
            self.expect(")")
            return inner
        if self.peek() in {"attribute_exists", "attribute_not_exists"}:
            wanted = self.take() == "attribute_exists"
            self.expect("(")
            operand = self.operand()
            self.expect(")")
            return lambda *args: (operand(*args) is not None) is wanted
        if self.peek() in {"begins_with", "contains"}:
            function = self.take()
            self.expect("(")
            one = self.operand()
            self.expect(",")
            other = self.operand()
            self.expect(")")
            return lambda *args: _text_test(function, one(*args), other(*args))
        return self.comparison(self.operand())

    def comparison(self, one: Operand) -> Condition:
        operator = self.take()
        if operator.upper() == "IN":
            self.expect("(")
            others = [self.operand()]
            while self.peek() == ",":
                self.take()
                others.append(self.operand())
            self.expect(")")
            return lambda *args: any(_equal(one(*args), other(*args)) for other in others)
        if operator.upper() == "BETWEEN":
            low = self.operand()
            self.expect("AND")
            high = self.operand()
            return lambda *args: _ordered(">=", one(*args), low(*args)) and _ordered("<=", one(*args), high(*args))
        other = self.operand()
        if operator in {"=", "<>"}:
            wanted = operator == "="
            return lambda *args: _equal(one(*args), other(*args)) is wanted
        return lambda *args: _ordered(operator, one(*args), other(*args))

    def sum(self) -> Operand:
        one = self.operand()
        if self.peek() not in {"+", "-"}:
            return one
        sign, other = 1 if self.take() == "+" else -1, self.operand()
        return lambda *args: {"N": str(Decimal(one(*args)["N"]) + sign * Decimal(other(*args)["N"]))}

    def operand(self) -> Operand:
        token = self.take()
        if self.peek() == "(" and token in {"if_not_exists", "list_append", "size"}:
            self.take()
            arguments = [self.operand()]
            while self.peek() == ",":
                self.take()
                arguments.append(self.operand())
            self.expect(")")
            return _function(token, arguments)
        if token.startswith(":"):
            return lambda _item, _names, values: values[token]
        if not token or token[0] in "(),=<>" or token.upper() in _CLAUSES or "." in token or "[" in token:
            raise NotImplementedError(f"{token!r} as an operand")
        return lambda item, names, _values: item.get(names.get(token, token))


def _function(name: str, arguments: list[Operand]) -> Operand:
    if name == "if_not_exists":
        return lambda *args: found if (found := arguments[0](*args)) is not None else arguments[1](*args)
    if name == "list_append":
        return lambda *args: _joined(arguments[0](*args), arguments[1](*args))
    return lambda *args: {"N": str(len(next(iter((arguments[0](*args) or {"S": ""}).values()))))}


def _joined(one: Any, other: Any) -> Any:
    if one is None or other is None or "L" not in one or "L" not in other:
        raise WrongOperandError
    return {"L": [*one["L"], *other["L"]]}


def _equal(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return False
    if "N" in one and "N" in other:
        return Decimal(one["N"]) == Decimal(other["N"])
    return bool(one == other)


def _ordered(operator: str, one: Any, other: Any) -> bool:
    if one is None or other is None or one.keys() != other.keys():
        return False
    if "N" in one:
        return _COMPARE[operator](Decimal(one["N"]), Decimal(other["N"]))
    return _COMPARE[operator](one["S"], other["S"])


def _text_test(function: str, one: Any, other: Any) -> bool:
    if one is None or other is None:
        return False
    if function == "begins_with":
        return bool("S" in one and "S" in other and one["S"].startswith(other["S"]))
    if "L" in one:
        return other in one["L"]
    return bool("S" in one and "S" in other and other["S"] in one["S"])

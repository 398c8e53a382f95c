"""CloudWatch: metrics, and what alarms make of them minute by minute.

Source: Amazon CloudWatch User Guide, "Alarm evaluation", "Configuring how CloudWatch alarms treat missing data" and
"Using metric math": an alarm looks every minute at periods that end there; it fetches a few more than it evaluates, and
takes the latest that have data before it fills in what is missing.
"""

import ast
import operator
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.unit.alarms.definitions import Definitions, Metric, MetricAlarm

MINUTE = 60
FURTHER_PERIODS = 2
"""How many more than it evaluates an alarm fetches: five for three in the guide's tables."""

Series = list[float | None]
Dimensions = frozenset[tuple[str, str]]

STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Sum": sum,
    "Maximum": max,
    "SampleCount": len,
}
OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
}
MATH: Mapping[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.GtE: operator.ge,
}


class Metrics:
    """Data points by metric, in the order of time."""

    def __init__(self) -> None:
        self._moments: defaultdict[tuple[str, str, Dimensions], list[float]] = defaultdict(list)
        self._values: defaultdict[tuple[str, str, Dimensions], list[float]] = defaultdict(list)

    def put(self, moment: float, namespace: str, name: str, value: float, **dimensions: str) -> None:
        key = namespace, name, frozenset(dimensions.items())
        at = bisect_left(self._moments[key], moment + 1e-9)  # not all of a minute's are put in their order
        self._moments[key].insert(at, moment)
        self._values[key].insert(at, value)

    def periods(self, metric: Metric, until: float, count: int) -> Series:
        """Return one value for each of the last periods, the oldest first."""
        key = metric.namespace, metric.name, metric.dimensions
        moments, values, found = self._moments.get(key, []), self._values.get(key, []), []
        edges = [bisect_left(moments, until - metric.period * number) for number in range(count, -1, -1)]
        for first, last in pairwise(edges):
            found.append(STATISTICS[metric.statistic](values[first:last]) if first < last else None)
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """An alarm begins or ends to ring."""

    moment: int
    alarm: str
    rings: bool


def changes(definitions: Definitions, metrics: Metrics, until: int) -> Iterator[Change]:
    """Yield what metric alarms and composites do, looking once a minute."""
    ringing: set[str] = set()
    for moment in range(MINUTE, until + 1, MINUTE):
        now = {key for key, alarm in definitions.metric_alarms.items() if rings(alarm, metrics, moment)}
        now |= {key for key, alarm in definitions.composites.items() if alarm.children & now}
        for key in sorted(now ^ ringing):
            yield Change(moment, key, key in now)
        ringing = now


def rings(alarm: MetricAlarm, metrics: Metrics, moment: int) -> bool:
    fetched = alarm.of + FURTHER_PERIODS
    series = {name: metrics.periods(metric, moment, fetched) for name, metric in alarm.metrics.items()}
    values = evaluate(ast.parse(alarm.expression, mode="eval").body, series, fetched)
    known = [value for value in values if value is not None][-alarm.of :]
    breaching = sum(OPERATORS[alarm.operator](value, alarm.threshold) for value in known)
    if alarm.missing == "breaching":
        breaching += alarm.of - len(known)
    else:
        assert alarm.missing == "notBreaching", f"{alarm.name}: {alarm.missing} is not modelled"
    return breaching >= alarm.datapoints


def evaluate(node: ast.AST, series: Mapping[str, Series], count: int) -> Series:
    """Return the values of an expression of metric math; what is not modelled is an error."""
    match node:
        case ast.Constant(value=float() | int() as value):
            return [float(value)] * count
        case ast.Name(id=name):
            return series[name]
        case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]):
            sides = zip(evaluate(left, series, count), evaluate(right, series, count), strict=True)
            return [_calculated(MATH[type(op)], *pair) for pair in sides]
        case ast.Call(func=ast.Name(id="FILL"), args=[filled, ast.Constant(value=float() | int() as value)]):
            values = evaluate(filled, series, count)
            has_data = any(value is not None for value in values)
            return [float(value) if one is None and has_data else one for one in values]
        case ast.Call(func=ast.Name(id="DIFF"), args=[of]):
            values = evaluate(of, series, count)
            return [None, *(_calculated(operator.sub, *pair) for pair in zip(values[1:], values, strict=False))]
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            branches: list[Any] = [evaluate(one, series, count) for one in (condition, then, otherwise)]
            return [None if c is None else a if c else b for c, a, b in zip(*branches, strict=True)]
    raise NotImplementedError(ast.dump(node))


def _calculated(operation: Callable[[float, float], float], left: float | None, right: float | None) -> float | None:
    if left is None or right is None or (operation is operator.truediv and right == 0):
        return None
    return float(operation(left, right))

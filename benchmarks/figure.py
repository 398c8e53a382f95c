"""Figures: what a measure found, beside the baseline and beside what the project allows itself."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["held", "broken", ""]


@dataclass(frozen=True, slots=True)
class Limit:
    """What the project allows itself.

    Attributes:
        on: Which of the figure's values it is on.
        at_least: It bounds from below, not from above.
    """

    value: float
    on: Literal["ours", "ratio"] = "ours"
    at_least: bool = False

    def holds(self, value: float) -> bool:
        return value >= self.value if self.at_least else value <= self.value


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table.

    Attributes:
        key: Names it for the cost model and for whoever compares two runs.
        name: What was measured, with all that one needs to know to read the number.
        unit: Follows each value; a ratio has none.
        digits: Shown after the point.
        limit: What must hold; None for a figure that is only told.
    """

    key: str
    name: str
    ours: float
    baseline: float | None = None
    unit: str = ""
    digits: int = 2
    limit: Limit | None = None

    @property
    def ratio(self) -> float | None:
        """Ours as a part of the baseline's."""
        return self.ours / self.baseline if self.baseline else None

    @property
    def verdict(self) -> Verdict:
        if self.limit is None:
            return ""
        value = self.ours if self.limit.on == "ours" else self.ratio
        return "held" if value is not None and self.limit.holds(value) else "broken"

    def cells(self) -> tuple[str, str, str, str, str, str]:
        """Return the name, ours, the baseline's, the ratio, the limit and whether it held, as text."""
        return (
            self.name,
            self._show(self.ours),
            "" if self.baseline is None else self._show(self.baseline),
            "" if self.ratio is None else f"{self.ratio:.2f}",
            self._show_limit(),
            self.verdict,
        )

    def _show(self, value: float) -> str:
        return f"{value:,.{self.digits}f} {self.unit}".rstrip()

    def _show_limit(self) -> str:
        if self.limit is None:
            return ""
        sign = "≥" if self.limit.at_least else "≤"
        if self.limit.on == "ratio":
            return f"ratio {sign} {self.limit.value:g}"
        return f"{sign} {self.limit.value:g} {self.unit}".rstrip()

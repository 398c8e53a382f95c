"""Random faults, drawn from a seed and from what the request says, so that a run can be repeated."""

import hashlib
import re
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from sandbox.stubs.faults import Action

_MADE_IDS = re.compile(r"\b(?:resp|conv|msg|rs|thread|run|asst|call)_[0-9a-f]{24,}|\b(?:SM|PA)[0-9a-f]{32,}")


@dataclass(frozen=True, slots=True)
class ChaosRule:
    """Play `action` on this share of the requests of `operation` (a glob)."""

    operation: str
    action: Action
    probability: float

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability must be from 0 to 1; it is {self.probability}")


class Chaos:
    """Draws once per request: the n-th request with the same content gets the same draw for the same seed.

    Ids that the stubs made up are left out of the content, as they differ from run to run. How often a run is
    polled depends on the caller's timing, so faults on polling calls repeat only as far as that does.
    """

    def __init__(
        self,
        rules: Sequence[ChaosRule] = (),
        *,
        seed: int = 0,
        subject_pattern: str | None = None,
        faults_per_subject: int | None = None,
    ) -> None:
        """Set the odds.

        Args:
            rules: What may happen, and how often.
            seed: Another one draws other faults.
            subject_pattern: Regular expression; its first occurrence names what a request is about, for
                example the recipient's number.
            faults_per_subject: Most faults one subject gets, so that every conversation can end well.

        Raises:
            ValueError: The odds of one operation exceed 1, or a limit comes without a pattern.
        """
        if faults_per_subject is not None and subject_pattern is None:
            raise ValueError("faults_per_subject needs a subject_pattern that tells subjects apart")
        for rule in rules:
            odds = sum(r.probability for r in rules if fnmatchcase(rule.operation, r.operation))
            if odds > 1 + 1e-9:
                raise ValueError(f"the probabilities for {rule.operation} add up to {odds:g}, more than 1")
        self._rules = tuple(rules)
        self._seed = seed
        self._subject_pattern = re.compile(subject_pattern) if subject_pattern else None
        self._faults_per_subject = faults_per_subject
        self._seen: Counter[bytes] = Counter()
        self._faults: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, operation: str, text: str) -> Action | None:
        """Draw for one request."""
        rules = [rule for rule in self._rules if fnmatchcase(operation, rule.operation)]
        if not rules:
            return None
        content = hashlib.sha256(f"{operation}\n{_MADE_IDS.sub('', text)}".encode()).digest()
        with self._lock:
            self._seen[content] += 1
            draw = _draw(self._seed, content, self._seen[content])
            for rule in rules:
                if draw < rule.probability:
                    return rule.action if self._allow(text) else None
                draw -= rule.probability
        return None

    def _allow(self, text: str) -> bool:
        found = self._subject_pattern.search(text) if self._subject_pattern else None
        if found is None or self._faults_per_subject is None:
            return True
        if self._faults[found[0]] == self._faults_per_subject:
            return False
        self._faults[found[0]] += 1
        return True

    def view(self) -> dict[str, Any]:
        """Return how many requests were drawn for, and how many subjects had how many faults."""
        with self._lock:
            return {
                "seed": self._seed,
                "drawn": sum(self._seen.values()),
                "faults_by_subject": dict(self._faults),
            }


def _draw(seed: int, content: bytes, occurrence: int) -> float:
    digest = hashlib.sha256(b"%d/%d/%s" % (seed, occurrence, content)).digest()
    return int.from_bytes(digest[:8], "big") / 2**64

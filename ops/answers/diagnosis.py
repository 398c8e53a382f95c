"""Answer of the doctor, and how its lines are made."""

import traceback
from enum import StrEnum
from pathlib import Path

from pydantic import Field

from ops.answers.base import Answer


class Verdict(StrEnum):
    """How a check of the doctor ended."""

    OK = "ok"
    WARNING = "warn"
    FAILED = "fail"
    SKIPPED = "skip"


class Finding(Answer):
    """One line of the doctor."""

    check: str
    verdict: Verdict
    detail: str
    advice: str | None


def ok(check: str, detail: str) -> Finding:
    return Finding(check=check, verdict=Verdict.OK, detail=detail, advice=None)


def warn(check: str, detail: str, advice: str) -> Finding:
    return Finding(check=check, verdict=Verdict.WARNING, detail=detail, advice=advice)


def fail(check: str, detail: str, advice: str) -> Finding:
    return Finding(check=check, verdict=Verdict.FAILED, detail=detail, advice=advice)


def skip(check: str, detail: str, advice: str | None = None) -> Finding:
    return Finding(check=check, verdict=Verdict.SKIPPED, detail=detail, advice=advice)


def not_checked(check: str, exc: Exception) -> Finding:
    """Return the finding of a check that ended in an exception nobody foresaw; its message may hold a secret."""
    frame = traceback.extract_tb(exc.__traceback__)[-1]
    return fail(
        check,
        f"could not be checked: {type(exc).__name__} at {Path(frame.filename).name}:{frame.lineno}",
        "Run it again. If it stays so, report this line with the output of: ops doctor --no-secrets",
    )


class Deliveries(Answer):
    """Answer of `pause` and `resume`."""

    queue: str
    function: str
    wanted: str = Field(description="`on` or `off`.")
    states: list[str] = Field(description="Of each event source mapping, as AWS names them.")
    changed: bool = Field(description="Something had to be switched.")
    settled: bool = Field(description="The mappings are as wanted; they need up to a minute.")
    waiting: int = Field(description="Messages on the queue, approximately.")


class Diagnosis(Answer):
    """Answer of `doctor`."""

    environment: str
    where: str
    healthy: bool = Field(description="No check failed.")
    findings: list[Finding]

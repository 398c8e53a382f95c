"""The name of the code that is deployed, for VERSION on every log line."""

import re
import subprocess
from pathlib import Path

UNKNOWN = "unknown"


def describe_release(repository: Path) -> str:
    """Return what `git describe` says, or `unknown` outside git."""
    try:
        said = subprocess.run(
            ["git", "-C", str(repository), "describe", "--tags", "--always", "--dirty"],
            capture_output=True,
            text=True,
            check=True,
            encoding="utf-8",
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    return re.sub(r"[^A-Za-z0-9_.+-]", "-", said)[:64] or UNKNOWN

"""Folders that are to go with everything in them, even while something that is ending still writes there."""

import shutil
import time
from pathlib import Path

WITHIN_SECONDS = 10.0
PAUSE_SECONDS = 0.1


def remove(folder: Path) -> None:
    """Remove a folder; what somebody writes into it meanwhile goes too. One that can't be removed is left."""
    ends = time.monotonic() + WITHIN_SECONDS
    while folder.exists() and time.monotonic() < ends:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            time.sleep(PAUSE_SECONDS)

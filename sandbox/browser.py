"""Browser: the Chromium of this machine, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)

NOT_FOUND = (
    f"no Chromium or Chrome on this machine (looked for {', '.join(NAMES)}):"
    " install one, such as by `apt-get install chromium`"
)


def find_chromium() -> str | None:
    """Return the path of a browser that is installed."""
    on_path = (shutil.which(name) for name in NAMES)
    return next((path for path in (*on_path, *PLACES) if path and Path(path).exists()), None)


@contextmanager
def running_chromium(path: str) -> Iterator[Browser]:
    """Return a browser without a window, and end it with the block."""
    with sync_playwright() as playwright:
        # Chromium's sandbox does not work for root, whose containers are a sandbox of their own.
        browser = playwright.chromium.launch(executable_path=path, chromium_sandbox=os.geteuid() != 0)
        try:
            yield browser
        finally:
            browser.close()

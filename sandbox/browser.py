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

FETCHED = Path(__file__).parents[1] / ".cache" / "browsers"
"""Where `make browser` has Playwright put its own."""

NOT_FOUND = (
    f"no Chromium or Chrome on this machine (looked for {', '.join(NAMES)}):"
    " install one, such as by `apt-get install chromium`, or let `make browser` fetch Playwright's own"
)


def find_chromium() -> str | None:
    """Return the path of a browser that is installed, or was fetched for this project."""
    on_path = (shutil.which(name) for name in NAMES)
    return next((path for path in (*on_path, *PLACES) if path and Path(path).exists()), None) or _find_fetched()


def _find_fetched() -> str | None:
    if not FETCHED.is_dir():
        return None
    found = [*FETCHED.rglob("chrome-headless-shell"), *FETCHED.rglob("headless_shell")]
    return next((str(path) for path in found if path.is_file()), None)


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

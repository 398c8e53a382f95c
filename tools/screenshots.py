"""Screenshots: write the pictures of the local phone into docs/images/.

`.venv/bin/python -m tools.screenshots` starts the local phone, plays a few scenes in a browser and takes the pictures.
They show the page of this moment: run it again whenever the page has changed.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from sandbox.browser import NOT_FOUND, find_chromium, running_chromium
from sandbox.phone_process import PhoneDidNotStartError, PhoneProcess
from tools.surroundings import settle

IMAGES = Path(__file__).parents[1] / "docs" / "images"
LIMIT_BYTES = 300_000

DESKTOP = (1440, 1080)
POCKET = (390, 844)

PATIENCE_MS = 60_000


def main() -> int:
    """Take all pictures and return the exit code."""
    chromium = find_chromium()
    if chromium is None:
        print(NOT_FOUND, file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE_MS)
    try:
        with PhoneProcess() as phone, running_chromium(chromium) as browser:
            print(f"The local phone is at {phone.url}")
            return take_pictures(browser, phone.url)
    except PhoneDidNotStartError as exc:
        print(exc, file=sys.stderr)
        return 1


def take_pictures(browser: Browser, url: str) -> int:
    """Play the scenes and take the pictures; return 1 if one is too large."""
    with opened(browser, url, DESKTOP) as page:
        play(page)
        sizes = [save(page, "local-phone-desktop")]
    with opened(browser, url, POCKET, scale=2) as page:
        page.get_by_role("link", name="Phone").click()
        page.locator("#phones").get_by_role("option", name="Ben").click()
        sizes.append(save(page, "local-phone-pocket"))
    with opened(browser, url, POCKET, scale=2, scheme="dark") as page:
        page.get_by_role("link", name="Story").click()
        sizes.append(save(page, "local-phone-pocket-dark"))
    return int(max(sizes) > LIMIT_BYTES)


def play(page: Page) -> None:
    """Have something in every part of the page: the latest is a message whose answer is lost."""
    send(page, "first-contact", "sent")
    send(page, "no-consent", "in the DLQ: invalid_context")
    page.get_by_role("switch", name="Twilio's answer is lost").check()
    send(page, "answer", "sent once, reconciled")
    expect(page.locator(".bubble")).to_contain_text("delivered")
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")


def send(page: Page, example: str, becomes: str) -> None:
    """Send an example and wait for what becomes of it."""
    before = page.locator(".card").count()
    page.get_by_label("Example").select_option(example)
    expect(page.locator("#verdict")).not_to_be_empty()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".card")).to_have_count(before + 1)
    expect(page.locator(".card").first.locator(".badge")).to_have_text(becomes)


@contextmanager
def opened(
    browser: Browser, url: str, size: tuple[int, int], *, scale: int = 1, scheme: str = "light"
) -> Iterator[Page]:
    """Return the page, connected, in a browser window of that size."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        locale="en-GB",
    )
    page = context.new_page()
    page.goto(url)
    expect(page.locator("#link")).to_have_text("Connected")
    yield page
    context.close()


def save(page: Page, name: str) -> int:
    """Write a picture of what the window shows and return its size in bytes."""
    path = IMAGES / f"{name}.png"
    size = len(page.screenshot(path=path))
    print(f"{path.relative_to(Path.cwd())}: {size // 1000} kB" + (" is too large" if size > LIMIT_BYTES else ""))
    return size


if __name__ == "__main__":
    settle()
    sys.exit(main())

"""One local phone and one browser for all tests here; each test has a page, recipients and a phone without faults."""

import itertools
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect

from sandbox.browser import NOT_FOUND, find_chromium, running_chromium
from sandbox.engines import ministack
from sandbox.phone_process import PhoneProcess
from tests.integration.phone.phone_page import PhonePage

PATIENCE_MS = 90_000
"""Three receives with every wait between them, on a slow machine."""

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="package")
def phone() -> Iterator[PhoneProcess]:
    """The local phone, with a stack of its own, as its faults are everybody's; at the end, it ends as it says."""
    if not ministack.PYTHON.exists():
        pytest.skip("the local phone runs on MiniStack, which is not installed: make setup")
    with PhoneProcess() as process:
        yield process
        children = psutil.Process(process.pid).children(recursive=True)
        assert process.end() == 0, process.said
        assert process.said.rstrip().endswith("Ended; nothing is left running.")
        assert children
        assert [child for child in children if child.is_running()] == []


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip(NOT_FOUND)
    with running_chromium(path) as chromium:
        yield chromium


@pytest.fixture(autouse=True)
def without_faults(phone: PhoneProcess) -> Iterator[None]:
    """Turn every switch off before and after a test."""
    _turn_all_off(phone)
    yield
    _turn_all_off(phone)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with_desktop = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    yield with_desktop
    with_desktop.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """An empty page; whatever a browser complains about fails the test."""
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.type}: {message.text} at {message.location}")

    def on_error(error: Error) -> None:
        complaints.append(f"uncaught: {error}")

    new = context.new_page()
    new.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    new.on("console", on_console)
    new.on("pageerror", on_error)
    yield new
    new.close()
    assert complaints == []


@pytest.fixture
def phone_page(page: Page, phone: PhoneProcess) -> PhonePage:
    """The page of the local phone, with a recipient of the test's own."""
    number = next(_NUMBERS)
    shown = PhonePage(page, f"+4477009{number:05d}", f"Ana{number}")
    shown.open(phone.url)
    return shown


def _turn_all_off(phone: PhoneProcess) -> None:
    for fault in ask(phone, "api/state")["faults"]:
        if fault["on"]:
            ask(phone, "api/fault", {"name": fault["name"], "on": False})


def ask(phone: PhoneProcess, path: str, document: dict[str, Any] | None = None) -> Any:
    """Ask the phone's own API."""
    answer = requests.request("GET" if document is None else "POST", phone.url + path, json=document, timeout=30)
    answer.raise_for_status()
    return answer.json()

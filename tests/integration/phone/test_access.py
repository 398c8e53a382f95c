"""Everybody can use the page: by keyboard, on a narrow screen, in the dark, by what a screen reader is told."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from sandbox.phone_process import PhoneProcess
from tests.integration.phone.conftest import PATIENCE_MS
from tests.integration.phone.phone_page import PhonePage

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("phone")]

TAB_LIMIT = 60


def test_page_is_used_with_the_keyboard_alone(page: Page, phone_page: PhonePage) -> None:
    keyboard = page.keyboard
    keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to sending")).to_be_focused()
    keyboard.press("Enter")
    tab_to(page, "#recipient")
    keyboard.press("ControlOrMeta+a")
    keyboard.type(phone_page.recipient)
    tab_to(page, "#first-name")
    keyboard.press("ControlOrMeta+a")
    keyboard.type(phone_page.first_name)
    expect(phone_page.verdict).to_have_text("Valid")

    phone_page.note_conversation()
    keyboard.press("Control+Enter")
    expect(phone_page.messages).to_have_count(1)
    tab_to(page, "#fault-answer_lost")
    keyboard.press("Space")
    expect(page.get_by_role("switch", name="Twilio's answer is lost")).to_be_checked()
    keyboard.press("Space")
    expect(page.get_by_role("switch", name="Twilio's answer is lost")).not_to_be_checked()
    expect(phone_page.state).to_have_text("sent")
    tab_to(page, ".card > summary")
    keyboard.press("Enter")

    expect(phone_page.story).not_to_have_attribute("open", "")


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until something is focused that matches, and see that the focus is always visible."""
    for _ in range(TAB_LIMIT):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count() == 0:
            continue
        assert focused.evaluate("e => getComputedStyle(e).outlineStyle") != "none", focused.evaluate("e => e.outerHTML")
        if focused.evaluate("(e, selector) => e.matches(selector)", selector):
            return
    pytest.fail(f"{selector} is not reached by Tab")


def test_landmarks_and_headings_tell_what_is_where(page: Page, phone_page: PhonePage) -> None:
    assert phone_page.page is page

    expect(page.get_by_role("banner")).to_have_count(1)
    expect(page.get_by_role("main")).to_have_count(1)
    for name in (
        "Send a Context Object",
        "Let things go wrong",
        "What recipients get",
        "Dead letters",
        "What the function did",
    ):
        expect(page.get_by_role("region", name=name)).to_be_visible()
        expect(page.get_by_role("heading", name=name, level=2)).to_be_visible()


@pytest.fixture
def everything(phone_page: PhonePage) -> None:
    """Have something in every part of the page."""
    phone_page.send("no-consent")
    expect(phone_page.letter).to_have_count(1)
    phone_page.switch("Twilio's answer is lost", on=True)
    phone_page.send("answer")
    expect(phone_page.state).to_have_text("sent once, reconciled")


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_nothing_is_wider_than_the_screen(phone: PhoneProcess, browser: Browser, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(phone.url)
    expect(page.locator(".card").first).to_be_visible(timeout=PATIENCE_MS)
    page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))")

    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    outside = page.evaluate(
        """() => [...document.querySelectorAll("main *")]
            .filter((e) => !e.closest("input, select, textarea, pre"))
            .filter((e) => e.getBoundingClientRect().right > innerWidth + 1
                || (e.clientWidth && e.scrollWidth > e.clientWidth + 1
                    && getComputedStyle(e).textOverflow !== "ellipsis"))
            .map((e) => e.outerHTML.slice(0, 80))"""
    )
    context.close()

    assert wider <= 0
    assert outside == []


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize(
    ("width", "scheme"), [pytest.param(1440, "light"), pytest.param(1440, "dark"), pytest.param(390, "dark")]
)
def test_no_rule_of_accessibility_is_broken(phone: PhoneProcess, browser: Browser, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        bypass_csp=True,  # the page's own policy lets nobody in, and so not axe
    )
    page = context.new_page()
    page.goto(phone.url)
    expect(page.locator(".card").first).to_be_visible(timeout=PATIENCE_MS)
    page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))")

    results = Axe().run(page)
    context.close()

    broken = [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in results.response["violations"]]
    assert broken == []


def test_nothing_moves_for_who_asks_for_that(phone: PhoneProcess, browser: Browser) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(phone.url)
    expect(page.get_by_role("switch").first).to_be_visible(timeout=PATIENCE_MS)

    durations = page.evaluate(
        """() => [...document.querySelectorAll("*")].flatMap((e) => ["", "::before"].map((part) =>
            getComputedStyle(e, part).transitionDuration))"""
    )
    context.close()

    assert set(durations) == {"0s"}

"""The local phone with more recipients than fit on a screen: a page in a browser, on what would be there."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from core.events import Event
from demo.examples import ready_examples
from demo.observation import Dead, Observation
from demo.phone.server import PhoneServer
from demo.phone.view import Sent, view_of
from demo.story import tell_stories
from sandbox.browser import NOT_FOUND, find_chromium, running_chromium
from utils.redaction import mask_phone

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)
ARABIC = "\u0645\u0631\u062d\u0628\u0627 \u0644\u064a\u0644\u0649"
DESKTOP, POCKET = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
SMALLEST = {"width": 320, "height": 640}


Fates = tuple[tuple[str, int | None], ...]
"""Twilio's status and error code of the first recipients' messages, and so on from the beginning."""

ARRIVED: Fates = (("delivered", None),)
EVERY_FATE = (("queued", None), ("sent", None), ("delivered", None), ("read", None), ("undelivered", 63016))


@dataclass
class ManyWorld:
    """What the server needs of a world, with so many recipients."""

    recipients: int
    paused: bool = False
    trouble: str = ""
    extra: int = 0
    fates: Fates = ARRIVED
    version: int = 0
    stopped: bool = False
    redriven: list[str | None] = field(default_factory=list)

    def examples(self) -> list[dict[str, Any]]:
        return [asdict(example) for example in ready_examples()]

    def check(self, _body: str) -> list[dict[str, str]]:
        return []

    def redrive(self, message_id: str | None) -> int:
        self.redriven.append(message_id)
        return 1

    def wait_for_news(self, version: int, _seconds: float) -> bool:
        import time  # noqa: PLC0415 - a stream that polls

        deadline = time.monotonic() + 10
        while self.version == version and not self.stopped and time.monotonic() < deadline:
            time.sleep(0.05)
        return True

    def state(self, *, unmasked: bool) -> dict[str, Any]:
        sent, messages, lines = [], [], []
        for number in range(self.recipients):
            recipient, name = f"+4477009{number:05d}", f"{'Leila' if number == 7 else 'Ana'}{number}"
            at = NOW - timedelta(seconds=10 * number)
            sent.append(Sent(f"m-{number}", at, "First contact", f"conv-{number}", recipient, name, "Acme Coffee"))
            status, error_code = self.fates[number % len(self.fates)]
            messages += [
                {
                    "sid": f"SM{number}-{part}",
                    "to": f"whatsapp:{recipient}",
                    "from": "whatsapp:+442079460000",
                    "body": ARABIC if number == 7 else f"Hello {name}, this is message {part} of many words.",
                    "created_at": at.timestamp() + part,
                    "status": status,
                    "error_code": error_code,
                    "content_sid": None,
                }
                for part in range(1 + (self.extra if number == 3 else 0))
            ]
            lines.append(
                {
                    "event": Event.CONVERSATION_CLAIMED,
                    "timestamp": at.isoformat(timespec="milliseconds"),
                    "message_id": f"m-{number}",
                    "aws_request_id": f"r-{number}",
                    "conversation_id": f"conv-{number}",
                    "recipient": mask_phone(recipient),
                }
            )
        dead = [Dead("m-0", "{}", "conv-0", sent[0].recipient, "twilio_63007", "Twilio refused the request")]
        observation = Observation(messages=messages, stories=tell_stories(lines), dead=dead, paused=self.paused)
        view = view_of(observation, sent, unmasked=unmasked)
        return {"version": self.version, "trouble": self.trouble, "faults": [], **view}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip(NOT_FOUND)
    with running_chromium(path) as chromium:
        yield chromium


Open = Callable[..., tuple[Page, ManyWorld]]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open the page of a world in a window of some size; whatever the browser complains about fails the test."""
    ends: list[Callable[[], object]] = []
    complaints: list[str] = []

    def open_it(
        recipients: int = 200, size: dict[str, int] = DESKTOP, fates: Fates = ARRIVED, **options: Any
    ) -> tuple[Page, ManyWorld]:
        world, server = ManyWorld(recipients, fates=fates), PhoneServer(0)
        server.serve(cast("Any", world))
        context = browser.new_context(viewport=cast("Any", size), locale="en-GB", **options)
        ends.extend([lambda: setattr(world, "stopped", True), context.close, server.__exit__])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(server.url)
        expect(page.locator("#phones").get_by_role("option").first).to_be_visible(timeout=30_000)
        return page, world

    yield open_it
    for end in ends:
        end()
    assert complaints == []


@pytest.mark.parametrize("size", [DESKTOP, POCKET, SMALLEST], ids=["desktop", "pocket", "smallest"])
def test_list_scrolls_by_itself_and_pushes_nothing_away(open_page: Open, size: dict[str, int]) -> None:
    page, _ = open_page(200, size, EVERY_FATE)

    box = page.get_by_role("listbox", name="Phones").bounding_box()
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    assert box is not None
    assert box["height"] < 300
    assert page.locator("#phones").get_by_role("option").count() == 200
    assert wider <= 0


def test_row_says_name_last_message_and_what_is_unread(open_page: Open) -> None:
    page, world = open_page()
    row = page.locator("#phones").get_by_role("option", name="Ana3,")
    expect(row).to_contain_text("Hello Ana3, this is message 0")
    expect(row.locator(".count")).to_be_hidden()

    world.extra, world.version = 2, 1

    expect(row.locator(".count")).to_have_text("2")
    expect(row).to_have_attribute("aria-label", f"Ana3, {mask_phone('+447700900003')}, {last(2)}, delivered, 2 unread")
    expect(page.locator("#say")).to_be_visible()
    expect(page.locator("#say")).to_have_text("2 messages arrived on Ana3's phone.")
    row.click()
    expect(row.locator(".count")).to_be_hidden()
    expect(page.locator("#owner")).to_contain_text("on Ana3's phone")


@pytest.mark.parametrize(
    ("name", "mark", "words"),
    [
        pytest.param("Ana0", "✓", "Accepted", id="accepted"),
        pytest.param("Ana1", "✓", "Sent", id="sent"),
        pytest.param("Ana2", "✓✓", "Delivered", id="delivered"),
        pytest.param("Ana3", "✓✓", "Read", id="read"),
        pytest.param("Ana4", "✕", "Not delivered: 63016, outside the 24-hour window", id="not delivered"),
    ],
)
def test_ticks_say_what_became_of_a_message(open_page: Open, name: str, mark: str, words: str) -> None:
    page, _ = open_page(5, fates=EVERY_FATE)
    row = page.locator("#phones").get_by_role("option", name=f"{name},")

    row.click()

    bubble = page.get_by_role("log", name="Messages").get_by_role("listitem")
    expect(bubble.locator(".receipt")).to_have_text(words)
    for ticks in (bubble.locator(".ticks"), row.locator(".ticks")):
        expect(ticks).to_have_text(mark)
        expect(ticks).to_have_attribute("aria-hidden", "true")
    assert words.lower() in (row.get_attribute("aria-label") or "")


def test_ticks_of_a_message_that_was_read_have_another_colour(open_page: Open) -> None:
    page, _ = open_page(5, fates=EVERY_FATE)

    delivered, read = (
        page.locator("#phones li").nth(number).locator(".ticks").evaluate("e => getComputedStyle(e).color")
        for number in (2, 3)
    )

    assert delivered != read


def test_message_that_is_not_delivered_is_said_and_never_counts_as_arrived(open_page: Open) -> None:
    page, world = open_page(3)
    row = page.locator("#phones").get_by_role("option", name="Ana1,")

    world.recipients, world.fates, world.version = 4, (*world.fates * 3, ("undelivered", 63016)), 1

    expect(page.locator("#say")).to_have_text("1 message could not be delivered to Ana3.")
    lost = page.locator("#phones").get_by_role("option", name="Ana3,")
    expect(lost.locator(".count")).to_be_hidden()
    expect(row.locator(".count")).to_be_hidden()


def test_text_that_is_cut_in_the_list_can_be_had_in_full(open_page: Open) -> None:
    page, _ = open_page(3, SMALLEST)
    row = page.locator("#phones").get_by_role("option", name="Ana1,")
    assert row.locator(".last").evaluate("e => e.scrollWidth > e.clientWidth")

    row.click()

    full = "Hello Ana1, this is message 0 of many words."
    assert full in (row.get_attribute("aria-label") or "")
    expect(page.locator(".words")).to_have_text(full)


def last(part: int) -> str:
    return f"Hello Ana3, this is message {part} of many words."


def test_list_is_one_stop_of_tab_with_arrows_inside(open_page: Open) -> None:
    page, _ = open_page()
    page.get_by_label("Search recipients").focus()

    page.keyboard.press("Tab")
    expect(page.get_by_role("listbox")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")

    chosen = page.locator("#phones").get_by_role("option", selected=True)
    expect(chosen).to_have_count(1)
    expect(chosen).to_contain_text("Ana2")
    expect(page.get_by_role("listbox")).to_have_attribute("aria-activedescendant", chosen.get_attribute("id") or "")
    page.keyboard.press("End")
    expect(page.locator("#phones").get_by_role("option", selected=True)).to_contain_text("Ana199")
    expect(page.locator("#phones").get_by_role("option", selected=True)).to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(page.get_by_role("log", name="Messages")).to_be_focused()


def test_search_finds_by_name_and_number(open_page: Open) -> None:
    page, _ = open_page()
    search = page.get_by_label("Search recipients")

    search.fill("leila")
    expect(page.locator("#phones").get_by_role("option")).to_have_count(1)
    search.press("Enter")
    words = page.locator(".words")
    expect(words).to_have_text(ARABIC)
    assert words.evaluate("e => getComputedStyle(e).direction") == "rtl"
    search.fill("0199")
    expect(page.locator("#phones").get_by_role("option")).to_contain_text(["Ana199"])
    search.fill("nobody at all")
    expect(page.get_by_text("Nobody of that name or number.")).to_be_visible()


def test_more_than_is_shown_is_counted(open_page: Open) -> None:
    page, _ = open_page(1250)

    expect(page.locator("#phones").get_by_role("option")).to_have_count(200)
    expect(page.locator("#more-phones")).to_have_text("and 1,050 more: search for one")
    expect(page.locator(".card")).to_have_count(50)
    expect(page.locator("#more-stories")).to_have_text("and 1,200 more")
    page.get_by_label("Search recipients").fill("Ana1249")
    expect(page.locator("#phones").get_by_role("option")).to_have_count(1)


def test_story_leads_to_the_chat(open_page: Open) -> None:
    page, _ = open_page()

    card = page.locator(".card").filter(has_text="conv-5")
    card.first.locator("summary").first.click()
    card.first.get_by_role("button", name="Open Ana5's chat").click()

    expect(page.locator("#owner")).to_contain_text("on Ana5's phone")
    expect(page.get_by_role("log", name="Messages")).to_be_focused()


def test_link_tells_of_the_stack_behind_the_server(open_page: Open) -> None:
    page, world = open_page(3)
    expect(page.locator("#link")).to_have_text("Connected")

    world.trouble, world.paused, world.version = "The stack does not answer.", True, 1

    expect(page.locator("#link")).to_have_text("The stack does not answer.")
    expect(page.locator("#link")).to_have_attribute("data-up", "false")
    expect(page.locator("#paused")).to_be_visible()
    world.trouble, world.paused, world.version = "", False, 2
    expect(page.locator("#link")).to_have_text("Connected")
    expect(page.locator("#paused")).to_be_hidden()


def test_feedback_is_seen(open_page: Open) -> None:
    page, world = open_page(3)

    page.get_by_role("button", name="Redrive conv-0").click()

    expect(page.locator("#say")).to_be_visible()
    expect(page.locator("#say")).to_have_text("1 message goes back to the queue.")
    assert world.redriven == ["m-0"]


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (POCKET, "dark")], ids=["desktop", "pocket"])
def test_no_rule_of_accessibility_is_broken(open_page: Open, size: dict[str, int], scheme: str) -> None:
    page, world = open_page(200, size, EVERY_FATE, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    world.paused, world.extra, world.version = True, 1, 1
    expect(page.locator("#paused")).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))")

    results = Axe().run(page)

    broken = [(rule["id"], [node["html"] for node in rule["nodes"]][:3]) for rule in results.response["violations"]]
    assert broken == []

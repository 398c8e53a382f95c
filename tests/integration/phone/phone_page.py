"""Phone page: the local phone's page in the words of its tests."""

import json

from playwright.sync_api import Locator, Page, expect


class PhonePage:
    """What one person does on the page, writing to one recipient."""

    def __init__(self, page: Page, recipient: str, first_name: str) -> None:
        self.page = page
        self.recipient = recipient
        self.first_name = first_name
        self.conversation_id = ""

    def open(self, url: str) -> None:
        self.page.goto(url)
        expect(self.page.locator("#link")).to_have_text("Connected")
        expect(self.page.get_by_label("Example")).to_have_value("first-contact")

    # The form

    def choose(self, example: str) -> None:
        """Take an example, and write to the test's own recipient."""
        self.page.get_by_label("Example").select_option(example)
        for label, value in (("Recipient", self.recipient), ("First name", self.first_name)):
            field = self.page.get_by_label(label, exact=True)
            if field.is_enabled():
                field.fill(value)

    def send(self, example: str = "first-contact", button: str = "Send") -> None:
        self.choose(example)
        self.press(button)

    def press(self, name: str) -> None:
        if name.startswith("Send"):
            self.note_conversation()
        self.page.get_by_role("button", name=name, exact=True).click()

    def rotate(self, button: str) -> None:
        """Press it, and wait until the key is changed; news of a message may take the words for that off the page."""
        with self.page.expect_response(lambda answer: answer.url.endswith("/api/rotate")) as rotated:
            self.press(button)
        assert rotated.value.ok, rotated.value.text()

    def note_conversation(self) -> None:
        """Remember which conversation is about to be sent: from here on, the story is that one's."""
        context = json.loads(self.page.locator("#body").input_value())
        self.conversation_id = context["conversation_data"]["conversation_id"]

    def switch(self, title: str, *, on: bool) -> None:
        self.page.get_by_role("switch", name=title).set_checked(on)

    @property
    def verdict(self) -> Locator:
        return self.page.locator("#verdict")

    # The phone

    @property
    def tab(self) -> Locator:
        return self.page.locator("#phones").get_by_role("option", name=f"{self.first_name},")

    @property
    def messages(self) -> Locator:
        """What is on the recipient's phone, once that is the one shown."""
        device = self.page.locator(".device").filter(has_text=f"on {self.first_name}'s phone")
        return device.get_by_role("log", name="Messages").get_by_role("listitem")

    @property
    def receipt(self) -> Locator:
        """What became of each message, in words."""
        return self.messages.locator(".receipt")

    # The story

    @property
    def story(self) -> Locator:
        """The conversation that was sent."""
        return self.page.locator(".card").filter(has_text=self.conversation_id)

    @property
    def state(self) -> Locator:
        return self.story.locator(".badge")

    def step(self, title: str) -> Locator:
        """The steps of that title."""
        return self.story.locator(".step").filter(has=self.page.get_by_text(title, exact=True))

    @property
    def deliveries(self) -> Locator:
        return self.story.locator(".delivery")

    @property
    def fate(self) -> Locator:
        """What the function learnt by looking back."""
        return self.story.locator(".fate")

    @property
    def record(self) -> Locator:
        return self.story.locator("details.record")

    # The dead letters

    @property
    def letter(self) -> Locator:
        """The conversation's message in the DLQ."""
        return self.page.locator(".letter").filter(has_text=self.conversation_id)

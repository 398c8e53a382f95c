"""Something is sent from the page, and the page shows what becomes of it."""

import pytest
from playwright.sync_api import Page, expect

from tests.integration.phone.phone_page import PhonePage

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("phone")]


def test_example_appears_on_the_recipients_phone_and_its_story_is_told(phone_page: PhonePage) -> None:
    phone_page.send("first-contact")

    expect(phone_page.messages).to_have_count(1)
    expect(phone_page.messages).to_contain_text(f"Hi {phone_page.first_name}, it's Carol from Acme Coffee.")
    expect(phone_page.tab).to_have_attribute("aria-selected", "true")
    expect(phone_page.state).to_have_text("sent")
    titles = phone_page.story.locator(".delivery .step strong")
    expect(titles).to_have_text(["Claimed", "Asked OpenAI", "Reply received", "Intent recorded", "Sent", "Closed"])


def test_record_is_shown_with_personal_data_masked_until_asked(phone_page: PhonePage) -> None:
    phone_page.send("answer")
    expect(phone_page.state).to_have_text("sent")
    name, number = phone_page.first_name, phone_page.recipient

    record = phone_page.record
    record.get_by_text("The record", exact=True).click()

    expect(record).to_contain_text("initial_message_sent")
    expect(record).not_to_contain_text(name)
    assert number not in (phone_page.page.locator("body").text_content() or "")
    phone_page.page.get_by_role("switch", name="Show numbers and names").check()
    expect(record).to_contain_text(name)
    expect(record).to_contain_text(number)


def test_what_arrives_is_said_to_who_does_not_see_it(phone_page: PhonePage) -> None:
    phone_page.send()

    expect(phone_page.page.locator("#say[role=status]")).to_have_text(
        f"1 message arrived on {phone_page.first_name}'s phone."
    )


def test_long_answer_arrives_in_parts(phone_page: PhonePage) -> None:
    phone_page.send("long-answer")

    expect(phone_page.messages).to_have_count(3)
    expect(phone_page.state).to_have_text("sent")
    expect(phone_page.step("Intent recorded")).to_have_count(3)


def test_words_of_the_reply_are_text_and_never_markup(phone_page: PhonePage) -> None:
    phone_page.choose("answer")
    phone_page.page.get_by_label("The model says").fill("<img src=x onerror=alert(1)> & <b>bold</b>")

    phone_page.press("Send")

    expect(phone_page.messages).to_contain_text("<img src=x onerror=alert(1)> & <b>bold</b>")
    expect(phone_page.messages.locator("img, b")).to_have_count(0)


@pytest.mark.parametrize("how", ["twice at once", "again later"])
def test_repeated_context_object_reaches_the_recipient_once(phone_page: PhonePage, how: str) -> None:
    phone_page.send(button="Send twice" if how == "twice at once" else "Send")
    if how == "again later":
        expect(phone_page.state).to_have_text("sent")
        phone_page.press("Repeat the last")

    expect(phone_page.step("Duplicate suppressed")).to_have_count(1)
    expect(phone_page.messages).to_have_count(1)
    expect(phone_page.state).to_have_text("sent")


def test_faults_of_a_context_object_are_shown_by_path_before_it_is_sent(phone_page: PhonePage) -> None:
    phone_page.page.get_by_label("Example").select_option("many-faults")

    expect(phone_page.verdict).to_contain_text("3 faults")
    expect(phone_page.verdict.locator("code")).to_have_text(
        [
            "frontend_payload.recipient_data.recipient_tel",
            "frontend_payload.request_data.channel_method",
            "company_data_payload.channel_config.whatsapp.whatsapp_credentials_id",
        ]
    )


def test_context_object_is_checked_while_it_is_written(page: Page, phone_page: PhonePage) -> None:
    expect(phone_page.verdict).to_have_text("Valid")
    page.get_by_text("Context Object", exact=True).click()
    body = page.get_by_label("Context Object", exact=True)

    body.fill(body.input_value().replace('"comms_consent": true', '"comms_consent": "yes"'))

    expect(phone_page.verdict).to_contain_text("frontend_payload.recipient_data.comms_consent")
    expect(body).to_have_attribute("aria-invalid", "true")
    body.fill("{")
    expect(phone_page.verdict).to_contain_text("1 fault")
    expect(page.get_by_label("Recipient", exact=True)).to_be_disabled()


def test_refused_context_object_is_in_the_dlq_with_its_reason(phone_page: PhonePage) -> None:
    phone_page.send("no-consent")

    expect(phone_page.state).to_have_text("in the DLQ: invalid_context")
    expect(phone_page.letter).to_contain_text("comms_consent")
    expect(phone_page.messages).to_have_count(0)


def test_two_pages_show_the_same(phone_page: PhonePage) -> None:
    other = phone_page.page.context.new_page()
    other.goto(phone_page.page.url)

    phone_page.send()

    theirs = PhonePage(other, phone_page.recipient, phone_page.first_name)
    theirs.conversation_id = phone_page.conversation_id
    expect(theirs.tab).to_have_count(1)
    expect(theirs.state).to_have_text("sent")

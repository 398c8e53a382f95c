"""Each switch lets something go wrong; the guarantee that answers it is seen on the page."""

import pytest
from playwright.sync_api import expect

from tests.integration.phone.phone_page import PhonePage

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("phone")]


@pytest.mark.parametrize("fault", ["Twilio's answer is lost", "Twilio says 500, and sends"])
def test_message_whose_answer_is_lost_is_found_and_not_sent_again(phone_page: PhonePage, fault: str) -> None:
    phone_page.switch(fault, on=True)

    phone_page.send()

    expect(phone_page.state).to_have_text("sent once, reconciled")
    expect(phone_page.step("Twilio's answer is lost")).to_have_count(1)
    expect(phone_page.step("Found in Twilio's list")).to_have_count(1)
    expect(phone_page.messages).to_have_count(1)


def test_message_that_never_reached_twilio_is_sent_when_that_is_certain(phone_page: PhonePage) -> None:
    phone_page.switch("The request to Twilio is lost", on=True)
    phone_page.send("answer")
    expect(phone_page.step("Twilio's answer is lost").first).to_be_visible()
    expect(phone_page.messages).to_have_count(0)

    phone_page.switch("The request to Twilio is lost", on=False)

    expect(phone_page.state).to_have_text("sent")
    expect(phone_page.messages).to_have_count(1)
    expect(phone_page.step("Asked OpenAI")).to_have_count(1)


def test_slow_model_is_asked_once_and_polled_by_the_next_delivery(phone_page: PhonePage) -> None:
    phone_page.switch("The model is slow", on=True)

    phone_page.send()

    expect(phone_page.story.locator(".now")).to_have_text("OpenAI has the question, the model is writing.")
    expect(phone_page.state).to_have_text("sent")
    expect(phone_page.step("Asked OpenAI")).to_have_count(1)
    expect(phone_page.step("Resumed").first).to_be_visible()
    expect(phone_page.messages).to_have_count(1)


def test_throttled_message_comes_again_when_openai_says_so(phone_page: PhonePage) -> None:
    phone_page.switch("OpenAI throttles", on=True)
    phone_page.send()
    expect(phone_page.story.locator(".again")).to_contain_text("Comes again")

    phone_page.switch("OpenAI throttles", on=False)

    expect(phone_page.state).to_have_text("sent")
    expect(phone_page.deliveries).to_have_count(2)
    expect(phone_page.messages).to_have_count(1)


def test_message_refused_for_good_waits_in_the_dlq_until_it_is_redriven(phone_page: PhonePage) -> None:
    phone_page.switch("OpenAI has no credit left", on=True)
    phone_page.send()
    expect(phone_page.letter).to_have_count(1)
    expect(phone_page.letter).to_contain_text("quota")
    expect(phone_page.messages).to_have_count(0)

    phone_page.switch("OpenAI has no credit left", on=False)
    phone_page.letter.get_by_role("button", name="Redrive").click()

    expect(phone_page.messages).to_have_count(1)
    expect(phone_page.state).to_have_text("sent")
    expect(phone_page.letter).to_have_count(0)


def test_record_that_could_not_be_closed_rings_the_alarm_and_heals_without_a_second_message(
    phone_page: PhonePage,
) -> None:
    phone_page.switch("DynamoDB refuses the final write", on=True)
    phone_page.send()
    expect(phone_page.step("Alarm: the record could not be closed").first).to_be_visible()
    expect(phone_page.state).to_have_text("sent, not closed")
    expect(phone_page.messages).to_have_count(1)

    phone_page.switch("DynamoDB refuses the final write", on=False)

    expect(phone_page.state).to_have_text("sent")
    expect(phone_page.step("Resumed").first).to_be_visible()
    expect(phone_page.step("Sent")).to_have_count(1)
    expect(phone_page.messages).to_have_count(1)


@pytest.mark.parametrize("button", ["Rotate OpenAI key", "Rotate Twilio token"])
def test_rotated_key_is_fetched_and_the_message_goes_out(phone_page: PhonePage, button: str) -> None:
    """Each execution environment fetches it when it needs it first, for a message or for a look back at one."""
    rotated = phone_page.page.locator(".step").filter(has_text="Key rotated")
    phone_page.send()
    expect(phone_page.state).to_have_text("sent")

    before = rotated.count()
    phone_page.rotate(button)
    phone_page.send()

    expect(phone_page.messages).to_have_count(2)
    expect(rotated).not_to_have_count(before)
    expect(phone_page.deliveries).to_have_count(1)


def test_message_that_whatsapp_does_not_deliver_says_why_and_is_not_sent_again(phone_page: PhonePage) -> None:
    phone_page.switch("WhatsApp does not deliver (63016)", on=True)

    phone_page.send()

    expect(phone_page.messages).to_have_count(1)
    expect(phone_page.receipt).to_have_text("Not delivered: 63016, outside the 24-hour window")
    expect(phone_page.state).to_have_text("sent, not delivered")
    expect(phone_page.fate).to_have_text("Looked back. Not delivered: 63016, outside the 24-hour window.")
    expect(phone_page.step("Not delivered")).to_have_count(1)
    expect(phone_page.deliveries).to_have_count(1)
    phone_page.switch("WhatsApp does not deliver (63016)", on=False)
    phone_page.send()
    expect(phone_page.messages).to_have_count(2)
    expect(phone_page.receipt.last).to_have_text("Read")
    expect(phone_page.receipt.first).to_contain_text("Not delivered")
    expect(phone_page.state).to_have_text("sent")
    expect(phone_page.fate).to_have_text("Looked back. Read.")


def test_switches_about_the_same_call_exclude_each_other(phone_page: PhonePage) -> None:
    lost = phone_page.page.get_by_role("switch", name="Twilio's answer is lost")
    lied = phone_page.page.get_by_role("switch", name="Twilio says 500, and sends")
    lost.check()

    lied.check()

    expect(lost).not_to_be_checked()
    expect(lied).to_be_checked()

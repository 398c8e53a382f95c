"""Contract of `core.ports.WhatsAppGateway`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest

from core.conversation import Mode
from core.errors import (
    CredentialsRejectedError,
    DeliveryUnknownError,
    PermanentError,
    ProcessorError,
    SendTooLateError,
    TransientError,
)
from core.ports import OutboundPart, TwilioCredentials, TwilioMessage, WhatsAppGateway
from core.resemblance import matches
from utils.redaction import Secret

RECIPIENT, OTHER_RECIPIENT = "+447700900123", "+447700900456"
SENDER, OTHER_SENDER = "+442079460000", "+442079460001"
LAG_SECONDS = 0.4


class WhatsAppLab(Protocol):
    """A gateway and the Twilio behind it.

    Attributes:
        credentials: Accepted, with a template.
    """

    credentials: TwilioCredentials

    @property
    def gateway(self) -> WhatsAppGateway: ...

    def now(self) -> datetime: ...

    def wait(self, seconds: float) -> None: ...

    def list_late(self, seconds: float) -> None:
        """Let new messages show in the list that much later."""
        ...

    def lose_answer(self, *, after_effect: bool) -> None:
        """Let the answer to the next send be lost, before or after the message was accepted."""
        ...

    def throttle(self) -> None:
        """Refuse the next call for now."""
        ...

    def fail_list(self) -> None:
        """Let the next list fail."""
        ...

    def accepted(self) -> Sequence[str]:
        """Return the ids of all messages that Twilio accepted, oldest first."""
        ...


def text(content: str = "Hello Zoë 👩‍👩‍👧,\nhow are you?", **changes: str) -> OutboundPart:
    arguments: dict[str, Any] = {"to": RECIPIENT, "from_": SENDER, "mode": Mode.FREE_FORM, "content": content}
    return OutboundPart(**(arguments | changes))


def variables() -> OutboundPart:
    return OutboundPart(RECIPIENT, SENDER, Mode.TEMPLATE, '{"1": "Zoë", "2": "Acme & Söhne"}')


class WhatsAppGatewayContract:
    """What the core relies on."""

    @pytest.fixture
    def lab(self) -> WhatsAppLab:
        raise NotImplementedError

    def send(self, lab: WhatsAppLab, part: OutboundPart | None = None) -> TwilioMessage:
        return lab.gateway.send(part or text(), lab.credentials, lab.now() + timedelta(seconds=60))

    def list(self, lab: WhatsAppLab, to: str = RECIPIENT, from_: str = SENDER) -> list[TwilioMessage]:
        return lab.gateway.list_messages(to, from_, lab.credentials, lab.now() - timedelta(minutes=5))

    @pytest.mark.parametrize("part", [text(), variables()], ids=["text", "template"])
    def test_a_message_is_accepted_and_listed_as_what_was_sent(self, lab: WhatsAppLab, part: OutboundPart) -> None:
        before = lab.now()

        sent = self.send(lab, part)
        listed = self.list(lab)

        assert lab.accepted() == [sent.sid]
        assert [message.sid for message in listed] == [sent.sid]
        assert all(matches(part.mode, part.content, message.body) for message in (sent, *listed))
        assert all(
            message.created_at is not None
            and before - timedelta(seconds=1) <= message.created_at <= lab.now() + timedelta(seconds=1)
            for message in (sent, *listed)
        )

    def test_every_message_has_an_id_of_its_own(self, lab: WhatsAppLab) -> None:
        sids = [self.send(lab).sid for _ in range(3)]

        assert len(set(sids)) == 3
        assert {message.sid for message in self.list(lab)} == set(sids)

    def test_the_list_is_of_one_sender_to_one_recipient(self, lab: WhatsAppLab) -> None:
        wanted = self.send(lab)
        self.send(lab, text(to=OTHER_RECIPIENT))
        self.send(lab, text(from_=OTHER_SENDER))

        assert [message.sid for message in self.list(lab)] == [wanted.sid]
        assert self.list(lab, to="+447700900999") == []

    def test_a_message_is_listed_late(self, lab: WhatsAppLab) -> None:
        lab.list_late(LAG_SECONDS)
        sent = self.send(lab)

        at_first = self.list(lab)
        lab.wait(LAG_SECONDS)
        at_last = self.list(lab)

        assert at_first == []
        assert [message.sid for message in at_last] == [sent.sid]

    def test_a_send_that_would_start_too_late_is_none(self, lab: WhatsAppLab) -> None:
        with pytest.raises(SendTooLateError):
            lab.gateway.send(text(), lab.credentials, lab.now() - timedelta(seconds=1))

        assert lab.accepted() == []

    @pytest.mark.parametrize("after_effect", [False, True])
    def test_a_lost_answer_leaves_it_open_and_the_list_tells(self, lab: WhatsAppLab, after_effect: bool) -> None:
        lab.lose_answer(after_effect=after_effect)

        with pytest.raises(DeliveryUnknownError):
            self.send(lab)

        assert [message.sid for message in self.list(lab)] == list(lab.accepted())
        assert len(lab.accepted()) == (1 if after_effect else 0)

    def test_throttling_has_no_effect(self, lab: WhatsAppLab) -> None:
        lab.throttle()

        with pytest.raises(TransientError) as caught:
            self.send(lab)

        assert caught.value.repeatable
        assert lab.accepted() == []

    def test_a_list_that_fails_is_not_an_empty_list(self, lab: WhatsAppLab) -> None:
        lab.fail_list()

        with pytest.raises(TransientError):
            self.list(lab)

    def test_wrong_credentials_are_rejected_by_every_call_and_have_no_effect(self, lab: WhatsAppLab) -> None:
        wrong = TwilioCredentials(lab.credentials.account_sid, Secret("wrong-token"), lab.credentials.template_sid)

        for call in (
            lambda: lab.gateway.send(text(), wrong, lab.now() + timedelta(seconds=60)),
            lambda: lab.gateway.list_messages(RECIPIENT, SENDER, wrong, lab.now()),
        ):
            with pytest.raises(CredentialsRejectedError):
                call()

        assert lab.accepted() == []

    def test_variables_without_a_template_are_refused_for_good(self, lab: WhatsAppLab) -> None:
        """The secret lost its template between the asking and the sending."""
        without = TwilioCredentials(lab.credentials.account_sid, lab.credentials.auth_token)

        with pytest.raises(PermanentError) as caught:
            lab.gateway.send(variables(), without, lab.now() + timedelta(seconds=60))

        assert isinstance(caught.value, ProcessorError)
        assert caught.value.code == "twilio_21654"
        assert lab.accepted() == []

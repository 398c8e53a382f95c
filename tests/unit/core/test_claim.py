"""Claim: what happens between the look at a record and its lease."""

from core.conversation import Status
from core.errors import DeliveryUnknownError, TransientError
from tests.fakes.faulty import Faulty
from tests.fakes.function import InMemoryFunction as Core


def test_a_delivery_that_came_and_went_between_look_and_lease_is_not_forgotten(core: Core) -> None:
    """It left no lease behind, but an intent: whoever goes by the look alone sends a second time."""
    core.model = Faulty(core.model)
    core.model.plan("open_thread", TransientError("OpenAI is overloaded"))
    core.receive()
    core.whatsapp._list_lag_seconds = lambda: 30.0
    core.whatsapp = Faulty(core.whatsapp)
    core.whatsapp.plan("send", DeliveryUnknownError("Twilio's answer was lost"), after_effect=True)
    core.store = Faulty(core.store)

    def come_and_go() -> None:
        del core.store.before["take_over"]
        core.receive(message_id="m-2")

    core.store.before["take_over"] = come_and_go

    first = core.receive(receive_count=2)
    core.clock.advance(60)
    second = core.receive(receive_count=3)

    assert first is not None
    assert second is None
    assert len(core.sent()) == 1
    assert len(core.model.runs) == 1
    assert core.record().conversation.status is Status.SENT

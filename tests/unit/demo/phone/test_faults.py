"""The switches, and what each of them makes the stubs and the proxy do."""

from typing import Any

import pytest

from demo.phone.faults import AS_IT_SHOULD, FAULTS, SLOW_SECONDS, Faults
from sandbox.harness.plan import FREE_FORM_REFERENCE, OPENAI_REFERENCE, QUICK, TEMPLATE_REFERENCE
from sandbox.stubs import OPENAI_KEY, TWILIO_AUTH_TOKEN


class FakeParts:
    """Stands for the deployment, the stubs and the proxy at once, and notes what they are told."""

    def __init__(self) -> None:
        self.settings: dict[str, float] = {}
        self.rules: list[Any] = []
        self.usual: Any = AS_IT_SHOULD
        self.scripted: list[str] = []
        self.secrets: dict[str, str] = {}
        self.revoked: list[str] = []

    def configure(self, **settings: float) -> None:
        self.settings |= settings

    def usual_fate(self, fate: Any) -> None:
        self.usual = fate

    def chaos(self, rules: list[Any], **_: Any) -> None:
        self.rules = rules

    def script(self, operation: str, _: Any, **__: Any) -> None:
        self.scripted.append(operation)

    def reset(self) -> None:
        self.scripted.clear()

    def store_secret(self, name: str, value: str) -> None:
        self.secrets[name] = value

    def change_openai_keys(self, *, accept: list[str], revoke: list[str]) -> None:
        assert accept
        self.revoked += revoke

    def change_twilio_tokens(self, _: str, *, accept: list[str], revoke: list[str]) -> None:
        assert accept
        self.revoked += revoke


@pytest.fixture
def parts() -> FakeParts:
    return FakeParts()


@pytest.fixture
def faults(parts: FakeParts) -> Faults:
    return Faults(parts, parts, parts)  # type: ignore[arg-type]


def is_on(faults: Faults) -> set[str]:
    return {fault["name"] for fault in faults.view() if fault["on"]}


@pytest.mark.parametrize("name", [fault.name for fault in FAULTS])
def test_switch_makes_a_difference_and_turned_back_makes_none(faults: Faults, parts: FakeParts, name: str) -> None:
    faults.switch(name, on=True)
    difference = played(parts)
    faults.switch(name, on=False)

    assert difference != (0, 0, [], AS_IT_SHOULD)
    assert played(parts) == (0, 0, [], AS_IT_SHOULD)


def played(parts: FakeParts) -> tuple[float | None, int, list[str], Any]:
    return parts.settings.get("run_seconds"), len(parts.rules), parts.scripted.copy(), parts.usual


def test_message_that_is_not_delivered_was_accepted(faults: Faults, parts: FakeParts) -> None:
    faults.switch("not_delivered", on=True)

    assert (parts.usual.status, parts.usual.error_code) == ("undelivered", 63016)
    assert (parts.rules, parts.scripted) == ([], [])


def test_switches_add_up_unless_they_are_about_the_same_call(faults: Faults, parts: FakeParts) -> None:
    for name in ("slow_model", "answer_lost", "no_final_write", "request_lost"):
        faults.switch(name, on=True)

    assert is_on(faults) == {"slow_model", "no_final_write", "request_lost"}
    assert (parts.settings["run_seconds"], len(parts.rules), parts.scripted) == (SLOW_SECONDS, 1, ["UpdateItem"])


def test_exclusion_is_mutual() -> None:
    excludes = {fault.name: set(fault.excludes) for fault in FAULTS}

    assert all(name in excludes[other] for name, others in excludes.items() for other in others)


def test_slow_model_outlasts_an_invocation() -> None:
    assert QUICK["function"]["timeout_seconds"] < SLOW_SECONDS


def test_unknown_switch_and_vendor_are_errors(faults: Faults) -> None:
    with pytest.raises(KeyError):
        faults.switch("earthquake", on=True)
    with pytest.raises(KeyError):
        faults.rotate("acme")


def test_each_rotation_refuses_the_key_before_it(faults: Faults, parts: FakeParts) -> None:
    faults.rotate("openai")
    faults.rotate("openai")
    faults.rotate("twilio")

    assert parts.revoked[0] == OPENAI_KEY
    assert parts.revoked[1] not in (OPENAI_KEY, "")
    assert parts.revoked[1] not in parts.secrets[OPENAI_REFERENCE]
    assert parts.revoked[2] == TWILIO_AUTH_TOKEN
    assert {TEMPLATE_REFERENCE, FREE_FORM_REFERENCE} <= parts.secrets.keys()

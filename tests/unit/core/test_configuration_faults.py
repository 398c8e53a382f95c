"""Configuration faults: counted where the setup is at fault, never where one message can bring it about."""

import pytest

from core.errors import (
    AccountFaultError,
    CredentialsRejectedError,
    DefinitionError,
    PermanentError,
    ProcessorError,
    PutDeniedError,
    SecretError,
    StoreUnavailableError,
    TransientError,
)
from sandbox.context_objects import make_body
from tests.fakes.faulty import Faulty
from tests.fakes.function import PATIENT
from tests.fakes.function import InMemoryFunction as Core

COUNTED = "ConfigurationFaults"
NO_MODEL = PermanentError("no such model", code="openai_model_not_found", configuration=True)


def core_with(error: ProcessorError, **changes: bool) -> Core:
    core = Core(settings=PATIENT.model_copy(update=changes))
    core.model = Faulty(core.model)
    core.model.plan("open_thread", error, times=3)
    return core


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (CredentialsRejectedError("401"), 1),
        (AccountFaultError("billing"), 1),
        (NO_MODEL, 1),
        (SecretError("was there", configuration=True), 1),
        (StoreUnavailableError("denied", code="dynamodb_access_denied", configuration=True), 1),
        (SecretError("never seen", code="secret_not_found"), 0),
        (DefinitionError("no such file"), 0),
        (PermanentError("opted out", code="twilio_21610"), 0),
        (TransientError("503"), 0),
    ],
)
def test_what_counts_is_the_setups_fault(error: ProcessorError, counted: int) -> None:
    core = core_with(error)

    core.receive()

    assert core.telemetry.metrics[COUNTED] == counted


def test_a_model_that_the_message_names_does_not_count() -> None:
    core = core_with(NO_MODEL, inline_definitions=True)
    definition = {"model": "no-such-model", "instructions": "Write."}
    path = "company_data_payload__ai_config__openai_config__whatsapp__assistant_definition"

    core.receive(body=make_body(**{path: definition}))

    assert core.telemetry.failed_codes["openai_model_not_found"] == 1
    assert core.telemetry.metrics[COUNTED] == 0


def test_a_right_that_is_missing_counts_as_long_as_something_would_wait() -> None:
    core = core_with(TransientError("503"))
    pipeline = core.pipeline()

    pipeline.stop_postponing()
    pipeline.process(core.delivery(), core.deadline())

    assert core.telemetry.metrics[COUNTED] == 2
    assert PutDeniedError.code == "sqs_put_denied"

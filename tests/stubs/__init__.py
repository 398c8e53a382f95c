"""Stubs of OpenAI and Twilio as real HTTP servers; see README.md."""

from tests.stubs.chaos import ChaosRule
from tests.stubs.client import StubClient, StubError
from tests.stubs.faults import Action, answer, delay, drop, stall
from tests.stubs.journal import Exchange
from tests.stubs.keys import OPENAI_KEY, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN
from tests.stubs.outcomes import Outcome
from tests.stubs.payloads import openai_error, twilio_error
from tests.stubs.process import StubProcess
from tests.stubs.server import StubServer, StubUrls
from tests.stubs.twilio_messages import Fate

__all__ = [
    "OPENAI_KEY",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "Action",
    "ChaosRule",
    "Exchange",
    "Fate",
    "Outcome",
    "StubClient",
    "StubError",
    "StubProcess",
    "StubServer",
    "StubUrls",
    "answer",
    "delay",
    "drop",
    "openai_error",
    "stall",
    "twilio_error",
]

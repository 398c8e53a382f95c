"""Stubs of OpenAI and Twilio as real HTTP servers; see README.md."""

from sandbox.stubs.chaos import ChaosRule
from sandbox.stubs.client import StubClient, StubError
from sandbox.stubs.faults import Action, answer, delay, drop, stall
from sandbox.stubs.journal import Exchange
from sandbox.stubs.keys import OPENAI_KEY, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN
from sandbox.stubs.outcomes import Outcome
from sandbox.stubs.payloads import openai_error, twilio_error
from sandbox.stubs.process import StubProcess
from sandbox.stubs.server import StubServer, StubUrls
from sandbox.stubs.twilio_messages import Fate
from sandbox.stubs.twilio_views import Shown

__all__ = [
    "OPENAI_KEY",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "Action",
    "ChaosRule",
    "Exchange",
    "Fate",
    "Outcome",
    "Shown",
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

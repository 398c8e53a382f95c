"""Harness: the whole product on one machine, for tests, the demo and whoever wants to look; see README.md."""

from sandbox.harness.conversation import Conversation
from sandbox.harness.deployment import DeadLetter, Deployment, Record
from sandbox.harness.errors import HarnessError
from sandbox.harness.function_log import FunctionLog, LogLine
from sandbox.harness.plan import FREE_FORM_REFERENCE, OPENAI_REFERENCE, QUICK, TEMPLATE_REFERENCE, TEMPLATE_SID, Plan
from sandbox.harness.progress import Progress, Step, Timeline
from sandbox.harness.stack import Address, Stack

__all__ = [
    "FREE_FORM_REFERENCE",
    "OPENAI_REFERENCE",
    "QUICK",
    "TEMPLATE_REFERENCE",
    "TEMPLATE_SID",
    "Address",
    "Conversation",
    "DeadLetter",
    "Deployment",
    "FunctionLog",
    "HarnessError",
    "LogLine",
    "Plan",
    "Progress",
    "Record",
    "Stack",
    "Step",
    "Timeline",
]

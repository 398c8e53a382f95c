"""Harness: the whole product on one machine, for tests, the demo and whoever wants to look; see README.md."""

from tests.harness.conversation import Conversation
from tests.harness.deployment import DeadLetter, Deployment, Record
from tests.harness.errors import HarnessError
from tests.harness.function_log import FunctionLog, LogLine
from tests.harness.plan import FREE_FORM_REFERENCE, OPENAI_REFERENCE, QUICK, TEMPLATE_REFERENCE, TEMPLATE_SID, Plan
from tests.harness.progress import Progress, Step, Timeline
from tests.harness.stack import Address, Stack

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

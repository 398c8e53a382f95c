"""The demo's stack: the whole product on the embedded engine, with every wait as short as the rules allow."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from demo.ending import Interruption
from demo.examples import TEMPLATES
from sandbox.engines.ministack import MiniStack
from sandbox.harness.deployment import Deployment
from sandbox.harness.plan import QUICK, Plan, merged
from sandbox.harness.progress import Timeline
from sandbox.harness.stack import Stack

NAME = "demo"

PLAN = Plan(variables=merged(QUICK, {"function_settings": {"log_level": "DEBUG", "delivery_watch_seconds": 600}}))
"""With the log lines of each intent, which a story needs and production does without, and with the look back."""


@contextmanager
def running_stack(timeline: Timeline, interruption: Interruption) -> Iterator[Stack]:
    """Start the stack, and end it with the block, whoever wants it to end sooner.

    Raises:
        HarnessError, EngineError, TerraformError: It does not start; the message says what to do.
    """
    with ExitStack() as parts:
        stack = parts.enter_context(
            Stack.start(MiniStack(enforce_iam=True), name=NAME, plans=(PLAN,), timeline=timeline)
        )
        try:
            for content_sid, text in TEMPLATES.items():
                stack.stubs.set_template(content_sid, text)
            with timeline.step("the function"):
                warm_up(stack.deployment())
            yield stack
        finally:
            interruption.wait_for_end()
            with timeline.step("cleaning up"):
                parts.close()


def warm_up(deployment: Deployment) -> None:
    """Have the function's imports behind us: on a busy machine, they would cost a message one of its receives."""
    deployment.aws.client("lambda").invoke(
        FunctionName=deployment.outputs["function_name"], Payload=json.dumps({"Records": []})
    )

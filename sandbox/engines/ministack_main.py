"""`python -m ministack`, put right where the product would notice; runs in the emulator's own environment.

Permissions are as AWS names them. AWS has no action for SQS's batch calls: whoever may do a thing may do it in a batch.
MiniStack 1.5.33 asks for `sqs:ChangeMessageVisibilityBatch`, which no policy on AWS could grant, and would refuse our
heartbeat.
Source: Amazon SQS Developer Guide, "Amazon SQS API permissions: Actions and resource reference".

The last lines of an invocation are waited for. MiniStack takes the log for complete once nothing has come for 5 ms, and
drops what a busy machine delivers later.
"""

import re
from typing import Any

from ministack.app import main  # type: ignore[import-not-found]
from ministack.core import iam_actions, lambda_runtime  # type: ignore[import-not-found]

FIRST_LINE_SECONDS = 0.2
SILENCE_SECONDS = 0.05
LONGEST_SECONDS = 2.0

_as_ministack_names_it = iam_actions.extract_iam_action


def _as_aws_names_it(*request: Any) -> str | None:
    action: str | None = _as_ministack_names_it(*request)
    return action and re.sub(r"^(sqs:\w+)Batch$", r"\1", action)


iam_actions.extract_iam_action = _as_aws_names_it
lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (FIRST_LINE_SECONDS, SILENCE_SECONDS, LONGEST_SECONDS)

if __name__ == "__main__":
    main()

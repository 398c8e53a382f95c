"""`python -m ministack`, with permissions as AWS names them; runs in the emulator's own environment.

AWS has no action for SQS's batch calls: whoever may do a thing may do it in a batch. MiniStack 1.5.33 asks for
`sqs:ChangeMessageVisibilityBatch`, which no policy on AWS could grant, and would refuse our heartbeat.

Source: Amazon SQS Developer Guide, "Amazon SQS API permissions: Actions and resource reference".
"""

import re
from typing import Any

from ministack.app import main
from ministack.core import iam_actions

_as_ministack_names_it = iam_actions.extract_iam_action


def _as_aws_names_it(*request: Any) -> str | None:
    action: str | None = _as_ministack_names_it(*request)
    return action and re.sub(r"^(sqs:\w+)Batch$", r"\1", action)


iam_actions.extract_iam_action = _as_aws_names_it

if __name__ == "__main__":
    main()

"""`python -m ministack`, put right where the product would notice; runs in the emulator's own environment.

Permissions are as AWS names them. AWS has no action for SQS's batch calls: whoever may do a thing may do it in a batch.
MiniStack 1.5.33 asks for `sqs:ChangeMessageVisibilityBatch`, which no policy on AWS could grant, and would refuse our
heartbeat.
Source: Amazon SQS Developer Guide, "Amazon SQS API permissions: Actions and resource reference".

Only what this project started may use it. Whoever can reach it can create a function and run it, as the developer, and
a page in a browser can reach 127.0.0.1. MiniStack takes requests from any origin, for any host, with any signature. So
requests that a page sends, or that are for another host, are refused, and all must be signed with this start's own
secret, or, where MiniStack checks that itself, with one that IAM or STS gave out.

The last lines of an invocation are waited for. MiniStack takes the log for complete once nothing has come for 5 ms, and
drops what a busy machine delivers later.
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ministack import app as emulator  # type: ignore[import-not-found]
from ministack.core import iam_actions, iam_evaluator, lambda_runtime  # type: ignore[import-not-found]

sys.path.append(str(Path(__file__).parents[2]))  # at the end, so that nothing of ours hides a module of others

from sandbox.engines.signature import access_key_id, is_signed
from sandbox.loopback import refusal

FIRST_LINE_SECONDS = 0.2
SILENCE_SECONDS = 0.05
LONGEST_SECONDS = 2.0

_as_ministack_names_it = iam_actions.extract_iam_action


def _as_aws_names_it(*request: Any) -> str | None:
    action: str | None = _as_ministack_names_it(*request)
    return action and re.sub(r"^(sqs:\w+)Batch$", r"\1", action)


class Guard:
    """Lets in what is signed, and says of all else why it is not answered."""

    def __init__(self, app: Any, key_id: str, secret: str, *, users: bool) -> None:
        """Guard an ASGI application.

        Args:
            users: Leave keys that are not ours to the application, which checks their signatures.
        """
        self._app = app
        self._key_id = key_id
        self._secret = secret
        self._users = users

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        reason = refusal(headers) if scope["type"] == "http" else "there are no web sockets"
        if reason is None and not (scope["method"] == "GET" and scope["path"].startswith("/_ministack/")):
            body, receive = await _read(receive)
            reason = self._unsigned(scope, dict(headers), body)
        if reason is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _refuse(send, reason)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _unsigned(self, scope: Any, headers: Mapping[str, str], body: bytes) -> str | None:
        key_id = access_key_id(headers)
        if key_id is None:
            return "the request is not signed"
        if key_id != self._key_id and not re.fullmatch("[0-9]{12}", key_id):
            known = self._users and not iam_evaluator.is_root_access_key(key_id)
            return None if known else "the access key is unknown"
        target = scope["raw_path"].decode("latin-1")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        signed = is_signed(scope["method"], target, headers, body, self._secret)
        return None if signed else "the signature is wrong"


async def _read(receive: Any) -> tuple[bytes, Any]:
    """Return a request's body, and what gives it to the next reader."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    body = b"".join(message.get("body", b"") for message in messages)

    async def again() -> Any:
        return messages.pop(0) if messages else await receive()

    return body, again


async def _refuse(send: Any, reason: str) -> None:
    body = json.dumps({"__type": "AccessDeniedException", "message": reason}).encode()
    headers = [(b"content-type", b"application/x-amz-json-1.0"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


emulator.app = Guard(
    emulator.app, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], users=emulator.AUTH
)
iam_actions.extract_iam_action = _as_aws_names_it
lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (FIRST_LINE_SECONDS, SILENCE_SECONDS, LONGEST_SECONDS)

if __name__ == "__main__":
    emulator.main()

"""The operations the stubs know: their names, methods and paths."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

Vendor = Literal["openai", "twilio", "unknown"]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation; `path` has `{name}` where the real path has an id."""

    operation: str
    method: str
    path: str

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.path)))


@dataclass(frozen=True, slots=True)
class Call:
    """What a request asks for: the operation and the ids in its path."""

    operation: str
    ids: dict[str, str]

    @property
    def vendor(self) -> Vendor:
        name = self.operation.partition(".")[0]
        return "openai" if name == "openai" else "twilio" if name == "twilio" else "unknown"


_TABLE = """
openai.responses.create                    POST   /v1/responses
openai.responses.get                       GET    /v1/responses/{response_id}
openai.responses.delete                    DELETE /v1/responses/{response_id}
openai.conversations.create                POST   /v1/conversations
openai.conversations.delete                DELETE /v1/conversations/{conversation_id}
openai.conversations.items.list            GET    /v1/conversations/{conversation_id}/items
openai.conversations.items.delete          DELETE /v1/conversations/{conversation_id}/items/{item_id}
openai.threads.create                      POST   /v1/threads
openai.threads.delete                      DELETE /v1/threads/{thread_id}
openai.threads.messages.list               GET    /v1/threads/{thread_id}/messages
openai.threads.runs.create                 POST   /v1/threads/{thread_id}/runs
openai.threads.runs.get                    GET    /v1/threads/{thread_id}/runs/{run_id}
openai.models.list                         GET    /v1/models
openai.moderations.create                  POST   /v1/moderations
twilio.messages.create                     POST   /2010-04-01/Accounts/{account_sid}/Messages.json
twilio.messages.list                       GET    /2010-04-01/Accounts/{account_sid}/Messages.json
twilio.messages.fetch                      GET    /2010-04-01/Accounts/{account_sid}/Messages/{sid}.json
twilio.messages.delete                     DELETE /2010-04-01/Accounts/{account_sid}/Messages/{sid}.json
"""

ROUTES = tuple(Route(*line.split()) for line in _TABLE.strip().splitlines())
"""In order of preference: a literal path stands before one that would take the same word for an id."""

OPERATIONS = tuple(route.operation for route in ROUTES)

_PATTERNS = tuple((route.method, route.pattern, route.operation) for route in ROUTES)


def find_call(method: str, path: str) -> Call:
    """Name the operation of a request; `openai.unknown`, `twilio.unknown` or `unknown` if there is none."""
    for route_method, pattern, operation in _PATTERNS:
        if route_method == method and (found := pattern.fullmatch(path)):
            return Call(operation, found.groupdict())
    if path.startswith("/v1/"):
        return Call("openai.unknown", {})
    if path.startswith("/2010-04-01/"):
        ids = re.match(r"/2010-04-01/Accounts/([^/.]+)", path)
        return Call("twilio.unknown", {"account_sid": ids[1]} if ids else {})
    return Call("unknown", {})


def require_operation(glob: str) -> str:
    """Return the glob.

    Raises:
        ValueError: It names no operation at all, so a script with it would never play.
    """
    if not any(fnmatchcase(operation, glob) for operation in OPERATIONS):
        raise ValueError(f"operation {glob!r} names none of: {', '.join(OPERATIONS)}")
    return glob

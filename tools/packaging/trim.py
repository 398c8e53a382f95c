"""What is installed but does not ship, each with its reason.

A folder that grows with the vendor's products is an allow-list (`keep`), so that an upgrade cannot swell the
package; a library's own code is a deny-list, so that an upgrade cannot break it. The integration tests run
every vendor call on the trimmed package, and fail when an entry no longer matches anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

AWS_SERVICES = ("dynamodb", "secretsmanager", "signin", "sqs", "sso", "sso-oidc", "sts")
"""Called by the function, or by the SDK to find its credentials (the last four, outside of Lambda)."""

NOT_INSTALLED = {
    "aiohttp": "transport of asynchronous clients; openai imports it wherever it finds it",
    "aiohttp-retry": "only for aiohttp",
    "aiohappyeyeballs": "only for aiohttp",
    "aiosignal": "only for aiohttp",
    "attrs": "only for aiohttp",
    "frozenlist": "only for aiohttp",
    "multidict": "only for aiohttp",
    "propcache": "only for aiohttp",
    "yarl": "only for aiohttp",
    "pyjwt": "signs twilio's access tokens for browsers; the REST API takes the account's SID and token",
}
"""Distributions of requirements.txt, declared by a dependency, that nothing on our path imports."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Files that do not ship: `pattern` matches their path or a folder above it, and nothing in `keep` does.

    Paths are relative to the package's root; `*` matches across folders.
    """

    pattern: str
    reason: str
    keep: tuple[str, ...] = ()

    def matches(self, path: str) -> bool:
        return _covers(self.pattern, path) and not any(_covers(kept, path) for kept in self.keep)


DROPS = (
    # Every distribution
    Drop("bin", "console scripts, which name the interpreter of the machine that built the package"),
    Drop("*.pyi", "type stubs"),
    Drop("*/py.typed", "marker for type checkers"),
    Drop("*/tests", "a library's own tests"),
    Drop(".lock", "left by the installer"),
    Drop(
        "*.dist-info",
        "installer's records; versions stay for vulnerability scanners, licences because they ask for it",
        keep=(
            "*.dist-info/METADATA",
            "*.dist-info/LICEN[CS]E*",
            "*.dist-info/NOTICE*",
            "*.dist-info/licenses",
        ),
    ),
    # AWS SDK
    Drop(
        "botocore/data/*/*",
        "models of services that are not called",
        keep=tuple(f"botocore/data/{service}" for service in AWS_SERVICES),
    ),
    Drop("botocore/data/dynamodb/2011-12-05", "superseded version of the DynamoDB API"),
    Drop("botocore/data/*/examples-1.json", "examples for the generated documentation"),
    Drop("botocore/cacert.pem", "botocore prefers certifi's, which requests needs anyway"),
    Drop("boto3/data", "models of boto3's resources; only clients are used"),
    Drop("boto3/examples", "examples for the generated documentation"),
    Drop("dateutil/zoneinfo", "copy of the time zone database, for gettz(); botocore parses and uses UTC"),
    Drop("s3transfer/crt.py", "S3 through the AWS Common Runtime"),
    Drop("s3transfer/processpool.py", "S3 downloads by several processes"),
    Drop("urllib3/contrib/emscripten", "urllib3 in a browser"),
    # OpenAI SDK
    Drop("openai/resources/admin", "administration of an organisation"),
    Drop("openai/types/admin", "administration of an organisation"),
    Drop("openai/resources/audio", "speech"),
    Drop("openai/types/audio", "speech"),
    Drop("openai/resources/containers", "code interpreter containers"),
    Drop("openai/types/containers", "code interpreter containers"),
    Drop("openai/resources/evals", "evaluations"),
    Drop("openai/types/evals", "evaluations"),
    Drop("openai/resources/fine_tuning", "fine-tuning"),
    Drop("openai/types/fine_tuning", "fine-tuning"),
    Drop("openai/resources/live", "live voice sessions"),
    Drop("openai/types/live", "live voice sessions"),
    Drop("openai/lib/live", "live voice sessions"),
    Drop(
        "openai/resources/realtime",
        "realtime sessions; beta.realtime, which beta.threads imports, has its own",
    ),
    Drop("openai/types/realtime", "realtime sessions; beta.realtime, which beta.threads imports, has its own"),
    Drop("openai/resources/skills", "skills"),
    Drop("openai/types/skills", "skills"),
    Drop("openai/resources/uploads", "uploads of large files"),
    Drop("openai/types/uploads", "uploads of large files"),
    Drop("openai/resources/vector_stores", "vector stores"),
    Drop("openai/types/vector_stores", "vector stores"),
    Drop("openai/resources/webhooks", "verification of webhooks; runs are polled"),
    Drop("openai/types/webhooks", "verification of webhooks; runs are polled"),
    Drop("openai/*.md", "documentation"),
    Drop("openai/lib/responses_websocket", "responses over a WebSocket"),
    Drop("openai/lib/browser.py", "drives a browser for computer use"),
    Drop("openai/lib/computer.py", "drives a desktop for computer use"),
    Drop("httpx2/websockets", "WebSockets"),
    Drop("anyio/_backends/_trio.py", "asynchronous backend; the synchronous client is used"),
    Drop("anyio/pytest_plugin.py", "plugin for pytest"),
    # Twilio SDK
    Drop(
        "twilio/rest",
        "products other than the API that sends messages",
        keep=("twilio/rest/__init__.py", "twilio/rest/api"),
    ),
    Drop(
        "twilio/rest/api/v2010/account/*",
        "parts of an account other than its messages; each is imported when it is asked for",
        keep=("twilio/rest/api/v2010/account/__init__.py", "twilio/rest/api/v2010/account/message"),
    ),
    Drop("twilio/twiml", "XML for voice calls"),
    Drop("twilio/jwt", "access tokens for browsers; needs PyJWT"),
    Drop("twilio/auth_strategy/token_auth_strategy.py", "OAuth for organisations; needs PyJWT"),
    Drop("twilio/http/validation_client.py", "signed requests; needs PyJWT"),
    Drop("twilio/http/async_http_client.py", "asynchronous client; needs aiohttp"),
    # pydantic
    Drop("pydantic/v1", "the old pydantic, for programs not yet ported"),
    Drop("pydantic/mypy.py", "plugin for mypy"),
    # Powertools: Logger (which needs jmespath_utils), Metrics, and Tracer, which the package imports itself
    Drop("aws_lambda_powertools/event_handler", "routes of HTTP APIs"),
    Drop("aws_lambda_powertools/middleware_factory", "decorators for handlers"),
    Drop(
        "aws_lambda_powertools/utilities/*/*",
        "utilities other than Logger's own and the types of Lambda's context",
        keep=("aws_lambda_powertools/utilities/jmespath_utils", "aws_lambda_powertools/utilities/typing"),
    ),
)


def trim(tree: Path, drops: Sequence[Drop] = DROPS) -> dict[str, Drop]:
    """Delete from the tree what does not ship; return each deleted path with what it fell under."""
    dropped = {}
    for file in [path for path in tree.rglob("*") if path.is_file()]:
        path = file.relative_to(tree).as_posix()
        if (drop := next((drop for drop in drops if drop.matches(path)), None)) is not None:
            dropped[path] = drop
            file.unlink()
    return dropped


def _covers(pattern: str, path: str) -> bool:
    return fnmatchcase(path, pattern) or fnmatchcase(path, f"{pattern}/*")

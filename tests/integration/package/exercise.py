# ruff: noqa: PLC0415 - each part imports its own SDK, once the path is set
"""Makes every call the function makes, from an unpacked package alone, and prints what came back as JSON.

Run by the tests as `python -I -S exercise.py PACKAGE URLS-AND-KEYS`, so that nothing but the package and the
standard library can be imported.
"""

import json
import logging
import os
import socket
import sys
import sysconfig
import traceback
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PACKAGE = Path(sys.argv[1]).resolve()
GIVEN: dict[str, str] = json.loads(sys.argv[2])
MODEL = "gpt-6-luna"
FROM, TO = "whatsapp:+447700900000", "whatsapp:+447700900123"
JSON_SCHEMA = {
    "type": "json_schema",
    "name": "content_variables",
    "strict": True,
    "schema": {
        "type": "object",
        "properties": {"1": {"type": "string"}},
        "required": ["1"],
        "additionalProperties": False,
    },
}


def name_of_error(call: Any) -> list[str]:
    """Return the classes of what the call raises, most special first."""
    try:
        call()
    except Exception as exc:  # noqa: BLE001 - the test says which it must be
        return [cls.__name__ for cls in type(exc).__mro__]
    return []


def traceback_of(call: Any) -> str:
    try:
        call()
    except Exception:  # noqa: BLE001 - how it is shown is the point
        return traceback.format_exc()
    return ""


def closed_port_url() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def exercise_aws() -> dict[str, Any]:
    import boto3
    from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=5, read_timeout=5)

    make: Any = boto3.client  # its overloads are for names known in advance

    def client(service: str, url: str = GIVEN["aws"]) -> Any:
        return make(service, endpoint_url=url, config=config)

    table, queue, secrets = client("dynamodb"), client("sqs"), client("secretsmanager")
    item = {"recipient_tel": TypeSerializer().serialize("+447700900123")}
    written = table.update_item(TableName="conversations-dev", Key=item, ReturnValues="ALL_NEW")
    hidden = queue.change_message_visibility_batch(
        QueueUrl=f"{GIVEN['aws']}/queue",
        Entries=[{"Id": "m-1", "ReceiptHandle": "r", "VisibilityTimeout": 360}],
    )
    conflict = name_of_error(lambda: table.put_item(TableName="conversations-dev", Item=item))
    return {
        "attributes": {name: TypeDeserializer().deserialize(value) for name, value in written["Attributes"].items()},
        "hidden": [entry["Id"] for entry in hidden["Successful"]],
        "secret": secrets.get_secret_value(SecretId="openai-api-key/whatsapp")["SecretString"],
        "conflict": conflict[0],
        "unreachable": name_of_error(client("sqs", closed_port_url()).list_queues)[0],
        "endpoints": {
            service: make(service, region_name="eu-west-2").meta.endpoint_url
            for service in ("dynamodb", "secretsmanager", "sqs", "sts")
        },
        "paginators": [table.can_paginate("query"), table.get_paginator("query") is not None],
        "waiters": table.waiter_names,
        "documented": str(table.put_item.__doc__),
    }


def exercise_openai_names() -> dict[str, Any]:
    """Import the SDK, then look up every name that the builder made lazy."""
    import importlib

    import openai

    imported = sorted(sys.modules)
    names, missing = 0, []
    for file in sorted(Path(openai.__file__).parent.rglob("__init__.py*")):
        source = file.with_suffix("").relative_to(PACKAGE).parent
        if source.parts[1:2] not in (("types",), ("lib",)):
            continue
        module = importlib.import_module(".".join(source.parts))
        for name in getattr(module, "_NAMES", ()):
            names += 1
            if not hasattr(module, name):
                missing.append(f"{module.__name__}.{name}")
    return {"imported": imported, "names": names, "missing": missing}


async def ask_asynchronously() -> str:
    """Use what the builder makes wait: the SDK's asynchronous client, which pauses before it asks again."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(api_key=GIVEN["openai_key"], base_url=GIVEN["openai"], max_retries=2, timeout=10) as client:
        response = await client.responses.create(model=MODEL, input="ask twice")
        return str(response.output_text)


def exercise_openai_responses() -> dict[str, Any]:
    import asyncio

    from openai import OpenAI

    client: Any = OpenAI(api_key=GIVEN["openai_key"], base_url=GIVEN["openai"], max_retries=0, timeout=10)
    conversation = client.conversations.create(metadata={"conversation": "c-1"})
    running = client.responses.create(
        model=MODEL,
        instructions="Write a greeting.",
        input=[{"role": "user", "content": "hello"}],
        conversation=conversation.id,
        background=True,
        text={"format": JSON_SCHEMA},
        max_output_tokens=1000,
        reasoning={"effort": "low"},
    )
    raw = client.responses.with_raw_response.retrieve(running.id)
    response = client.with_options(timeout=5).responses.retrieve(running.id)
    for _ in range(20):
        if response.status == "completed":
            break
        response = client.responses.retrieve(running.id)
    kinds = [part.type for item in response.output if item.type == "message" for part in item.content]
    items = [item.type for item in client.conversations.items.list(conversation.id)]
    plain = client.responses.create(model=MODEL, input="hello")
    deleted = client.conversations.delete(conversation.id)
    asynchronous = asyncio.run(ask_asynchronously())
    stranger = OpenAI(api_key="sk-wrong", base_url=GIVEN["openai"], max_retries=0)
    nobody = OpenAI(api_key="sk", base_url=closed_port_url(), max_retries=0)
    return {
        "first_status": running.status,
        "raw_status": raw.status_code,
        "status": response.status,
        "variables": sorted(json.loads(response.output_text)),
        "kinds": kinds,
        "tokens": response.usage is not None and response.usage.output_tokens > 0,
        "items": items,
        "plain": plain.output_text,
        "deleted": deleted.deleted,
        "asynchronous": asynchronous,
        "cancel_missing": name_of_error(lambda: client.responses.cancel("resp_absent")),
        "missing": name_of_error(lambda: client.responses.retrieve("resp_absent")),
        "wrong_key": name_of_error(lambda: stranger.responses.create(model=MODEL, input="x")),
        "unreachable": name_of_error(lambda: nobody.responses.create(model=MODEL, input="x")),
        "limited": name_of_error(lambda: client.responses.create(model=MODEL, input="too many")),
        "broken": name_of_error(lambda: client.responses.create(model=MODEL, input="break down")),
    }


def exercise_openai_assistants() -> dict[str, Any]:
    from openai import OpenAI

    client: Any = OpenAI(api_key=GIVEN["openai_key"], base_url=GIVEN["openai"], max_retries=0, timeout=10)
    thread = client.beta.threads.create(
        metadata={"conversation": "c-1"}, messages=[{"role": "user", "content": "hello"}]
    )
    run = client.beta.threads.runs.create(thread_id=thread.id, assistant_id="asst_1")
    raw = client.beta.threads.runs.with_raw_response.retrieve(run.id, thread_id=thread.id)
    for _ in range(20):
        if run.status == "completed":
            break
        run = client.beta.threads.runs.retrieve(run.id, thread_id=thread.id)
    messages = client.beta.threads.messages.list(thread.id, order="asc").data
    answers = client.beta.threads.messages.list(thread.id, order="desc", run_id=run.id)
    return {
        "thread": thread.object,
        "message": messages[0].content[0].type,
        "raw_status": raw.status_code,
        "status": run.status,
        "answers": [part.text.value for answer in answers for part in answer.content if part.type == "text"],
        "cancel_missing": name_of_error(lambda: client.beta.threads.runs.cancel("run_absent", thread_id=thread.id)),
        "deleted": client.beta.threads.delete(thread.id).deleted,
    }


def exercise_twilio() -> dict[str, Any]:
    from twilio.http.http_client import TwilioHttpClient
    from twilio.rest import Client

    def client(token: str, url: str = GIVEN["twilio"]) -> Client:
        made = Client(GIVEN["twilio_sid"], token, http_client=TwilioHttpClient(timeout=10))
        made.api.base_url = url
        return made

    twilio = client(GIVEN["twilio_token"])
    plain = twilio.messages.create(to=TO, from_=FROM, body="Hello")
    template = twilio.messages.create(
        to=TO,
        from_=FROM,
        content_sid="HX" + "0" * 32,
        content_variables=json.dumps({"1": "Ada"}),
        status_callback="https://example.com/status",
    )
    raw = twilio.messages.create_with_http_info(to=TO, from_=FROM, body="Hello again")
    return {
        "sid": plain.sid,
        "template_sid": template.sid,
        "raw_status": raw.status_code,
        "listed": [message.sid for message in twilio.messages.list(to=TO, from_=FROM, limit=20)],
        "paged": len(list(twilio.messages.stream(to=TO, from_=FROM, page_size=1))),
        "fetched": twilio.messages(plain.sid).fetch().body,
        "traceback": traceback_of(lambda: twilio.messages("SM" + "0" * 32).fetch()),
        "created": isinstance(plain.date_created, datetime),
        "wrong_token": name_of_error(lambda: client("0" * 32).messages.create(to=TO, from_=FROM, body="x")),
        "unlisted": name_of_error(lambda: client("0" * 32).messages.list(to=TO)),
        "refused": name_of_error(lambda: twilio.messages.create(to=TO, from_=FROM, body="refuse this")),
        "described": name_of_error(lambda: twilio.messages.create(to=TO, from_=FROM, body="describe the problem")),
        "unreachable": name_of_error(
            lambda: client("x", closed_port_url()).messages.create(to=TO, from_=FROM, body="x")
        ),
    }


def exercise_pydantic() -> dict[str, Any]:
    from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

    class Part(BaseModel):
        model_config = ConfigDict(frozen=True, extra="ignore")

        tel: str = Field(pattern=r"^\+[1-9]\d{6,14}$")
        at: AwareDatetime
        count: int = Field(default=1, ge=1)

    class Whole(BaseModel):
        parts: list[Part]

    at = datetime(2026, 11, 22, tzinfo=UTC)
    whole = Whole.model_validate_json(json.dumps({"parts": [{"tel": "+447700900123", "at": str(at)}]}))
    try:
        Whole.model_validate({"parts": [{"tel": "07700", "count": 0}]})
    except ValidationError as exc:
        faults = sorted(".".join(map(str, error["loc"])) for error in exc.errors())
    return {
        "back": json.loads(whole.model_dump_json())["parts"][0]["tel"],
        "faults": faults,
        "schema": sorted(Whole.model_json_schema()["$defs"]["Part"]["properties"]),
    }


def exercise_powertools() -> dict[str, Any]:
    from aws_lambda_powertools import Logger, Metrics
    from aws_lambda_powertools.metrics import MetricUnit
    from aws_lambda_powertools.utilities.typing import LambdaContext

    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    class Context(LambdaContext):
        _function_name, _memory_limit_in_mb, _aws_request_id = "processor", 512, "request-1"
        _invoked_function_arn = "arn:aws:lambda:eu-west-2:000000000000:function:processor"

    logger = Logger(service="processor", logger_handler=Keep())
    metrics = Metrics(namespace="AIComms/WhatsAppProcessor/Dev", service="processor")

    @logger.inject_lambda_context(correlation_id_path="requestContext.requestId")
    def handler(_event: dict[str, Any], _context: LambdaContext) -> None:
        logger.append_keys(conversation_id="c-1")
        logger.info("message_sent", extra={"event": "message_sent"})
        try:
            raise RuntimeError("on purpose")  # noqa: TRY301 - what is logged is the point
        except RuntimeError:
            logger.exception("failed")
        metrics.add_metric(name="MessagesSent", unit=MetricUnit.Count, value=1)
        metrics.add_dimension(name="code", value="none")

    handler({"requestContext": {"requestId": "correlation-1"}}, Context())
    first, second = (json.loads(line) for line in lines)
    return {
        "keys": {key: first[key] for key in ("event", "conversation_id", "function_request_id", "correlation_id")},
        "exception": second["exception_name"],
        "metrics": json.loads(json.dumps(metrics.serialize_metric_set()))["MessagesSent"],
    }


def exercise_own_modules() -> dict[str, Any]:
    import importlib

    names = []
    for top in ("core", "services", "utils", "index"):
        for path in [PACKAGE / f"{top}.py", *sorted((PACKAGE / top).rglob("*.py"))]:
            if path.exists():
                parts = path.relative_to(PACKAGE).with_suffix("").parts
                names.append(".".join(parts).removesuffix(".__init__"))
    modules = {name: importlib.import_module(name) for name in names}
    return {
        "imported": names,
        "handler": callable(getattr(modules.get("index"), "lambda_handler", None)),
        "traceback": traceback_of(lambda: modules["utils.settings"].Settings.from_environ({})),
    }


def modules_from_elsewhere() -> list[str]:
    """Name what was imported from neither the package nor the standard library."""
    homes = [PACKAGE, *(Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "platstdlib"))]
    files = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    return [
        name
        for name, file in files.items()
        if name not in ("__main__", "__mp_main__")
        and file
        and not any(Path(file).resolve().is_relative_to(home) for home in homes)
    ]


def main() -> None:
    os.environ.clear()
    os.environ.update(
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_REGION="eu-west-2",
        AWS_DEFAULT_REGION="eu-west-2",
        NO_PROXY="*",
    )
    sys.path.insert(0, str(PACKAGE))
    warnings.simplefilter("ignore", DeprecationWarning)  # openai, on each call of the closed Assistants API
    seen = {
        "openai_names": exercise_openai_names(),  # first, while nothing of it is imported
        "own": exercise_own_modules(),
        "aws": exercise_aws(),
        "responses": exercise_openai_responses(),
        "assistants": exercise_openai_assistants(),
        "twilio": exercise_twilio(),
        "pydantic": exercise_pydantic(),
        "powertools": exercise_powertools(),
        "from_elsewhere": modules_from_elsewhere(),
        "python": sys.version.split()[0],
    }
    sys.stdout.write(json.dumps(seen, default=str))


if __name__ == "__main__":
    main()

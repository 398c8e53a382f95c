"""The baseline of the benchmarks: the same job, plainly written, as handlers like this one usually are.

It claims, asks, polls, sends and closes, keeps its message hidden, and reports what failed. It does not resume,
reconcile or fence, and it does one thing after the other.
"""
# It is what it is compared as, not how this project writes code.
# ruff: noqa: ANN001, ANN201, ARG001, INP001, PTH118, PTH120, PTH123
# mypy: ignore-errors

import json
import os
import threading
import time
from datetime import UTC, datetime

import boto3
from aws_lambda_powertools import Logger
from openai import OpenAI
from twilio.rest import Client

logger = Logger(service="baseline")


def lambda_handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            process_record(record)
        except Exception:
            logger.exception("message failed")
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def process_record(record):
    done = threading.Event()
    heartbeat = threading.Thread(target=keep_hidden, args=(record["receiptHandle"], done))
    heartbeat.start()
    try:
        open_conversation(json.loads(record["body"]))
    finally:
        done.set()
        heartbeat.join()


def keep_hidden(receipt_handle, done):
    while not done.wait(int(os.environ.get("HEARTBEAT_INTERVAL_SECONDS", "120"))):
        boto3.client("sqs").change_message_visibility(
            QueueUrl=os.environ["WHATSAPP_QUEUE_URL"],
            ReceiptHandle=receipt_handle,
            VisibilityTimeout=int(os.environ.get("VISIBILITY_TIMEOUT_SECONDS", "360")),
        )


def open_conversation(context):
    front, company = context["frontend_payload"], context["company_data_payload"]
    if front["recipient_data"]["comms_consent"] is not True:
        raise ValueError("the recipient has not agreed to be contacted")
    started = time.time()
    table = boto3.resource("dynamodb").Table(os.environ["CONVERSATIONS_TABLE_NAME_DEV"])
    key = {
        "recipient_tel": front["recipient_data"]["recipient_tel"],
        "conversation_id": context["conversation_data"]["conversation_id"],
    }
    table.put_item(
        Item={
            **key,
            "company_id": company["company_id"],
            "project_id": company["project_id"],
            "request_id": front["request_data"]["request_id"],
            "conversation_status": "processing",
            "task_complete": 0,
            "created_at": now(),
        },
        ConditionExpression="attribute_not_exists(recipient_tel)",
    )
    whatsapp = company["channel_config"]["whatsapp"]
    ai = company["ai_config"]["openai_config"]["whatsapp"]
    twilio_secret = get_secret(whatsapp["whatsapp_credentials_id"])
    openai_secret = get_secret(ai["api_key_reference"])
    template_sid = twilio_secret.get("twilio_template_sid")

    text, thread_id, tokens = ask_model(openai_secret["ai_api_key"], ai, front, company, template_sid)

    client = Client(twilio_secret["twilio_account_sid"], twilio_secret["twilio_auth_token"])
    if "TWILIO_API_BASE_URL" in os.environ:
        client.api.base_url = os.environ["TWILIO_API_BASE_URL"]
    content = {"content_sid": template_sid, "content_variables": text} if template_sid else {"body": text}
    message = client.messages.create(
        from_="whatsapp:" + whatsapp["company_whatsapp_number"],
        to="whatsapp:" + front["recipient_data"]["recipient_tel"],
        **content,
    )

    table.update_item(
        Key=key,
        UpdateExpression="SET conversation_status = :status, task_complete = :one, openai_thread_id = :thread,"
        " messages = :messages, processing_time_ms = :took, updated_at = :now",
        ExpressionAttributeValues={
            ":status": "initial_message_sent",
            ":one": 1,
            ":thread": thread_id,
            ":messages": [
                {
                    "message_id": message.sid,
                    "role": "assistant",
                    "content": text,
                    "timestamp": now(),
                    "tokens": tokens,
                }
            ],
            ":took": int((time.time() - started) * 1000),
            ":now": now(),
        },
    )
    logger.info("message sent", conversation_id=key["conversation_id"], message_sid=message.sid)


def get_secret(name):
    return json.loads(boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"])


def ask_model(api_key, ai, front, company, template_sid):
    with open(os.path.join(os.path.dirname(__file__), "assistants", ai["assistant_id_template_sender"] + ".json")) as f:
        assistant = json.load(f)
    client = OpenAI(api_key=api_key)
    conversation = client.conversations.create()
    options = {}
    if template_sid:
        options["text"] = {
            "format": {
                "type": "json_schema",
                "name": "content_variables",
                "strict": True,
                "schema": assistant["output_schema"],
            }
        }
    response = client.responses.create(
        model=os.environ.get("OPENAI_MODEL", "gpt-6-luna"),
        instructions=assistant["instructions"],
        input=[
            {
                "role": "user",
                "content": "Company:\n"
                + json.dumps({"company_name": company.get("company_name"), "rep": company.get("company_rep")})
                + "\n\nRecipient:\n"
                + json.dumps({"first_name": front["recipient_data"].get("recipient_first_name")})
                + "\n\nContact numbers:\n"
                + json.dumps({"recipient_tel": front["recipient_data"]["recipient_tel"]})
                + "\n\nProject data:\n"
                + json.dumps(front.get("project_data")),
            }
        ],
        conversation=conversation.id,
        background=True,
        max_output_tokens=assistant["max_output_tokens"],
        reasoning={"effort": assistant["reasoning_effort"]},
        **options,
    )
    while response.status in ("queued", "in_progress"):
        time.sleep(1)
        response = client.responses.retrieve(response.id)
    if response.status != "completed":
        raise RuntimeError("the response ended as " + response.status)
    return response.output_text, conversation.id, response.usage.output_tokens


def now():
    return datetime.now(UTC).isoformat()

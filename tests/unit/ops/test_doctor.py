"""Doctor: each thing that can be wrong with a deployment is one clear line."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ops.answers import Finding, ok
from ops.commands import doctor
from ops.names import ALARM_PREFIX
from tests.unit.ops.conftest import Ops
from tests.unit.ops.deployment import FUNCTION_ARN, OPENAI_SECRET, TOPIC, TWILIO_SECRET, Deployment, schema
from tests.unit.ops.fake_aws import DLQ, QUEUE, FakeAws, client_error
from tests.unit.ops.records import make_record

ACCOUNT = "AC" + "0" * 32


class AcceptingVendors:
    """Vendors that accept every key."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def openai(self, key: Any, _settings: Any) -> Finding:
        self.asked.append(f"openai {key.reveal()}")
        return ok("OpenAI key", "accepted")

    def twilio(self, credentials: Any, _settings: Any) -> Finding:
        self.asked.append(f"twilio {credentials.login[1].reveal()}")
        return ok("Twilio key", "accepted")

    def template(self, credentials: Any, _settings: Any) -> Finding:
        self.asked.append(f"template {credentials.template_sid}")
        return ok("template", "approved")

    def variables(self, _credentials: Any, _settings: Any) -> Finding:
        return ok("variables", "1, 2, 3")


@pytest.fixture
def vendors(ops: Ops) -> AcceptingVendors:
    vendors = AcceptingVendors()
    ops.vendors = vendors
    return vendors


@pytest.fixture
def deployment(aws: FakeAws, vendors: AcceptingVendors) -> Deployment:
    assert not vendors.asked
    return Deployment(aws)


def test_deployment_in_order_has_only_good_lines(ops: Ops, deployment: Deployment, vendors: AcceptingVendors) -> None:
    answer = ops.json("doctor")

    assert answer["healthy"] is True
    assert {finding["verdict"] for finding in answer["findings"]} == {"ok"}
    assert [finding["check"] for finding in answer["findings"]] == [
        "account",
        "queue",
        "DLQ",
        "redrive policy",
        "table",
        "index",
        "conversations",
        "function",
        "settings",
        "event source",
        "log group",
        "metric filter",
        "alarms",
        "names",
        "listeners",
        "package",
        "secret",
        "OpenAI key",
        "secret",
        "Twilio key",
        "template",
        "variables",
    ]
    assert vendors.asked == ["openai sk-test-key", "twilio the-token", f"template {'HX' + '1' * 32}"]
    assert deployment.asked_functions == ["whatsapp-channel-processor-dev"]


def test_terminal_shows_a_verdict_a_line_and_a_summary(ops: Ops, deployment: Deployment) -> None:
    deployment.subscriptions.clear()

    shown = ops("doctor")

    assert shown.exit_code == 0
    assert f"ok    queue           {QUEUE}, 0 waiting, 0 in work\n" in shown.out
    assert "warn  listeners       nobody listens to ai-comms-critical-alerts-dev\n" in shown.out
    assert f"\n{' ' * 22}docs/deploying.md, 6. Be told\n" in shown.out
    assert shown.out.endswith("\ndev is in order: 21 ok, 1 warning\n")


def test_a_failure_ends_with_its_exit_code(ops: Ops, deployment: Deployment) -> None:
    deployment.logs.metric_filters.clear()

    shown = ops("doctor")

    assert shown.exit_code == 1
    assert "dev is not in order: 21 ok, 1 failed" in shown.out
    assert "Deploy again: make deploy ENV=dev" in shown.out


def test_no_secret_is_printed(ops: Ops, deployment: Deployment) -> None:
    deployment.secrets[OPENAI_SECRET] = json.dumps({"wrong": "sk-hidden-one"})
    deployment.secrets[TWILIO_SECRET] = "the-hidden-token"

    shown = ops("doctor")

    assert shown.exit_code == 1
    assert "hidden" not in shown.out + shown.err


Change = Callable[[Deployment], object]


def without(mapping: dict[str, Any], name: str) -> object:
    return mapping.pop(name)


def set_attribute(queue: str, name: str, value: str) -> Change:
    return lambda d: d.sqs.attributes[queue].update({name: value})


PROBLEMS: list[Any] = [
    pytest.param(lambda d: d.sqs.add(DLQ, "{}"), "DLQ", "warn", f"{DLQ} has 1 message", id="dead letters"),
    pytest.param(
        set_attribute(DLQ, "MessageRetentionPeriod", "345600"),
        "DLQ retention",
        "fail",
        "96 h, not longer than the queue's 96 h",
        id="retention",
    ),
    pytest.param(
        set_attribute(QUEUE, "RedrivePolicy", "{}"), "redrive policy", "fail", "until they expire", id="no redrive"
    ),
    pytest.param(
        set_attribute(QUEUE, "RedrivePolicy", '{"deadLetterTargetArn": "arn:aws:sqs:r:a:other", "maxReceiveCount": 3}'),
        "redrive policy",
        "fail",
        f"leads to other, not to {DLQ}",
        id="other DLQ",
    ),
    pytest.param(
        lambda d: d.dynamodb.description.update(TableStatus="DELETING"),
        "table",
        "fail",
        "is DELETING",
        id="deleted",
    ),
    pytest.param(
        lambda d: d.dynamodb.description.update(KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}]),
        "table",
        "fail",
        "another key than recipient_tel or primary_channel and conversation_id",
        id="key",
    ),
    pytest.param(
        lambda d: d.dynamodb.description.update(KeySchema=schema("primary_channel", "conversation_id")),
        "settings",
        "fail",
        "CONVERSATIONS_PARTITION_KEY is recipient_tel, the table's is primary_channel",
        id="key of another schema",
    ),
    pytest.param(
        lambda d: d.dynamodb.description.update(GlobalSecondaryIndexes=[]),
        "index",
        "fail",
        "there is no needs-attention-index",
        id="no index",
    ),
    pytest.param(
        lambda d: d.dynamodb.description["GlobalSecondaryIndexes"][0].update(IndexStatus="CREATING"),
        "index",
        "warn",
        "is CREATING",
        id="index building",
    ),
    pytest.param(
        lambda d: d.dynamodb.time_to_live.update(TimeToLiveStatus="DISABLED"),
        "expiry",
        "warn",
        "kept for ever",
        id="no expiry",
    ),
    pytest.param(
        lambda d: d.dynamodb.put(make_record()),
        "conversations",
        "warn",
        "1 conversation needs attention",
        id="attention",
    ),
    pytest.param(
        lambda d: d.function.update(State="Failed", StateReason="the image is gone"),
        "function",
        "fail",
        "is Failed, last update Successful: the image is gone",
        id="function failed",
    ),
    pytest.param(
        lambda d: d.function.update(LastUpdateStatus="Failed"), "function", "fail", "last update Failed", id="update"
    ),
    pytest.param(
        lambda d: d.function.update(Handler="app.handler"), "function", "fail", "runs app.handler", id="handler"
    ),
    pytest.param(
        lambda d: d.function["Environment"].update(Error={"ErrorCode": "AccessDeniedException"}),
        "settings",
        "fail",
        "can't be decrypted (AccessDeniedException)",
        id="environment encrypted",
    ),
    pytest.param(
        lambda d: d.variables.update(MAX_CONCURRENT_MESSAGES="many"),
        "settings",
        "fail",
        "MAX_CONCURRENT_MESSAGES",
        id="invalid setting",
    ),
    pytest.param(
        lambda d: d.variables.update(WHATSAPP_QUEUE_URL="https://sqs.test/other"),
        "names",
        "fail",
        f"the queue is {QUEUE}",
        id="other queue",
    ),
    pytest.param(
        lambda d: d.function.update(LoggingConfig={"LogGroup": "/aws/lambda/other"}),
        "names",
        "fail",
        "writes its log to /aws/lambda/other",
        id="other log group",
    ),
    pytest.param(
        lambda d: d.variables.update(METRICS_NAMESPACE="AIComms/WhatsAppProcessor/Prod"),
        "names",
        "fail",
        "HeartbeatLostAlarm-Dev watches AIComms/WhatsAppProcessor/Dev, the function writes to AIComms",
        id="other namespace",
    ),
    pytest.param(
        lambda d: d.alarms["FinalDbUpdateFailure"].update(MetricName="Other"),
        "names",
        "fail",
        "the critical alarm watches AIComms/WhatsAppProcessor/Dev/Other",
        id="other metric",
    ),
    pytest.param(
        lambda d: d.alarms["Errors"].update(Dimensions=[{"Name": "FunctionName", "Value": "other"}]),
        "names",
        "fail",
        "ErrorsAlarm-Dev watches other, not whatsapp-channel-processor-dev",
        id="alarm of another function",
    ),
    pytest.param(
        lambda d: d.aws.compiled.append("x/y.cpython-311-x86_64-linux-gnu.so"),
        "package",
        "fail",
        "built for python3.11 on x86_64; the function is python3.13 on x86_64",
        id="package for another Python",
    ),
    pytest.param(
        lambda d: d.function.update(Architectures=["arm64"]),
        "package",
        "fail",
        "built for python3.13 on x86_64; the function is python3.13 on arm64",
        id="package for another processor",
    ),
    pytest.param(
        lambda d: d.functions.errors.update(get_function=client_error("AccessDeniedException", "GetFunction")),
        "package",
        "skip",
        "not looked at: that takes lambda:GetFunction",
        id="package that may not be read",
    ),
    pytest.param(
        lambda d: d.variables.update(CONVERSATIONS_TABLE_NAME_DEV="conversations-prod"),
        "settings",
        "fail",
        "the table is conversations-prod, not conversations-dev",
        id="other table",
    ),
    pytest.param(
        set_attribute(QUEUE, "VisibilityTimeout", "400"),
        "settings",
        "fail",
        "VISIBILITY_TIMEOUT_SECONDS is 360, the queue's is 400",
        id="visibility",
    ),
    pytest.param(
        lambda d: d.function.update(Timeout=600),
        "settings",
        "fail",
        "the queue shows messages again after 360 s, the function may run 600 s",
        id="timeout",
    ),
    pytest.param(
        lambda d: d.function.update(Timeout=30),
        "settings",
        "fail",
        "the function may run 30 s, and needs 38 s to send a message",
        id="timeout too short to send",
    ),
    pytest.param(
        lambda d: d.variables.update(MAX_RECEIVE_COUNT="5"),
        "settings",
        "fail",
        "MAX_RECEIVE_COUNT is 5, the queue's is 3",
        id="receives",
    ),
    pytest.param(lambda d: d.mappings.clear(), "event source", "fail", "nothing takes messages", id="no mapping"),
    pytest.param(
        lambda d: d.mapping.update(FunctionArn=FUNCTION_ARN.replace("processor-dev", "other")),
        "event source",
        "fail",
        "another function takes from the queue too: whatsapp-channel-other",
        id="other function",
    ),
    pytest.param(
        lambda d: d.mappings.append(d.mapping),
        "event source",
        "warn",
        "2 mappings feed the function",
        id="twice",
    ),
    pytest.param(
        lambda d: without(d.mapping, "FunctionResponseTypes"),
        "event source",
        "fail",
        "Lambda deletes messages that failed",
        id="no partial batch response",
    ),
    pytest.param(
        lambda d: d.mapping.update(State="Disabled"),
        "event source",
        "fail",
        "disabled: messages wait on the queue",
        id="deliveries off",
    ),
    pytest.param(
        lambda d: d.mapping.update(State="Updating"), "event source", "warn", "updating", id="mapping changing"
    ),
    pytest.param(
        lambda d: d.mapping.update(LastProcessingResult="PROBLEM: Function call failed"),
        "event source",
        "fail",
        "PROBLEM: Function call failed",
        id="invocations fail",
    ),
    pytest.param(lambda d: d.logs.retention.clear(), "log group", "warn", "kept for ever", id="log retention"),
    pytest.param(lambda d: d.logs.metric_filters.clear(), "metric filter", "fail", "can't ring", id="no metric filter"),
    pytest.param(
        lambda d: without(d.alarms, "Throttles"),
        "alarms",
        "fail",
        f"missing: {ALARM_PREFIX}ThrottlesAlarm-Dev",
        id="alarm missing",
    ),
    pytest.param(lambda d: d.alarms.clear(), "alarms", "fail", "none of 17 alarms is there", id="no alarms"),
    pytest.param(
        lambda d: d.alarms["Errors"].update(ActionsEnabled=False),
        "alarms",
        "fail",
        f"actions are off: {ALARM_PREFIX}ErrorsAlarm-Dev",
        id="alarm muted",
    ),
    pytest.param(
        lambda d: d.alarms["Errors"].update(AlarmActions=[]), "alarms", "fail", "tell nobody", id="alarm tells nobody"
    ),
    pytest.param(
        lambda d: d.alarms["Errors"].update(StateValue="ALARM"), "alarms", "warn", "ringing", id="alarm rings"
    ),
    pytest.param(
        lambda d: d.subscriptions.clear(),
        "listeners",
        "warn",
        "nobody listens to ai-comms-critical",
        id="unheard",
    ),
    pytest.param(
        lambda d: d.subscriptions.__setitem__(slice(None), ["PendingConfirmation"]),
        "listeners",
        "warn",
        "1 not confirmed yet",
        id="subscription pending",
    ),
    pytest.param(
        lambda d: without(d.secrets, TWILIO_SECRET),
        "secrets",
        "fail",
        "there is no secret whatsapp-credentials/...",
        id="no Twilio secret",
    ),
    pytest.param(
        lambda d: d.secrets.update({OPENAI_SECRET: client_error("ResourceNotFoundException", "GetSecretValue")}),
        "secret",
        "fail",
        f"secret {OPENAI_SECRET} does not exist, or has no value yet",
        id="secret without value",
    ),
    pytest.param(
        lambda d: d.secrets.update({TWILIO_SECRET: '{"twilio_account_sid": "AC1"}'}),
        "secret",
        "fail",
        f"{TWILIO_SECRET} lacks twilio_auth_token",
        id="secret of another shape",
    ),
    pytest.param(
        lambda d: d.secrets.update(
            {TWILIO_SECRET: json.dumps({"twilio_account_sid": ACCOUNT, "twilio_auth_token": "t\u200b"})}
        ),
        "secret",
        "fail",
        "has a character in twilio_auth_token that no password of Twilio has",
        id="token with an invisible character",
    ),
    pytest.param(
        lambda d: d.secrets.update(
            {TWILIO_SECRET: json.dumps({"twilio_account_sid": "MG" + "0" * 32, "twilio_auth_token": "t"})}
        ),
        "secret",
        "fail",
        "must have AC and 32 hexadecimal digits as twilio_account_sid",
        id="SID of another kind",
    ),
    pytest.param(
        lambda d: d.secrets.update({TWILIO_SECRET: client_error("AccessDeniedException", "GetSecretValue")}),
        "secret",
        "skip",
        f"{TWILIO_SECRET} may not be read with these credentials",
        id="secret not for this person",
    ),
    pytest.param(
        lambda d: d.secrets.update(
            {TWILIO_SECRET: json.dumps({"twilio_account_sid": ACCOUNT, "twilio_auth_token": "t"})}
        ),
        "template",
        "skip",
        "free-form, within WhatsApp's 24-hour window",
        id="no template",
    ),
]


@pytest.mark.parametrize(("change", "check", "verdict", "detail"), PROBLEMS)
def test_each_problem_has_its_line(
    ops: Ops, deployment: Deployment, change: Change, check: str, verdict: str, detail: str
) -> None:
    change(deployment)

    answer = ops.json("doctor")

    found = [finding for finding in answer["findings"] if finding["check"] == check and detail in finding["detail"]]
    assert [finding["verdict"] for finding in found] == [verdict], json.dumps(answer["findings"], indent=1)
    assert found[0]["advice"] or verdict == "skip"
    assert answer["healthy"] is (verdict != "fail")


def test_what_is_not_there_is_said_once(ops: Ops, deployment: Deployment) -> None:
    del deployment.sqs.queues[QUEUE]

    findings = ops.json("doctor")["findings"]

    lines = {finding["check"]: finding for finding in findings}
    assert lines["queue"]["verdict"] == "fail"
    assert lines["redrive policy"]["detail"] == "can't be looked at, as something above is missing"
    assert sum(f"There is no queue {QUEUE}" in finding["detail"] for finding in findings) == 1
    assert lines["alarms"]["verdict"] == "ok"


def test_unknown_settings_leave_the_vendors_alone(ops: Ops, deployment: Deployment, vendors: AcceptingVendors) -> None:
    deployment.functions.errors["get_function_configuration"] = client_error("ResourceNotFoundException")

    findings = ops.json("doctor")["findings"]

    assert vendors.asked == []
    assert ("vendors", "skip") in [(finding["check"], finding["verdict"]) for finding in findings]
    assert sum(finding["detail"].endswith(", right shape") for finding in findings) == 2


def test_with_a_prefix_only_secrets_below_it_count(ops: Ops, deployment: Deployment) -> None:
    below = f"ai-multi-comms/{OPENAI_SECRET}-dev"
    deployment.variables["SECRET_NAME_PREFIX"] = "ai-multi-comms"
    deployment.secrets[below] = deployment.secrets[OPENAI_SECRET]

    findings = ops.json("doctor")["findings"]

    said = [(finding["check"], finding["detail"]) for finding in findings if finding["check"].startswith("secret")]
    assert said == [
        ("secrets", "there is no secret ai-multi-comms/whatsapp-credentials/..."),
        ("secret", f"{below}, right shape"),
    ]


def test_alias_that_the_queue_invokes_is_the_one_examined(ops: Ops, deployment: Deployment) -> None:
    deployment.mapping["FunctionArn"] = f"{FUNCTION_ARN}:live"

    findings = ops.json("doctor")["findings"]

    assert deployment.asked_functions == ["whatsapp-channel-processor-dev:live"]
    assert {finding["verdict"] for finding in findings} == {"ok"}


def test_function_of_a_similar_name_is_another_one(ops: Ops, deployment: Deployment) -> None:
    deployment.mapping["FunctionArn"] = f"{FUNCTION_ARN}-2"

    findings = ops.json("doctor")["findings"]

    assert deployment.asked_functions == ["whatsapp-channel-processor-dev"]
    assert any("another function takes from the queue too" in finding["detail"] for finding in findings)


def test_secrets_are_left_alone_when_asked_to(ops: Ops, deployment: Deployment, vendors: AcceptingVendors) -> None:
    findings = ops.json("doctor", "--no-secrets")["findings"]

    assert vendors.asked == []
    assert deployment.aws.others["secretsmanager"].calls == []
    assert findings[-1] == {"check": "secrets", "verdict": "skip", "detail": "not looked at", "advice": None}


def test_one_secret_is_checked_when_asked_to(ops: Ops, deployment: Deployment, vendors: AcceptingVendors) -> None:
    del deployment.secrets[OPENAI_SECRET]

    answer = ops.json("doctor", "--secret", TWILIO_SECRET)

    assert answer["healthy"] is True
    assert vendors.asked == ["twilio the-token", f"template {'HX' + '1' * 32}"]


def test_secret_that_the_function_may_not_read_is_refused(ops: Ops, deployment: Deployment) -> None:
    deployment.secrets["other/secret"] = "{}"

    findings = ops.json("doctor", "--secret", "other/secret")["findings"]

    assert findings[-1]["verdict"] == "fail"
    assert "must have the path segment openai-api-key" in findings[-1]["detail"]


class UnforeseenError(Exception):
    """What nobody foresaw; its text may be anybody's secret."""


def raise_unforeseen(*_: Any, **__: Any) -> Any:
    raise UnforeseenError("the-token")


CHECKS = ["account", *(name for name, _ in doctor.CHECKS), "secrets"]


@pytest.mark.parametrize("name", CHECKS)
def test_check_that_fails_unforeseen_is_one_line_and_hides_no_other(
    ops: Ops, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = [finding["check"] for finding in ops.json("doctor")["findings"]]
    if name == "account":
        monkeypatch.setattr(doctor, "check_account", raise_unforeseen)
    elif name == "secrets":
        monkeypatch.setattr("ops.checks.secrets.check_secrets", raise_unforeseen)
    else:
        checks = tuple((other, raise_unforeseen if other == name else check) for other, check in doctor.CHECKS)
        monkeypatch.setattr(doctor, "CHECKS", checks)

    ended = ops("doctor", "--json")

    findings = json.loads(ended.out)["findings"]
    failed = [finding for finding in findings if finding["verdict"] == "fail"]
    assert ended.exit_code == 1
    assert [finding["check"] for finding in failed] == [name]
    assert failed[0]["detail"].startswith("could not be checked: UnforeseenError at test_doctor.py:")
    assert failed[0]["advice"]
    assert "the-token" not in ended.out + ended.err
    assert len(findings) > len(before) - 6
    assert deployment.asked_functions


@pytest.mark.parametrize(
    ("question", "check"),
    [
        ("openai", "OpenAI key"),
        ("twilio", "Twilio key"),
        ("template", "template"),
        ("variables", "variables"),
    ],
)
def test_vendor_that_fails_unforeseen_is_one_line_of_one_secret(
    ops: Ops,
    deployment: Deployment,
    vendors: AcceptingVendors,
    monkeypatch: pytest.MonkeyPatch,
    question: str,
    check: str,
) -> None:
    monkeypatch.setattr(vendors, question, raise_unforeseen)

    findings = ops.json("doctor")["findings"]

    assert [finding["check"] for finding in findings if finding["verdict"] == "fail"] == [check]
    assert [finding["check"] for finding in findings][-6:] == [
        "secret",
        "OpenAI key",
        "secret",
        "Twilio key",
        "template",
        "variables",
    ]
    assert deployment.asked_functions


def test_rejected_credentials_end_it_at_once(ops: Ops, deployment: Deployment) -> None:
    deployment.identity.errors["get_caller_identity"] = client_error("ExpiredToken")

    ended = ops("doctor")

    assert (ended.exit_code, ended.out) == (3, "")
    assert ended.err.startswith("Error: AWS does not accept these credentials (ExpiredToken). Sign in")


def test_doctor_changes_nothing(ops: Ops, deployment: Deployment) -> None:
    deployment.sqs.add(DLQ, "{}")

    ops("doctor")

    clients = [deployment.sqs, deployment.dynamodb, deployment.logs, *deployment.aws.others.values()]
    calls = {call for client in clients for call in client.calls}
    assert {call for call in calls if not call.startswith(("get_", "list_", "describe_", "query"))} == set()
    assert TOPIC not in ops("doctor").out

"""What a plan would create although the account has it, and the id that Terraform imports it by.

Source: Terraform documentation of the AWS provider, "Import" of each resource.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.infrastructure.adoption.clients import Clients, found, pages
from tools.infrastructure.errors import TerraformError
from tools.infrastructure.plan import Change, Plan

SECRET = "aws_secretsmanager_secret"  # noqa: S105 - a type of resource


@dataclass(frozen=True, slots=True)
class Present:
    """A resource that exists, where the plan would create it, and what Terraform imports it by."""

    address: str
    id: str

    def block(self) -> str:
        """Return the import block."""
        return f'import {{\n  to = {self.address}\n  id = "{_quoted(self.id)}"\n}}\n'


def present(plan: Plan, clients: Clients, *, without: Sequence[str] = ()) -> list[Present]:
    """Look up everything that the plan would create.

    Args:
        without: Types that are not looked up.
    """
    by_address = {change.address: change for change in plan.changes}
    lookup = _Lookup(clients, by_address)
    there = []
    for change in plan.changes:
        find = _FINDERS.get(change.type)
        if change.creates and find and change.type not in without and (identity := find(lookup, change)):
            there.append(Present(change.address, identity))
    return there


def refuse_present(there: Sequence[Present], environment: str, *, empty: bool) -> None:
    """Refuse to create, or to take over without a word, what exists.

    Raises:
        TerraformError: With each of them, and the command that takes them over.
    """
    if not there:
        return
    state = "is empty" if empty else "does not hold them"
    raise TerraformError(
        f"Nothing was changed. This would create what the account has already, and {environment}'s state {state}:\n"
        + "\n".join(f"  {item.id}  ({item.address})" for item in there)
        + "\nThey were made by hand, or by another state. Take them over without losing anything: "
        f"`make adopt ENV={environment}` (docs/adopting.md)."
    )


class _Lookup:
    def __init__(self, clients: Clients, changes: Mapping[str, Change]) -> None:
        self.clients = clients
        self._changes = changes

    def sibling(self, change: Change, kind: str, name: str | None = None) -> Mapping[str, Any]:
        """Return another resource of the same module, after the plan; the one of the same name if none is given."""
        module, own = _module(change.address), change.address.rsplit(".", 1)[-1].split("[")[0]
        wanted = f"{module}.{kind}.{name or own}"
        return next(
            (
                other.after
                for address, other in self._changes.items()
                if address.split('["')[0].removesuffix("[0]") == wanted
            ),
            {},
        )

    def of_type(self, kind: str) -> list[Mapping[str, Any]]:
        return [change.after for change in self._changes.values() if change.type == kind]

    def queue_url(self, name: str) -> str | None:
        answer = found(self.clients("sqs").get_queue_url, QueueName=name)
        return str(answer["QueueUrl"]) if answer else None

    def queue_attribute(self, url: str, name: str) -> str | None:
        answer = found(self.clients("sqs").get_queue_attributes, QueueUrl=url, AttributeNames=["All"])
        said = (answer or {}).get("Attributes", {}).get(name)
        return None if said is None else str(said)


def _module(address: str) -> str:
    """Return the module of a resource's address; a key of the resource may hold dots."""
    return address.split('["', maxsplit=1)[0].rsplit(".", 2)[0]


def _queue(look: _Lookup, change: Change) -> str | None:
    return look.queue_url(change.after["name"])


def _of_queue(attribute: str) -> Callable[[_Lookup, Change], str | None]:
    def find(look: _Lookup, change: Change) -> str | None:
        name = look.sibling(change, "aws_sqs_queue").get("name")
        url = look.queue_url(name) if name else None
        return url if url and look.queue_attribute(url, attribute) else None

    return find


def _table(look: _Lookup, change: Change) -> str | None:
    return _named(change, found(look.clients("dynamodb").describe_table, TableName=change.after["name"]))


def _role(look: _Lookup, change: Change) -> str | None:
    return _named(change, found(look.clients("iam").get_role, RoleName=change.after["name"]))


def _role_policy(look: _Lookup, change: Change) -> str | None:
    role, name = look.sibling(change, "aws_iam_role").get("name"), change.after["name"]
    answer = role and found(look.clients("iam").get_role_policy, RoleName=role, PolicyName=name)
    return f"{role}:{name}" if answer else None


def _log_group(look: _Lookup, change: Change) -> str | None:
    name = change.after["name"]
    groups = pages(look.clients("logs"), "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    return name if any(group["logGroupName"] == name for group in groups) else None


def _function(look: _Lookup, change: Change) -> str | None:
    name = change.after["function_name"]
    return name if found(look.clients("lambda").get_function_configuration, FunctionName=name) else None


def _alias(look: _Lookup, change: Change) -> str | None:
    name, function = change.after["name"], look.sibling(change, "aws_lambda_function").get("function_name")
    answer = function and found(look.clients("lambda").get_alias, FunctionName=function, Name=name)
    return f"{function}/{name}" if answer else None


def _mapping(look: _Lookup, change: Change) -> str | None:
    function = look.sibling(change, "aws_lambda_function").get("function_name")
    arns = {change.after.get("event_source_arn")} - {None}
    if not arns:
        urls = [look.queue_url(queue["name"]) for queue in look.of_type("aws_sqs_queue")]
        arns = {look.queue_attribute(url, "QueueArn") for url in urls if url} - {None}
    for arn in arns:
        for mapping in pages(
            look.clients("lambda"), "list_event_source_mappings", "EventSourceMappings", EventSourceArn=arn
        ):
            if mapping["FunctionArn"].split(":")[6] == function:
                return str(mapping["UUID"])
    return None


def _metric_filter(look: _Lookup, change: Change) -> str | None:
    group, name = change.after.get("log_group_name"), change.after["name"]
    if not group:
        return None
    filters = pages(
        look.clients("logs"), "describe_metric_filters", "metricFilters", logGroupName=group, filterNamePrefix=name
    )
    return f"{group}:{name}" if any(item["filterName"] == name for item in filters) else None


def _alarm(look: _Lookup, change: Change) -> str | None:
    name = change.after["alarm_name"]
    kind = {"aws_cloudwatch_metric_alarm": "MetricAlarm"}.get(change.type, "CompositeAlarm")
    answer = found(look.clients("cloudwatch").describe_alarms, AlarmNames=[name], AlarmTypes=[kind])
    return name if answer and answer.get(f"{kind}s") else None


def _dashboard(look: _Lookup, change: Change) -> str | None:
    name = change.after["dashboard_name"]
    return name if found(look.clients("cloudwatch").get_dashboard, DashboardName=name) else None


def topic_arn(clients: Clients, name: str) -> str | None:
    """Return the ARN of the topic of that name, if there is one."""
    arns = (topic["TopicArn"] for topic in pages(clients("sns"), "list_topics", "Topics"))
    return next((arn for arn in arns if arn.rsplit(":", 1)[-1] == name), None)


def _topic(look: _Lookup, change: Change) -> str | None:
    return topic_arn(look.clients, change.after["name"])


def _key_alias(look: _Lookup, change: Change) -> str | None:
    name = change.after["name"]
    aliases = pages(look.clients("kms"), "list_aliases", "Aliases")
    return name if any(alias["AliasName"] == name for alias in aliases) else None


def _secret(look: _Lookup, change: Change) -> str | None:
    answer = found(look.clients("secretsmanager").describe_secret, SecretId=change.after["name"])
    return str(answer["ARN"]) if answer else None


def _named(change: Change, answer: Any) -> str | None:
    return str(change.after["name"]) if answer else None


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("%{", "%%{")


_FINDERS: Mapping[str, Callable[[_Lookup, Change], str | None]] = {
    "aws_cloudwatch_composite_alarm": _alarm,
    "aws_cloudwatch_dashboard": _dashboard,
    "aws_cloudwatch_log_group": _log_group,
    "aws_cloudwatch_log_metric_filter": _metric_filter,
    "aws_cloudwatch_metric_alarm": _alarm,
    "aws_dynamodb_table": _table,
    "aws_iam_role": _role,
    "aws_iam_role_policy": _role_policy,
    "aws_kms_alias": _key_alias,
    "aws_lambda_alias": _alias,
    "aws_lambda_event_source_mapping": _mapping,
    "aws_lambda_function": _function,
    SECRET: _secret,
    "aws_sns_topic": _topic,
    "aws_sqs_queue": _queue,
    "aws_sqs_queue_policy": _of_queue("Policy"),
    "aws_sqs_queue_redrive_allow_policy": _of_queue("RedriveAllowPolicy"),
    "aws_sqs_queue_redrive_policy": _of_queue("RedrivePolicy"),
}

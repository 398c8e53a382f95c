"""AWS: the one place that makes sessions and clients."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from boto3.session import Session
from botocore.config import Config

from ops.aws_errors import asking_for, no_region

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

AMAZON = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


class Aws:
    """Clients of one account and region, made when first used.

    Attributes:
        where: Region, and the endpoint if it is not AWS's own, for messages.
        emulated: It is not AWS itself that answers.
    """

    def __init__(self, make_client: Callable[[str], Any], region: str, endpoint: str | None = None) -> None:
        self._make_client = make_client
        self.region = region
        self.emulated = endpoint is not None
        self.where = f"{region} at {endpoint}" if endpoint else region

    @cached_property
    def sqs(self) -> "SQSClient":
        client: SQSClient = self._make_client("sqs")
        return client

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        client: DynamoDBClient = self._make_client("dynamodb")
        return client

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        client: CloudWatchLogsClient = self._make_client("logs")
        return client

    @cached_property
    def functions(self) -> "LambdaClient":
        client: LambdaClient = self._make_client("lambda")
        return client

    @cached_property
    def secrets(self) -> "SecretsManagerClient":
        client: SecretsManagerClient = self._make_client("secretsmanager")
        return client

    @cached_property
    def alarms(self) -> "CloudWatchClient":
        client: CloudWatchClient = self._make_client("cloudwatch")
        return client

    @cached_property
    def topics(self) -> "SNSClient":
        client: SNSClient = self._make_client("sns")
        return client

    @cached_property
    def identity(self) -> Any:
        return self._make_client("sts")


def connect(environ: Mapping[str, str], profile: str | None, region: str | None) -> Aws:
    """Open a session by the usual AWS variables and profiles; nothing is asked of AWS yet.

    Raises:
        AwsError: There is no region, no such profile, or nobody is signed in.
    """
    limits = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
    with asking_for("the session", region or "no region"):
        session = Session(profile_name=profile or None, region_name=region or environ.get("AWS_REGION") or None)
        if not session.region_name:
            raise no_region()
        endpoint = session.client("sqs", config=limits).meta.endpoint_url
    return Aws(
        lambda service: session.client(service, config=limits),  # type: ignore[call-overload]
        session.region_name,
        None if endpoint.endswith(AMAZON) else endpoint,
    )

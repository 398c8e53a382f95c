"""AWS clients of an engine, as the tests and the harness use them."""

import os
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from boto3.session import Session
from botocore.config import Config
from localstack_client.session import Session as LocalStackSession

from sandbox.engines.engine import REGION, Credentials

CONFIG = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 3})


class Aws:
    """Clients of one engine, each made once: making one takes longer than most calls."""

    def __init__(self, engine: str, endpoint: str, credentials: Credentials) -> None:
        self.endpoint = endpoint
        self._credentials = credentials
        session = _localstack_session(endpoint, credentials) if engine == "localstack" else None
        self.client = cache(lambda service: self._client(session, service))
        """Return the client of a service."""

    def _client(self, session: LocalStackSession | None, service: str) -> Any:
        if session is not None:
            return session.client(service, config=CONFIG)
        key = self._credentials
        plain = Session(key.access_key_id, key.secret_access_key, region_name=REGION)
        return plain.client(service, endpoint_url=self.endpoint, config=CONFIG)  # type: ignore[call-overload]


def _localstack_session(endpoint: str, key: Credentials) -> LocalStackSession:
    foreign = os.environ.pop("AWS_ENDPOINT_URL", None)  # localstack-client prefers it to what it is told
    try:
        return LocalStackSession(
            key.access_key_id,
            key.secret_access_key,
            region_name=REGION,
            localstack_host=urlsplit(endpoint).netloc,
        )
    finally:
        if foreign is not None:
            os.environ["AWS_ENDPOINT_URL"] = foreign

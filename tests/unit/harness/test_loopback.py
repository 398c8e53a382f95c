"""Servers on this machine answer programs, and no page in a browser."""

import pytest

from sandbox.loopback import refusal

HOST = ("Host", "127.0.0.1:4566")


@pytest.mark.parametrize(
    "host", ["127.0.0.1:4566", "127.0.0.1", "localhost:1", "LOCALHOST:80", "host.docker.internal:80"]
)
def test_programs_on_this_machine_are_answered(host: str) -> None:
    assert refusal([("host", host), ("user-agent", "Boto3/1.44"), ("authorization", "any")]) is None


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([("Host", "evil.example:4566")], id="another name, which means this machine for a moment"),
        pytest.param([("Host", "127.0.0.1.evil.example")], id="a name that begins like ours"),
        pytest.param([("Host", "localhost.evil.example:4566")], id="another that begins like ours"),
        pytest.param([("Host", "evil.example:127.0.0.1")], id="a port that is none"),
        pytest.param([("Host", "127.0.0.1:1:2")], id="two ports"),
        pytest.param([("Host", "")], id="an empty name"),
        pytest.param([], id="no name"),
        pytest.param([HOST, ("host", "evil.example")], id="two names"),
        pytest.param([HOST, HOST], id="one name twice"),
        pytest.param([HOST, ("Origin", "https://evil.example")], id="from another origin"),
        pytest.param([HOST, ("ORIGIN", "null")], id="from an origin without a name"),
        pytest.param([HOST, ("origin", "http://127.0.0.1:4566")], id="from an origin on this machine"),
        pytest.param([HOST, ("Referer", "https://evil.example/")], id="by a link"),
        pytest.param([HOST, ("Sec-Fetch-Site", "none")], id="typed into a browser"),
        pytest.param([HOST, ("sec-fetch-mode", "no-cors")], id="as a picture"),
    ],
)
def test_pages_are_refused(headers: list[tuple[str, str]]) -> None:
    assert refusal(headers) is not None

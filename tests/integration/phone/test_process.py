"""The local phone as a process: what it listens on, whom it refuses, how it ends."""

import signal
import subprocess
import sys
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from sandbox.phone_process import ROOT, PhoneProcess

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("phone")]


def test_everything_listens_on_this_machine_alone(phone: PhoneProcess) -> None:
    process = psutil.Process(phone.pid)

    addresses = [
        connection.laddr.ip
        for one in [process, *process.children(recursive=True)]
        for connection in one.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert addresses
    assert set(addresses) == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Host": "phone.example.com"}, 421, id="another host"),
        pytest.param({"Origin": "https://example.com"}, 403, id="another origin"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, id="another site"),
        pytest.param({}, 200, id="nobody else"),
    ],
)
@pytest.mark.parametrize("path", ["/api/state", "/api/events"])
def test_others_are_refused(phone: PhoneProcess, path: str, headers: dict[str, str], status: int) -> None:
    with requests.get(phone.url.rstrip("/") + path, headers=headers, timeout=30, stream=True) as answer:
        policy = answer.headers["Content-Security-Policy"]

    assert answer.status_code == status
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_taken_port_is_said_at_once(phone: PhoneProcess) -> None:
    port = str(urlsplit(phone.url).port)

    second = subprocess.run(
        [sys.executable, "-m", "demo.phone", "--port", port],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        encoding="utf-8",
    )

    assert second.returncode == 1
    assert f"Port {port}" in second.stderr
    assert "--port" in second.stderr
    assert "Traceback" not in second.stderr
    assert "MiniStack" not in second.stdout


def test_ctrl_c_while_it_starts_leaves_nothing_behind() -> None:
    process = PhoneProcess()
    process.launch()
    process.wait_for("Starting AWS")
    children = psutil.Process(process.pid).children(recursive=True)

    code = process.end()

    assert code == 128 + signal.SIGINT
    assert process.said.rstrip().endswith("Interrupted; nothing is left running.")
    assert [child for child in children if child.is_running()] == []

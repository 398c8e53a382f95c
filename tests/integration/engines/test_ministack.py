"""MiniStack starts clean, forgets on demand and leaves nothing behind."""

import base64
import io
import json
import os
import socket
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from boto3.session import Session
from botocore.exceptions import ClientError

from sandbox.engines.engine import REGION, EngineError
from sandbox.engines.ministack import MiniStack
from sandbox.eventually import eventually

pytestmark = pytest.mark.integration

BUSY_FUNCTION = """
import os, time
def handler(event, context):
    with open(os.environ["NOTE"], "w") as note:
        ours = [name for name in os.environ if name == "A_VARIABLE_OF_THE_TESTS" or name.lower().endswith("_proxy")]
        note.write(f"{os.getpid()} {ours}")
    time.sleep(120)
"""

FUNCTION_ON_A_BUSY_MACHINE = """
import threading
def handler(event, context):
    print("first")
    threading.Timer(0.02, print, ["last"]).start()
"""


def client(engine: MiniStack, service: str, account: str = "000000000000") -> Any:
    environ = engine.environ(account)
    session = Session(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], region_name=environ["AWS_REGION"])
    make: Any = session.client
    return make(service, endpoint_url=environ["AWS_ENDPOINT_URL"])


def client_of_user(engine: MiniStack, service: str, action: str) -> Any:
    """Return the client of a user who may do one thing."""
    iam = client(engine, "iam")
    iam.create_user(UserName="user")
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    iam.put_user_policy(UserName="user", PolicyName="one", PolicyDocument=json.dumps({"Statement": [statement]}))
    key = iam.create_access_key(UserName="user")["AccessKey"]
    make: Any = Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION).client
    return make(service, endpoint_url=engine.endpoint)


def queues(engine: MiniStack, account: str = "000000000000") -> list[str]:
    return list(client(engine, "sqs", account).list_queues().get("QueueUrls", []))


def create_function(engine: MiniStack, source: str, **environment: str) -> Any:
    """Make a function called `one` that runs `source`, and return the client that invokes it."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.py", source)
    functions = client(engine, "lambda")
    functions.create_function(
        FunctionName="one",
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="index.handler",
        Code={"ZipFile": package.getvalue()},
        Timeout=120,
        Environment={"Variables": environment},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="one", WaiterConfig={"Delay": 0.1})
    return functions


def start_busy_function(engine: MiniStack, note: Path) -> int:
    """Start a function that takes long, and return the id of its process."""
    functions = create_function(engine, BUSY_FUNCTION, NOTE=str(note))
    functions.invoke(FunctionName="one", InvocationType="Event")
    return int(eventually(lambda: note.read_text(encoding="utf-8").split())[0])


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_answers_and_forgets_on_demand() -> None:
    with MiniStack() as engine:
        client(engine, "sqs").create_queue(QueueName="one")
        before = queues(engine)

        engine.reset()

        assert len(before) == 1
        assert queues(engine) == []


def test_accounts_are_worlds_apart() -> None:
    with MiniStack() as engine:
        client(engine, "sqs", "111111111111").create_queue(QueueName="one")

        assert len(queues(engine, "111111111111")) == 1
        assert queues(engine) == []


def test_two_run_side_by_side() -> None:
    with MiniStack() as one, MiniStack() as two:
        client(one, "sqs").create_queue(QueueName="one")

        assert one.port != two.port
        assert queues(two) == []


def test_nothing_is_left_of_it_not_even_a_function_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_VARIABLE_OF_THE_TESTS", "leaked")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    engine = MiniStack().start()
    process_id = start_busy_function(engine, tmp_path / "note")
    folder = engine.folder

    engine.stop()

    eventually(lambda: not is_alive(process_id))
    assert (tmp_path / "note").read_text(encoding="utf-8").split()[1] == "[]"
    assert folder is not None
    assert not folder.exists()


def test_who_may_hide_a_message_may_hide_a_batch_and_no_more() -> None:
    """AWS names no action for batch calls; the heartbeat makes nothing else."""
    with MiniStack(enforce_iam=True) as engine:
        url = client(engine, "sqs").create_queue(QueueName="one")["QueueUrl"]
        client(engine, "sqs").send_message(QueueUrl=url, MessageBody="hello")
        handle = client(engine, "sqs").receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
        queue = client_of_user(engine, "sqs", "sqs:ChangeMessageVisibility")
        entries = [{"Id": "0", "ReceiptHandle": handle, "VisibilityTimeout": 60}]

        answer = queue.change_message_visibility_batch(QueueUrl=url, Entries=entries)

        assert [entry["Id"] for entry in answer["Successful"]] == ["0"]
        with pytest.raises(ClientError, match="AccessDenied"):
            queue.delete_message_batch(QueueUrl=url, Entries=[{"Id": "0", "ReceiptHandle": handle}])


def test_lines_that_a_busy_machine_delivers_late_are_in_the_log() -> None:
    with MiniStack() as engine:
        answer = create_function(engine, FUNCTION_ON_A_BUSY_MACHINE).invoke(FunctionName="one", LogType="Tail")

        assert {"first", "last"} <= set(base64.b64decode(answer["LogResult"]).decode().splitlines())


def test_stopping_twice_or_before_the_start_does_no_harm() -> None:
    engine = MiniStack()

    engine.stop()
    engine.start()
    engine.stop()
    engine.stop()

    with pytest.raises(EngineError):
        engine.reset()


def test_ending_it_while_it_starts_ends_the_wait() -> None:
    """Ctrl-C at that moment does so, from another thread."""
    engine = MiniStack()
    with ThreadPoolExecutor(1) as pool:
        start = pool.submit(engine.start)
        eventually(engine.how_to_end)
        folder = engine.folder

        engine.stop()

        with pytest.raises(EngineError, match="ended while it started"):
            start.result(timeout=10)
    assert folder is not None
    assert not folder.exists()


def test_ending_it_while_its_folder_is_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo does so if nobody reads what it says: one of its threads can't print, and ends what the others start."""
    temporary, state = tmp_path / "temporary", tmp_path / "state"
    for folder in (temporary, state):
        folder.mkdir()
    for number in range(2000):  # so that there is time to end it meanwhile
        (state / f"{number}.json").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    engine = MiniStack()
    engine.keep_state_in(state)
    with ThreadPoolExecutor(1) as pool:
        start = pool.submit(engine.start)
        eventually(lambda: any(temporary.glob("ministack-*/state/*")))

        engine.stop()

        failure = start.exception(timeout=60)
    assert isinstance(failure, EngineError), failure
    assert list(temporary.iterdir()) == []


def test_what_is_not_installed_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="make setup"):
        MiniStack(tmp_path / "python").start()


def test_a_start_that_fails_shows_its_last_words() -> None:
    """The interpreter of the tests has no MiniStack."""
    with pytest.raises(EngineError, match="No module named 'ministack'"):
        MiniStack(Path(sys.executable)).start()


def test_a_port_that_is_taken_is_named_with_what_to_do(tmp_path: Path) -> None:
    """A stack that is taken over has to listen where its URLs say."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        engine = MiniStack()
        engine.keep_state_in(tmp_path, port)

        with pytest.raises(EngineError, match=f"Port {port} is taken: end what listens on it"):
            engine.start()

        assert engine.folder is None

"""What the page may ask, who may ask it, and what is refused."""

import json
import re
from http import HTTPStatus
from typing import Any

import pytest

from demo.phone.api import MAX_MESSAGE_BYTES, MAX_TIMES, SECURITY_HEADERS, STATIC, Api, Request, Response

PORT = 8765
HOST = {"host": f"127.0.0.1:{PORT}"}
JSON = {**HOST, "content-type": "application/json"}


class FakeWorld:
    """Notes what it was asked to do."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []

    def examples(self) -> list[dict[str, Any]]:
        return [{"name": "first-contact"}]

    def check(self, body: str) -> list[dict[str, str]]:
        return [{"path": "metadata", "reason": f"is missing in {body}"}]

    def state(self, *, unmasked: bool) -> dict[str, Any]:
        return {"unmasked": unmasked}

    def send(self, body: str, *, title: str, reply: str | None = None, times: int = 1) -> dict[str, Any]:
        self.done.append(("send", body, title, reply, times))
        return {"message_ids": ["m-1"], "phone": None}

    def switch_fault(self, name: str, *, on: bool) -> None:
        if name != "slow_model":
            raise KeyError(name)
        self.done.append(("switch", name, on))

    def rotate(self, vendor: str) -> None:
        if vendor != "openai":
            raise KeyError(vendor)
        self.done.append(("rotate", vendor))

    def redrive(self, message_id: str | None) -> int:
        self.done.append(("redrive", message_id))
        return 1


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


@pytest.fixture
def api(world: FakeWorld) -> Api:
    return Api(world, PORT)


def post(api: Api, path: str, document: Any, headers: dict[str, str] | None = None) -> Response:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return api.handle(Request("POST", path, JSON if headers is None else headers, body))


def error_of(response: Response) -> str:
    return str(json.loads(response.body)["error"])


# Who may ask


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765"])
def test_own_names_are_answered(api: Api, host: str) -> None:
    response = api.handle(Request("GET", "/api/state", {"host": host}))

    assert response.status is HTTPStatus.OK


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("phone.example.com:8765", id="a name that points here (DNS rebinding)"),
        pytest.param("127.0.0.1:80", id="another port"),
        pytest.param("127.0.0.1", id="no port"),
        pytest.param(None, id="none"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/state", "/app.js"])
def test_other_hosts_are_refused(api: Api, host: str | None, path: str) -> None:
    response = api.handle(Request("GET", path, {} if host is None else {"host": host}))

    assert response.status is HTTPStatus.MISDIRECTED_REQUEST


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"origin": "https://example.com"}, id="another site"),
        pytest.param({"origin": "http://localhost:3000"}, id="another port"),
        pytest.param({"origin": "https://127.0.0.1:8765"}, id="another scheme"),
        pytest.param({"origin": "null"}, id="an opaque origin"),
        pytest.param({"sec-fetch-site": "cross-site"}, id="cross-site without an origin"),
        pytest.param({"sec-fetch-site": "same-site"}, id="another port of this machine without an origin"),
    ],
)
def test_other_origins_can_do_nothing(api: Api, world: FakeWorld, headers: dict[str, str]) -> None:
    response = post(api, "/api/send", {"body": "{}"}, {**JSON, **headers})

    assert response.status is HTTPStatus.FORBIDDEN
    assert world.done == []


def test_link_from_another_site_opens_the_page_alone(api: Api) -> None:
    """A link in a chat or an editor's preview should work; it can't do anything."""
    headers = {**HOST, "sec-fetch-site": "cross-site"}

    assert api.handle(Request("GET", "/", headers)).status is HTTPStatus.OK
    assert api.handle(Request("GET", "/api/state", headers)).status is HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_a_form_can_send_is_refused(api: Api, world: FakeWorld, content_type: str) -> None:
    response = post(api, "/api/redrive", {}, {**HOST, "content-type": content_type})

    assert response.status is HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert world.done == []


# What is served


def test_policy_lets_no_foreign_or_inline_script_in() -> None:
    policy = SECURITY_HEADERS["Content-Security-Policy"]

    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_page_holds_to_its_own_policy() -> None:
    markup = (STATIC / "index.html").read_text(encoding="utf-8")
    loaded = re.findall(r'(?:src|href)="(/[^"]*)"', markup)

    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", markup)
    assert loaded
    assert all((STATIC / name.removeprefix("/")).is_file() for name in loaded)


def test_scripts_import_only_what_is_there() -> None:
    for script in STATIC.glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', script.read_text(encoding="utf-8")):
            assert (STATIC / name).is_file(), f"{script.name} imports {name}"


@pytest.mark.parametrize("path", ["/../api.py", "/static/app.js", "/..%2fapi.py", "/api/nothing", "//etc/passwd"])
def test_nothing_else_is_served(api: Api, path: str) -> None:
    assert api.handle(Request("GET", path, HOST)).status is HTTPStatus.NOT_FOUND


def test_files_have_their_type(api: Api) -> None:
    types = {path: api.handle(Request("GET", path, HOST)).content_type for path in ("/", "/app.js", "/style.css")}

    assert types == {
        "/": "text/html; charset=utf-8",
        "/app.js": "text/javascript; charset=utf-8",
        "/style.css": "text/css; charset=utf-8",
    }


@pytest.mark.parametrize(("query", "unmasked"), [("", False), ("?unmasked=0", False), ("?unmasked=1", True)])
def test_state_is_masked_unless_asked(api: Api, query: str, unmasked: bool) -> None:
    response = api.handle(Request("GET", f"/api/state{query}", HOST))

    assert json.loads(response.body) == {"unmasked": unmasked}


# What is done


def test_context_object_is_sent(api: Api, world: FakeWorld) -> None:
    post(api, "/api/send", {"body": "{}", "title": "Mine", "reply": "", "times": 2})

    assert world.done == [("send", "{}", "Mine", None, 2)]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        pytest.param({"body": ""}, "1 to 256 KiB", id="nothing"),
        pytest.param({"body": "x" * (MAX_MESSAGE_BYTES + 1)}, "1 to 256 KiB", id="too much"),
        pytest.param({"body": "ä" * (MAX_MESSAGE_BYTES // 2 + 1)}, "1 to 256 KiB", id="too much in bytes"),
        pytest.param({"body": "a\x00b"}, "control characters", id="a control character"),
        pytest.param({"body": "a\ud800b"}, "halves", id="half a character"),
        pytest.param({"body": 7}, "body must be a text", id="no text"),
        pytest.param({}, "body must be a text", id="no body"),
        pytest.param({"body": "{}", "times": 0}, "times", id="never"),
        pytest.param({"body": "{}", "times": MAX_TIMES + 1}, "times", id="too often"),
        pytest.param({"body": "{}", "times": True}, "times", id="yes times"),
        pytest.param({"body": "{}", "reply": 1}, "reply must be a text", id="a reply that is no text"),
    ],
)
def test_what_sqs_would_not_take_is_refused(api: Api, world: FakeWorld, document: dict[str, Any], says: str) -> None:
    response = post(api, "/api/send", document)

    assert response.status is HTTPStatus.BAD_REQUEST
    assert says in error_of(response)
    assert world.done == []


@pytest.mark.parametrize(
    ("path", "document", "done"),
    [
        ("/api/fault", {"name": "slow_model", "on": True}, ("switch", "slow_model", True)),
        ("/api/rotate", {"vendor": "openai"}, ("rotate", "openai")),
        ("/api/redrive", {"message_id": "m-7"}, ("redrive", "m-7")),
        ("/api/redrive", {}, ("redrive", None)),
    ],
)
def test_what_is_asked_is_done(
    api: Api, world: FakeWorld, path: str, document: dict[str, Any], done: tuple[Any, ...]
) -> None:
    response = post(api, path, document)

    assert response.status is HTTPStatus.OK
    assert world.done == [done]


@pytest.mark.parametrize(
    ("path", "document", "status"),
    [
        ("/api/fault", {"name": "earthquake", "on": True}, HTTPStatus.NOT_FOUND),
        ("/api/fault", {"name": "slow_model", "on": 1}, HTTPStatus.BAD_REQUEST),
        ("/api/rotate", {"vendor": "acme"}, HTTPStatus.NOT_FOUND),
        ("/api/nothing", {}, HTTPStatus.NOT_FOUND),
        ("/api/send", [], HTTPStatus.BAD_REQUEST),
        ("/api/send", b"{", HTTPStatus.BAD_REQUEST),
        ("/api/send", b"\xff", HTTPStatus.BAD_REQUEST),
        ("/api/send", b"[" * 100_000, HTTPStatus.BAD_REQUEST),
    ],
)
def test_nonsense_is_an_answer_and_not_an_accident(
    api: Api, world: FakeWorld, path: str, document: Any, status: HTTPStatus
) -> None:
    response = post(api, path, document)

    assert response.status is status
    assert error_of(response)
    assert world.done == []


def test_faults_of_a_text_are_told(api: Api) -> None:
    response = post(api, "/api/check", {"body": "{}"})

    assert json.loads(response.body) == {"faults": [{"path": "metadata", "reason": "is missing in {}"}]}

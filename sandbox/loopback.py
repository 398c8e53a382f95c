"""Loopback: servers for programs on this machine, and for no page in its browser.

A page may send requests to 127.0.0.1 as well. A browser then says where it comes from, or, where the page's own name
was made to mean this machine (DNS rebinding), asks for that name. Programs do neither.
"""

from collections.abc import Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler

NAMES = frozenset({"127.0.0.1", "localhost", "host.docker.internal"})
"""Names of this machine; the last one is for containers on it."""

_OF_BROWSERS = ("origin", "referer", "sec-fetch-")


def refusal(headers: Iterable[tuple[str, str]]) -> str | None:
    """Say why a request is not answered; None if it is."""
    hosts = []
    for name, value in headers:
        if name.lower().startswith(_OF_BROWSERS):
            return "web pages may not use this server"
        if name.lower() == "host":
            hosts.append(value.strip().rpartition(":")[0] or value.strip())
    if len(hosts) != 1 or hosts[0].lower() not in NAMES:
        return "this server answers to 127.0.0.1 and localhost only"
    return None


class LoopbackHandler(BaseHTTPRequestHandler):
    """A handler whose methods see no request of a web page."""

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        reason = refusal(self.headers.items())
        if reason is not None:
            self.close_connection = True  # its body is not read
            self.send_error(HTTPStatus.FORBIDDEN, reason)
        return reason is None

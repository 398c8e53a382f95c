"""Background server: a server that answers from a thread of its own for as long as a block lasts."""

import threading
from socketserver import TCPServer
from typing import Self

POLL_SECONDS = 0.05
"""After so long at most it notices that it is to end."""


class BackgroundServer:
    """What a server in the background is made of; a context manager."""

    def __init__(self, server: TCPServer, name: str) -> None:
        """Take a bound server, which is closed at the end, and a name for its thread."""
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True, name=name)

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

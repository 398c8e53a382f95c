"""`python -m sandbox.stubs`: both stubs in a process of their own, until SIGTERM or SIGINT."""

import argparse
import json
import signal
import sys
import threading

from sandbox.stubs.app import JOURNAL_LIMIT
from sandbox.stubs.server import StubServer
from tools.surroundings import settle


def main() -> int:
    """Serve; print one JSON line with the URLs when ready."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.stubs", description="Stubs of OpenAI and Twilio.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 lets containers in")
    parser.add_argument("--port", type=int, default=0, help="port of both stubs; 0 takes a free one")
    parser.add_argument("--journal-limit", type=int, default=JOURNAL_LIMIT, help="exchanges that the journal keeps")
    options = parser.parse_args()

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        server = StubServer(host=options.host, port=options.port, journal_limit=options.journal_limit)
    except OSError as exc:
        sys.stderr.write(
            f"stubs: cannot listen on {options.host}:{options.port}: {exc.strerror}. Choose another --port.\n"
        )
        return 1
    with server:
        sys.stdout.write(json.dumps({"port": server.port, **server.urls.view()}) + "\n")
        sys.stdout.flush()
        stopped.wait()
    return 0


if __name__ == "__main__":
    settle()
    sys.exit(main())

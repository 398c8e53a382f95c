"""Just enough of three AWS services for an SDK to get a real answer over a real socket."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWERS: dict[str, tuple[int, dict[str, object]]] = {
    "DynamoDB_20120810.UpdateItem": (200, {"Attributes": {"attempts": {"N": "2"}}}),
    "DynamoDB_20120810.PutItem": (
        400,
        {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "message": "exists"},
    ),
    "AmazonSQS.ChangeMessageVisibilityBatch": (200, {"Successful": [{"Id": "m-1"}], "Failed": []}),
    "secretsmanager.GetSecretValue": (200, {"Name": "openai-api-key/whatsapp", "SecretString": "shh"}),
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        status, answer = ANSWERS.get(self.headers["x-amz-target"], (400, {"__type": "UnknownOperation"}))
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Stay silent."""


@contextmanager
def aws_server() -> Iterator[str]:
    """Serve until the end of the block; yield the URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()

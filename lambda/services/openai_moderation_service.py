"""OpenAI's moderation."""

from services.openai_client import OpenAIClients, translated_errors
from utils.redaction import Secret

MODEL = "omni-moderation-latest"


class OpenAIModeration:
    """`core.model.Moderation` on `POST /v1/moderations`.

    Source: OpenAI, guide "Moderation": `results`, one for each input, with `flagged`.
    """

    def __init__(self, clients: OpenAIClients) -> None:
        self._clients = clients

    def flags(self, text: str, key: Secret, timeout_seconds: float) -> bool:
        with translated_errors(repeatable=True):
            body = {"model": MODEL, "input": text}
            results = self._clients.post(key, ("moderations",), body, timeout_seconds).body["results"]
            verdicts = [result["flagged"] for result in results]
            if not verdicts or not all(isinstance(verdict, bool) for verdict in verdicts):
                raise ValueError("a moderation without a verdict")
            return any(verdicts)

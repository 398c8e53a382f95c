"""Assistant definitions: model, instructions and output format, kept by us since OpenAI keeps them no longer."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from utils.guard_settings import MODEL_NAME
from utils.outgoing_rules import OutgoingRules

TOLD_OF_RECIPIENT = ("recipient_first_name", "recipient_last_name")
"""Members of `recipient_data` that the model is told where a definition does not say which."""

AssistantId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class AssistantDefinition(BaseModel):
    """How the model is to write: sent with every request."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)

    model: Annotated[str, StringConstraints(pattern=rf"^{MODEL_NAME}$")] | None = Field(
        default=None, description="OpenAI model; the function's default where it is not given."
    )
    instructions: str = Field(
        min_length=1, max_length=100_000, description="What the model is told before the conversation."
    )
    output_schema: dict[str, Any] | None = Field(
        default=None,
        description="JSON Schema of the content variables in template mode; enforced strictly by OpenAI.",
    )
    max_output_tokens: int | None = Field(
        default=None, ge=16, le=128_000, description="Most tokens of a reply, reasoning included."
    )
    reasoning_effort: Literal["none", "low", "medium", "high", "xhigh", "max"] | None = Field(
        default=None, description="How long the model may think; the model's own default where not given."
    )
    recipient_fields: Annotated[list[Annotated[str, StringConstraints(max_length=128)]], Field(max_length=50)] = Field(
        default=list(TOLD_OF_RECIPIENT),
        description="Members of `recipient_data` that the model is told; the names alone where not given. A number,"
        " an e-mail address or a member that is not listed reaches the model only if it is named here.",
    )


class DefinitionFile(AssistantDefinition):
    """A definition file in the zip: a name it does not know is its author's mistake."""

    model_config = ConfigDict(extra="forbid")

    outgoing: OutgoingRules = Field(
        default=OutgoingRules(), description="What may be sent; the function's settings where a rule is not given."
    )


class DefinitionFileError(Exception):
    """A definition file in the zip is not usable; the message names the file and what is wrong."""


class AssistantDefinitions:
    """The definitions in the zip, `<assistant_id>.json` each, read when first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, DefinitionFile] = {}  # no more than there are files

    def find(self, assistant_id: str) -> DefinitionFile | None:
        """Return the definition of that id, or None where the zip has none.

        Raises:
            DefinitionFileError: The file is there but not usable.
        """
        path = self._folder / f"{assistant_id}.json"
        if assistant_id not in self._known:
            if not path.is_file():
                return None
            self._known[assistant_id] = self._read(path)
        return self._known[assistant_id]

    def _read(self, path: Path) -> DefinitionFile:
        try:
            return DefinitionFile.model_validate_json(path.read_bytes())
        except ValidationError as exc:
            faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or '$'}: {e['msg']}" for e in exc.errors())
            raise DefinitionFileError(f"assistants/{path.name}: {faults}") from None

"""Definitions: the assistant definition of a conversation, within the bounds that the settings give."""

from dataclasses import dataclass

from core.errors import DefinitionError
from utils.assistant_definition import AssistantDefinition, AssistantDefinitions, DefinitionFile, DefinitionFileError
from utils.context_model import ContextObject
from utils.outgoing_rules import Links, OutgoingRules


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a definition may ask for.

    Attributes:
        models: Models that it may name; empty for any.
    """

    models: frozenset[str]
    max_output_tokens: int


class ConversationDefinitions:
    """Finds the definition of a conversation."""

    def __init__(self, files: AssistantDefinitions, bounds: Bounds, *, needed: bool) -> None:
        """Make a source of definitions.

        Args:
            needed: Whether there must be one; an Assistants server has its own.
        """
        self._files = files
        self._bounds = bounds
        self._needed = needed

    def of(self, context: ContextObject) -> AssistantDefinition | None:
        """Return the conversation's definition, with a number of output tokens; None where none is needed.

        Raises:
            DefinitionError: There is none, it is not usable, or it asks for more than it may.
        """
        config = context.company_data_payload.ai_config.openai_config.whatsapp
        definition = config.assistant_definition or self._file(config.assistant_id_template_sender)
        return None if definition is None else self._bounded(definition)

    def rules_of(self, context: ContextObject) -> OutgoingRules:
        """Return the rules of a conversation's definition for what may be sent; one from outside has none.

        Raises:
            DefinitionError: As `of`; or it allows links that are given, and nobody knows what the server's own
                definition gives.
        """
        definition = self.of(context)
        rules = definition.outgoing if isinstance(definition, DefinitionFile) else OutgoingRules()
        if rules.links is Links.GIVEN and not self._needed:
            raise DefinitionError(
                "the assistant definition allows links that are given, which OPENAI_API=assistants can't tell",
                code="assistant_definition_invalid",
                configuration=True,
            )
        return rules

    def _file(self, assistant_id: str) -> DefinitionFile | None:
        try:
            definition = self._files.find(assistant_id)
        except DefinitionFileError as exc:
            raise DefinitionError(str(exc), code="assistant_definition_invalid", configuration=True) from exc
        if definition is None and self._needed:
            raise DefinitionError(
                f"no assistant definition: the Context Object has none, and the zip no assistants/{assistant_id}.json"
            )
        return definition

    def _bounded(self, definition: AssistantDefinition) -> AssistantDefinition:
        models, tokens = self._bounds.models, definition.max_output_tokens
        if models and definition.model is not None and definition.model not in models:
            raise DefinitionError(
                "the assistant definition names a model that OPENAI_MODELS does not list",
                code="assistant_definition_out_of_bounds",
            )
        if tokens is None:
            return definition.model_copy(update={"max_output_tokens": self._bounds.max_output_tokens})
        if tokens > self._bounds.max_output_tokens:
            raise DefinitionError(
                "the assistant definition asks for more output tokens than OPENAI_MAX_OUTPUT_TOKENS",
                code="assistant_definition_out_of_bounds",
            )
        return definition

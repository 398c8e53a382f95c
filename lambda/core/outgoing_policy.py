"""Outgoing policy: what a reply must not hold, checked between the model and the first intent.

Whatever talked the model into it: the text of a reply that breaks a rule goes nowhere, neither to the recipient nor
into the record or the log.
"""

import json
import re
from itertools import chain

from core.attempt import Attempt
from core.conversation import Mode, Reply
from core.definitions import ConversationDefinitions
from core.errors import OutgoingPolicyError
from core.keyring import Keyring
from core.model import Moderation
from core.phone_numbers import find_numbers, find_numbers_across, is_same_number
from core.run_watch import CALL_SECONDS
from utils.context_model import ContextObject
from utils.outgoing_rules import Links, OutgoingRules, PhoneNumbers
from utils.redaction import Secret

_REORDERING = re.compile("[\u202a-\u202e]")
"""Bidirectional embeddings and overrides: they make a text look like another. Marks and joiners are not among them."""


class OutgoingPolicy:
    """Lets a reply out, or refuses it."""

    def __init__(self, definitions: ConversationDefinitions, moderation: Moderation, defaults: OutgoingRules) -> None:
        """Make a policy.

        Args:
            defaults: What holds where a definition has no rule; none of them is left open.
        """
        self._definitions = definitions
        self._moderation = moderation
        self._defaults = defaults
        if defaults.links is not Links.ANY:
            import core.allowed_links  # noqa: F401, PLC0415 - 40 ms, which the init phase has and an invocation has not

    def check(self, attempt: Attempt, reply: Reply, key: Keyring[Secret]) -> None:
        """Return if the reply may be sent.

        Raises:
            OutgoingPolicyError: It breaks a rule.
            DefinitionError: The definition, which may have rules, is not usable.
            TransientError: The moderation has not answered; nothing is sent before it has.
        """
        rules, texts = self._definitions.rules_of(attempt.context).or_else(self._defaults), texts_of(reply)
        if any(map(_REORDERING.search, texts)):
            raise OutgoingPolicyError("the reply overrides the direction of its text", code="outgoing_direction")
        length = sum(map(len, texts))
        if rules.max_characters is not None and length > rules.max_characters:
            raise OutgoingPolicyError(
                f"the reply has {length} characters, {rules.max_characters} are allowed", code="outgoing_length"
            )
        if rules.links is not Links.ANY:
            self._check_links(rules, attempt.context, texts, in_template=reply.mode is Mode.TEMPLATE)
        if rules.phone_numbers is PhoneNumbers.OWN:
            _check_numbers(attempt.context, texts, in_template=reply.mode is Mode.TEMPLATE)
        if rules.moderation and key.use(
            lambda secret: attempt.repeat(
                lambda: self._moderation.flags("\n".join(texts), secret, attempt.fit(CALL_SECONDS))
            )
        ):
            raise OutgoingPolicyError("OpenAI's moderation flags the reply", code="outgoing_flagged")

    def _check_links(
        self, rules: OutgoingRules, context: ContextObject, texts: list[str], *, in_template: bool
    ) -> None:
        from core.allowed_links import AllowedLinks  # noqa: PLC0415 - 40 ms that a function without the rule needs not
        from core.links import find_links, find_links_across  # noqa: PLC0415

        allowed = AllowedLinks(rules, self._definitions.of(context), context)
        links = chain.from_iterable(map(find_links, texts))
        if not all(map(allowed.allows, chain(links, find_links_across(texts) if in_template else ()))):
            raise OutgoingPolicyError("the reply has a link that is not allowed", code="outgoing_link")


def texts_of(reply: Reply) -> list[str]:
    """Return what a recipient would read: the parts, or the values of the content variables."""
    if reply.mode is Mode.FREE_FORM:
        return list(reply.parts)
    return [value for part in reply.parts for value in json.loads(part).values()]


def _check_numbers(context: ContextObject, texts: list[str], *, in_template: bool) -> None:
    own = context.company_data_payload.channel_config.whatsapp.company_whatsapp_number
    numbers = chain.from_iterable(map(find_numbers, texts))
    across = find_numbers_across(texts) if in_template else ()
    if not all(is_same_number(digits, own) for digits in chain(numbers, across)):
        raise OutgoingPolicyError("the reply has a phone number that is not the company's", code="outgoing_number")

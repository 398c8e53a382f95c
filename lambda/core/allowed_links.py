"""Allowed links: which links of a reply may go out, by the rules of its conversation."""

import json
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from core.links import Link, Reading, canonical_host, find_links
from utils.assistant_definition import AssistantDefinition
from utils.context_model import ContextObject
from utils.outgoing_rules import Links, OutgoingRules


class AllowedLinks:
    """The links that the rules allow: by their host, or one by one."""

    def __init__(self, rules: OutgoingRules, definition: AssistantDefinition | None, context: ContextObject) -> None:
        self._hosts = frozenset(map(canonical_host, rules.link_hosts or ()))
        self._given: frozenset[str] = frozenset()
        if rules.links is Links.GIVEN and definition is not None:
            texts = [definition.instructions, json.dumps(definition.output_schema, ensure_ascii=False)]
            texts += _texts(context.company_data_payload)
            for path in rules.link_paths:
                texts += _texts(_at(context, path))
            self._given = frozenset(reading.text for text in texts for reading in _readings(text))

    def allows(self, link: Link) -> bool:
        return any(self._allows(reading) for reading in link.readings)

    def _allows(self, reading: Reading) -> bool:
        if reading.text and reading.text in self._given:
            return True
        if reading.host is None:
            return False
        above = reading.host.split(".")[1:]
        wild = {f"*.{'.'.join(above[count:])}" for count in range(len(above))}
        return reading.host in self._hosts or not wild.isdisjoint(self._hosts)


def _readings(text: str) -> Iterator[Reading]:
    for link in find_links(text):
        yield link.readings[0]


def _texts(value: object) -> Iterator[str]:
    """Return every string in a value, at any depth."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, BaseModel):
            pending.extend(dict(item).values())
        elif isinstance(item, Mapping):
            pending.extend(item.values())
        elif isinstance(item, list | tuple):
            pending.extend(item)


def _at(context: ContextObject, path: str) -> object:
    """Return what stands at a path of the Context Object; None if there is nothing."""
    found: object = context
    for name in path.split("."):
        if isinstance(found, BaseModel):
            found = dict(found).get(name)
        elif isinstance(found, Mapping):
            found = found.get(name)
        else:
            return None
    return found

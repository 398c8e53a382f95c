"""Mutants: the code under test, deliberately broken; fuzzing that can't find the break is no test."""

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any
from unittest.mock import patch

import core.batch
import core.content_variables
import core.reply
import core.wiring
import index
import utils.context_processor
import utils.logging_config
from core.aftermath import Aftermath
from core.batch import BatchProcessor
from core.outcome import Done
from utils.context_model import CompanyDataPayload, ContextObject, ShortText
from utils.context_processor import InvalidContextError, parse_context
from utils.logging_config import EventLog

Mutation = Callable[[], AbstractContextManager[Any]]


def every_record_is_taken_for_one() -> Any:
    return patch.object(index, "is_record", lambda _: True)


def records_without_a_name_are_dropped() -> Any:
    process = index.process
    return patch.object(index, "process", lambda *args: [name for name in process(*args) if name])


def numbers_of_sqs_are_trusted() -> Any:
    return patch.object(core.batch, "_integer", lambda text: int(text or 0))


def attributes_are_trusted() -> Any:
    def trusting(self: BatchProcessor, record: Any, received_at: float) -> Any:
        record["attributes"]["ApproximateReceiveCount"]
        return make(self, record, received_at)

    make = BatchProcessor._delivery
    return patch.object(BatchProcessor, "_delivery", trusting)


def consent_is_taken_for_granted() -> Any:
    def careless(body: object, secret_name_prefix: str = "") -> ContextObject:
        try:
            data = json.loads(body)  # type: ignore[arg-type]
            data["frontend_payload"]["recipient_data"]["comms_consent"] = True
            return parse_context(json.dumps(data))
        except (TypeError, ValueError, KeyError, RecursionError):
            return parse_context(body, secret_name_prefix)

    return patch.object(core.wiring, "parse_context", careless)


def only_the_first_fault_is_reported() -> Any:
    make = InvalidContextError.__init__
    return patch.object(
        InvalidContextError, "__init__", lambda self, faults, key=None: make(self, list(faults)[:1], key)
    )


def faults_show_values() -> Any:
    reason = utils.context_processor._reason
    return patch.object(
        utils.context_processor, "_reason", lambda error: f"{reason(error)}, not {str(error['input'])[:40]}"
    )


def faults_show_names_of_the_input() -> Any:
    def showing(data: Any) -> Any:
        yield from (f"{name}: is unknown" for name in data if name not in ContextObject.model_fields)

    return patch.object(utils.context_processor, "_disagreements", showing)


def faults_are_listed_without_end() -> Any:
    return patch.object(utils.context_processor, "MAX_FAULTS", 10**9)


def any_size_is_stored() -> Any:
    return patch.object(utils.context_processor, "MAX_RECORD_BYTES", 10**9)


def bodies_of_any_size_are_read() -> Any:
    return patch.object(utils.context_processor, "MAX_BODY_BYTES", 10**9)


def lists_of_any_length_are_read() -> Any:
    class LooseCompany(CompanyDataPayload):
        allowed_channels: list[ShortText] | None = None

    class LooseContext(ContextObject):
        company_data_payload: LooseCompany

    return patch.object(utils.context_processor, "ContextObject", LooseContext)


def halves_of_characters_are_not_looked_for() -> Any:
    return patch.object(utils.context_processor, "_encodable", lambda _: True)


def members_of_one_name_are_accepted() -> Any:
    return patch.object(utils.context_processor, "_unique_names", dict)


def nan_is_a_number() -> Any:
    return patch.object(utils.context_processor, "_no_constant", float)


def keys_are_not_validated() -> Any:
    def careless(data: Any) -> tuple[Any, Any]:
        at = utils.context_processor._at
        return (
            at(data, "frontend_payload", "recipient_data", "recipient_tel"),
            at(data, "conversation_data", "conversation_id"),
        )

    return patch.object(utils.context_processor, "_readable_key", careless)


def refused_messages_are_acknowledged() -> Any:
    refuse = Aftermath.refuse

    def acknowledge(self: Aftermath, *args: Any) -> Done:
        refuse(self, *args)
        return Done()

    return patch.object(Aftermath, "refuse", acknowledge)


def failures_are_not_logged() -> Any:
    return patch.object(EventLog, "error", lambda *_, **__: None)


def numbers_are_not_masked() -> Any:
    return patch.object(utils.logging_config, "mask_phone", str)


def visibility_is_left_as_it_is() -> Any:
    return patch.object(BatchProcessor, "_set_visibility", lambda *_: None)


def valid_messages_are_refused() -> Any:
    return patch.object(utils.context_processor, "MAX_DEPTH", 4)


def broken_characters_are_sent() -> Any:
    stack = ExitStack()
    for module in (core.reply, core.content_variables):
        stack.enter_context(patch.object(module, "is_broken", lambda _: False))
    return stack


def what_nobody_sees_is_sent() -> Any:
    stack = ExitStack()
    for module in (core.reply, core.content_variables):
        stack.enter_context(patch.object(module, "is_visible", lambda text: text.strip() != ""))
    return stack


def templates_may_be_of_any_length() -> Any:
    return patch.object(core.content_variables, "MAX_TEMPLATE_UNITS", 10**9)


def thoughts_are_sent() -> Any:
    return patch.object(core.reply, "without_thoughts", str)


def an_object_in_prose_is_not_read() -> Any:
    return patch.object(core.content_variables, "_embedded_object", lambda _: None)


def replies_are_searched_to_their_end_for_each_part() -> Any:
    def last_break(pattern: re.Pattern[str], text: str, after: int, window: int) -> tuple[int, int] | None:
        spans = [match.span() for match in pattern.finditer(text, after)]
        return next((span for span in reversed(spans) if after < span[0] <= window and span[1] < len(text)), None)

    return patch.multiple(core.reply, MAX_REPLY_BYTES=10**9, islice=lambda parts, _: parts, _last_break=last_break)


MUTANTS: list[Mutation] = [
    every_record_is_taken_for_one,
    records_without_a_name_are_dropped,
    numbers_of_sqs_are_trusted,
    attributes_are_trusted,
    consent_is_taken_for_granted,
    only_the_first_fault_is_reported,
    faults_show_values,
    faults_show_names_of_the_input,
    faults_are_listed_without_end,
    any_size_is_stored,
    bodies_of_any_size_are_read,
    lists_of_any_length_are_read,
    replies_are_searched_to_their_end_for_each_part,
    halves_of_characters_are_not_looked_for,
    members_of_one_name_are_accepted,
    nan_is_a_number,
    keys_are_not_validated,
    refused_messages_are_acknowledged,
    failures_are_not_logged,
    numbers_are_not_masked,
    visibility_is_left_as_it_is,
    valid_messages_are_refused,
    broken_characters_are_sent,
    what_nobody_sees_is_sent,
    templates_may_be_of_any_length,
    thoughts_are_sent,
    an_object_in_prose_is_not_read,
]

"""Settings: parsed once, every fault named, no value shown."""

from typing import Any

import pytest

from utils.settings import SEND_START_SECONDS, Settings, SettingsError

REQUIRED = {
    "CONVERSATIONS_TABLE_NAME_DEV": "conversations-dev",
    "WHATSAPP_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/queue",
}


def environ(**variables: str) -> dict[str, str]:
    return {**REQUIRED, **variables}


def faults(**variables: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(environ(**variables))
    return caught.value.faults


def test_two_variables_are_enough() -> None:
    settings = Settings.from_environ(REQUIRED)

    assert settings.conversations_table_name == "conversations-dev"
    assert settings.queue_url == REQUIRED["WHATSAPP_QUEUE_URL"]


def test_the_defaults_are_those_of_the_design() -> None:
    settings = Settings.from_environ(REQUIRED)

    assert settings.model_dump(exclude={"conversations_table_name", "queue_url"}) == {
        "log_level": "INFO",
        "version": "unknown",
        "metrics_namespace": "AIComms/WhatsAppProcessor/Dev",
        "visibility_timeout_seconds": 360,
        "heartbeat_interval_seconds": 120,
        "max_receive_count": 3,
        "max_concurrent_messages": 10,
        "safety_margin_seconds": 15,
        "secrets_cache_seconds": 300,
        "secret_name_prefix": "",
        "conversations_partition_key": "recipient_tel",
        "openai_api": "responses",
        "openai_background": True,
        "openai_model": "gpt-6-luna",
        "openai_base_url": None,
        "twilio_api_base_url": None,
        "twilio_status_callback_url": None,
        "twilio_timeout_seconds": 20,
        "twilio_list_lag_seconds": 30,
        "reconcile_after_seconds": 60,
        "max_message_parts": 3,
        "record_retention_days": 0,
        "inline_definitions": False,
        "openai_models": "",
        "openai_max_output_tokens": 32_000,
        "outgoing_links": "any",
        "outgoing_link_hosts": "",
        "outgoing_max_characters": 15_000,
        "outgoing_phone_numbers": "any",
        "outgoing_moderation": False,
        "patience_seconds": 0,
        "delivery_watch_seconds": 0,
        "openai_hold_seconds": 2,
        "openai_run_deadline_seconds": 3600,
    }


@pytest.mark.parametrize("name", ["CONVERSATIONS_TABLE_NAME", "CONVERSATIONS_TABLE"])
def test_the_table_is_accepted_under_the_name_of_every_environment_and_the_engines(name: str) -> None:
    settings = Settings.from_environ({name: "conversations-prod", "WHATSAPP_QUEUE_URL": "http://queue"})

    assert settings.conversations_table_name == "conversations-prod"


def test_the_first_name_of_the_table_wins() -> None:
    settings = Settings.from_environ(environ(CONVERSATIONS_TABLE_NAME="another"))

    assert settings.conversations_table_name == "conversations-dev"


@pytest.mark.parametrize("nothing", ["", "   "])
def test_an_empty_variable_counts_as_unset(nothing: str) -> None:
    settings = Settings.from_environ(environ(TWILIO_TIMEOUT_SECONDS=nothing, OPENAI_BASE_URL=nothing))

    assert settings.twilio_timeout_seconds == 20
    assert settings.openai_base_url is None


def test_variables_of_others_are_left_alone() -> None:
    settings = Settings.from_environ(environ(AWS_REGION="eu-west-1", AWS_ENDPOINT_URL="http://localhost:4566"))

    assert "AWS_REGION" not in settings.model_fields_set


@pytest.mark.parametrize(
    ("text", "value"),
    [pytest.param("false", False, id="false"), pytest.param("0", False, id="0"), pytest.param("true", True, id="true")],
)
def test_a_switch_is_read(text: str, value: bool) -> None:
    assert Settings.from_environ(environ(OPENAI_BACKGROUND=text)).openai_background is value


def test_missing_variables_are_all_named() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({})

    assert caught.value.faults == [
        "CONVERSATIONS_TABLE_NAME_DEV (or CONVERSATIONS_TABLE_NAME, CONVERSATIONS_TABLE) is missing",
        "WHATSAPP_QUEUE_URL is missing",
    ]
    assert str(caught.value) == "invalid environment: " + "; ".join(caught.value.faults)


INVALID = [
    ("CONVERSATIONS_TABLE_NAME_DEV", "conversations dev"),
    ("WHATSAPP_QUEUE_URL", "ai-multi-comms-whatsapp-queue-dev"),
    ("LOG_LEVEL", "LOUD"),
    ("VERSION", "1.0 beta"),
    ("METRICS_NAMESPACE", "AI Comms"),
    ("VISIBILITY_TIMEOUT_SECONDS", "42301"),
    ("HEARTBEAT_INTERVAL_SECONDS", "0"),
    ("MAX_RECEIVE_COUNT", "2"),
    ("MAX_CONCURRENT_MESSAGES", "101"),
    ("SAFETY_MARGIN_SECONDS", "4"),
    ("SECRETS_CACHE_SECONDS", "-1"),
    ("SECRET_NAME_PREFIX", "/comms//eu"),
    ("CONVERSATIONS_PARTITION_KEY", "phone"),
    ("OPENAI_API", "completions"),
    ("OPENAI_BACKGROUND", "perhaps"),
    ("OPENAI_MODEL", "gpt 6"),
    ("OPENAI_BASE_URL", "api.openai.com/v1"),
    ("TWILIO_API_BASE_URL", "ftp://api.twilio.com"),
    ("TWILIO_STATUS_CALLBACK_URL", "https://"),
    ("TWILIO_TIMEOUT_SECONDS", "twenty"),
    ("TWILIO_LIST_LAG_SECONDS", "3601"),
    ("RECONCILE_AFTER_SECONDS", "7201"),
    ("MAX_MESSAGE_PARTS", "11"),
    ("RECORD_RETENTION_DAYS", "3651"),
    ("INLINE_DEFINITIONS", "perhaps"),
    ("OPENAI_MODELS", "gpt-6-luna,,gpt-6-sol"),
    ("OPENAI_MAX_OUTPUT_TOKENS", "15"),
    ("OUTGOING_LINKS", "some"),
    ("OUTGOING_LINK_HOSTS", "https://acme.com"),
    ("OUTGOING_MAX_CHARACTERS", "0"),
    ("OUTGOING_PHONE_NUMBERS", "none"),
    ("OUTGOING_MODERATION", "perhaps"),
    ("PATIENCE_SECONDS", "-1"),
    ("PATIENCE_SECONDS", "86401"),
    ("OPENAI_HOLD_SECONDS", "901"),
    ("DELIVERY_WATCH_SECONDS", "86401"),
    ("OPENAI_RUN_DEADLINE_SECONDS", "899"),
]


@pytest.mark.parametrize(("name", "value"), [pytest.param(*case, id=case[0]) for case in INVALID])
def test_an_invalid_variable_is_named_and_its_value_is_not_shown(name: str, value: str) -> None:
    (fault,) = faults(**{name: value})

    assert fault.startswith(f"{name}: ")
    assert f" {value}" not in f" {fault} "


BASE_URLS = ("OPENAI_BASE_URL", "TWILIO_API_BASE_URL")


@pytest.mark.parametrize("name", BASE_URLS)
@pytest.mark.parametrize(
    "url",
    [
        "http://api.openai.com/v1",
        "http://10.0.0.5",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://128.0.0.1",
        "https://api.openai.com/v1?api-version=2",
        "https://api.openai.com/v1#part",
        "https://user:secret@api.openai.com",
        "https://api.openai.com?",
        "https://",
        "https://:443",
        "https://api.openai.com:port",
        "https://api.openai.com/v 1",
        "ftp://api.openai.com",
        "api.openai.com",
        "http://[::2]",
    ],
)
def test_a_base_url_that_could_lose_keys_or_requests_is_refused(name: str, url: str) -> None:
    (fault,) = faults(**{name: url})

    assert fault == f"{name}: must be https, or http to this machine, without user, query or fragment"


@pytest.mark.parametrize("name", BASE_URLS)
@pytest.mark.parametrize(
    "url",
    [
        "https://eu.api.openai.com/v1",
        "https://proxy.internal:8443/openai/v1/",
        "https://[2001:db8::1]:443",
        "http://localhost:8080/v1",
        "http://stubs.localhost",
        "http://127.0.0.1:8080",
        "http://[::1]:8080/v1",
        "http://host.docker.internal:8080/v1",
    ],
)
def test_https_and_this_machine_are_accepted(name: str, url: str) -> None:
    assert Settings.from_environ(environ(**{name: url}))


def test_a_status_callback_may_carry_a_query() -> None:
    """It is the one place where Twilio lets a sender put something of its own."""
    assert Settings.from_environ(environ(TWILIO_STATUS_CALLBACK_URL="https://example.com/status?from=dev"))


def test_every_variable_has_a_case_above() -> None:
    aliases = {name for field in Settings.model_fields.values() for name in names_of(field.validation_alias)}

    assert aliases - {name for name, _ in INVALID} == {"CONVERSATIONS_TABLE_NAME", "CONVERSATIONS_TABLE"}


def names_of(alias: Any) -> list[str]:
    return [alias] if isinstance(alias, str) else list(alias.choices)


def test_all_faults_are_reported_together() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"WHATSAPP_QUEUE_URL": "sk-secret", "LOG_LEVEL": "sk-secret", "MAX_MESSAGE_PARTS": "x"})

    assert [fault.split(":")[0].split(" ")[0] for fault in caught.value.faults] == [
        "CONVERSATIONS_TABLE_NAME_DEV",
        "WHATSAPP_QUEUE_URL",
        "LOG_LEVEL",
        "MAX_MESSAGE_PARTS",
    ]
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        pytest.param({"RECONCILE_AFTER_SECONDS": "49"}, "RECONCILE_AFTER_SECONDS", id="window"),
        pytest.param({"VISIBILITY_TIMEOUT_SECONDS": "157"}, "VISIBILITY_TIMEOUT_SECONDS", id="visibility"),
        pytest.param({"HEARTBEAT_INTERVAL_SECONDS": "323"}, "HEARTBEAT_INTERVAL_SECONDS", id="heartbeat"),
        pytest.param({"RECORD_RETENTION_DAYS": "29"}, "RECORD_RETENTION_DAYS", id="retention"),
        pytest.param({"OUTGOING_LINKS": "given", "OPENAI_API": "assistants"}, "OUTGOING_LINKS", id="given links"),
        pytest.param({"OPENAI_MODELS": "gpt-6-sol,gpt-6-astra"}, "OPENAI_MODELS", id="models"),
    ],
)
def test_variables_that_contradict_each_other_are_refused(variables: dict[str, str], named: str) -> None:
    (fault,) = faults(**variables)

    assert named in fault


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({"RECONCILE_AFTER_SECONDS": "50"}, id="window"),
        pytest.param({"MAX_RECEIVE_COUNT": "3", "SAFETY_MARGIN_SECONDS": "5"}, id="receives and margin"),
        pytest.param({"VISIBILITY_TIMEOUT_SECONDS": "42300"}, id="longest visibility"),
        pytest.param({"VISIBILITY_TIMEOUT_SECONDS": "158"}, id="visibility"),
        pytest.param({"HEARTBEAT_INTERVAL_SECONDS": "322"}, id="heartbeat"),
        pytest.param({"RECORD_RETENTION_DAYS": "30"}, id="retention"),
        pytest.param({"OUTGOING_LINKS": "given"}, id="given links"),
        pytest.param({"OUTGOING_LINKS": "listed", "OPENAI_API": "assistants"}, id="listed links"),
        pytest.param({"OPENAI_MODELS": "gpt-6-luna,gpt-6-astra"}, id="models"),
    ],
)
def test_the_limits_themselves_are_accepted(variables: dict[str, str]) -> None:
    assert Settings.from_environ(environ(**variables))


def test_all_contradictions_are_reported_together() -> None:
    assert len(faults(RECONCILE_AFTER_SECONDS="49", VISIBILITY_TIMEOUT_SECONDS="60", RECORD_RETENTION_DAYS="1")) == 3


def test_the_shortest_timeout_has_room_for_margin_send_and_work() -> None:
    settings = Settings.from_environ(environ(SAFETY_MARGIN_SECONDS="10", TWILIO_TIMEOUT_SECONDS="30"))

    assert settings.min_timeout_seconds == 43
    assert Settings.from_environ(REQUIRED).min_timeout_seconds == 38


def test_a_lease_ends_a_margin_before_the_visibility() -> None:
    settings = Settings.from_environ(environ(VISIBILITY_TIMEOUT_SECONDS="400", SAFETY_MARGIN_SECONDS="20"))

    assert settings.lease_seconds == 380


@pytest.mark.parametrize(
    ("reconcile_after", "settle", "start"),
    [
        pytest.param("60", 60, 10, id="room to spare"),
        pytest.param("50", 55, SEND_START_SECONDS, id="room is made"),
    ],
)
def test_a_send_may_start_only_while_its_outcome_will_be_known_at_the_end_of_the_window(
    reconcile_after: str, settle: int, start: int
) -> None:
    settings = Settings.from_environ(environ(RECONCILE_AFTER_SECONDS=reconcile_after))

    assert (settings.settle_seconds, settings.send_start_seconds) == (settle, start)
    assert start + settings.twilio_timeout_seconds + settings.twilio_list_lag_seconds <= settle

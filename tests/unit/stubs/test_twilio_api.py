import json
from email.utils import parsedate_to_datetime

import pytest

from sandbox.stubs import Fate, Shown
from sandbox.stubs.keys import TWILIO_ACCOUNT_SID
from tests.unit.stubs.world import MESSAGES, RECIPIENT, SENDER, TEMPLATE, World

SERVICE = "MG0123456789abcdef0123456789abcdef"


def test_message_is_accepted_as_queued_and_shows_what_was_asked(world: World) -> None:
    answer = world.send_whatsapp(Body="Hello Ana")

    assert answer.status == 201
    assert answer.json["body"] == "Hello Ana"
    assert (answer.json["to"], answer.json["from"]) == (RECIPIENT, SENDER)
    assert (answer.json["status"], answer.json["date_sent"]) == ("queued", None)
    assert parsedate_to_datetime(answer.json["date_created"]).timestamp() == world.now


def test_messaging_service_accepts_with_or_without_from(world: World) -> None:
    both = world.send_whatsapp(MessagingServiceSid=SERVICE)
    alone = world.send_whatsapp(MessagingServiceSid=SERVICE, From=None)

    assert [a.json["status"] for a in (both, alone)] == ["accepted", "accepted"]
    assert [a.json["from"] for a in (both, alone)] == [SENDER, None]
    assert both.json["messaging_service_sid"] == SERVICE


def test_status_progresses_with_time(world: World) -> None:
    sid = world.send_whatsapp().json["sid"]

    seen = []
    for _ in range(4):
        message = world.twilio("GET", f"{MESSAGES}/{sid}.json").json
        seen.append((message["status"], message["date_sent"] is not None))
        world.pass_time(0.5)

    assert seen == [("queued", False), ("sent", True), ("sent", True), ("delivered", True)]


def test_fate_fails_the_message_after_it_was_accepted(world: World) -> None:
    world.app.twilio.fates.add(Fate(status="undelivered", error_code=63016), match="+447700900123")

    answer = world.send_whatsapp()
    world.pass_time(2)
    later = world.twilio("GET", f"{MESSAGES}/{answer.json['sid']}.json").json

    assert (answer.status, answer.json["error_code"]) == (201, None)
    assert (later["status"], later["error_code"]) == ("undelivered", 63016)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"To": None}, 21604, id="no recipient"),
        pytest.param({"To": "whatsapp:447700900123"}, 21211, id="recipient without plus"),
        pytest.param({"To": "telegram:+447700900123"}, 21211, id="unknown channel"),
        pytest.param({"To": "whatsapp:+12"}, 21211, id="recipient too short"),
        pytest.param({"From": None}, 21603, id="neither sender nor service"),
        pytest.param({"From": "whatsapp:+0"}, 21212, id="bad sender"),
        pytest.param({"From": "+447700900999"}, 21910, id="channels differ"),
        pytest.param({"From": RECIPIENT}, 63031, id="sender is recipient"),
        pytest.param({"MessagingServiceSid": "MG1"}, 21705, id="bad service"),
        pytest.param({"StatusCallback": "https://my_host.example/x"}, 21609, id="underscore in host"),
        pytest.param({"Body": None}, 21619, id="no body"),
        pytest.param({"Body": " "}, 21602, id="empty body"),
        pytest.param({"Body": "x" * 1601}, 21617, id="body too long"),
        pytest.param({"Body": "\U0001f600" * 801}, 21617, id="body too long in UTF-16 units"),
        pytest.param({"ContentVariables": '{"1":"a"}'}, 21654, id="variables without template"),
        pytest.param({"ContentSid": "HX1"}, 21655, id="bad template"),
    ],
)
def test_faulty_request_is_refused_with_twilios_code(world: World, changes: dict[str, str], code: int) -> None:
    answer = world.send_whatsapp(**changes)

    assert (answer.status, answer.json["code"], answer.json["status"]) == (400, code, 400)
    assert world.app.twilio.messages(()) == []


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        pytest.param("no json", 21656, id="not JSON"),
        pytest.param('["a"]', 21656, id="not an object"),
        pytest.param('{"1": ""}', 21656, id="empty"),
        pytest.param('{"1": null}', 21656, id="null"),
        pytest.param('{"1": 5}', 21656, id="number"),
        pytest.param(json.dumps({"1": "a\nb"}), 21656, id="newline"),
        pytest.param(json.dumps({"1": "a\tb"}), 21656, id="tab"),
        pytest.param('{"1": "a     b"}', 21656, id="five spaces"),
        pytest.param('{"a name": "b"}', 21656, id="space in name"),
        pytest.param(json.dumps({str(n): "a" for n in range(101)}), 21656, id="too many"),
        pytest.param(json.dumps({"1": "x" * 1601}), 21658, id="value too long"),
    ],
)
def test_faulty_content_variables_are_refused(world: World, variables: str, code: int) -> None:
    answer = world.send_whatsapp(Body=None, ContentSid=TEMPLATE, ContentVariables=variables)

    assert (answer.status, answer.json["code"]) == (400, code)


def test_four_spaces_and_longest_values_are_accepted(world: World) -> None:
    body = world.send_whatsapp(Body="x" * 1600)
    variable = world.send_whatsapp(ContentSid=TEMPLATE, ContentVariables='{"1": "a    b"}')

    assert [body.status, variable.status] == [201, 201]


def test_business_scoped_user_id_is_a_valid_recipient(world: World) -> None:
    assert world.send_whatsapp(To="whatsapp:US.ABC123XYZ").status == 201


def test_unknown_template_renders_every_value(world: World) -> None:
    answer = world.send_whatsapp(
        Body=None, ContentSid=TEMPLATE, ContentVariables='{"2": "Acme Ltd", "10": "Tuesday", "1": "Ana"}'
    )

    assert answer.json["body"] == "Hello Ana, Acme Ltd, Tuesday"


def test_known_template_renders_its_text_with_defaults(world: World) -> None:
    world.app.twilio.set_template(TEMPLATE, "Dear {{1}}, see you on {{ day }}.", {"day": "Friday"})

    answer = world.send_whatsapp(Body=None, ContentSid=TEMPLATE, ContentVariables='{"1": "Ana"}')

    assert answer.json["body"] == "Dear Ana, see you on Friday."


@pytest.mark.parametrize(
    ("text", "value", "code"),
    [
        pytest.param("{{1}} and {{2}}", "Ana", 63028, id="variable missing"),
        pytest.param("{{1}}", "x" * 1025, 63021, id="rendered text too long"),
    ],
)
def test_template_fault_fails_the_message_later(world: World, text: str, value: str, code: int) -> None:
    world.app.twilio.set_template(TEMPLATE, text, {})

    sid = world.send_whatsapp(Body=None, ContentSid=TEMPLATE, ContentVariables=json.dumps({"1": value})).json["sid"]
    world.pass_time(2)
    later = world.twilio("GET", f"{MESSAGES}/{sid}.json").json

    assert (later["status"], later["error_code"]) == ("failed", code)


def test_list_filters_by_both_numbers_and_shows_the_newest_first(world: World) -> None:
    first = world.send_whatsapp().json["sid"]
    world.pass_time(1)
    world.send_whatsapp(To="whatsapp:+447700900555")
    world.send_whatsapp(From="whatsapp:+447700900777")
    second = world.send_whatsapp().json["sid"]

    assert world.list_messages(To=RECIPIENT, From=SENDER) == [second, first]
    assert len(world.list_messages()) == 4


def test_list_shows_a_message_only_after_its_lag_while_fetch_finds_it(world: World) -> None:
    world.app.settings.change({"list_lag_seconds": 5})

    sid = world.send_whatsapp().json["sid"]

    assert world.list_messages(To=RECIPIENT) == []
    assert world.twilio("GET", f"{MESSAGES}/{sid}.json").status == 200
    world.pass_time(4.9)
    assert world.list_messages(To=RECIPIENT) == []
    world.pass_time(0.1)
    assert world.list_messages(To=RECIPIENT) == [sid]


def test_fate_gives_one_recipient_its_own_list_lag(world: World) -> None:
    world.app.twilio.fates.add(Fate(list_lag_seconds=60), match=RECIPIENT)

    world.send_whatsapp()
    other = world.send_whatsapp(To="whatsapp:+447700900555").json["sid"]

    assert world.list_messages() == [other]


def test_date_sent_filter_leaves_out_what_is_not_sent_yet(world: World) -> None:
    old = world.send_whatsapp().json["sid"]
    world.pass_time(86_400)
    world.send_whatsapp()

    assert world.list_messages(**{"DateSent>": "2027-01-01"}) == [old]
    assert world.list_messages(**{"DateSent<": "2027-01-01"}) == []
    assert world.list_messages(DateSent="2027-01-15") == [old]


def test_pages_follow_each_other_without_gap_although_messages_arrive(world: World) -> None:
    sids = [world.send_whatsapp().json["sid"] for _ in range(5)]

    page = world.twilio("GET", f"{MESSAGES}.json?PageSize=2").json
    world.send_whatsapp()
    seen = [message["sid"] for message in page["messages"]]
    while page["next_page_uri"]:
        page = world.twilio("GET", page["next_page_uri"]).json
        seen += [message["sid"] for message in page["messages"]]

    assert seen == sids[::-1]
    assert page["page"] == 2


def test_unknown_sid_is_not_found(world: World) -> None:
    answer = world.twilio("GET", f"{MESSAGES}/SM{'0' * 32}.json")

    assert (answer.status, answer.json["code"]) == (404, 20404)


def test_wrong_token_and_foreign_account_are_refused(world: World) -> None:
    wrong = world.twilio("GET", f"{MESSAGES}.json", token="wrong")
    other_sid = f"AC{'f' * 32}"
    world.app.keys.change_twilio(other_sid, accept=["other-token"])
    foreign = world.twilio("GET", f"{MESSAGES}.json", account_sid=other_sid, token="other-token")
    disguised = world.twilio("GET", f"{MESSAGES}.json", account_sid=other_sid)

    assert {(a.status, a.json["code"]) for a in (wrong, foreign, disguised)} == {(401, 20003)}


TYPOGRAPHIC = "\u201cHi\u201d \u2014 it\u2019s\u2026\u00a0Ana\u200b &  co"


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        pytest.param(Shown.AS_SENT, TYPOGRAPHIC, id="as sent"),
        pytest.param(Shown.HIDDEN, "", id="hidden"),
        pytest.param(Shown.SMART_ENCODED, '"Hi" - it\'s...\u00a0Ana\u200b &  co', id="smart encoding"),
        pytest.param(Shown.SPACED, "\u201cHi\u201d \u2014 it\u2019s\u2026 Ana\u200b & co", id="white space"),
        pytest.param(Shown.ESCAPED, TYPOGRAPHIC.replace("&", "&amp;"), id="entities"),
        pytest.param(Shown.STRIPPED, "\u201cHi\u201d \u2014 it\u2019s\u2026 Ana &  co", id="invisible characters"),
    ],
)
def test_rule_of_an_account_decides_how_texts_are_shown(world: World, shown: Shown, text: str) -> None:
    world.app.twilio.views.set(TWILIO_ACCOUNT_SID, shown)

    created = world.send_whatsapp(Body=TYPOGRAPHIC).json

    fetched = world.twilio("GET", f"{MESSAGES}/{created['sid']}.json").json
    (listed,) = world.twilio("GET", f"{MESSAGES}.json").json["messages"]
    assert [created["body"], fetched["body"], listed["body"]] == [text] * 3
    assert world.app.twilio.messages(())[0]["body"] == TYPOGRAPHIC


def test_rule_of_a_messaging_service_goes_before_that_of_the_account(world: World) -> None:
    world.app.twilio.views.set(TWILIO_ACCOUNT_SID, Shown.ESCAPED)
    world.app.twilio.views.set(SERVICE, Shown.HIDDEN)

    bodies = [world.send_whatsapp(Body="a & b", **more).json["body"] for more in ({}, {"MessagingServiceSid": SERVICE})]

    assert bodies == ["a &amp; b", ""]


def test_rows_can_have_another_shape_in_the_list_alone(world: World) -> None:
    world.app.twilio.fates.add(Fate(status="canceled", row={"date_created": None, "body": None}))
    sid = world.send_whatsapp(Body="Hello").json["sid"]
    world.pass_time(2)

    (row,) = world.twilio("GET", f"{MESSAGES}.json").json["messages"]

    assert (row["sid"], row["status"], row["date_created"], row["body"]) == (sid, "canceled", None, None)
    assert world.twilio("GET", f"{MESSAGES}/{sid}.json").json["body"] == "Hello"


def test_messages_of_other_programs_can_be_older_than_the_run(world: World) -> None:
    form = {"To": RECIPIENT, "From": SENDER, "Body": "Hello"}
    old = world.app.twilio.accept(TWILIO_ACCOUNT_SID, form, ago_seconds=86_400)
    new = world.send_whatsapp(Body="Hello").json["sid"]
    world.pass_time(1)

    rows = world.twilio("GET", f"{MESSAGES}.json").json["messages"]

    assert [row["sid"] for row in rows] == [new, old.sid]
    ages = [world.now - parsedate_to_datetime(row["date_created"]).timestamp() for row in rows]
    assert ages == [1, 86_401]

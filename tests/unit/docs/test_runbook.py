"""The runbook has an entry for each alarm that Terraform makes, and no entry for another one."""

import re

import pytest

from tests.unit.docs.documents import ROOT, document

ALERTING = ROOT / "terraform" / "modules" / "alerting" / "main.tf"
RUNBOOK = document("docs/runbook.md")


def alarms() -> dict[str, str]:
    """Return the key of each alarm in terraform/ and where its description sends people."""
    found = {}
    for path in sorted((ROOT / "terraform").rglob("*.tf")):
        text = path.read_text(encoding="utf-8")
        for body in re.findall(
            r'^resource "aws_cloudwatch_\w*alarm" "\w+" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL
        ):
            name = re.search(r"^ +alarm_name += (.*)$", body, re.MULTILINE)
            sends_to = re.search(r"docs/runbook\.md(?:#([^\"]*))?", body)
            assert name is not None, f"{path}: an alarm whose name can't be read"
            assert sends_to is not None, f"{path}: {name[1]} does not say where its entry is"
            for key in keys_of(named(name[1], text), text):
                found[key] = (sends_to[1] or "").replace("${lower(each.key)}", key.lower())
    return found


def named(name: str, text: str) -> str:
    """Return what makes a name by default: a name that can be given instead is a local value of the module."""
    if not name.startswith("local."):
        return name.strip('"')
    found = re.search(rf'^ +{name.removeprefix("local.")} += coalesce\(.*, "(.*)"\)$', text, re.MULTILINE)
    assert found is not None, f"{name} has no default"
    return found[1]


def keys_of(name: str, text: str) -> list[str]:
    """Return what stands between prefix and `Alarm` in the names that a resource makes."""
    key = re.fullmatch(r"\$\{local\.alarm_prefix\}(.+)Alarm-\$\{var\.stage\}", name)
    assert key is not None, f"an alarm is named in another way: {name}"
    if key[1] != "${each.key}":
        return [key[1]]
    block = text[text.index("alarms = merge(") : text.index("alarm_names = concat(")]
    return re.findall(r"^ +([A-Z]\w+) = \{$", block, re.MULTILINE)


def entries() -> dict[str, str]:
    """Return the text of each entry."""
    section = RUNBOOK.text.split("\n## Alarms\n", 1)[1].split("\n## ", 1)[0]
    return {entry.partition("\n")[0]: entry.partition("\n")[2] for entry in section.split("\n### ")[1:]}


def test_terraform_has_alarms() -> None:
    assert {"FinalDbUpdateFailure", "DeadLetterQueueDepth", "Paging"} <= set(alarms())
    assert '"WhatsAppProcessor"' in ALERTING.read_text(encoding="utf-8")


def test_every_alarm_has_an_entry_and_every_entry_an_alarm() -> None:
    assert set(entries()) == set(alarms())


@pytest.mark.parametrize("key", entries())
def test_an_entry_says_the_alarms_exact_name_and_all_four_things(key: str) -> None:
    entry = entries()[key]

    assert f"`WhatsAppProcessor{key}Alarm-<Env>`" in entry
    assert re.findall(r"^\*\*(\w+)", entry, re.MULTILINE) == ["Means", "Look", "Run", "Over"]


@pytest.mark.parametrize(("key", "place"), alarms().items())
def test_an_alarm_sends_people_to_its_entry(key: str, place: str) -> None:
    assert place in {"", *RUNBOOK.anchors}
    assert place == key.lower()

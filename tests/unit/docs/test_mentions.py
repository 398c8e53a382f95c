"""What documents speak of exists: targets, variables, names, paths, commands."""

import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from pathlib import Path

import pytest

from tests.unit.docs.documents import DOCUMENTS, OWN, ROOT, Document, document, names_in_the_code

TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

OF_ASSISTANTS = {"max_completion_tokens", "response_format", "tool_resources", "top_p"}
"""Fields that an assistant had and a definition has not."""

everywhere = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)


@everywhere
def test_every_make_target_exists(document: Document) -> None:
    said = {target for line in document.commands for target in re.findall(r"\bmake ([a-z][a-z-]*)", line)}

    assert said - TARGETS == set()


@everywhere
def test_every_variable_exists(document: Document) -> None:
    spans = {span.partition("=")[0] for span in document.spans}
    said = {span for span in spans if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|VERSION", span)}
    exported = {name for line in document.commands for name in re.findall(r"\bexport (?:\w+=\S+ )*(\w+)=", line)}

    assert (said | exported) - names_in_the_code() == set()


@everywhere
def test_every_name_of_the_code_exists(document: Document) -> None:
    """Codes, events, attributes, settings: a renamed one is stale in a document, though a test may still say it."""
    known = names_in_the_code(tests=document.name.startswith(("tests/", "sandbox/")))
    said = {span for span in document.spans if re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+", span)}

    assert {name for name in said - OF_ASSISTANTS if not is_known(name, known)} == set()


def is_known(name: str, known: AbstractSet[str]) -> bool:
    """Whether the code has the name, or makes it of a vendor's code."""
    vendor, _, code = name.partition("_")
    if vendor == "twilio" and code.isdigit():
        return True
    if vendor == "dynamodb":
        return True  # AWS's own words
    return name in known or (vendor == "openai" and code in names_in_the_code())  # its stub knows its words


@everywhere
def test_every_path_exists(document: Document) -> None:
    said = {
        span.rstrip("/") for span in document.spans if span.partition("/")[0] in OWN and "/" in span and " " not in span
    }

    assert {path for path in said if not any(ROOT.glob(re.sub(r"<[^>]*>", "*", path)))} == set()


@everywhere
def test_every_module_that_is_run_exists(document: Document) -> None:
    said = {module for line in document.commands for module in re.findall(r"python -m ([a-z_.]+)", line)}
    own = {module for module in said if module.partition(".")[0] in OWN}
    files = {module: ROOT / module.replace(".", "/") for module in own}

    assert {
        module
        for module, file in files.items()
        if not file.with_suffix(".py").is_file() and not (file / "__main__.py").is_file()
    } == set()


@everywhere
def test_every_attribute_of_a_terraform_variable_exists(document: Document) -> None:
    text = (ROOT / "terraform" / "modules" / "stack" / "variables.tf").read_text(encoding="utf-8")
    variables = dict(re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL))
    said = {tuple(span.split(".")) for span in document.spans if re.fullmatch(r"\w+\.\w+", span)}
    ours = {(variable, attribute) for variable, attribute in said if variable in variables and attribute != "md"}

    assert {
        f"{variable}.{attribute}"
        for variable, attribute in ours
        if not re.search(rf"^ +{attribute} += optional\(", variables[variable], re.MULTILINE)
    } == set()


@everywhere
def test_every_saved_query_exists(document: Document) -> None:
    queries = (ROOT / "terraform" / "modules" / "alerting" / "queries.tf").read_text(encoding="utf-8")
    lists = re.findall(r"[Ss]aved quer(?:y|ies)\s+((?:`[a-z-]+`(?:,? and |, |\s)?)+)", document.text)
    said = {name for names in lists for name in re.findall(r"`([a-z-]+)`", names)}

    assert said - set(re.findall(r'^ +"([a-z-]+)" += ', queries, re.MULTILINE)) == set()


def test_the_runbook_speaks_of_saved_queries() -> None:
    """Else the test above would read them no more."""
    assert len(re.findall(r"[Ss]aved quer(?:y|ies)\s+`", document("docs/runbook.md").text)) >= 5


@everywhere
def test_no_document_speaks_of_the_machine_it_was_written_on(document: Document) -> None:
    paths = re.findall(r"(?<![\w.~*:])/(?:home|root|Users|work|mnt|srv)/\S*", document.text)

    assert paths == []


@pytest.mark.parametrize(
    ("text", "check"),
    [
        pytest.param("`make nonsense`", test_every_make_target_exists, id="target"),
        pytest.param("```sh\nmake nonsense ENV=dev\n```", test_every_make_target_exists, id="target in a block"),
        pytest.param("`NO_SUCH_SETTING`", test_every_variable_exists, id="variable"),
        pytest.param("```sh\nexport A=b NO_SUCH_SETTING=1\n```", test_every_variable_exists, id="exported variable"),
        pytest.param("`no_such_code`", test_every_name_of_the_code_exists, id="code"),
        pytest.param("`openai_no_such_code`", test_every_name_of_the_code_exists, id="vendor's code"),
        pytest.param("`lambda/core/missing.py`", test_every_path_exists, id="path"),
        pytest.param("`lambda/missing/<id>.json`", test_every_path_exists, id="path with a placeholder"),
        pytest.param("`python -m tools.missing`", test_every_module_that_is_run_exists, id="module"),
        pytest.param("`queue.missing`", test_every_attribute_of_a_terraform_variable_exists, id="attribute"),
        pytest.param("Saved query `missing`", test_every_saved_query_exists, id="saved query"),
        pytest.param("see /home/me/x", test_no_document_speaks_of_the_machine_it_was_written_on, id="machine"),
    ],
)
def test_what_does_not_exist_is_found(tmp_path: Path, text: str, check: Callable[[Document], None]) -> None:
    (tmp_path / "here.md").write_text(text, encoding="utf-8")

    with pytest.raises(AssertionError):
        check(Document(tmp_path / "here.md"))

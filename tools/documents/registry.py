"""Registry: what is generated, from what, and into which document."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.conversation import TRANSITIONS
from tools.context_schema import context_schema
from tools.documents import ROOT, configuration, context_object, modules, record, states
from tools.documents.blocks import replaced


@dataclass(frozen=True, slots=True)
class Generated:
    """A block of a document.

    Attributes:
        document: Path of the document, relative to the repository.
        content: Makes the block.
    """

    name: str
    document: Path
    content: Callable[[], str]

    def text(self) -> str:
        """Return the document as it is."""
        return (ROOT / self.document).read_text(encoding="utf-8")

    def wanted(self) -> str:
        """Return the document as it should be.

        Raises:
            BlockError: It has no place for the block.
        """
        return replaced(self.text(), self.name, self.content())

    def write(self) -> None:
        (ROOT / self.document).write_text(self.wanted(), encoding="utf-8")


TERRAFORM = Path("terraform")


def _of_module(folder: Path) -> Generated:
    return Generated(folder.name, folder / "README.md", lambda: modules.reference(ROOT / folder))


GENERATED = (
    Generated("states", Path("docs/architecture.md"), lambda: states.diagram(TRANSITIONS)),
    Generated("context-object", Path("docs/context-object.md"), lambda: context_object.reference(context_schema())),
    Generated("record", Path("docs/record.md"), record.reference),
    Generated("configuration", Path("docs/configuration.md"), lambda: configuration.reference(ROOT / "terraform")),
    _of_module(TERRAFORM),
    *(_of_module(path.parent.relative_to(ROOT)) for path in sorted((ROOT / TERRAFORM / "modules").glob("*/README.md"))),
)

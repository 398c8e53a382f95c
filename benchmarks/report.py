"""Report: RESULTS.md, from the results and the manifest of the package for AWS."""

from benchmarks.results import HEADERS, Results, markdown
from benchmarks.scaling import costs, waits
from tools.packaging.manifest import Manifest
from tools.packaging.report import MB, SMALL

TEXT = """\
# Results of the benchmarks

Made by `make bench`, last on {at}.
Machine: {machine}.

Where others use the machine at the same time, the ratios, which come from one run that took turns, say more than the
seconds. A Lambda function of 1 GB has little more than half of a core while it works.

**Ours** is the deployment package, as it is deployed, in a process of its own under AWS's runtime client. The
**baseline** is the same job as handlers like this one usually are written ([baseline/index.py](baseline/index.py)):
one record after the other, clients built for each, everything imported at the top, runs polled once a second, and
the dependencies zipped as installed, with the bytecode that `pip` makes. DynamoDB, SQS and Secrets Manager are
MiniStack; OpenAI and Twilio are the stubs of the tests, which answer at once or take as long as a row says.

{figures}

## What the package holds

{target}; MB.

{shares}

## What a million conversations cost

US dollars on AWS, arm64, 512 MB; OpenAI and Twilio not included. The arithmetic and the plan for ten million a day
are in [docs/scaling.md](../docs/scaling.md).

{costs}

## What waiting in the queue costs

As Terraform sets it: the queue waits for the model and for the delivery, which is known at the first look. For each
conversation, once the function has learned what runs take; dollars for a million.

{waits}
"""


def report(results: Results, manifest: Manifest) -> str:
    return TEXT.format(
        at=results.at,
        machine=results.machine,
        figures=markdown([figure.cells() for figure in results.figures if not figure.key.startswith("wait_")], HEADERS),
        target=f"{manifest.target}, bytecode by Python {manifest.compiled_by}",
        shares=_shares(manifest),
        costs=costs(results),
        waits=waits(results),
    )


def _shares(manifest: Manifest) -> str:
    large = [share for share in manifest.shares if share.unpacked >= SMALL]
    small = [share for share in manifest.shares if share.unpacked < SMALL]
    rows = [(share.name, share.installed, share.unpacked, share.packed) for share in large]
    for name, shares in ((f"{len(small)} smaller ones", small), ("total", list(manifest.shares))):
        sizes = (
            sum(each) for each in zip(*((s.installed, s.unpacked, s.packed) for s in shares), (0, 0, 0), strict=True)
        )
        rows.append((name, *sizes))
    return markdown(
        [(name, *(f"{size / MB:.2f}" for size in sizes)) for name, *sizes in rows],
        ("", "installed", "unpacked", "packed"),
    )

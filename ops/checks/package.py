"""Check of the deployed package: whether it was built for the Python and the processor that run it."""

import io
import re
import urllib.request
import zipfile
from collections.abc import Callable, Iterator

from ops.answers import Finding, fail, ok, skip
from ops.errors import AwsError
from ops.patient import Patient

TIMEOUT_SECONDS = 60

MAX_BYTES = 260 * 1024 * 1024
"""Source: AWS Lambda Developer Guide, quotas: 250 MB for a package, unzipped."""

PROCESSORS = {"x86_64": "x86_64", "arm64": "aarch64"}
"""Lambda's word to the one in the names of compiled modules."""

_COMPILED = re.compile(r"\.cpython-(3)(\d+)\w*-(\w+)-linux-gnu\.so$")


def fetch(location: str) -> bytes:
    """Return the package at the address that Lambda gives.

    Raises:
        ValueError: It is no address to be opened.
        OSError: It can't be fetched.
    """
    if not location.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise ValueError("not an address to be opened")
    with urllib.request.urlopen(location, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - checked above
        package: bytes = answer.read(MAX_BYTES)
        return package


def check_package(fetch_package: Callable[[str], bytes]) -> Callable[[Patient], Iterator[Finding]]:
    """Return the check, which reads the names of the compiled modules in the package that the function has."""

    def check(patient: Patient) -> Iterator[Finding]:
        function = patient.function
        try:
            with zipfile.ZipFile(io.BytesIO(fetch_package(patient.code_location))) as package:
                names = package.namelist()
        except AwsError:
            yield skip("package", "not looked at: that takes lambda:GetFunction")
        except (OSError, ValueError, zipfile.BadZipFile) as exc:
            yield skip("package", f"can't be fetched from here ({type(exc).__name__})")
        else:
            processor = (function.get("Architectures") or ["x86_64"])[0]
            yield judge_package(names, function.get("Runtime", "an image"), processor, patient.deploy)

    return check


def judge_package(names: list[str], runtime: str, processor: str, deploy: str) -> Finding:
    """Compare the names of compiled modules with what the function runs on."""
    found = [match for name in names if (match := _COMPILED.search(name))]
    built = {(f"python{match[1]}.{match[2]}", match[3]) for match in found}
    wrong = sorted(built - {(runtime, PROCESSORS.get(processor, processor))})
    if not built:
        return skip("package", "has no compiled module that says what it was built for")
    if wrong:
        others = ", ".join(f"{python} on {machine}" for python, machine in wrong)
        return fail("package", f"built for {others}; the function is {runtime} on {processor}", deploy)
    return ok("package", f"built for {runtime} on {processor}")

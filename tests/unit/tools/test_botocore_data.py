import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.regions import EndpointResolver

from tools.packaging.botocore_data import slim_botocore_data
from tools.packaging.trim import AWS_SERVICES

INSTALLED = Path(botocore.__file__).parent / "data"


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed service descriptions that ship, made slim."""
    tree = tmp_path_factory.mktemp("tree")
    data = tree / "botocore" / "data"
    for service in AWS_SERVICES:
        shutil.copytree(INSTALLED / service, data / service)
    for file in INSTALLED.glob("*.json"):
        shutil.copy(file, data)
    slim_botocore_data(tree)
    return data


def load(data: Path, name: str) -> Any:
    return Loader(extra_search_paths=[str(data)], include_default_search_paths=False).load_data(name)


def services_of(data: Path) -> dict[str, Any]:
    loader = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    return {service: loader.load_service_model(service, "service-2") for service in AWS_SERVICES}


def test_slim_descriptions_hold_no_documentation_and_are_less_than_half_as_big(slim: Path) -> None:
    size = sum(file.stat().st_size for file in slim.rglob("service-2.json.gz"))
    installed = sum((INSTALLED / file.relative_to(slim)).stat().st_size for file in slim.rglob("service-2.json.gz"))
    model = json.loads(gzip.decompress(next(slim.glob("sqs/*/service-2.json.gz")).read_bytes()))

    assert '"documentation"' not in json.dumps(model)
    assert size < installed / 2


def test_operations_keep_every_input_output_and_error(slim: Path) -> None:
    for service, description in services_of(slim).items():
        ours, theirs = ServiceModel(description), ServiceModel(services_of(INSTALLED)[service])
        assert ours.operation_names == theirs.operation_names
        for name in ours.operation_names:
            mine, original = ours.operation_model(name), theirs.operation_model(name)
            for shape in ("input_shape", "output_shape"):
                members = [getattr(getattr(model, shape), "members", {}) for model in (mine, original)]
                assert list(members[0]) == list(members[1])
            assert [shape.name for shape in mine.error_shapes] == [shape.name for shape in original.error_shapes]


def test_every_service_has_the_same_endpoint_in_every_region(slim: Path) -> None:
    ours, theirs = (EndpointResolver(load(data, "endpoints")) for data in (slim, INSTALLED))

    for partition in theirs.get_available_partitions():
        for description in services_of(slim).values():
            prefix = description["metadata"]["endpointPrefix"]
            regions = theirs.get_available_endpoints(prefix, partition)
            assert ours.get_available_endpoints(prefix, partition) == regions
            for region in regions:
                endpoint = theirs.construct_endpoint(prefix, region, partition)
                assert ours.construct_endpoint(prefix, region, partition) == endpoint

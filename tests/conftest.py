"""What several test modules share."""

import itertools
from collections.abc import Iterator

import pytest

import camera_backup.bucket  # noqa: F401 - before anything else loads boto3: it decides how requests are signed
from tests.support.s3_proxy import S3Proxy, s3_proxy
from tests.support.weed import Store, weed

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real S3 server, for all tests."""
    with weed(tmp_path_factory.mktemp("weed")) as running:
        yield running


@pytest.fixture
def bucket_name(store: Store) -> str:
    """A new bucket in it."""
    name = f"footage-{next(_numbers)}"
    store.client().create_bucket(Bucket=name)
    return name


@pytest.fixture
def proxy(store: Store) -> Iterator[S3Proxy]:
    """A proxy in front of it that misbehaves on demand."""
    with s3_proxy(store) as running:
        yield running

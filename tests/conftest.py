"""The real parts that tests share: an S3 server, and cameras on demand."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

import camera_backup.bucket.bucket  # noqa: F401 - before anything else loads boto3: it decides how requests are signed
from camera_backup.demo.camera import CameraServer, CameraSpec
from camera_backup.demo.store import Store
from tests.support.s3_proxy import S3Proxy, s3_proxy

_numbers = itertools.count()


class StartCameras(Protocol):
    """Starts a server with the given cameras; it is stopped when the test ends."""

    def __call__(self, *specs: CameraSpec, port: int = 0) -> CameraServer: ...


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A running S3 server. A test that stops it starts it again."""
    with Store(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def bucket_name(store: Store) -> str:
    """The name of an empty bucket of this test's own."""
    name = f"footage-{next(_numbers)}"
    store.create_bucket(name)
    return name


@pytest.fixture
def bucket(bucket_name: str) -> str:
    """The same, for tests that do not call something else `bucket`."""
    return bucket_name


@pytest.fixture
def proxy(store: Store) -> Iterator[S3Proxy]:
    """A proxy in front of the store that misbehaves on demand."""
    with s3_proxy(store) as running:
        yield running


@pytest.fixture(scope="session")
def loop_cache() -> Path:
    """The folder of encoded loops; it outlives the session, since encoding costs more than playing."""
    folder = Path(tempfile.gettempdir(), "camera-backup-test-loops")
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@pytest.fixture
def camera_server(loop_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartCameras]:
    """Start cameras with `camera_server(CameraSpec(path="front-door"), …)`."""
    with ExitStack() as running:

        def start(*specs: CameraSpec, port: int = 0) -> CameraServer:
            server = CameraServer(specs, tmp_path_factory.mktemp("camera"), cache=loop_cache, port=port)
            return running.enter_context(server)

        yield start

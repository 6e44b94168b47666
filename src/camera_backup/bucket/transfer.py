"""What moves the bytes: the one seam between the bucket's rules and the library that sends.

A transfer sends; it does not judge. Whether the object arrived is for the bucket and the uploader to find out.
"""

import errno
import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from camera_backup.bucket.checksums import Digest, Part

_SEND_SIZE = 256 << 10
_CANNOT = {400, 403, 404, 405, 501}


@dataclass(frozen=True, slots=True)
class Payload:
    """A file to send: open for reading, with what it holds, and `progress`, which hears of every read, in bytes.

    `progress` stops the transfer by raising. The descriptor's own position is neither used nor changed.
    """

    descriptor: int
    digest: Digest
    metadata: Mapping[str, str]
    progress: Callable[[int], None] = lambda _count: None


@dataclass(frozen=True, slots=True)
class Terms:
    """How to send: with a `checksum` header or else Content-MD5, `conditional` on nothing lying under the key.

    `extra` are further parameters of the object, such as its storage class.
    """

    bucket: str
    key: str
    checksum: bool
    conditional: bool
    extra: Mapping[str, str]


class Transfer(Protocol):
    """Sends one object."""

    def send(self, payload: Payload, terms: Terms) -> Mapping[str, Any]:
        """Send the file and return the store's answer (`ETag`, `ChecksumCRC64NVME`, each where told).

        Not idempotent by itself: with `conditional` a second call is refused by the store. Raises what the library
        raises; nothing is left behind in the bucket by a transfer that fails, as far as the store can be reached.
        """


class BotoTransfer:
    """Sends with a boto3 client: one PUT for a digest of one part, else a multipart upload."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def send(self, payload: Payload, terms: Terms) -> Mapping[str, Any]:
        """See `Transfer.send`."""
        if len(payload.digest.parts) == 1:
            return self._single(payload, terms)
        return self._multipart(payload, terms)

    def _single(self, payload: Payload, terms: Terms) -> Mapping[str, Any]:
        part = payload.digest.parts[0]
        answer: Mapping[str, Any] = self._client.put_object(
            Bucket=terms.bucket,
            Key=terms.key,
            Body=_Window(payload, part),
            ContentLength=part.size,
            Metadata=dict(payload.metadata),
            **_condition(terms),
            **_header(part, terms),
            **terms.extra,
        )
        return answer

    def _multipart(self, payload: Payload, terms: Terms) -> Mapping[str, Any]:
        place = {"Bucket": terms.bucket, "Key": terms.key}
        kind = {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"} if terms.checksum else {}
        self._abort_leftovers(place)
        created = self._client.create_multipart_upload(**place, Metadata=dict(payload.metadata), **kind, **terms.extra)
        upload = {**place, "UploadId": created["UploadId"]}
        try:
            return self._parts(payload, terms, upload)
        except BaseException as error:
            try:
                self._client.abort_multipart_upload(**upload)
            except self._client.exceptions.ClientError as refusal:
                error.add_note(f"the parts sent so far could not be removed: {refusal}")
            raise

    def _abort_leftovers(self, place: Mapping[str, str]) -> None:
        """Drop the parts that an earlier run, killed half-way, left under this key: they cost money for ever."""
        try:
            found = self._client.list_multipart_uploads(Bucket=place["Bucket"], Prefix=place["Key"])
            for upload in found.get("Uploads", ()):
                if upload["Key"] == place["Key"]:
                    self._client.abort_multipart_upload(**place, UploadId=upload["UploadId"])
        except self._client.exceptions.ClientError as refusal:
            # Some keys may not list uploads and some stores cannot; the bucket's lifecycle rule cleans up there.
            if refusal.response["ResponseMetadata"]["HTTPStatusCode"] not in _CANNOT:
                raise

    def _parts(self, payload: Payload, terms: Terms, upload: Mapping[str, str]) -> Mapping[str, Any]:
        sent = []
        for number, part in enumerate(payload.digest.parts, start=1):
            header = _header(part, terms)
            answer = self._client.upload_part(
                **upload, PartNumber=number, Body=_Window(payload, part), ContentLength=part.size, **header
            )
            checksum = {"ChecksumCRC64NVME": part.crc64nvme} if terms.checksum else {}
            sent.append({"PartNumber": number, "ETag": answer["ETag"], **checksum})
        whole = (
            {
                "ChecksumCRC64NVME": payload.digest.crc64nvme,
                "ChecksumType": "FULL_OBJECT",
                "MpuObjectSize": payload.digest.size,
            }
            if terms.checksum
            else {}
        )
        answer = self._client.complete_multipart_upload(
            **upload, MultipartUpload={"Parts": sent}, **whole, **_condition(terms)
        )
        return dict(answer)


class _Window(io.RawIOBase):
    """One part of the file, as the stream that botocore reads, and reads again from its start if it must."""

    def __init__(self, payload: Payload, part: Part) -> None:
        super().__init__()
        self._payload = payload
        self._part = part
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        left = self._part.size - self._position
        wanted = left if size < 0 else min(size, left)
        data = os.pread(self._payload.descriptor, min(wanted, _SEND_SIZE), self._part.offset + self._position)
        if wanted and not data:
            raise OSError(errno.EIO, "the file became shorter while it was sent")
        self._position += len(data)
        self._payload.progress(len(data))
        return data

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._part.size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position


def _condition(terms: Terms) -> dict[str, str]:
    return {"IfNoneMatch": "*"} if terms.conditional else {}


def _header(part: Part, terms: Terms) -> dict[str, str]:
    if terms.checksum:
        return {"ChecksumCRC64NVME": part.crc64nvme}
    return {"ContentMD5": part.md5} if part.md5 is not None else {}

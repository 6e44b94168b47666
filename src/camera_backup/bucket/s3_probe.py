"""Find out what an S3 store can do, by trying it on small objects of our own.

The objects' keys and contents are always the same and nothing is deleted, so probing again changes nothing.
"""

from typing import Any

from camera_backup.bucket.checksums import crc64nvme
from camera_backup.bucket.s3_errors import code_of, missing_bucket, status_of
from camera_backup.bucket.stored import Capabilities, MismatchError

_FOLDER = ".camera-backup/"
CANARY = _FOLDER + "canary"
WRONG_CANARY = _FOLDER + "canary-with-wrong-checksum"
_CONTENT = b"camera-backup asks what this store can do.\n"
_OTHER = b"This is what camera-backup did not send.\n"
_UNSUPPORTED = {"NotImplemented", "InvalidArgument", "InvalidRequest", "BadRequest", "400", "501"}

_NOT_FOUND = 404


def probe(client: Any, bucket: str, prefix: str) -> Capabilities:
    """Ask the store behind `client`.

    Raises what the client raises, UnavailableError for a missing bucket, and MismatchError if the store contradicts
    itself.
    """
    place = {"Bucket": bucket, "Key": prefix + CANARY, "Body": _CONTENT}
    checksum = {"ChecksumCRC64NVME": crc64nvme(_CONTENT)}
    conditional = _refuses_to_overwrite(client, {**place, **checksum})
    if conditional is None:
        conditional = _refuses_to_overwrite(client, place)
    if conditional is None:
        client.put_object(**place)
    told = _told_checksum(client, bucket, prefix + CANARY)
    computes = told == crc64nvme(_CONTENT) and _refuses_wrong_checksum(client, bucket, prefix, bool(conditional))
    return Capabilities(conditional_put=bool(conditional), checksum=computes)


def _refuses_to_overwrite(client: Any, place: dict[str, Any]) -> bool | None:
    """Put the same object twice; None if the store does not know one of the headers."""
    for _ in range(2):
        try:
            client.put_object(**place, IfNoneMatch="*")
        except client.exceptions.ClientError as error:
            if code_of(error) in {"PreconditionFailed", "412"}:
                return True
            if code_of(error) in _UNSUPPORTED:
                return None
            _check_bucket(client, place["Bucket"])
            raise
    return False


def _check_bucket(client: Any, bucket: str) -> None:
    """Raise UnavailableError if the bucket is missing, which some stores call a denied access."""
    try:
        client.head_bucket(Bucket=bucket)
    except client.exceptions.ClientError as error:
        if status_of(error) == _NOT_FOUND:
            raise missing_bucket("probe", bucket) from error


def _told_checksum(client: Any, bucket: str, key: str) -> str | None:
    try:
        answer = client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    except client.exceptions.ClientError as error:
        if code_of(error) == "404":
            # Taken for a store's nature, this lie would stay with us; so it is an error, and asked again.
            raise MismatchError(
                "the store took an object and does not have it", operation="probe", subject=key
            ) from error
        if code_of(error) in _UNSUPPORTED:
            return None
        raise
    told = answer.get("ChecksumCRC64NVME")
    return None if told is None else str(told)


def _refuses_wrong_checksum(client: Any, bucket: str, prefix: str, conditional: bool) -> bool:
    """Tell whether the store computes checksums, or merely repeats what it was told."""
    condition = {"IfNoneMatch": "*"} if conditional else {}
    try:
        client.put_object(
            Bucket=bucket,
            Key=prefix + WRONG_CANARY,
            Body=_CONTENT,
            ChecksumCRC64NVME=crc64nvme(_OTHER),
            **condition,
        )
    except client.exceptions.ClientError as error:
        code = code_of(error)
        if code in {"PreconditionFailed", "412"}:
            return False  # it was taken the first time we asked
        if "Digest" in code or "Checksum" in code or code in _UNSUPPORTED:
            return True
        raise
    return False

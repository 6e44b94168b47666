"""What an S3 store's refusals mean, and how to mend them. Knows the error codes, not the library that raises them."""

from camera_backup.bucket.stored import KeyTakenError
from camera_backup.errors import CameraBackupError, CredentialError, StorageError, UnavailableError

_CREDENTIAL_HINTS = {
    "InvalidAccessKeyId": "check s3.access_key_id",
    "SignatureDoesNotMatch": "check s3.secret_access_key",
    "ExpiredToken": "renew the session token",
    "InvalidToken": "renew the session token",
    "TokenRefreshRequired": "renew the session token",
    "AccountProblem": "ask your storage provider about the account",
    "AllAccessDisabled": "ask your storage provider about the account",
    "NotSignedUp": "ask your storage provider about the account",
}
_RIGHTS = "the key needs s3:PutObject, s3:GetObject, s3:AbortMultipartUpload and s3:ListBucket on this bucket"
_DENIED = {"AccessDenied", "Forbidden", "Unauthorized", "401", "403"}
_STORAGE_HINTS = {
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it, or let systemd-timesyncd do so",
    "AuthorizationHeaderMalformed": "check s3.region",
    "PermanentRedirect": "check s3.region and s3.endpoint",
    "301": "check s3.region and s3.endpoint",
    "SlowDown": "the store asks for patience; the upload is tried again",
    "InvalidBucketName": "check s3.bucket",
    "QuotaExceeded": "the bucket is full",
}
_CONNECTION_HINTS = {
    "EndpointConnectionError": "check s3.endpoint and the network",
    "ConnectTimeoutError": "check s3.endpoint and the network",
    "SSLError": "check s3.endpoint, and s3.ca_bundle if the certificate is your own",
    "ProxyConnectionError": "check the proxy settings",
    "InvalidEndpoint": "check s3.endpoint",
    "ParamValidationError": "check s3.bucket and s3.prefix",
}
_TAKEN = {"PreconditionFailed", "412"}
_PERMANENT = {"PermanentRedirect", "AuthorizationHeaderMalformed", "InvalidBucketName", "301"}


def code_of(error: Exception) -> str:
    """Return the store's own error code (`NoSuchBucket`), or an empty text if the store did not answer."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return ""
    return str(response.get("Error", {}).get("Code", ""))


def status_of(error: Exception) -> int:
    """Return the HTTP status of the store's answer, or 0 if the store did not answer."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return 0
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def translated(error: Exception, operation: str, key: str, bucket: str) -> CameraBackupError:
    """Return `error`, which the S3 library raised, as one of ours.

    That is KeyTakenError, CredentialError, UnavailableError (no such bucket) or StorageError.
    """
    code = code_of(error)
    if not code:
        return _unanswered(error, operation, key)
    if code in _TAKEN:
        return KeyTakenError("something lies there already", operation=operation, subject=key)
    message = f"{code}: {_words(error)}"
    if code == "NoSuchBucket":
        return missing_bucket(operation, bucket)
    if code in _CREDENTIAL_HINTS or code in _DENIED or status_of(error) in {401, 403} - _clock(code):
        hint = _CREDENTIAL_HINTS.get(code, _RIGHTS)
        return CredentialError(message, operation=operation, subject=key, hint=hint, permanent=True)
    hint = _STORAGE_HINTS.get(code, "")
    return StorageError(message, operation=operation, subject=key, hint=hint, permanent=code in _PERMANENT)


def missing_bucket(operation: str, bucket: str) -> UnavailableError:
    """Return the error for a bucket that does not exist."""
    return UnavailableError(
        "the bucket does not exist",
        operation=operation,
        subject=bucket,
        hint="create it, or check s3.bucket and s3.endpoint",
        permanent=True,
    )


def _clock(code: str) -> set[int]:
    # S3 answers 403 when our clock is off, which no new key would mend.
    return {403} if code == "RequestTimeTooSkewed" else set()


def _unanswered(error: Exception, operation: str, key: str) -> StorageError:
    hint = _CONNECTION_HINTS.get(type(error).__name__, "")
    return StorageError(_one_line(str(error)), operation=operation, subject=key, hint=hint)


def _words(error: Exception) -> str:
    response: dict[str, dict[str, str]] = getattr(error, "response", {})
    return _one_line(str(response.get("Error", {}).get("Message", "")))


def _one_line(text: str) -> str:
    return " ".join(text.split())

"""What can go wrong, in the words the user reads.

An error is classified where it is raised: what was being done, to what, how to mend it, and whether trying
again can help. `camera_backup.cli` turns the class into an exit code, in that one place.
"""


class CameraBackupError(Exception):
    """Base of every error this package raises on purpose.

    `message` is one line without secrets. `operation` and `subject` say what was being done to what,
    `hint` how to mend it. A `permanent` error will not go away by trying again.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str = "",
        subject: str = "",
        hint: str = "",
        permanent: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation
        self.subject = subject
        self.hint = hint
        self.permanent = permanent

    def __str__(self) -> str:
        """Give `operation subject: message (hint)`, leaving out what is empty."""
        context = " ".join(part for part in (self.operation, self.subject) if part)
        text = f"{context}: {self.message}" if context else self.message
        return f"{text} ({self.hint})" if self.hint else text


class UsageError(CameraBackupError):
    """The command line asks for something that makes no sense."""


class ConfigError(CameraBackupError):
    """The configuration or the sealed settings are unusable; `problems` holds every finding, one line each."""

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint, permanent=True)
        self.problems = problems


class CredentialError(CameraBackupError):
    """A password, key or token is refused."""


class SourceError(CameraBackupError):
    """A camera, or the ffmpeg that reads it, gives no footage; `cause` is the word that gap records carry."""

    def __init__(self, message: str, *, cause: str, subject: str = "", hint: str = "") -> None:
        super().__init__(message, operation="record", subject=subject, hint=hint)
        self.cause = cause


class SpoolError(CameraBackupError):
    """The local disk does not take or give footage; `cause` is the word that gap records carry."""

    def __init__(
        self,
        message: str,
        *,
        cause: str = "disk-error",
        operation: str = "",
        subject: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, operation=operation, subject=subject, hint=hint)
        self.cause = cause


class StorageError(CameraBackupError):
    """The bucket does not take, show or give an object as it should."""


class CatalogueError(CameraBackupError):
    """The catalogue cannot be read or written."""


class UnavailableError(CameraBackupError):
    """Something this command needs is not there: a program, a service, a file."""

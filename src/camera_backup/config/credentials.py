"""Secrets that stand outside config.yaml: in a file, in the environment, or with systemd's credentials."""

import os
import re
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from camera_backup.errors import CredentialError

KINDS = ("file", "env", "credential")
CREDENTIAL_FOLDERS = (Path("/etc/credstore"), Path("/run/credstore"), Path("/usr/lib/credstore"))
LONGEST = 65536

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CREDENTIAL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,127}")


class SecretReader:
    """Finds what a `{file: …}`, `{env: …}` or `{credential: …}` in the configuration refers to."""

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        folders: tuple[Path, ...] = CREDENTIAL_FOLDERS,
    ) -> None:
        self._environ = environ
        self._folders = folders

    def read(self, kind: str, name: str) -> str:
        """Return the secret that `kind` (one of KINDS) calls `name`, without the line end a file closes with.

        Raises CredentialError if there is none. Its message never repeats `name`, because somebody may have
        written the secret itself there.
        """
        if kind == "file":
            secret = _from_file(name)
        elif kind == "env":
            secret = self._from_environment(name)
        else:
            secret = self._from_credential(name)
        secret = secret.removesuffix("\n").removesuffix("\r")
        if not secret:
            raise CredentialError("the secret is empty")
        return secret

    def _from_environment(self, name: str) -> str:
        if not _VARIABLE.fullmatch(name):
            raise CredentialError("this is no name of an environment variable", hint="letters, digits and _ only")
        if name not in self._environ:
            raise CredentialError("the environment variable named here is not set", hint="sudo drops most; or use file")
        return self._environ[name]

    def _from_credential(self, name: str) -> str:
        """Look where systemd looks; an encrypted credential is opened by systemd-creds."""
        if not _CREDENTIAL.fullmatch(name):
            raise CredentialError("this is no name of a credential", hint="letters, digits and . _ @ - only")
        handed_over = self._environ.get("CREDENTIALS_DIRECTORY")
        folders = (Path(handed_over), *self._folders) if handed_over else self._folders
        for folder in folders:
            if (folder / name).is_file():
                return _text(folder / name)
            encrypted = folder.with_name(f"{folder.name}.encrypted") / name
            if encrypted.is_file():
                return _decrypted(encrypted)
        raise CredentialError(
            "there is no such credential",
            hint="systemd-creds encrypt --name=NAME - /etc/credstore.encrypted/NAME",
        )


def _from_file(name: str) -> str:
    path = Path(name)
    if not path.is_absolute():
        raise CredentialError("a secret's file is named by its whole path, from / on")
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise CredentialError(f"the file named here cannot be read: {_reason(error)}") from None
    if not stat.S_ISREG(found.st_mode) or found.st_size > LONGEST:
        raise CredentialError("the file named here is no plain file of at most 64 KiB")
    if found.st_mode & 0o007:
        raise CredentialError("others on this machine may read or write the file named here", hint="chmod o-rwx it")
    return _text(path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CredentialError(f"the secret cannot be read: {_reason(error)}", hint="run it with sudo") from None
    except UnicodeDecodeError:
        raise CredentialError("the secret is not UTF-8 text") from None


def _decrypted(path: Path) -> str:
    command = ["systemd-creds", "decrypt", f"--name={path.name}", str(path), "-"]
    try:
        return subprocess.run(command, check=True, capture_output=True, timeout=60, text=True).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        raise CredentialError("systemd-creds cannot open this credential", hint="run it with sudo") from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or "not a usable path"

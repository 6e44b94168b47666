"""Reading config.yaml: all its errors at once, each with file, line and column, and never a secret in any of them."""

import os
import shlex
import stat
from pathlib import Path

from pydantic import ValidationError

from camera_backup.config.credentials import SecretReader
from camera_backup.config.models import Config
from camera_backup.config.problems import findings, path_of
from camera_backup.config.values import Loading
from camera_backup.config.yaml_text import LARGEST, Finding, YamlText, YamlTextError
from camera_backup.errors import ConfigError

DEFAULT_PATH = Path("/etc/camera-backup/config.yaml")

_OTHERS = 0o007


def load(path: Path, secrets: SecretReader | None = None) -> Config:
    """Return the configuration in the file at `path`; `secrets` finds what it refers to.

    Raises ConfigError, whose `problems` are lines like `config.yaml:9:5: cameras.1.rtsp_url: message (hint)`.
    """
    text, mode = _read(path)
    loading = Loading(secrets or SecretReader())
    config, found = _parse(text, loading)
    if loading.inline_secret and mode & _OTHERS:
        message = f"others on this machine may read or change these secrets (run: chmod o-rwx {shlex.quote(str(path))})"
        found = [Finding(1, 1, (), message), *found]
    if config is None or found:
        raise _refused(path, found) from None
    return config


def _read(path: Path) -> tuple[str, int]:
    """Return the file's text and mode."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigError(f"{path} is not a plain file")
        with path.open("rb") as file:
            content, mode = file.read(4 * LARGEST + 4), os.fstat(file.fileno()).st_mode
    except FileNotFoundError:
        hint = "camera-backup-install puts a template there" if path == DEFAULT_PATH else "name another with --config"
        raise ConfigError(f"there is no {path}", hint=hint) from None
    except PermissionError:
        raise ConfigError(f"{path} is not yours to read", hint="run it with sudo") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig"), mode
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        column = error.start - (content[: error.start].rfind(b"\n") + 1) + 1
        finding = Finding(line, column, (), "this is not UTF-8 text (save the file as UTF-8)")
        raise _refused(path, [finding]) from None


def _parse(text: str, loading: Loading) -> tuple[Config | None, list[Finding]]:
    try:
        parsed = YamlText(text)
    except YamlTextError as error:
        return None, [error.finding]
    if not isinstance(parsed.data, dict):
        message = "the file is empty" if parsed.data is None else "the file must be a block of keys: s3, cameras, …"
        return None, [Finding(*parsed.position(()), (), f"{message} (start from config.example.yaml)")]
    try:
        config = Config.model_validate(parsed.data, context=loading)
    except ValidationError as error:
        return None, findings(parsed, error)
    return config, findings(parsed, None)


def _refused(path: Path, found: list[Finding]) -> ConfigError:
    lines = []
    for finding in found:
        where = f"{path}:{finding.line}:{finding.column}: "
        what = f"{path_of(finding.location)}: " if finding.location else ""
        lines.append(f"{where}{what}{finding.message}")
    count = "one problem" if len(lines) == 1 else f"{len(lines)} problems"
    return ConfigError(f"{path} has {count}", problems=tuple(lines))

"""Config → every file that systemd needs to run it. Pure: nothing here touches the machine."""

import ipaddress
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from camera_backup.config.models import Config
from camera_backup.errors import ConfigError
from camera_backup.processes import Process, processes
from camera_backup.settings import SETTINGS_NAME, RecorderSettings, UploaderSettings
from camera_backup.units.generation import FileContent
from camera_backup.units.rendering import render
from camera_backup.units.system_users import SPOOL_GROUP, UPLOADER_USER, camera_owners, recorder_user

UNITS = PurePosixPath("/etc/systemd/system")
CREDENTIALS = PurePosixPath("/etc/camera-backup/credentials")
SYSUSERS = PurePosixPath("/etc/sysusers.d/camera-backup-cameras.conf")
TMPFILES = PurePosixPath("/etc/tmpfiles.d/camera-backup-cameras.conf")
TARGET = "camera-backup.target"
SLICE = "camera-backup.slice"
RECORDER_DROP_IN = UNITS / "camera-recorder-.service.d" / "10-hardening.conf"
UPLOADER_DROP_IN = UNITS / "camera-uploader.service.d" / "10-hardening.conf"

# Everything generate has ever written; what nobody wants any more is found by these, and taken if it is ours.
PATTERNS = (
    f"{UNITS}/camera-*.service",
    f"{UNITS}/camera-*.target",
    f"{UNITS}/camera-*.slice",
    f"{UNITS}/camera-*.service.d/*.conf",
    f"{CREDENTIALS}/camera-*.json",
    str(SYSUSERS),
    str(TMPFILES),
)

# What ProtectHome=, PrivateTmp= and their like take away from a unit.
HIDDEN = tuple(PurePosixPath(path) for path in ("/home", "/root", "/run/user", "/tmp", "/var/tmp", "/dev", "/proc"))  # noqa: S108 - named to be refused


def files(config: Config, program: PurePosixPath) -> dict[PurePosixPath, FileContent]:
    """Return path → content of all that `config` needs, with `program` as the units' `camera-backup`.

    Raises ConfigError for folders that a unit could never reach.
    """
    _refuse_hidden(config, program)
    wanted = processes(config)
    result: dict[PurePosixPath, FileContent] = {
        UNITS / SLICE: FileContent(render(SLICE)),
        UNITS / TARGET: FileContent(render(TARGET, processes=wanted)),
        UPLOADER_DROP_IN: FileContent(render("hardening.conf", kind="uploader")),
        SYSUSERS: FileContent(render("sysusers-cameras.conf", cameras=camera_owners(config))),
        TMPFILES: FileContent(_tmpfiles(config)),
    }
    if any(process.kind == "recorder" for process in wanted):
        result[RECORDER_DROP_IN] = FileContent(render("hardening.conf", kind="recorder"))
    for process in wanted:
        result[credential_path(process)] = FileContent(process.settings.to_json(), mode=0o600, sealed=True)
        result[UNITS / f"{process.name}.service"] = FileContent(unit(process, program))
    return result


def unit(process: Process, program: PurePosixPath) -> str:
    """Return the service unit of one process."""
    if isinstance(process.settings, RecorderSettings):
        user, umask, watchdog = recorder_user(process.settings.camera), "0007", 60
        writable, address = [process.settings.folder], _address(process.settings.url)
    elif isinstance(process.settings, UploaderSettings):
        user, umask, watchdog = UPLOADER_USER, "0027", 120
        writable, address = [process.settings.spool, process.settings.state], None
    else:
        raise TypeError(f"no unit for {process.kind}")
    return render(
        "process.service",
        process=process,
        command=[program, *process.arguments],
        credential=f"{SETTINGS_NAME}:{credential_path(process)}",
        user=user,
        spool_group=SPOOL_GROUP,
        # A recorder's files belong to the spool's group, which is the uploader: it reads, takes and removes them.
        umask=umask,
        watchdog=watchdog,
        mounts=writable,
        writable=writable,
        address=address,
    )


def is_sealed_settings(path: PurePosixPath) -> bool:
    """Tell whether `path` is one of sealed settings: JSON carries no marker, but its folder is ours alone."""
    return path.parent == CREDENTIALS and path.match("camera-*.json")


def credential_path(process: Process) -> PurePosixPath:
    """Return where the sealed settings of `process` lie."""
    return CREDENTIALS / f"{process.name}.json"


def hidden_below(path: PurePosixPath) -> PurePosixPath | None:
    """Return the folder that hides `path` from the units; None if they can see it."""
    return next((parent for parent in HIDDEN if path.is_relative_to(parent)), None)


def _tmpfiles(config: Config) -> str:
    return render(
        "tmpfiles-cameras.conf",
        cameras=camera_owners(config),
        state=config.storage.state_path,
        spool=config.storage.local_path,
        spool_group=SPOOL_GROUP,
    )


def _address(url: str) -> str | None:
    """Return the camera's address where the URL has one; a host name may point anywhere, so it allows nothing less."""
    host = (urlsplit(url).hostname or "").partition("%")[0]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _refuse_hidden(config: Config, program: PurePosixPath) -> None:
    paths = {
        "storage.local_path": config.storage.local_path,
        "storage.state_path": config.storage.state_path,
        "s3.ca_bundle": config.s3.ca_bundle,
        "the program": program,
    }
    problems = tuple(
        f"{what}: {path} is hidden from the units, which see nothing below {parent}"
        for what, path in paths.items()
        if path is not None and (parent := hidden_below(PurePosixPath(path))) is not None
    )
    if problems:
        hint = "use folders like /var/lib, /srv or /mnt, and a program below /opt or /usr"
        raise ConfigError("the units could not reach everything they need", problems=problems, hint=hint)

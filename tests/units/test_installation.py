"""Installing below a folder, with the real systemd-sysusers and systemd-tmpfiles.

Giving files to other users takes root; without it, the tests hold the installer to one clear line instead.
"""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from camera_backup import cli
from camera_backup.units import system_tools, units
from camera_backup.units.system_users import recorder_user
from tests.support.configs import good, write

CONFIG = "etc/camera-backup/config.yaml"
SEGMENTS = "var/lib/camera-backup/segments"


@pytest.fixture
def root() -> Iterator[Path]:
    """Give a root that other users may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def install(root: Path, *options: str) -> int:
    return cli.main(["install", "--root", str(root), *options])


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_dry_run_tells_and_writes_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert install(root, "--dry-run") == 0
    told = capsys.readouterr().out
    assert "would write /etc/camera-backup/config.yaml" in told
    assert "would write /usr/lib/sysusers.d/camera-backup.conf" in told
    assert "would create the user camera-backup" in told
    assert list(root.iterdir()) == []


def test_without_rights_on_the_place_one_line_says_so(root: Path) -> None:
    (root / "closed").mkdir(mode=0o555)
    # Root without capabilities may write no more than the owner of each file may.
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    program = [sys.executable, "-m", "camera_backup"]
    command = [*powerless, *program, "install", "--root", str(root / "closed")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    mend = "run it with sudo, or write elsewhere with --root DIR"
    assert done.stderr == f"camera-backup install: you may not change {root}/closed ({mend})\n"


if os.geteuid() == 0:

    def status(path: Path) -> tuple[int, int, int]:
        found = path.stat()
        return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid

    def ids(root: Path, file: str) -> dict[str, int]:
        lines = (root / "etc" / file).read_text().splitlines()
        return {line.split(":")[0]: int(line.split(":")[2]) for line in lines}

    def as_user(root: Path, user: str, script: str, group: str = "", more: tuple[str, ...] = ()) -> int:
        """Run a shell script as one of the installed users, with its own group and `more`; return its exit code."""
        groups = ids(root, "group")
        return subprocess.run(
            ["/bin/sh", "-c", f"umask 0007; {script}"],
            user=ids(root, "passwd")[user],
            group=groups[group or user],
            extra_groups=[groups[name] for name in more],
            cwd="/",
            capture_output=True,
            check=False,
        ).returncode

    def generated(root: Path) -> None:
        """Install and generate, and create the cameras' users and folders as generate does on its own machine."""
        install(root)
        write(root / "etc/camera-backup", good())
        assert cli.main(["generate", "--root", str(root), "--program", "/opt/cb/camera-backup"]) == 0
        system_tools.create_users(units.SYSUSERS.name, root)
        system_tools.create_folders(units.TMPFILES.name, root)

    def test_install_creates_users_folders_and_a_template(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert install(root) == 0
        told = capsys.readouterr().out
        assert "wrote /etc/camera-backup/config.yaml" in told
        assert told.endswith(
            "put your cameras and bucket into /etc/camera-backup/config.yaml\n  camera-backup-generate\n"
        )
        group, spool = ids(root, "group")["camera-backup"], ids(root, "group")["camera-spool"]
        assert "camera-spool:x:" + str(spool) + ":camera-backup" in (root / "etc/group").read_text()
        assert status(root / CONFIG) == (0o640, 0, group)
        assert status(root / "etc/camera-backup/credentials") == (0o700, 0, 0)
        assert status(root / "var/lib/camera-backup") == (0o771, 0, group)
        assert status(root / SEGMENTS) == (0o751, 0, spool)

    def test_a_second_run_changes_nothing_and_says_so(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        install(root)
        (root / CONFIG).write_text("mine: 1\n")
        (root / SEGMENTS / "footage").write_text("precious")
        before = everything(root)
        capsys.readouterr()
        assert install(root) == 0
        assert capsys.readouterr().out.startswith("everything is already there\nkept /etc/camera-backup/config.yaml\n")
        assert everything(root) == before

    def test_wrong_owners_and_modes_are_put_right(root: Path) -> None:
        install(root)
        (root / CONFIG).chmod(0o666)
        (root / "etc/camera-backup/credentials").chmod(0o777)
        install(root)
        assert status(root / CONFIG)[0] == 0o640
        assert status(root / "etc/camera-backup/credentials")[0] == 0o700

    def test_a_recorder_reaches_its_own_folder_and_no_others(root: Path) -> None:
        generated(root)
        mine, other = root / SEGMENTS / "front-door", root / SEGMENTS / "garage"
        recorder = recorder_user("front-door")
        assert (
            as_user(root, recorder, f"echo footage > {mine}/.a && mv {mine}/.a {mine}/a.mp4 && echo > {mine}/.intake/r")
            == 0
        )
        for forbidden in (
            f"echo x > {other}/a.mp4",
            f"ls {other}",
            f"ls {root / SEGMENTS}",
            f"echo x > {root / SEGMENTS}/x",
            f"echo x > {root}/var/lib/camera-backup/x",
            f"cat {root / CONFIG}",
            f"ls {root}/etc/camera-backup/credentials",
        ):
            assert as_user(root, recorder, forbidden) != 0, forbidden

    def test_the_uploader_reads_and_removes_what_recorders_wrote(root: Path) -> None:
        generated(root)
        folder = root / SEGMENTS / "front-door"
        as_user(
            root,
            recorder_user("front-door"),
            f"echo footage > {folder}/a.mp4; echo > {folder}/.intake/i",
        )
        uploader = f"ls {root / SEGMENTS} && cat {folder}/a.mp4 && rm {folder}/a.mp4 {folder}/.intake/i"
        assert as_user(root, "camera-backup", uploader, more=("camera-spool",)) == 0
        assert as_user(root, "camera-backup", f"echo > {root}/var/lib/camera-backup/catalogue.db") == 0
        assert as_user(root, "camera-backup", f"rmdir {root / SEGMENTS}/garage", more=("camera-spool",)) != 0
        assert as_user(root, "camera-backup", f"ls {root}/etc/camera-backup/credentials") != 0

    def test_a_nobody_sees_neither_footage_nor_settings(root: Path) -> None:
        generated(root)
        folder = root / SEGMENTS / "front-door"
        as_user(root, recorder_user("front-door"), f"echo footage > {folder}/a.mp4")
        for forbidden in (f"cat {folder}/a.mp4", f"ls {folder}", f"cat {root / CONFIG}"):
            done = subprocess.run(["/bin/sh", "-c", forbidden], user=65534, group=65534, extra_groups=[], check=False)
            assert done.returncode != 0

    def test_uninstall_removes_what_is_ours_and_keeps_configuration_and_footage(
        root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        generated(root)
        (root / SEGMENTS / "front-door/a.mp4").write_text("footage")
        (root / "etc/systemd/system/camera-foreign.service").write_text("[Unit]\n")
        wants = root / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir()
        (wants / "camera-backup.target").symlink_to("/etc/systemd/system/camera-backup.target")
        before = everything(root)
        assert install(root, "--uninstall", "--dry-run") == 0
        assert everything(root) == before
        capsys.readouterr()
        assert install(root, "--uninstall") == 0
        told = capsys.readouterr().out
        assert "removed /etc/systemd/system/camera-uploader.service" in told
        assert "kept /etc/camera-backup/config.yaml" in told
        assert "kept all footage, in /var/lib/camera-backup/segments" in told
        left = [name for name in everything(root) if Path(name).parent != Path("etc")]  # there lie passwd and its kin
        assert sorted(left) == [
            CONFIG,
            "etc/systemd/system/camera-foreign.service",
            f"{SEGMENTS}/front-door/a.mp4",
        ]
        assert not (wants / "camera-backup.target").is_symlink()
        assert not (root / "etc/camera-backup/credentials").exists()
        assert install(root, "--uninstall") == 0
        assert "nothing of camera-backup is installed here" in capsys.readouterr().out

    def test_purge_removes_configuration_and_catalogue_but_never_footage(
        root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        generated(root)
        state = root / "var/lib/camera-backup"
        (state / "catalogue.db").write_text("rows")
        (state / "catalogue.db-wal").write_text("rows")
        (state / "accounts").mkdir()
        (state / "accounts/ring.json").write_text("{}")
        (state / "somebody-elses").write_text("x")
        (root / SEGMENTS / "front-door/a.mp4").write_text("footage")
        assert install(root, "--purge") == 0
        assert "kept all footage, in /var/lib/camera-backup/segments" in capsys.readouterr().out
        assert (root / SEGMENTS / "front-door/a.mp4").read_text() == "footage"
        assert sorted(path.name for path in state.iterdir()) == ["segments", "somebody-elses"]
        assert not (root / "etc/camera-backup").exists()

    def test_purge_spares_footage_that_lies_where_state_would(root: Path) -> None:
        install(root)
        footage = root / "srv/state/accounts/front-door"
        footage.mkdir(parents=True)
        (footage / "a.mp4").write_text("footage")
        write(
            root / "etc/camera-backup",
            good(storage__state_path="/srv/state", storage__local_path="/srv/state/accounts"),
        )
        assert install(root, "--purge") == 0
        assert (footage / "a.mp4").read_text() == "footage"

else:

    def test_without_root_the_tool_that_cannot_do_it_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert install(root) == os.EX_UNAVAILABLE
        assert "camera-backup install: systemd-" in capsys.readouterr().err

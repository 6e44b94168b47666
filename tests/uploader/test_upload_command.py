"""`camera-backup upload` as a real process: exit codes, messages, signals, and kills at every request."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from camera_backup.catalogue.catalogue import Catalogue
from camera_backup.demo.store import Store
from tests.support import s3_proxy as faults
from tests.support.s3_proxy import S3Proxy
from tests.support.uploading import key_of, put_segment, settings, until, waiting


class Machine:
    """A folder with spool, state and settings, and the command that works on them."""

    def __init__(self, root: Path, store: Store, bucket: str, proxy: S3Proxy) -> None:
        self.root = root
        self.store = store
        self.bucket = bucket
        self.proxy = proxy
        self.log = root / "log"
        self.program = "camera_backup"
        self.configure()

    def configure(self, **others: object) -> None:
        bucket = str(others.pop("bucket", self.bucket))
        values = settings(self.root, self.store, bucket, **{"endpoint": self.proxy.endpoint, **others})
        (self.root / "settings.json").write_text(values.to_json())

    def once(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command(), "--once"],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            env=self._environment(),
        )

    @contextmanager
    def running(self, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """The command in the background, its log in `self.log`; killed at the end if it still runs."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(self._command(), stderr=log, env={**self._environment(), **environment})
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def _command(self) -> list[str]:
        return [sys.executable, "-m", self.program, "upload", "--settings", str(self.root / "settings.json")]

    def _environment(self) -> dict[str, str]:
        return {k: v for k, v in os.environ.items() if k not in {"NOTIFY_SOCKET", "JOURNAL_STREAM"}}


@pytest.fixture
def machine(tmp_path: Path, store: Store, bucket_name: str, proxy: S3Proxy) -> Machine:
    (tmp_path / "spool").mkdir()
    return Machine(tmp_path, store, bucket_name, proxy)


class TestOnce:
    def test_uploads_what_is_ready_and_says_so_in_one_line_per_fact(self, machine: Machine) -> None:
        path = put_segment(machine.root, content=b"footage")
        done = machine.once()
        assert (done.returncode, done.stdout) == (0, "")
        uploaded, verified = (line.partition(" info ")[2] for line in done.stderr.splitlines())
        assert uploaded.startswith(
            f"segment uploaded camera=front-door segment={path.name} key={key_of(path)} size=7 seconds="
        )
        assert verified.startswith(f"segment verified camera=front-door segment={path.name} key={key_of(path)}")
        assert machine.store.objects(machine.bucket) == {key_of(path): b"footage"}
        assert waiting(machine.root) == []

    @pytest.mark.parametrize(
        ("others", "code", "words"),
        [
            ({"secret_access_key": "wrong-secret-value"}, 77, "check s3.secret_access_key"),
            ({"access_key_id": "nobody"}, 77, "check s3.access_key_id"),
            ({"bucket": "no-such-bucket"}, 69, "no-such-bucket: the bucket does not exist"),
            ({"endpoint": "http://127.0.0.1:1"}, 75, "check s3.endpoint"),
            ({"endpoint": "nonsense"}, 78, "check s3.endpoint"),
            ({"spool": "/nonexistent/spool"}, 75, "/nonexistent/spool"),
            ({"state": "/proc/none"}, 69, "/proc/none"),
        ],
    )
    def test_what_is_wrong_is_one_clear_line_and_its_exit_code(
        self, machine: Machine, others: dict[str, object], code: int, words: str
    ) -> None:
        put_segment(machine.root)
        machine.configure(**{"endpoint": machine.store.endpoint, **others})
        done = machine.once()
        assert done.returncode == code
        last = done.stderr.splitlines()[-1]
        assert last.startswith("camera-backup upload: ")
        assert words in last
        assert "Traceback" not in done.stderr
        assert "wrong-secret-value" not in done.stderr
        assert len(waiting(machine.root)) == 1

    def test_a_segment_that_stays_behind_is_exit_code_1(self, machine: Machine) -> None:
        bad, good = put_segment(machine.root, number=0), put_segment(machine.root, number=1)
        machine.proxy.on(faults.truncated, "PUT", key=bad.name)
        done = machine.once()
        assert done.returncode == 1
        assert waiting(machine.root) == [f"front-door/{bad.name}"]
        assert key_of(good) in machine.store.objects(machine.bucket)

    def test_a_damaged_catalogue_is_moved_aside_and_the_footage_goes_up(self, machine: Machine) -> None:
        put_segment(machine.root)
        (machine.root / "state").mkdir()
        (machine.root / "state" / "catalogue.db").write_bytes(b"no database at all" * 1000)
        done = machine.once()
        assert done.returncode == 0
        assert "catalogue unreadable, moved aside" in done.stderr
        assert waiting(machine.root) == []

    def test_a_catalogue_that_cannot_be_opened_keeps_the_files_but_brings_them_off_site(self, machine: Machine) -> None:
        path = put_segment(machine.root)
        (machine.root / "state" / "catalogue.db").mkdir(parents=True)
        done = machine.once()
        assert done.returncode == 1
        assert "catalogue trouble" in done.stderr
        assert list(machine.store.objects(machine.bucket)) == [key_of(path)]
        assert len(waiting(machine.root)) == 1

    def test_no_settings_are_a_matter_of_configuration(self, machine: Machine) -> None:
        (machine.root / "settings.json").write_text("{}")
        done = machine.once()
        assert done.returncode == 78
        assert "camera-backup-generate" in done.stderr


class TestRunning:
    def test_a_second_uploader_is_told_and_the_first_goes_on(self, machine: Machine) -> None:
        with machine.running() as first:
            until((machine.root / "state" / "catalogue.db").exists)
            second = machine.once()
            assert second.returncode == 69
            (line,) = second.stderr.splitlines()
            assert "another uploader is running" in line
            put_segment(machine.root)
            until(lambda: not waiting(machine.root))
            assert first.poll() is None

    def test_the_lock_is_free_as_soon_as_its_holder_is_killed(self, machine: Machine) -> None:
        with machine.running() as first:
            until((machine.root / "state" / "catalogue.db").exists)
            first.kill()
            first.wait()
            assert machine.once().returncode == 0

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_cleanly(self, machine: Machine, number: signal.Signals) -> None:
        with machine.running() as process:
            put_segment(machine.root)
            until(lambda: not waiting(machine.root))
            process.send_signal(number)
            assert process.wait(10) == 0
        assert "Traceback" not in machine.log.read_text()

    def test_a_segment_that_appears_is_taken_at_once(self, machine: Machine) -> None:
        machine.configure(check_interval=3600.0)
        with machine.running():
            put_segment(machine.root, number=0)
            until(lambda: not waiting(machine.root))
            hidden = machine.root / "spool" / "front-door" / ".20240118_120500.mp4.part"
            hidden.write_bytes(b"footage")
            os.utime(hidden, (1, 1))
            os.link(hidden, hidden.with_name("20240118_120500.mp4"))
            hidden.unlink()
            until(lambda: not waiting(machine.root))
            put_segment(machine.root, "new-camera")
            until(lambda: not waiting(machine.root))

    def test_a_store_that_comes_back_ends_the_wait(self, machine: Machine) -> None:
        machine.proxy.on(faults.error(503, "SlowDown"), probing=True)
        put_segment(machine.root)
        put_segment(machine.root, number=1)
        with machine.running():
            until(lambda: "bucket trouble" in machine.log.read_text())
            machine.proxy.off()
            until(lambda: not waiting(machine.root))
            until(lambda: "bucket well again" in machine.log.read_text())
        assert machine.log.read_text().count("bucket trouble") == 1

    def test_systemd_hears_that_it_is_ready_how_it_goes_and_that_it_lives(self, machine: Machine) -> None:
        address = str(machine.root / "notify")
        heard: list[str] = []
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear, machine.running(NOTIFY_SOCKET=address) as process:
            ear.bind(address)
            ear.settimeout(20)
            put_segment(machine.root)
            while "WATCHDOG=1" not in heard:
                heard.append(ear.recv(4096).decode())
            process.terminate()
            process.wait(10)
            heard.append(ear.recv(4096).decode())
            while heard[-1] != "STOPPING=1":
                heard.append(ear.recv(4096).decode())
        assert heard[0] == "READY=1"
        assert any(word.startswith("STATUS=") and "waiting" in word for word in heard)

    def test_no_secret_is_in_the_log_the_arguments_or_the_environment(self, machine: Machine) -> None:
        machine.proxy.on(faults.error(403, "SignatureDoesNotMatch"), probing=True)
        put_segment(machine.root)
        with machine.running(CAMERA_BACKUP_LOG_LEVEL="debug") as process:
            until(lambda: "bucket trouble" in machine.log.read_text())
            seen = [Path(f"/proc/{process.pid}/{name}").read_bytes().decode() for name in ("cmdline", "environ")]
        for text in (machine.log.read_text(), *seen):
            assert machine.store.uploader[1] not in text


class TestKills:
    """The process is killed at every request it makes, before the store sees it and after the store did it."""

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("size", [1000, (5 << 20) + 1], ids=["single", "multipart"])
    def test_a_restart_brings_every_segment_up_exactly_once(self, machine: Machine, after: bool, size: int) -> None:
        machine.program = "tests.support.small_parts"
        number = 1
        while self._kill(machine, number, size, after=after):
            number += 1
        assert number > 4
        assert "Uploads" not in machine.store.client().list_multipart_uploads(Bucket=machine.bucket)
        assert machine.once().returncode == 0
        assert Catalogue.open(machine.root / "state" / "catalogue.db").kept() == set()

    def _kill(self, machine: Machine, number: int, size: int, *, after: bool) -> bool:
        """Kill an uploader at its request `number`, start another; tell whether there were that many requests."""
        path = put_segment(machine.root, number=number, content=os.urandom(size))
        content = path.read_bytes()
        with machine.running() as process:
            machine.proxy.kill(process.pid, number, after=after)
            until(lambda: process.poll() is not None or not waiting(machine.root))
            killed = process.poll() is not None
            assert not killed or process.returncode == -signal.SIGKILL
        machine.proxy.off()
        if not waiting(machine.root):
            assert machine.store.objects(machine.bucket, key_of(path)) == {key_of(path): content}
        assert machine.once().returncode == 0
        assert waiting(machine.root) == []
        assert machine.store.objects(machine.bucket, key_of(path)[:-4]) == {key_of(path): content}
        return killed

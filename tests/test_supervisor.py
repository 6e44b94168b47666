"""The supervisor on real processes."""

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from camera_backup import supervisor
from camera_backup.clock import SystemClock
from camera_backup.logs import Log
from camera_backup.processes import Process
from camera_backup.settings import Sealed
from camera_backup.supervisor import Supervisor
from tests.support.waiting import wait_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Script(Sealed):
    """What the stand-in for a process is told, by way of its sealed settings."""

    secret: str = "hunter2secret"


PROGRAM = """
import os, signal, sys, time
from pathlib import Path
kind, folder = sys.argv[1:]
Path(folder, f'{kind}.pid').write_text(str(os.getpid()))
print('settings', Path(os.environ['CAMERA_BACKUP_SETTINGS']).read_text().count('hunter2secret'), flush=True)
if kind == 'config':
    sys.exit(78)
if kind == 'short':
    sys.exit(1)
if kind == 'stubborn':
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('no line end', end='', flush=True)
while True:
    time.sleep(0.1)
"""


class Scene:
    """A supervisor in a thread, over stand-ins of the given kinds."""

    def __init__(self, folder: Path, kinds: tuple[str, ...]) -> None:
        self.folder = folder
        self.out = io.StringIO()
        self.stop = threading.Event()
        processes = [
            Process(kind, "recorder", ("-c", PROGRAM, kind, str(folder)), None, "a stand-in", Script())
            for kind in kinds
        ]
        self.supervisor = Supervisor(processes, SystemClock(), Log("test"), self.out)
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self.supervisor.run(self.stop)
        self.supervisor.end()

    def pid(self, kind: str) -> int:
        path = self.folder / f"{kind}.pid"
        return int(wait_for(lambda: path.exists() and path.read_text(), f"{kind} runs"))


@pytest.fixture
def scenes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Scene]]:
    monkeypatch.setattr(supervisor, "COMMAND", (sys.executable,))
    monkeypatch.setattr(supervisor, "STOP_PATIENCE", 1.0)
    started: list[Scene] = []
    yield started
    for scene in started:
        scene.stop.set()
        scene.thread.join()


def start(scenes: list[Scene], folder: Path, *kinds: str) -> Scene:
    scene = Scene(folder, kinds)
    scenes.append(scene)
    scene.thread.start()
    return scene


def test_each_line_is_passed_on_with_the_name_of_who_said_it(tmp_path: Path, scenes: list[Scene]) -> None:
    scene = start(scenes, tmp_path, "steady", "other")
    wait_for(lambda: scene.out.getvalue().count("settings 1") == 2, "both spoke")
    assert "steady | settings 1\n" in scene.out.getvalue()
    assert "other  | settings 1\n" in scene.out.getvalue()


def test_settings_are_handed_over_without_a_trace_on_disk_or_in_the_process_list(
    tmp_path: Path, scenes: list[Scene]
) -> None:
    scene = start(scenes, tmp_path, "steady")
    process = psutil.Process(scene.pid("steady"))
    assert not any("hunter2secret" in value for value in process.environ().values())
    assert process.environ()["CAMERA_BACKUP_SETTINGS"].startswith("/dev/fd/")


def test_a_process_that_is_killed_is_started_again(tmp_path: Path, scenes: list[Scene]) -> None:
    scene = start(scenes, tmp_path, "steady")
    first = scene.pid("steady")
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: scene.pid("steady") != first, "a second start")


def test_a_process_with_a_wrong_configuration_is_not(tmp_path: Path, scenes: list[Scene]) -> None:
    scene = start(scenes, tmp_path, "config")
    scene.thread.join(10)
    assert not scene.thread.is_alive(), "nothing is left to run"
    assert scene.out.getvalue().count("settings") == 1


def test_a_process_that_keeps_ending_is_started_with_growing_waits(tmp_path: Path, scenes: list[Scene]) -> None:
    scene = start(scenes, tmp_path, "short")
    wait_for(lambda: scene.out.getvalue().count("settings") >= 3, "three starts")
    assert scene.out.getvalue().count("settings") < 10


def test_stopping_ends_all_of_them_even_one_that_does_not_want_to(tmp_path: Path, scenes: list[Scene]) -> None:
    scene = start(scenes, tmp_path, "steady", "stubborn")
    pids = [scene.pid("steady"), scene.pid("stubborn")]
    scene.stop.set()
    scene.thread.join(15)
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert "no line end\n" in scene.out.getvalue(), "what was said without a line end is passed on as well"


def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    script = f"""
import sys, threading
from camera_backup import supervisor
from camera_backup.clock import SystemClock
from camera_backup.logs import Log
from camera_backup.processes import Process
from camera_backup.settings import Sealed
supervisor.COMMAND = (sys.executable,)
process = Process("steady", "recorder", ("-c", {PROGRAM!r}, "steady", {str(tmp_path)!r}), None, "", Sealed())
supervisor.Supervisor([process], SystemClock(), Log("test"), sys.stdout).run(threading.Event())
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
    path = tmp_path / "steady.pid"
    pid = int(wait_for(lambda: path.exists() and path.read_text(), "the child runs"))
    parent.kill()
    parent.wait()
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie", "the child ends")

"""One contender at work on one camera: started, watched, ended, and what it recorded looked into."""

import subprocess
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from tests.support.frames import Frame, frame_counters

from benchmarks.accounts import Memory, cpu_seconds, family, memory, name_of, reap
from benchmarks.contenders import Contender, Job, environment

PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Frames:
    """What stands in a recording: frames, those lost between the first and the last, those there twice.

    `first` is when the camera sent the first of them, in seconds since 1970. `trouble` says why nobody could count.
    """

    count: int = 0
    lost: int = 0
    doubled: int = 0
    first: float = 0.0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a contender used for one camera: CPU seconds to its start, and in each minute thereafter; memory at most."""

    contender: str
    seconds: float
    start_cpu: float
    cpu_per_minute: float
    total_cpu: float
    memory: dict[str, Memory]
    first_frame: float
    frames: Frames


@dataclass(slots=True)
class Recording:
    """A contender at work."""

    contender: Contender
    job: Job
    process: "subprocess.Popen[bytes]" = field(init=False)
    peak: dict[str, Memory] = field(default_factory=dict)
    started: float = field(default_factory=time.time)
    settled_at: float = 0.0
    start_cpu: float = 0.0

    def start(self) -> None:
        """Start it; what it says goes to `log` in its folder."""
        command = self.contender.command(self.job)
        self.started = time.time()
        with (self.job.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(), cwd=Path.cwd()
            )

    def settle(self) -> None:
        """Take what it has used so far as the cost of its start."""
        self.start_cpu = cpu_seconds(family(self.process.pid))
        self.settled_at = time.time()

    def look(self) -> None:
        """Note the memory of its processes, if it is more than before."""
        for pid in family(self.process.pid):
            name, now = name_of(pid), memory(pid)
            before = self.peak.get(name, now)
            self.peak[name] = Memory(max(before.rss, now.rss), max(before.pss, now.pss))

    def end(self) -> tuple[float, float]:
        """End it cleanly; return the CPU seconds of all of it, and for how many seconds it ran since it settled."""
        self.process.send_signal(self.contender.finish)
        ended = time.time()
        status, used = reap(self.process.pid)
        self.process.returncode = status
        return used, ended - self.settled_at

    def segments(self) -> list[Path]:
        """Return the files it has recorded, oldest first."""
        return sorted(self.job.folder.glob(self.contender.pattern))

    def cost(self, used: float, seconds: float) -> Cost:
        """Return what it cost, and count its frames."""
        frames = count(self.segments())
        return Cost(
            contender=self.contender.name,
            seconds=seconds,
            start_cpu=self.start_cpu,
            cpu_per_minute=(used - self.start_cpu) / seconds * 60,
            total_cpu=used,
            memory=self.peak,
            first_frame=frames.first - self.started if frames.first else float("nan"),
            frames=frames,
        )


def count(paths: list[Path]) -> Frames:
    """Count the camera's frames in a recording."""
    if not paths:
        return Frames(trouble="nothing recorded")
    try:
        found = sorted(frame for path in paths for frame in frame_counters(path))
    except (AssertionError, subprocess.CalledProcessError, StopIteration, KeyError) as error:
        return Frames(trouble=str(error)[:120] or type(error).__name__)
    if not found:
        return Frames(trouble="no frames")
    return _counted(found)


def _counted(found: list[Frame]) -> Frames:
    steps = [after.counter - before.counter for before, after in pairwise(found)]
    lost = sum(step - 1 for step in steps if step > 1)
    return Frames(len(found), lost, steps.count(0), found[0].wall_ms / 1000)

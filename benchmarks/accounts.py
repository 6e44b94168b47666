"""What processes cost, by the kernel's own books: CPU seconds, memory, threads and children."""

import os
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a process in MB of 2^20 bytes, as in `ps`; `pss` counts shared pages by their share."""

    rss: float
    pss: float


def family(pid: int) -> list[int]:
    """Return `pid` and all its descendants; empty once it is gone."""
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(pids: list[int]) -> float:
    """Return the CPU seconds that these processes have used so far, all threads, to the nanosecond."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(task.read_text().split()[0])
    return total / 1e9


def memory(pid: int) -> Memory:
    """Return the memory of a process as it is now."""
    sizes = {
        name: int(rest.split()[0]) / 1024
        for name, _, rest in (
            line.partition(":") for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        )
        if name in {"Rss", "Pss"}
    }
    return Memory(sizes["Rss"], sizes["Pss"])


def name_of(pid: int) -> str:
    """Return the name of the program that a process runs."""
    return Path(f"/proc/{pid}/comm").read_text().strip()


def reap(pid: int) -> tuple[int, float]:
    """Wait for our child `pid`; return its exit status and the CPU seconds of it and of the children it waited for."""
    _pid, status, usage = os.wait4(pid, 0)
    return status, usage.ru_utime + usage.ru_stime

"""Tables of what was measured, beside what was promised."""

import math
from dataclasses import asdict
from statistics import mean, median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.contenders import BARE, OURS
from benchmarks.faults import Faults
from benchmarks.recording import Cost

CPU_RATIO = 1.10
OWN_MEMORY_MB = 15.0
START_SECONDS = 1.5
GOP_SECONDS = 2.0
QUICK_GOP_SECONDS = 0.2


def print_costs(costs: list[Cost], console: Console) -> None:
    """Print one column for each contender: means over its cameras, the most memory of each of its programs."""
    table = Table(title="Recorders side by side: 1080p25, 4 Mbit/s H.264 + AAC, copied", title_justify="left")
    table.add_column("for each camera")
    names = list(dict.fromkeys(cost.contender for cost in costs))
    for name in names:
        table.add_column(name, justify="right")
    bare = _mean_cpu(costs, BARE)
    columns = [_column([cost for cost in costs if cost.contender == name], bare) for name in names]
    for measure in columns[0]:
        table.add_row(measure, *(column[measure] for column in columns))
    console.print(table)
    for line in verdicts(costs):
        console.print(line, highlight=False, soft_wrap=True)


def _column(costs: list[Cost], bare: float) -> dict[str, str]:
    """Return what stands in a contender's column, by the name of the row."""
    cpu = mean(cost.cpu_per_minute for cost in costs)
    starts = [cost.first_frame for cost in costs if not math.isnan(cost.first_frame)]
    programs = dict.fromkeys(program for cost in costs for program in cost.memory)
    return {
        "cameras x minutes": f"{len(costs)} x {mean(cost.seconds for cost in costs) / 60:.1f}",
        "CPU s a minute": f"{cpu:.3f}",
        "to bare ffmpeg": f"{cpu / bare:.2f}" if bare else "-",
        "CPU s for the first 5 s": f"{mean(cost.start_cpu for cost in costs):.2f}",
        "RSS MB, at most": "\n".join(f"{program} {_most(costs, program, 'rss')}" for program in programs),
        "PSS MB, at most": "\n".join(f"{program} {_most(costs, program, 'pss')}" for program in programs),
        "first frame after s, median": f"{median(starts):.2f}" if starts else "-",
        "first frame after s, at most": f"{max(starts):.2f}" if starts else "-",
        "frames recorded": str(sum(cost.frames.count for cost in costs)),
        "frames lost": str(sum(cost.frames.lost for cost in costs)),
        "frames twice": str(sum(cost.frames.doubled for cost in costs)),
        "trouble": "; ".join(dict.fromkeys(cost.frames.trouble for cost in costs if cost.frames.trouble)) or "-",
    }


def _most(costs: list[Cost], program: str, kind: str) -> str:
    return f"{max(getattr(cost.memory[program], kind) for cost in costs if program in cost.memory):.1f}"


def _mean_cpu(costs: list[Cost], name: str) -> float:
    found = [cost.cpu_per_minute for cost in costs if cost.contender == name]
    return mean(found) if found else 0.0


def own_memory(costs: list[Cost]) -> float:
    """Return the most RSS in MB of the recorder process itself, its ffmpeg not counted."""
    own = [m.rss for cost in costs if cost.contender == OURS for name, m in cost.memory.items() if name != "ffmpeg"]
    return max(own, default=0.0)


def verdicts(costs: list[Cost]) -> list[str]:
    """Return a line for each promise that this run can judge."""
    mine = [cost for cost in costs if cost.contender == OURS]
    if not mine:
        return []
    lost = sum(cost.frames.lost for cost in mine)
    troubles = {cost.frames.trouble for cost in mine if cost.frames.trouble}
    start = max(cost.first_frame for cost in mine) - GOP_SECONDS
    lines = []
    if bare := _mean_cpu(costs, BARE):
        ratio = _mean_cpu(costs, OURS) / bare
        lines.append(_verdict(ratio <= CPU_RATIO, f"CPU {ratio:.2f} x bare ffmpeg, promised {CPU_RATIO:.2f}"))
    memory = own_memory(costs)
    lines.append(_verdict(memory <= OWN_MEMORY_MB, f"{memory:.1f} MB RSS beside ffmpeg, promised {OWN_MEMORY_MB:.0f}"))
    lines.append(_verdict(not lost and not troubles, f"{lost} frames lost, promised 0; {len(mine)} cameras"))
    words = f"first frame {start + GOP_SECONDS:.2f} s after the start at most, of which up to {GOP_SECONDS:.0f} s are"
    return [
        *lines,
        _verdict(start <= START_SECONDS, f"{words} the wait for a key frame; promised {START_SECONDS} s plus that"),
    ]


def _verdict(kept: bool, words: str) -> str:
    return f"{'[green]kept  [/]' if kept else '[red]MISSED[/]'} {words}"


def print_faults(faults: Faults, console: Console) -> None:
    """Print what faults cost."""
    table = Table(title="Faults", title_justify="left")
    for column in ("fault", "measured", "promised"):
        table.add_column(column)
    kills = sorted(faults.kills)
    if kills:
        spread = f"median {median(kills):.2f} s, at most {kills[-1]:.2f} s"
        table.add_row(f"footage lost at kill -9 of recorder and ffmpeg ({len(kills)} kills)", spread, "at most 1 s")
    start = f"median {median(faults.starts):.2f} s, at most {max(faults.starts):.2f} s"
    table.add_row(
        "process start to first frame, key frames every 0.2 s", start, f"{START_SECONDS} s + {QUICK_GOP_SECONDS}"
    )
    table.add_row("a silent camera is noticed after", f"{faults.stall_detected:.1f} s", "10 s (stall_timeout)")
    table.add_row("recording again once it sends", f"{faults.resumed_after_stall:.1f} s", "3 s, first retry permitting")
    table.add_row(
        "recording again after a reboot", f"{faults.resumed_after_reboot:.1f} s", "3 s, first retry permitting"
    )
    console.print(table)


def document(costs: list[Cost], faults: Faults | None) -> dict[str, Any]:
    """Return everything measured as JSON takes it; durations in seconds, memory in MB."""
    return {
        "comparison": [asdict(cost) for cost in costs],
        "own_memory_mb": own_memory(costs),
        "faults": asdict(faults) if faults else None,
    }

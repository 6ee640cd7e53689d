"""CPU time and memory of processes; needs Linux."""

from collections.abc import Sequence
from pathlib import Path

TICKS = 100
"""Ticks per second in the kernel's files."""
USER_TO_SYSTEM = slice(1, 4)
IRQ_TO_SOFTIRQ = slice(6, 8)
"""Fields of /proc/stat that count busy time."""


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def busy_seconds() -> float:
    """Return the CPU time that all programs of this machine have used, seconds."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()
    return sum(map(int, [*fields[USER_TO_SYSTEM], *fields[IRQ_TO_SOFTIRQ]])) / TICKS


def memory_mb(pids: Sequence[int]) -> float:
    """Return the memory of processes, where pages that several share count once."""
    total = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        (pss,) = [line for line in lines if line.startswith("Pss:")]
        total += int(pss.split()[1])
    return total / 1024


def free_mb() -> float:
    """Return the memory that new processes may take."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    (available,) = [line for line in lines if line.startswith("MemAvailable:")]
    return int(available.split()[1]) / 1024

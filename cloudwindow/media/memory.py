"""How much memory this process occupies, and whether that is more than it may."""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

_trim: Final[Callable[[int], object]] = getattr(ctypes.CDLL(None), "malloc_trim", lambda _keep: None)
"""malloc_trim(3); other C libraries than glibc do without."""


def resident_octets() -> int:
    """Resident memory of this process (proc(5), ``statm``); 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def give_back() -> None:
    """
    Give memory that is free back to the system.

    The C library keeps what OpenSSL has freed in holes of its own; nothing leaks, yet the process grows.
    """
    _trim(0)


class MemoryWatch:
    """
    Notices that a process has outgrown ``limit_octets`` (0: no limit).

    Only what is still there at the second look counts, after ``give_back`` has been called at the first.
    """

    def __init__(
        self,
        limit_octets: int,
        *,
        resident: Callable[[], int] = resident_octets,
        give_back: Callable[[], None] = give_back,
    ) -> None:
        self._limit, self._resident, self._give_back = limit_octets, resident, give_back
        self._suspected = False

    def is_over(self) -> bool:
        """Look now; called every few seconds."""
        over = self._limit > 0 and self._resident() > self._limit
        if over and not self._suspected:
            self._suspected = True
            self._give_back()
            return False
        self._suspected = over
        return over

"""Children that end with the process that started them, however that one ends."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal the calling process gets when its parent ends."""

_libc = ctypes.CDLL(None)  # loaded here: a child between fork and exec must load nothing


def end_with(parent: int, by: signal.Signals = signal.SIGTERM) -> bool:
    """
    Have the kernel send this process ``by`` when the process ``parent`` ends; only Linux can.

    False: ``parent`` was gone before we could ask. What the child does then is the caller's choice.
    """
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, by)
    return os.getppid() == parent


def end_with_or_now(parent: int, by: signal.Signals = signal.SIGTERM) -> None:
    """The same for a child that has nothing to tidy up yet: if ``parent`` is gone it ends at once."""
    if not end_with(parent, by):
        os._exit(1)

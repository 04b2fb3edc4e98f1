"""
A disk that loses its power: an ext4 file system in a file, shut down without writing its journal.

Whatever had not been synced is gone afterwards, as when the plug is pulled. It needs root and loop devices;
``reason`` says why it cannot be done here. A fresh image and a fresh mount point for each cut: an image that
was cut once, or a mount that still is, gives errors of its own.
"""

import fcntl
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

IMAGE_BYTES = 96 * 1024 * 1024
EXT4_IOC_SHUTDOWN = 0x8004587D
"""_IOR('X', 125, __u32) of the kernel's ext4."""
NO_LOG_FLUSH = 2
FREEZE_SECONDS = 20.0


def freeze(process: int) -> None:
    """
    Stop a process between two system calls, so that no sync is halfway through when the power goes.

    Without this a sync that the kernel is just cutting off may still be reported as done, and acknowledged.
    """
    os.kill(process, signal.SIGSTOP)
    limit = time.monotonic() + FREEZE_SECONDS
    while not all(_stopped(thread) for thread in Path(f"/proc/{process}/task").iterdir()):
        assert time.monotonic() < limit, "the process does not stop"
        time.sleep(0.001)


def _stopped(thread: Path) -> bool:
    return (thread / "stat").read_text().rpartition(")")[2].split()[0] == "T"


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted file system that can be cut off."""

    image: Path
    mounted: Path

    def cut(self) -> None:
        """The power goes: nothing that is not synced yet will be."""
        opened = os.open(self.mounted, os.O_RDONLY)
        try:
            fcntl.ioctl(opened, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(opened)

    @contextmanager
    def after_the_cut(self) -> Iterator[Path]:
        """What is found when the power is back; the journal is replayed on the way."""
        _unmount(self.mounted)
        again = self.mounted.with_name("again")
        again.mkdir()
        _run("mount", "-o", "loop", str(self.image), str(again))
        try:
            yield again
        finally:
            _unmount(again)


@contextmanager
def disk() -> Iterator[Disk]:
    """A small empty disk."""
    with tempfile.TemporaryDirectory(prefix="cw-power-", ignore_cleanup_errors=True) as folder:
        image, mounted = Path(folder, "disk"), Path(folder, "mounted")
        with image.open("wb") as made:
            made.truncate(IMAGE_BYTES)
        mounted.mkdir()
        _run("mkfs.ext4", "-q", "-F", str(image))
        _run("mount", "-o", "loop", str(image), str(mounted))
        try:
            yield Disk(image, mounted)
        finally:
            _unmount(mounted)


def reason() -> str:
    """Why the power cannot be cut on this machine; empty if it can."""
    if os.geteuid() != 0:
        return "mounting a disk image needs root"
    if shutil.which("mkfs.ext4") is None:
        return "mkfs.ext4 is missing (Debian: e2fsprogs)"
    try:
        with disk() as tried:
            Path(tried.mounted, "file").write_bytes(b"unsynced")
            tried.cut()
            with tried.after_the_cut() as found:
                if Path(found, "file").exists() and Path(found, "file").read_bytes():
                    return "the cut loses nothing here: this disk cannot lose its power"
    except (OSError, subprocess.CalledProcessError) as error:
        return f"a disk image cannot be mounted and cut off here ({error})"
    return ""


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def _unmount(mounted: Path) -> None:
    with suppress(subprocess.CalledProcessError):
        _run("umount", str(mounted))

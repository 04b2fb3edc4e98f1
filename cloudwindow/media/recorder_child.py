"""
The recorder's process: ``python -m cloudwindow.media.recorder_child FOLDER MIN_FREE_OCTETS``.

Reads packets and orders from stdin (``recorder_pipe``), writes recordings, and says on stdout how each
stands, one JSON object a line. When the worker dies stdin ends: all that came is then finished and closed.
"""

import json
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cloudwindow.media.recorder_chain import ChainBusy
from cloudwindow.media.recorder_pipe import Unpacker
from cloudwindow.media.recorder_take import Take, TakeFailed, enough_room, reason_of
from cloudwindow.media.tap import TapRecord

READ_OCTETS: Final = 256 * 1024
WAIT_SECONDS: Final = 0.1
REPORT_SECONDS: Final = 0.5
MAX_LATE_SECONDS: Final = 10.0
"""Whoever says they asked earlier than this has a clock that is wrong."""


class Recorder:
    """All recordings of one worker."""

    def __init__(self, folder: Path, min_free_octets: int, wall: Callable[[], float] = time.time) -> None:
        self._folder, self._min_free, self._wall = folder, min_free_octets, wall
        self._takes: dict[int, Take] = {}
        self._reported = 0.0

    def obey(self, number: int, order: dict[str, Any], now: float) -> None:
        """Carry out one order of the worker."""
        take = self._takes.get(number)
        word = order["order"]
        try:
            if word == "start":
                self._start(number, order, now)
            elif take is not None and word == "pause":
                take.pause(order["reason"], now)
            elif take is not None and word == "resume":
                take.resume(now)
            elif take is not None and word == "stop":
                take.close(order["reason"], now)
                self._ended(number, "")
        except TakeFailed as failed:
            self._fail(number, str(failed), now)

    def _start(self, number: int, order: dict[str, Any], now: float) -> None:
        folder, began_at = self._folder / order["recording"], order["began_at"]
        late = min(MAX_LATE_SECONDS, max(0.0, self._wall() - began_at))
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not enough_room(self._folder, self._min_free):
                raise TakeFailed("disk_full")
            if (folder / "chain.jsonl").exists():
                raise TakeFailed("exists_already")
            self._takes[number] = Take(
                folder,
                order["recording"],
                bytes.fromhex(order["key"]),
                now=now,
                began_at=began_at,
                late=late,
            )
        except ChainBusy as exc:
            raise TakeFailed("exists_already") from exc
        except OSError as exc:
            raise TakeFailed(reason_of(exc)) from exc
        self._say(number, "running")

    def put(self, number: int, record: TapRecord, now: float) -> None:
        """Write what the tap said."""
        take = self._takes.get(number)
        if take is None:
            return
        try:
            take.put(record)
        except TakeFailed as failed:
            self._fail(number, str(failed), now)

    def tick(self, now: float) -> None:
        """Flush, and twice a second say how all stands."""
        for number, take in list(self._takes.items()):
            try:
                take.tick(now)
            except TakeFailed as failed:
                self._fail(number, str(failed), now)
        if now - self._reported >= REPORT_SECONDS:
            self._reported = now
            self._guard_room(now)
            for number in self._takes:
                self._say(number, "running")
            _say({"alive": True})

    def _guard_room(self, now: float) -> None:
        if not self._takes:
            return
        try:
            reason = "" if enough_room(self._folder, self._min_free) else "disk_full"
        except OSError as exc:
            reason = reason_of(exc)
        for number in list(self._takes) if reason else ():
            try:
                self._takes[number].close(reason, now)
                self._ended(number, reason)
            except TakeFailed:
                self._fail(number, reason, now)

    def close_all(self, reason: str, now: float) -> None:
        """Finish everything."""
        for number in list(self._takes):
            self.obey(number, {"order": "stop", "reason": reason}, now)

    def _fail(self, number: int, reason: str, now: float) -> None:
        take = self._takes.get(number)
        if take is not None:
            take.abandon(reason, now)
        self._ended(number, reason)

    def _ended(self, number: int, reason: str) -> None:
        take = self._takes.pop(number, None)
        told = {"take": number, "state": "stopped", "reason": reason, "head": take.head if take else ""}
        _say(told)

    def _say(self, number: int, state: str) -> None:
        take = self._takes[number]
        _say({"take": number, "state": state, "head": take.head, "octets": take.octets})


def _say(message: dict[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except OSError:  # the worker is dead: there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(arguments: list[str]) -> int:
    """Record until stdin ends."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)  # the worker is asked to end; it then ends our stdin
    folder, min_free = arguments
    recorder, unpacker, clock = Recorder(Path(folder), int(min_free)), Unpacker(), time.monotonic
    while True:
        ready, _, _ = select.select([0], [], [], WAIT_SECONDS)
        if ready:
            octets = os.read(0, READ_OCTETS)
            if not octets:
                break
            now = clock()
            for number, told in unpacker.feed(octets):
                if isinstance(told, dict):
                    recorder.obey(number, told, now)
                else:
                    recorder.put(number, told, now)
        recorder.tick(clock())
    recorder.close_all("worker_died", clock())
    return 0


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr)
    sys.exit(main(sys.argv[1:]))

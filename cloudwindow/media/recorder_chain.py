"""
The chain of a recording: a file of lines, each of which carries the hash of the one before.

One line of JSON for the opening, each source, each finished segment with its SHA-256, each gap with its
reason, the close, and whatever is made or deleted later. Without any key it shows whether a segment was
changed, removed or moved; that the end was cut off shows against the last hash, which the ledger keeps.
Who writes holds a lock that the system takes back when the writer dies.

A line's ``at`` and its ``from`` and ``to`` are seconds since the recording began.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cloudwindow.media.recorder_seal import whole_octets, write_all

CHAIN: Final = "chain.jsonl"
NO_HASH: Final = "0" * 64
SEGMENTS: Final = "[0-9]*.sealed"
"""How the files of segments are named."""

COPIES: Final = "copy-"
"""How the names of marked copies begin."""

MADE: Final = re.compile(r"(film|clip-\d+-\w+|copy-\w+)\.webm\.sealed")
"""How what is made of a recording is named."""

Line = dict[str, Any]


class ChainBusy(Exception):
    """Somebody else is writing this recording."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong: a word of ``changed missing reordered cut_off broken unknown``, and where."""

    problem: str
    where: str


def canonical(line: Mapping[str, Any]) -> str:
    """The one spelling that is hashed."""
    return json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hash_of(line: Mapping[str, Any]) -> str:
    """The hash a line must carry."""
    bare = {name: value for name, value in line.items() if name != "hash"}
    return hashlib.sha256(canonical(bare).encode()).hexdigest()


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Chain:
    """
    The chain of the recording in ``folder``, open for writing; a line cut short at the end is taken away.

    Raises ChainBusy if another process writes it, OSError.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._descriptor = os.open(folder / CHAIN, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.lines: list[Line] = self._resume()
        except OSError as exc:
            os.close(self._descriptor)
            if isinstance(exc, BlockingIOError):
                raise ChainBusy from exc
            raise

    def _resume(self) -> list[Line]:
        lines, kept = parse((self.folder / CHAIN).read_bytes())
        os.ftruncate(self._descriptor, kept)
        os.lseek(self._descriptor, 0, os.SEEK_END)
        return lines

    @property
    def head(self) -> str:
        """The hash of the last line."""
        return str(self.lines[-1]["hash"]) if self.lines else NO_HASH

    def append(self, kind: str, **values: Any) -> Line:
        """Add a line, synced to the disk. Raises OSError."""
        line: Line = {"kind": kind, **values, "seq": len(self.lines) + 1, "prev": self.head}
        line["hash"] = hash_of(line)
        write_all(self._descriptor, canonical(line).encode() + b"\n")
        os.fdatasync(self._descriptor)
        self.lines.append(line)
        return line

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._descriptor)


def parse(content: bytes) -> tuple[list[Line], int]:
    """The whole lines of JSON at the beginning of ``content``, and how many octets they take."""
    lines: list[Line] = []
    kept = 0
    for part in content.splitlines(keepends=True):
        try:
            line = json.loads(part) if part.endswith(b"\n") else None
        except ValueError:
            line = None
        if not isinstance(line, dict):
            break
        lines.append(line)
        kept += len(part)
    return lines, kept


def read(folder: Path) -> list[Line]:
    """The lines as they are, unchecked; empty if there are none."""
    try:
        return parse((folder / CHAIN).read_bytes())[0]
    except OSError:
        return []


def head_of(folder: Path) -> str:
    """The last line's hash, unchecked."""
    lines = read(folder)
    return str(lines[-1].get("hash")) if lines else NO_HASH


def sync_folder(folder: Path) -> None:
    """Return when the names in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def seconds_of(lines: Sequence[Line]) -> float:
    """How long the recording is, as far as its lines know."""
    return max((float(line.get("to") or line.get("at") or 0.0) for line in lines), default=0.0)


def is_held(lines: Sequence[Line]) -> bool:
    """Whether a legal hold keeps the files."""
    said = [line["kind"] for line in lines if line["kind"] in {"held", "released"}]
    return bool(said) and said[-1] == "held"


def mark_of(folder: Path) -> str:
    """
    A digest of what the files of ``folder`` look like from outside: names, sizes, times of change.

    As long as it is the same nobody has written there by the usual ways; their content is not read.
    """
    seen = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        about = path.stat()
        seen.append(f"{path.name} {about.st_size} {about.st_mtime_ns} {about.st_ctime_ns}")
    return hashlib.sha256("\n".join(seen).encode()).hexdigest()


def gone(lines: Sequence[Line]) -> frozenset[str]:
    """The files that were deleted, and are not missing therefore."""
    return frozenset(
        str(name) for line in lines if line.get("kind") == "deleted" for name in line.get("names", [])
    )


def standing(lines: Sequence[Line]) -> str:
    """``intact``, or ``evidence`` (clips alone are left) or ``deleted`` with the reason."""
    why = [
        str(line["reason"])
        for line in lines
        if line["kind"] == "deleted" and any(not name.startswith(COPIES) for name in line["names"])
    ]
    if not why:
        return "intact"
    left = any(line["kind"] == "clip" and line["name"] not in gone(lines) for line in lines)
    return f"{'evidence' if left else 'deleted'} {why[-1]}"


# --- after a death ---------------------------------------------------------------------------------------


def recover(chain: Chain, *, reason: str) -> None:
    """
    Finish a recording whose writer died: count in the segments it left open, say the gap, close.

    What was cut off within a chunk is taken away. Does nothing for a recording that was closed.
    Raises OSError.
    """
    if any(line["kind"] == "closed" for line in chain.lines):
        return
    known = {line["name"] for line in chain.lines if line["kind"] == "segment"}
    last = seconds_of(chain.lines)
    begun = {line["name"]: line for line in chain.lines if line["kind"] == "begun"}
    for path in sorted(chain.folder.glob(SEGMENTS)):
        if path.name not in known:
            first = begun.get(path.name, {})
            whole = whole_octets(path)
            os.truncate(path, whole)
            chain.append(
                "segment",
                name=path.name,
                source=first.get("source", 0),
                sha256=digest(path),
                octets=whole,
                recovered=True,
                **{"from": first.get("at", last), "to": first.get("at", last)},
            )
    chain.append("gap", reason=reason, at=last, **{"from": last, "to": None})
    chain.append("closed", reason=reason, at=last)


# --- checking --------------------------------------------------------------------------------------------


def verify(folder: Path, *, head: str | None = None) -> list[Finding]:
    """
    Say what is wrong with the recording in ``folder``; nothing if all is as it was written.

    ``head`` is a hash the ledger kept: a chain that does not contain it was cut off or written anew.
    """
    at_work = is_written(folder)
    try:
        content = (folder / CHAIN).read_bytes()
    except OSError:
        return [Finding("missing", CHAIN)]
    lines, kept = parse(content)
    findings = _check_lines(lines)
    if kept < len(content):
        findings.append(Finding("broken", f"{CHAIN}:{len(lines) + 1}"))
    if head and head != NO_HASH and all(line.get("hash") != head for line in lines):
        findings.append(Finding("cut_off", CHAIN))
    found = _check_files(folder, lines)
    if at_work or is_written(folder):  # what is being made stands in the folder before it stands in the chain
        found = [one for one in found if one.problem != "unknown" or not MADE.match(one.where)]
    return findings + found


def is_written(folder: Path) -> bool:
    """Whether somebody is writing the recording at this moment."""
    try:
        descriptor = os.open(folder / CHAIN, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _check_lines(lines: Sequence[Line]) -> list[Finding]:
    findings, prev = [], NO_HASH
    for seq, line in enumerate(lines, start=1):
        if line.get("hash") != hash_of(line):
            findings.append(Finding("changed", f"{CHAIN}:{seq}"))
        elif line.get("seq") != seq or line.get("prev") != prev:
            findings.append(Finding("reordered", f"{CHAIN}:{seq}"))
        prev = str(line.get("hash"))
    return findings


def _check_files(folder: Path, lines: Sequence[Line]) -> list[Finding]:
    deleted = gone(lines)
    named = {str(line["name"]): line for line in lines if "sha256" in line and "name" in line}
    found = {path.name: digest(path) for path in sorted(folder.iterdir()) if path.name != CHAIN}
    owners = {str(line["sha256"]): name for name, line in named.items()}
    findings = []
    for name, line in named.items():
        if name in deleted:
            continue
        if name not in found:
            findings.append(Finding("missing", name))
        elif found[name] != line["sha256"]:
            swapped = owners.get(found[name], name) != name
            findings.append(Finding("reordered" if swapped else "changed", name))
    closed = any(line.get("kind") == "closed" for line in lines)
    begun = {str(line["name"]) for line in lines if line.get("kind") == "begun" and not closed}
    strays = found.keys() - named.keys() - begun
    findings += [Finding("unknown", name) for name in sorted(strays) if not name.startswith(".")]
    return findings

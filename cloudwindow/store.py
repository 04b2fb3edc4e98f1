"""
The file store: photographs, signatures and notices, each encrypted in a file of its own.

A file is named by a random word, so its name says nothing and cannot be guessed. What it is (type, digest)
travels inside the encrypted content and is bound to the name.
"""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from cloudwindow.domain.errors import NotFound, Unavailable
from cloudwindow.domain.ids import FileId, word

ID_BYTES: Final = 16
ID_SHAPE: Final = re.compile(r"[0-9a-hjkmnp-tv-z]{26}")


class Sealer(Protocol):
    """What the store asks of the vault."""

    def seal_bytes(self, content: bytes, *, place: str) -> bytes: ...

    def open_bytes(self, sealed: bytes, *, place: str) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """What the ledger keeps of a file: ``sha256`` of the plain content in hex, ``size`` in bytes."""

    id: FileId
    sha256: str
    size: int
    media_type: str
    stored_at: float


class FileStore:
    """Encrypted files below one folder; every method works in a thread and is safe to call together."""

    def __init__(self, folder: Path, sealer: Sealer, *, random: Callable[[int], bytes] = os.urandom) -> None:
        self._folder = folder
        self._sealer = sealer
        self._random = random

    async def put(self, content: bytes, media_type: str, *, now: float) -> StoredFile:
        """
        Keep ``content``; once this returns it survives a power cut.

        Raises Unavailable ``store_unavailable`` if the disk does not take it; nothing is left behind then.
        """
        stored = StoredFile(
            id=FileId(word(self._random(ID_BYTES))),
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            media_type=media_type,
            stored_at=now,
        )
        await asyncio.to_thread(self._write, stored, content)
        return stored

    async def get(self, file_id: str) -> tuple[StoredFile, bytes]:
        """
        Return the file and its content.

        Raises NotFound ``unknown_file``, also for a name of the wrong shape; Unavailable ``file_damaged`` if
        it was altered on the disk, ``store_unavailable`` if the disk does not answer.
        """
        return await asyncio.to_thread(self._read, file_id)

    async def delete(self, file_id: str) -> None:
        """Forget the file; one that is already gone is no error. NotFound only for a wrong shape."""
        await asyncio.to_thread(self._remove, file_id)

    def _path(self, file_id: str) -> Path:
        if not ID_SHAPE.fullmatch(file_id):
            raise NotFound("unknown_file")
        return self._folder / file_id[:2] / file_id

    def _write(self, stored: StoredFile, content: bytes) -> None:
        header = {
            "media_type": stored.media_type,
            "sha256": stored.sha256,
            "size": stored.size,
            "stored_at": stored.stored_at,
        }
        plain = json.dumps(header).encode() + b"\n" + content
        sealed = self._sealer.seal_bytes(plain, place=_place(stored.id))
        path = self._path(stored.id)
        try:
            _make_folder(self._folder, path.parent)
            _write_whole(path, sealed)
        except OSError as exc:
            raise Unavailable("store_unavailable") from exc

    def _read(self, file_id: str) -> tuple[StoredFile, bytes]:
        try:
            sealed = self._path(file_id).read_bytes()
        except FileNotFoundError as exc:
            raise NotFound("unknown_file") from exc
        except OSError as exc:
            raise Unavailable("store_unavailable") from exc
        try:
            plain = self._sealer.open_bytes(sealed, place=_place(file_id))
        except Unavailable as exc:
            raise Unavailable("file_damaged") from exc
        head, _, content = plain.partition(b"\n")
        return StoredFile(id=FileId(file_id), **json.loads(head)), content

    def _remove(self, file_id: str) -> None:
        try:
            self._path(file_id).unlink(missing_ok=True)
        except OSError as exc:
            raise Unavailable("store_unavailable") from exc


def _place(file_id: str) -> str:
    return f"file\x1f{file_id}"


def _make_folder(top: Path, folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync_folder(top)


def _write_whole(path: Path, content: bytes) -> None:
    """Write beside the final name, sync, rename, sync the folder: a reader sees the whole file or none."""
    draft = path.with_name(f".{path.name}.part")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

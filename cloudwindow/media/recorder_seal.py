"""
Sealed files that grow: what was written stays readable whenever the writer dies.

A file is a row of chunks, each ``length (4 octets) | nonce (12) | AES-256-GCM``. A chunk is bound to the
recording, the file's name and its number in the file, so none can be moved. A chunk cut short by a death is
the file's end. Every recording has a key of its own, which never touches this disk unsealed.
"""

import hmac
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_OCTETS: Final = 32
NONCE_OCTETS: Final = 12
TAG_OCTETS: Final = 16
HEAD: Final = struct.Struct(">I")
OVERHEAD: Final = HEAD.size + NONCE_OCTETS + TAG_OCTETS
PAGE_OCTETS: Final = 64 * 1024
"""Plain octets of each chunk in a file that is read from any place (:class:`SealedPages`)."""
MAX_CHUNK_OCTETS: Final = 16 * 1024 * 1024


class SealDamaged(Exception):
    """A chunk does not open: it was changed or moved, or the key is another."""


def evidence_key(key: bytes) -> bytes:
    """
    The key of a recording's evidence clips, from which the recording's own cannot be had.

    So the one can be kept when the other is forgotten (HMAC as in RFC 5869, expand).
    """
    return hmac.digest(key, b"cloudwindow/recording/evidence/1\x01", "sha256")


def bound_to(recording: str, name: str, number: int) -> bytes:
    """What a chunk is bound to."""
    return f"cloudwindow/recording/1\x1f{recording}\x1f{name}\x1f{number}".encode()


class SealedWriter:
    """
    A file being written; ``write`` keeps in memory, ``flush`` hands over to the system, ``sync`` to the disk.

    Raises OSError when the disk does not take it.
    """

    def __init__(
        self, path: Path, recording: str, key: bytes, *, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self.path, self.octets = path, 0
        self._recording, self._cipher, self._random = recording, AESGCM(key), random
        self._waiting: list[bytes] = []
        self._chunks = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)

    def write(self, octets: bytes) -> int:
        """Take plain octets."""
        self._waiting.append(bytes(octets))
        return len(octets)

    def flush(self) -> None:
        """Seal what is waiting as one chunk and write it."""
        if not self._waiting:
            return
        plain = b"".join(self._waiting)
        self._waiting.clear()
        nonce = self._random(NONCE_OCTETS)
        bound = bound_to(self._recording, self.path.name, self._chunks)
        body = nonce + self._cipher.encrypt(nonce, plain, bound)
        write_all(self._descriptor, HEAD.pack(len(body)) + body)
        self._chunks += 1
        self.octets += HEAD.size + len(body)

    def sync(self) -> None:
        """Return when what was flushed survives a power cut."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Flush, sync and close; closes also when that fails."""
        try:
            self.flush()
            self.sync()
        finally:
            os.close(self._descriptor)

    def abandon(self) -> None:
        """Close without writing any more."""
        os.close(self._descriptor)


def write_all(descriptor: int, octets: bytes) -> None:
    """Write every octet, or raise OSError; what a full disk took of them is cut off again."""
    before, left = os.fstat(descriptor).st_size, memoryview(octets)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        os.ftruncate(descriptor, before)
        raise


def whole_octets(path: Path) -> int:
    """How many octets of the file belong to chunks that are whole, by their lengths alone."""
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at + HEAD.size <= size:
            file.seek(at)
            (length,) = HEAD.unpack(file.read(HEAD.size))
            if length > MAX_CHUNK_OCTETS or at + HEAD.size + length > size:
                break
            at += HEAD.size + length
    return at


def opened(path: Path, recording: str, key: bytes) -> Iterator[bytes]:
    """
    Yield the plain chunks in order, up to one that was cut short.

    Raises SealDamaged at a chunk that does not open, OSError.
    """
    cipher, number = AESGCM(key), 0
    with path.open("rb") as file:
        while len(head := file.read(HEAD.size)) == HEAD.size:
            (length,) = HEAD.unpack(head)
            if length > MAX_CHUNK_OCTETS:
                raise SealDamaged
            body = file.read(length)
            if len(body) < length:
                return
            yield _open_chunk(cipher, body, bound_to(recording, path.name, number))
            number += 1


def _open_chunk(cipher: AESGCM, body: bytes, bound: bytes) -> bytes:
    try:
        return cipher.decrypt(body[:NONCE_OCTETS], body[NONCE_OCTETS:], bound)
    except (InvalidTag, ValueError) as exc:
        raise SealDamaged from exc


def seal_pages(plain: Callable[[int], bytes], path: Path, recording: str, key: bytes) -> int:
    """
    Write a file that :class:`SealedPages` reads, from ``plain(octets)``; returns the plain size.

    Raises OSError; nothing is left behind then.
    """
    draft, size = path.with_name(f".{path.name}.part"), 0
    draft.unlink(missing_ok=True)
    writer = SealedWriter(draft, recording, key)
    writer.path = path  # chunks are bound to the name the file will have
    try:
        while page := plain(PAGE_OCTETS):
            size += len(page)
            writer.write(page)
            writer.flush()
        writer.close()
        draft.rename(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return size


class SealedPages:
    """A sealed file of equal pages, read from any place. Raises OSError when it is not there."""

    def __init__(self, path: Path, recording: str, key: bytes) -> None:
        self._path, self._recording, self._cipher = path, recording, AESGCM(key)
        pages, rest = divmod(path.stat().st_size, PAGE_OCTETS + OVERHEAD)
        self.size = pages * PAGE_OCTETS + max(0, rest - OVERHEAD)
        """Plain octets."""

    def read(self, start: int, stop: int) -> bytes:
        """Return the plain octets from ``start`` up to ``stop``. Raises SealDamaged, OSError."""
        stop = min(stop, self.size)
        if start >= stop:
            return b""
        first = start // PAGE_OCTETS
        pages = [self._page(number) for number in range(first, (stop - 1) // PAGE_OCTETS + 1)]
        return b"".join(pages)[start - first * PAGE_OCTETS : stop - first * PAGE_OCTETS]

    def _page(self, number: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(number * (PAGE_OCTETS + OVERHEAD))
            head = file.read(HEAD.size)
            if len(head) < HEAD.size:
                raise SealDamaged
            (length,) = HEAD.unpack(head)
            if length > PAGE_OCTETS + OVERHEAD:
                raise SealDamaged
            body = file.read(length)
        return _open_chunk(self._cipher, body, bound_to(self._recording, self._path.name, number))

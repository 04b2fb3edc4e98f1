"""
The vault: fields sealed with AES-256-GCM, blind indexes for searching them, hashes of tokens.

Every key is derived from one 32-byte root key that lives apart from the database. A sealed value is bound
to its place (table, column, row): moved to another row it no longer opens.
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cloudwindow.domain.errors import Unavailable

ROOT_KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12  # 96 bits, NIST SP 800-38D §8.2
ROOT_KEY_FILE: Final = "root.key"


def place(table: str, column: str, row: str) -> str:
    """Name the one cell a sealed value belongs to."""
    return "\x1f".join((table, column, row))


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals and opens; build it with :meth:`open_at` or :meth:`of`."""

    _current: str
    _ciphers: Mapping[str, AESGCM] = field(repr=False)
    _blind_key: bytes = field(repr=False)
    _token_key: bytes = field(repr=False)
    _random: Callable[[int], bytes] = field(repr=False)

    @classmethod
    def open_at(
        cls,
        data_dir: Path,
        root_key: bytes | None = None,
        *,
        older: Iterable[bytes] = (),
        random: Callable[[int], bytes] = os.urandom,
    ) -> "Vault":
        """
        Open the vault with ``root_key``, or with the key file in ``data_dir``, made at the first start.

        ``older`` root keys still open what they sealed. Raises Unavailable ``root_key_damaged`` if a key
        has the wrong length and ``root_key_exposed`` if others than the owner may read the file.
        """
        root = _kept_root_key(data_dir, random) if root_key is None else root_key
        return cls.of(root, older=older, random=random)

    @classmethod
    def of(
        cls, root_key: bytes, *, older: Iterable[bytes] = (), random: Callable[[int], bytes] = os.urandom
    ) -> "Vault":
        """Build a vault from keys in memory; errors as :meth:`open_at`."""
        roots = [root_key, *older]
        if any(len(root) != ROOT_KEY_BYTES for root in roots):
            raise Unavailable("root_key_damaged")
        return cls(
            _current=_key_id(root_key),
            _ciphers={_key_id(root): AESGCM(_derive(root, b"fields and files")) for root in roots},
            _blind_key=_derive(root_key, b"blind index"),
            _token_key=_derive(root_key, b"token hash"),
            _random=random,
        )

    def seal(self, text: str, *, place: str) -> str:
        """Encrypt ``text`` for one place; equal texts never look equal. ASCII, ``<key id>.<base64url>``."""
        sealed = self._encrypt(text.encode(), place)
        return f"{self._current}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, sealed: str, *, place: str) -> str:
        """
        Return the text that was sealed for ``place``.

        Raises Unavailable ``sealed_value_damaged`` if it was altered or moved, ``root_key_unknown`` if it
        was sealed under a root key this vault does not hold.
        """
        key_id, _, body = sealed.partition(".")
        try:
            raw = base64.b64decode(body, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as exc:
            raise Unavailable("sealed_value_damaged") from exc
        return self._decrypt(key_id, raw, place).decode()

    def seal_bytes(self, content: bytes, *, place: str) -> bytes:
        """Encrypt ``content`` for one place: 16 bytes of key id, the nonce, then the ciphertext."""
        return self._current.encode() + self._encrypt(content, place)

    def open_bytes(self, sealed: bytes, *, place: str) -> bytes:
        """Undo :meth:`seal_bytes`; errors as :meth:`open`."""
        key_id = sealed[:16].decode("ascii", "replace")
        return self._decrypt(key_id, sealed[16:], place)

    def blind(self, kind: str, text: str) -> str:
        """
        Return the blind index of ``text``: equal texts of one ``kind`` give equal words of 64 hex digits.

        Normalise before calling (case, spaces). Without the key the ID numbers cannot be tried out.
        """
        return hmac.digest(self._blind_key, f"{kind}\x1f{text}".encode(), "sha256").hex()

    def hash_token(self, secret: str) -> str:
        """Return what the ledger keeps of a secret of high entropy (session, resume link); 64 hex digits."""
        return hmac.digest(self._token_key, secret.encode(), "sha256").hex()

    def equal(self, one: str, other: str) -> bool:
        """Compare without telling by the time taken where they differ."""
        return hmac.compare_digest(one.encode(), other.encode())

    def _encrypt(self, content: bytes, place: str) -> bytes:
        nonce = self._random(NONCE_BYTES)
        bound = _bound_to(self._current, place)
        return nonce + self._ciphers[self._current].encrypt(nonce, content, bound)

    def _decrypt(self, key_id: str, raw: bytes, place: str) -> bytes:
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise Unavailable("root_key_unknown")
        if len(raw) < NONCE_BYTES + 16:
            raise Unavailable("sealed_value_damaged")
        try:
            return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _bound_to(key_id, place))
        except InvalidTag as exc:
            raise Unavailable("sealed_value_damaged") from exc


def _bound_to(key_id: str, place: str) -> bytes:
    return f"cloudwindow/1\x1f{key_id}\x1f{place}".encode()


def _derive(root: bytes, purpose: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869): one root, one independent key for each purpose."""
    return HKDF(hashes.SHA256(), 32, salt=None, info=b"cloudwindow/1 " + purpose).derive(root)


def _key_id(root: bytes) -> str:
    return hashlib.sha256(_derive(root, b"key id")).hexdigest()[:16]


def _kept_root_key(data_dir: Path, random: Callable[[int], bytes]) -> bytes:
    path = data_dir / ROOT_KEY_FILE
    if not path.exists():
        _make_root_key(path, random(ROOT_KEY_BYTES))
    if path.stat().st_mode & 0o077:
        raise Unavailable("root_key_exposed")
    try:
        return bytes.fromhex(path.read_text("ascii"))
    except ValueError as exc:
        raise Unavailable("root_key_damaged") from exc


def _make_root_key(path: Path, key: bytes) -> None:
    """Write the key file at once or not at all; of two processes that start together the first one wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, key.hex().encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

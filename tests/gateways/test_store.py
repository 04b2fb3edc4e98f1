"""The file store: what was put comes back whole, or is refused by name."""

import hashlib
import os
from pathlib import Path

import pytest

from cloudwindow.domain.errors import NotFound, Unavailable
from cloudwindow.store import FileStore
from cloudwindow.vault import Vault

NOW = 1_795_000_000.0
CONTENT = b"\xff\xd8 a photograph \n with a line feed \x00" * 100


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files", Vault.of(bytes(32)))


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_file_comes_back_as_it_was_put(store: FileStore) -> None:
    stored = await store.put(CONTENT, "image/jpeg", now=NOW)
    assert stored.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert (stored.size, stored.media_type, stored.stored_at) == (len(CONTENT), "image/jpeg", NOW)
    assert await store.get(stored.id) == (stored, CONTENT)


async def test_an_empty_file_is_a_file(store: FileStore) -> None:
    stored = await store.put(b"", "text/plain", now=NOW)
    assert (await store.get(stored.id))[1] == b""


async def test_the_disk_shows_nothing_and_only_its_owner(store: FileStore, tmp_path: Path) -> None:
    await store.put(CONTENT, "image/jpeg", now=NOW)
    [path] = files_in(tmp_path)
    assert b"photograph" not in path.read_bytes()
    assert b"image/jpeg" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


async def test_equal_contents_get_names_of_their_own(store: FileStore) -> None:
    names = {(await store.put(CONTENT, "image/jpeg", now=NOW)).id for _ in range(20)}
    assert len(names) == 20


@pytest.mark.parametrize(
    "name",
    ["", "../root.key", "a" * 25, "a" * 27, "A" * 26, "i" * 26, "0" * 25 + "/", "0" * 25 + "\n", "0" * 26],
)
async def test_a_name_that_was_never_given_is_unknown(store: FileStore, name: str) -> None:
    with pytest.raises(NotFound, match="unknown_file"):
        await store.get(name)


async def test_a_deleted_file_is_unknown_and_may_be_deleted_again(store: FileStore) -> None:
    stored = await store.put(CONTENT, "image/jpeg", now=NOW)
    await store.delete(stored.id)
    await store.delete(stored.id)
    with pytest.raises(NotFound, match="unknown_file"):
        await store.get(stored.id)


async def test_only_names_of_the_right_shape_can_be_deleted(store: FileStore) -> None:
    with pytest.raises(NotFound, match="unknown_file"):
        await store.delete("../root.key")


async def test_a_file_altered_on_the_disk_is_damaged(store: FileStore, tmp_path: Path) -> None:
    stored = await store.put(CONTENT, "image/jpeg", now=NOW)
    [path] = files_in(tmp_path)
    kept = path.read_bytes()
    path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    with pytest.raises(Unavailable, match="file_damaged"):
        await store.get(stored.id)


async def test_a_file_put_in_the_place_of_another_is_damaged(store: FileStore, tmp_path: Path) -> None:
    first = await store.put(b"first", "image/jpeg", now=NOW)
    second = await store.put(b"second", "image/jpeg", now=NOW)
    paths = {path.name: path for path in files_in(tmp_path)}
    paths[first.id].replace(paths[second.id])
    with pytest.raises(Unavailable, match="file_damaged"):
        await store.get(second.id)


async def test_a_disk_that_refuses_leaves_nothing_behind(
    store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.put(b"before", "image/jpeg", now=NOW)
    before = files_in(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="store_unavailable"):
        await store.put(CONTENT, "image/jpeg", now=NOW)
    assert files_in(tmp_path) == before


async def test_content_and_folder_are_synced_before_it_is_acknowledged(
    store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def watch(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    stored = await store.put(CONTENT, "image/jpeg", now=NOW)
    folder = tmp_path / "files" / stored.id[:2]
    assert synced[-2:] == [str(folder / f".{stored.id}.part"), str(folder)]

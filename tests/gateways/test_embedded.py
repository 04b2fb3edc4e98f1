"""The Valkey that starts with the product: one per data folder, durable, and never an orphan."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import cloudwindow.embedded
from cloudwindow.domain.errors import Unavailable
from cloudwindow.embedded import EmbeddedServer, answers, start_embedded
from cloudwindow.queue import connect
from tests.pace import PATIENCE_SECONDS


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    started = await start_embedded(tmp_path)
    yield started
    await started.stop()


async def ask(server: EmbeddedServer, command: str, *args: Any) -> Any:
    client: Any = connect(server.url)
    try:
        return await client.execute_command(command, *args)
    finally:
        await client.aclose()


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be collected does not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 — it happens in another process
            await asyncio.sleep(0.01)


async def test_it_syncs_every_write_and_listens_on_a_private_socket_only(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    wanted = {
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "port": "0",
        "save": "",
    }
    for name, value in wanted.items():
        assert await ask(server, "CONFIG GET", name) == {name: value}
    assert (tmp_path / "line" / "server.sock").stat().st_mode & 0o777 == 0o700


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    first = await start_embedded(tmp_path)
    await ask(first, "SET", "kept", "yes")
    await first.stop()
    assert not await answers(tmp_path / "line" / "server.sock")
    second = await start_embedded(tmp_path)
    assert await ask(second, "GET", "kept") == "yes"
    await second.stop()


async def test_a_killed_server_is_started_again_with_its_data(server: EmbeddedServer) -> None:
    await ask(server, "SET", "kept", "yes")
    killed = server.pid
    assert killed
    os.kill(killed, signal.SIGKILL)

    async def back() -> bool:
        return server.pid not in {None, killed} and await answers(Path(server.url.removeprefix("unix://")))

    await until(back)
    assert await ask(server, "GET", "kept") == "yes"


async def test_a_second_process_uses_the_server_of_the_first_and_takes_over(tmp_path: Path) -> None:
    first, second = await start_embedded(tmp_path), await start_embedded(tmp_path)
    assert first.kept_here
    assert not second.kept_here
    assert await ask(first, "CLIENT ID") != await ask(second, "CLIENT ID")
    await ask(first, "SET", "kept", "yes")
    await first.stop()

    async def taken_over() -> bool:
        return second.kept_here and await answers(Path(second.url.removeprefix("unix://")))

    await until(taken_over)
    assert await ask(second, "GET", "kept") == "yes"
    await second.stop()


ROOT = Path(__file__).parents[2]
PARENT = """
import asyncio, sys
from pathlib import Path
from cloudwindow.embedded import start_embedded
async def main():
    server = await start_embedded(Path(sys.argv[1]))
    print(server.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_a_killed_parent_leaves_no_orphan(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert parent.stdout
    pid = int(await asyncio.wait_for(parent.stdout.readline(), PATIENCE_SECONDS))
    parent.kill()
    await parent.wait()

    async def gone() -> bool:
        return not await answers(tmp_path / "line" / "server.sock") and not alive(pid)

    await until(gone)
    after = await start_embedded(tmp_path)
    assert after.kept_here
    await after.stop()


async def test_a_server_that_outlived_its_keeper_is_adopted(tmp_path: Path) -> None:
    folder = tmp_path / "line"
    folder.mkdir()
    orphan = await asyncio.create_subprocess_exec(
        *cloudwindow.embedded._command(cloudwindow.embedded.find_binary(), folder, folder / "server.sock")
    )

    async def ready() -> bool:
        return await answers(folder / "server.sock")

    await until(ready)
    server = await start_embedded(tmp_path)
    assert server.kept_here
    assert server.pid is None
    await server.stop()
    await asyncio.wait_for(orphan.wait(), PATIENCE_SECONDS)


async def test_a_long_path_gets_a_short_private_socket_that_others_find(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    first, second = await start_embedded(deep), await start_embedded(deep)
    socket = Path(first.url.removeprefix("unix://"))
    assert first.url == second.url
    assert len(str(socket)) < 100
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    await second.stop()
    await first.stop()
    again = await start_embedded(deep)
    assert again.url == first.url
    await again.stop()
    await asyncio.to_thread(shutil.rmtree, socket.parent)


async def test_a_program_that_is_no_server_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloudwindow.embedded, "READY_SECONDS", 0.2)
    with pytest.raises(Unavailable, match="line_unavailable"):
        await start_embedded(tmp_path, binary=Path("/bin/true"))

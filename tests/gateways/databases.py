"""
Fixtures for everything that needs a ledger: each test finds an empty one, on SQLite and on PostgreSQL.

On SQLite it is a fresh copy of a migrated file. On PostgreSQL it is one migrated database, emptied before
each test, which takes 20 ms where a new one takes 700; so a test must leave its tables and triggers as they
were, or ask for ``empty_url``, which is a new database each time.

PostgreSQL is a real server of its own, started once per session, reachable by a Unix socket only, and gone
with the test process whatever happens to that. Without its programs the tests fail, unless
``CW_SKIP_POSTGRES=1`` says that this is meant.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import create_async_engine

from cloudwindow.parent import end_with_or_now
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.migrations import migrate
from cloudwindow.records.tables import metadata
from tests.pace import PATIENCE_SECONDS

DATABASES = ("sqlite",) if os.environ.get("CW_SKIP_POSTGRES") == "1" else ("sqlite", "postgresql")
OFF_FOR_SPEED = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "jit=off", "max_connections=60")


class PostgresServer:
    """A PostgreSQL that lives in ``folder`` and listens on a socket there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.owner = "postgres" if os.geteuid() == 0 else None

    def create(self) -> None:
        """Lay out an empty cluster that trusts whoever reaches its socket."""
        if self.owner:
            shutil.chown(self.folder, self.owner)
        layout = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        made = subprocess.run(
            [_program("initdb"), "-D", self.folder / "data", *layout],
            user=self.owner,
            group=self.owner,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, f"initdb failed: {made.stderr}"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run the server for as long as the block; it is stopped at once after it."""
        settings = ("listen_addresses=", f"unix_socket_directories={self.folder}", *OFF_FOR_SPEED)
        with (self.folder / "log").open("ab") as log:
            server = subprocess.Popen(
                [_program("postgres"), "-D", self.folder / "data", *(f"--{each}" for each in settings)],
                user=self.owner,
                group=self.owner,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                preexec_fn=partial(end_with_or_now, os.getpid(), signal.SIGQUIT),
            )
        try:
            self._wait_until_ready(server)
            yield
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait(PATIENCE_SECONDS)

    def url(self, database: str) -> str:
        """Return the address of ``database`` for the ledger."""
        return f"postgresql+asyncpg://postgres@/{database}?host={self.folder}"

    async def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run ``statements`` as the administrator, outside any transaction."""
        engine = create_async_engine(self.url(database), isolation_level="AUTOCOMMIT")
        try:
            async with engine.connect() as conn:
                for statement in statements:
                    await conn.exec_driver_sql(statement)
        finally:
            await engine.dispose()

    async def empty(self, database: str) -> None:
        """End every connection to ``database`` and remove its rows, guarded ones too."""
        tables = ", ".join(f'"{name}"' for name in metadata.tables)
        await self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
            "SET session_replication_role = replica",
            f"TRUNCATE {tables} RESTART IDENTITY",
            database=database,
        )

    def _wait_until_ready(self, server: subprocess.Popen[bytes]) -> None:
        ready = [_program("pg_isready"), "-q", "-h", str(self.folder)]
        until = time.monotonic() + PATIENCE_SECONDS
        while subprocess.run(ready, check=False).returncode != 0:
            assert server.poll() is None, f"PostgreSQL ended: {(self.folder / 'log').read_text()}"
            assert time.monotonic() < until, f"PostgreSQL not ready: {(self.folder / 'log').read_text()}"
            time.sleep(0.05)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL for the whole session, with a migrated database."""
    with tempfile.TemporaryDirectory(prefix="cw-pg-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder))
        server.create()
        with server.running():
            _run_apart(server.execute("CREATE DATABASE migrated"))
            _run_apart(migrate(server.url("migrated")))
            yield server


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy from."""
    file = tmp_path_factory.mktemp("migrated") / "ledger.db"
    _run_apart(migrate(f"sqlite+aiosqlite:///{file}"))
    return file


@pytest_asyncio.fixture(params=DATABASES)
async def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a migrated database without rows; the test runs once on each kind."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "ledger.db")
        yield f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    await server.empty("migrated")
    yield server.url("migrated")


@pytest_asyncio.fixture(params=DATABASES)
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a database without a single table."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"t{uuid4().hex}"
    await server.execute(f"CREATE DATABASE {name}")
    yield server.url(name)
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def ledger(ledger_url: str) -> AsyncIterator[Ledger]:
    """An open ledger on a migrated database without rows."""
    opened = await Ledger.open(ledger_url)
    yield opened
    await opened.close()


def _run_apart(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` in a loop of its own thread, so that the tests' loop is left alone."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


def _program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs, the newest version's first."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    found = shutil.which(name, path=os.pathsep.join([*map(str, versions), os.environ.get("PATH", "")]))
    if found is None:
        pytest.fail(
            f"PostgreSQL's {name} was not found in /usr/lib/postgresql/*/bin or the PATH. "
            "Install it (Debian: apt-get install postgresql), or set CW_SKIP_POSTGRES=1 to test SQLite only.",
            pytrace=False,
        )
    return found


def _version(folder: Path) -> float:
    with contextlib.suppress(ValueError):
        return float(folder.parent.name)
    return 0.0

"""The files of ``deploy/janus`` in Debian's Janus: nobody speaks to it but who may."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).parents[2] / "deploy" / "janus"
START_SECONDS = 20.0
UNAUTHORIZED, NO_SUCH_KEY, KEY_MISSING = 403, 433, 429

pytestmark = pytest.mark.skipif(shutil.which("janus") is None, reason="Debian's janus is not installed")


class Api:
    """One line to Janus' API; answers come in the order of questions."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(START_SECONDS)
        self._socket.connect(str(path))

    def ask(self, **message: Any) -> dict[str, Any]:
        """Send with the sample's secret unless another is given."""
        whole = {"transaction": "t", "apisecret": "replace-me"} | message
        self._socket.send(json.dumps(whole).encode())
        told: dict[str, Any] = json.loads(self._socket.recv(65_536))
        return told

    def close(self) -> None:
        """Cut the line."""
        self._socket.close()


@pytest.fixture
def janus(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Janus with the samples, moved into a folder of the test: its process and its API."""
    library = next(Path("/usr/lib").glob("*/janus"))
    api = tmp_path / "api.sock"
    for sample in SAMPLES.glob("*.jcfg"):
        text = sample.read_text().replace("/etc/janus", str(tmp_path)).replace("/run/janus/api.sock", str(api))
        (tmp_path / sample.name).write_text(text.replace("/usr/lib/x86_64-linux-gnu/janus", str(library)))
    command = ["janus", "--configs-folder", str(tmp_path)]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            _until_up(api)
            yield process.pid, api
        finally:
            process.terminate()


def _until_up(api: Path) -> None:
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            Api(api).close()
            return
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.05)


def _listening_tcp(pid: int) -> list[str]:
    """Inodes of TCP sockets of the process that wait for connections (state 0A in /proc)."""
    held = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    rows = [
        row.split()
        for table in ("tcp", "tcp6")
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in held]


def test_the_sample_opens_no_tcp_port(janus: tuple[int, Path]) -> None:
    pid, _ = janus
    assert _listening_tcp(pid) == []


def test_the_sample_refuses_whoever_lacks_the_secret_or_the_key(janus: tuple[int, Path]) -> None:
    line = Api(janus[1])
    assert line.ask(janus="create", apisecret="wrong")["error"]["code"] == UNAUTHORIZED
    session, handle = _attached(line)
    at: dict[str, Any] = {"janus": "message", "session_id": session, "handle_id": handle}
    stranger = line.ask(**at, body={"request": "create", "room": 1, "admin_key": "wrong"})
    assert stranger["plugindata"]["data"]["error_code"] == NO_SUCH_KEY
    forward = line.ask(**at, body={"request": "rtp_forward", "room": 1})
    assert forward["plugindata"]["data"]["error_code"] == KEY_MISSING
    line.close()


def test_a_room_is_still_there_for_a_session_claimed_over_a_new_line(janus: tuple[int, Path]) -> None:
    line = Api(janus[1])
    session, handle = _attached(line)
    at: dict[str, Any] = {"janus": "message", "session_id": session, "handle_id": handle}
    line.ask(**at, body={"request": "create", "room": 1, "admin_key": "replace-me-too"})
    line.close()
    again = Api(janus[1])
    assert again.ask(janus="claim", session_id=session)["janus"] == "success"
    assert again.ask(**at, body={"request": "exists", "room": 1})["plugindata"]["data"]["exists"]
    again.close()


def _attached(line: Api) -> tuple[int, int]:
    session = line.ask(janus="create")["data"]["id"]
    handle = line.ask(janus="attach", session_id=session, plugin="janus.plugin.videoroom")["data"]["id"]
    return session, handle

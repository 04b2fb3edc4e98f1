"""The media worker that a web process starts for itself."""

import os

from cloudwindow import app
from cloudwindow.config import Config


async def test_ctrl_c_in_the_terminal_does_not_reach_the_media_child() -> None:
    """The terminal signals its whole group; a child still importing would print a traceback."""
    child = await app._media_child(Config(redis_url="redis://127.0.0.1:1", media_token="t" * 32))
    try:
        assert os.getpgid(child.pid) == child.pid
        assert os.getpgid(child.pid) != os.getpgrp()
    finally:
        child.terminate()
        await child.wait()

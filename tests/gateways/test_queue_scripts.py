"""How the scripts of the line are put together: whole, and without what they never come to."""

import re
from pathlib import Path

import pytest
from redis.asyncio import Redis

import cloudwindow.queue
from cloudwindow.queue import Line, _lean, _script

LUA = Path(cloudwindow.queue.__file__).parent / "lua"
SCRIPTS = sorted(file.stem for file in LUA.glob("*.lua") if f"-- {file.stem}(" in file.read_text("utf-8"))
NAMED = "local function {0}()\n  return 1\nend\n"


def test_a_function_that_is_never_come_to_is_left_out() -> None:
    text = NAMED.format("used") + NAMED.format("idle") + "-- idle() is for others\nreturn used()"
    assert _lean(text) == NAMED.format("used") + "return used()"


def test_a_function_that_only_such_a_one_calls_is_left_out() -> None:
    text = NAMED.format("deep") + "local function idle()\n  return deep()\nend\nreturn 1"
    assert _lean(text) == "return 1"


def test_a_name_in_quotes_calls_nothing() -> None:
    assert _lean(NAMED.format("duty") + 'return "duty"') == 'return "duty"'


def test_a_function_declared_before_its_text_is_kept_when_it_is_called() -> None:
    later = "duty = function()\n  return 1\nend\n"
    assert _lean(f"local duty, other\n{later}return duty()") == f"local duty, other\n{later}return duty()"
    assert _lean(f"local duty, other\n{later}return 1") == "local duty, other\nreturn 1"


def test_a_block_with_a_function_of_the_same_name_calls_its_own() -> None:
    block = "if rare then\n  local function used()\n    return 2\n  end\n  return used()\nend\n"
    assert _lean(NAMED.format("used") + block + "return 1") == block + "return 1"
    assert _lean(NAMED.format("used") + block + "return used()").startswith(NAMED.format("used"))


def test_a_part_stands_in_its_block() -> None:
    found = re.findall(r"^( *)local function make_room\b", _script("wrap_up", Line(Redis())._rules)[0], re.M)
    assert found == ["  "]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_calls_only_what_it_holds(name: str) -> None:
    text = _script(name, Line(Redis())._rules)[0]
    called = set(re.findall(r"(?<![\w.:])([a-z_]\w*)\(", re.sub(r'"[^"]*"', "", text)))
    held = set(re.findall(r"(?:local function (\w+)|(\w+) = function)", text))
    known = {one for pair in held for one in pair} | {"tonumber", "type", "unpack", "ipairs", "pairs"}
    assert called - known - {"call", "act", "if", "not", "and", "or", "function"} == set()

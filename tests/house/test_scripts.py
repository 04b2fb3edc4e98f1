"""Set-up, locks and commands behave as CONTRIBUTING says; nothing here touches the network."""

import os
import re
import shutil
import stat
import subprocess
import time
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.deploy_secrets import write
from tests.pace import PATIENCE_SECONDS, slowness

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

# Plays Python: makes a folder for `venv`, says which lock it was given for `pip`, notes both in $LOG.
PYTHON = """#!/bin/sh
case "$*" in
*"import sys; sys.exit"*) ;;
*"import ensurepip"*) exit ${NO_ENSUREPIP:-0} ;;
*version_info*) echo python3.11 ;;
--version) echo Python 3.11.0 ;;
"-m venv"*)
    echo venv >> "$LOG"
    rm -rf .venv; mkdir -p .venv/bin
    cp "$0" .venv/bin/python; cp "$(dirname "$0")/npm" .venv/bin/npm
    echo "command = python -m venv $PWD/.venv" > .venv/pyvenv.cfg ;;
"-m pip"*) echo "pip ${*##* }" >> "$LOG" ;;
esac
"""
NPM = """#!/bin/sh
case "$*" in *--omit=dev*) echo "npm runtime" >> "$LOG" ;; *) echo "npm all" >> "$LOG" ;; esac
mkdir -p web/node_modules
"""
TOOLS = ["bash", "sh", "cat", "cp", "dirname", "env", "flock", "grep", "id", "mkdir", "rm", "sha256sum"]


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


class Checkout:
    """A copy of what ``scripts/setup`` looks at, with a Python and an npm that only take notes."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.log = folder / "log"
        self.path = folder / "tools"
        self.python = executable(folder / "stubs" / "python", PYTHON)
        executable(folder / "stubs" / "npm", NPM)
        (self.root / "scripts").mkdir(parents=True)
        shutil.copy(ROOT / "scripts" / "setup", self.root / "scripts")
        self.path.mkdir()
        for tool in TOOLS:
            (self.path / tool).symlink_to(shutil.which(tool) or f"missing-{tool}")
        for file in (
            "requirements.lock",
            "requirements-dev.lock",
            "web/package.json",
            "web/package-lock.json",
        ):
            self.change(file)

    def change(self, file: str) -> None:
        (self.root / file).parent.mkdir(exist_ok=True)
        with (self.root / file).open("a") as text:
            text.write("a line\n")

    def set_up(self, **environment: str) -> subprocess.CompletedProcess[str]:
        known = {"PATH": str(self.path), "PYTHON": str(self.python), "LOG": str(self.log)}
        return subprocess.run(
            [self.root / "scripts" / "setup", "runtime"],
            env=known | environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def done(self, **environment: str) -> list[str]:
        """Set up and return what was done, in order."""
        self.log.write_text("")
        answer = self.set_up(**environment)
        assert answer.returncode == 0, answer.stderr
        return self.log.read_text().splitlines()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_first_set_up_installs_what_running_needs_and_no_more(checkout: Checkout) -> None:
    assert checkout.done() == ["venv", "pip requirements.lock", "npm runtime"]


def test_a_second_set_up_does_and_says_nothing(checkout: Checkout) -> None:
    checkout.done()
    answer = checkout.set_up()
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert checkout.done() == []


def test_a_second_set_up_takes_less_than_a_fifth_of_a_second(checkout: Checkout) -> None:
    checkout.done()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        checkout.set_up()
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.2 * slowness()


def test_a_changed_lock_installs_only_what_it_locks(checkout: Checkout) -> None:
    checkout.done()
    checkout.change("requirements.lock")
    assert checkout.done() == ["pip requirements.lock"]
    checkout.change("web/package-lock.json")
    assert checkout.done() == ["npm runtime"]


def test_a_checkout_that_was_moved_is_set_up_anew(checkout: Checkout) -> None:
    checkout.done()
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))
    assert checkout.done() == ["venv", "pip requirements.lock", "npm runtime"]


def test_a_deleted_folder_is_made_again(checkout: Checkout) -> None:
    checkout.done()
    shutil.rmtree(checkout.root / "web" / "node_modules")
    assert checkout.done() == ["npm runtime"]


def test_an_interrupted_installation_is_repeated(checkout: Checkout) -> None:
    executable(checkout.python.with_name("npm"), "#!/bin/sh\nmkdir -p web/node_modules; exit 1\n")
    assert checkout.set_up().returncode == 1
    executable(checkout.root / ".venv" / "bin" / "npm", NPM)
    assert checkout.done() == ["npm runtime"]


def test_whoever_may_not_install_packages_is_told_which_one_is_missing(checkout: Checkout) -> None:
    answer = checkout.set_up(NO_ENSUREPIP="1")
    assert answer.returncode == 1
    assert "sudo apt-get install python3.11-venv" in answer.stderr


def test_an_unknown_set_up_is_refused() -> None:
    answer = subprocess.run(
        [ROOT / "scripts" / "setup", "everything"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert answer.returncode == 1
    assert "usage" in answer.stderr


def test_a_browser_that_does_not_start_is_passed_over(tmp_path: Path) -> None:
    stub = executable(tmp_path / "chromium-browser", "#!/bin/sh\nexit 1\n")
    browser = executable(tmp_path / "google-chrome", "#!/bin/sh\necho Chrome\n")
    (tmp_path / "bash").symlink_to(shutil.which("bash") or "missing")
    answer = subprocess.run(
        [ROOT / "scripts" / "chromium"],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path), "CHROMIUM": str(stub)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert answer.stdout.strip() == str(browser)


def test_make_alone_prints_every_command_with_an_explanation() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    commands = re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)
    printed = subprocess.run(
        ["make"], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True
    ).stdout
    assert {"run", "test", "check", "screenshots", "fmt", "lock", "clean"} <= set(commands)
    assert [line.split()[1] for line in printed.splitlines() if line.startswith("  make ")] == commands


def test_every_script_can_be_run() -> None:
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.suffix]
    assert scripts
    assert all(os.access(path, os.X_OK) for path in scripts)


def test_every_folder_of_tests_is_run() -> None:
    folders = {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "tests").glob("*/test_*.py")}
    assert folders <= set(PROJECT["tool"]["pytest"]["ini_options"]["testpaths"])


class TestLocks:
    """The two locks, against pyproject.toml and each other."""

    @staticmethod
    def locked(file: str) -> dict[str, set[str]]:
        found = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([\w.]+)", (ROOT / file).read_text(), re.MULTILINE)
        versions: dict[str, set[str]] = {}
        for name, version in found:
            versions.setdefault(canonicalize_name(name), set()).add(version)
        return versions

    @staticmethod
    def missing(requirements: list[str], locked: dict[str, set[str]]) -> list[str]:
        """Return the requirements that no locked version fulfils."""
        return [
            text
            for text in requirements
            for wanted in [Requirement(text)]
            if not any(
                wanted.specifier.contains(version)
                for version in locked.get(canonicalize_name(wanted.name), ())
            )
        ]

    def test_the_runtime_lock_fulfils_the_project(self) -> None:
        assert self.missing(PROJECT["project"]["dependencies"], self.locked("requirements.lock")) == []

    def test_the_developers_lock_fulfils_the_project(self) -> None:
        wanted = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["dev"]
        assert self.missing(wanted, self.locked("requirements-dev.lock")) == []

    def test_running_needs_none_of_the_developers_tools(self) -> None:
        assert {"pytest", "mypy", "ruff", "playwright", "uv"} & set(self.locked("requirements.lock")) == set()

    def test_developers_run_the_same_versions(self) -> None:
        runtime, dev = self.locked("requirements.lock"), self.locked("requirements-dev.lock")
        assert {name: dev.get(name) for name in runtime} == runtime

    @pytest.mark.parametrize("file", ["requirements.lock", "requirements-dev.lock"])
    def test_every_locked_package_has_a_hash(self, file: str) -> None:
        entries = re.split(r"\n(?=\S)", (ROOT / file).read_text().strip())
        assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


class TestDeploySecrets:
    """Filling the examples of deploy/env."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "app.env.example").write_text("URL=db://app:{{secret db}}@host\nOTHER={{secret other}}\n")
        (tmp_path / "db.env.example").write_text("PASSWORD={{secret db}}\n")
        return tmp_path

    def test_one_name_is_one_secret_in_every_file(self, folder: Path) -> None:
        write(folder)
        password = (folder / "db.env").read_text().removeprefix("PASSWORD=").strip()
        assert re.fullmatch("[0-9a-f]{64}", password)
        app = (folder / "app.env").read_text()
        assert f"URL=db://app:{password}@host\n" in app
        assert f"OTHER={password}" not in app

    def test_no_blank_is_left_in_the_files_of_the_deployment(self, tmp_path: Path) -> None:
        for example in (ROOT / "deploy" / "env").glob("*.example"):
            shutil.copy(example, tmp_path)
        written = write(tmp_path)
        assert len(written) == 6
        assert not [path for path in written if "{{" in path.read_text("utf-8")]

    def test_only_the_owner_may_read_the_secrets(self, folder: Path) -> None:
        assert {stat.S_IMODE(path.stat().st_mode) for path in write(folder)} == {0o600}

    def test_secrets_in_use_are_never_written_over(self, folder: Path) -> None:
        (folder / "db.env").write_text("PASSWORD=in use\n")
        with pytest.raises(FileExistsError):
            write(folder)
        assert (folder / "db.env").read_text() == "PASSWORD=in use\n"
        assert not (folder / "app.env").exists()

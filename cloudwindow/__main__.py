"""The commands: python -m cloudwindow COMMAND; ``--help`` lists them."""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from cloudwindow import app, catalogue_files, demo, journal
from cloudwindow.config import Config, ConfigError, from_env
from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.i18n import DEFAULT, LANGUAGES, texts
from cloudwindow.journey import telling
from cloudwindow.journey.explaining import TicketStory
from cloudwindow.media import recorder_chain
from cloudwindow.parent import end_with
from cloudwindow.records.migrations import migrate
from cloudwindow.sentences import sentence


def main(arguments: list[str] | None = None) -> int:
    """Read the command and carry it out; the exit code."""
    given = parser().parse_args(arguments)
    try:
        config = from_env()
        journal.write_to(level=config.log_level)
        return int(given.carry_out(config, given))
    except (ConfigError, app.StartError) as error:
        print(error, file=sys.stderr)
    except CloudWindowError as error:
        print(f"{error.code}: {error.values or ''}", file=sys.stderr)
    return 1


def parser() -> argparse.ArgumentParser:
    """The commands and their help."""
    made = argparse.ArgumentParser(
        prog="cloudwindow", description="A video service window for city government."
    )
    commands = made.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, carry_out: Any, words: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=words, description=words)
        command.set_defaults(carry_out=carry_out)
        return command

    add("run", run, "Start everything on this machine: line, media worker, web, demo data.")
    add("web", run_web, "Start one web node (REDIS_URL, DATABASE_URL).")
    media = add("media", run_media, "Start one media worker (REDIS_URL, CW_MEDIA_TOKEN).")
    media.add_argument("--with-parent", type=int, default=0, help="end when the process with this id ends")
    add("migrate", run_migrate, "Bring the ledger's tables up to date.")
    add("seed-demo", run_seed, "Create the marked demo accounts that are missing.")
    why = add("explain", run_explain, "Say why a ticket was offered to whom; needs the ledger only.")
    why.add_argument("ticket", help="its id, or its number of the day such as H012")
    why.add_argument("--date", default="", help="the day of the number, 2026-11-25; today if left out")
    why.add_argument("--language", choices=list(LANGUAGES), default=DEFAULT)
    why.add_argument("--json", action="store_true", help="codes and figures for programs")
    lint = add("lint-catalogue", run_lint, "Check the catalogue's files.")
    lint.add_argument("folder", nargs="?", type=Path, help="another folder than the configured one")
    films = add("recordings", run_recordings, "Check that recordings are as they were written; needs no key.")
    films.add_argument("action", choices=["verify"])
    films.add_argument("recording", nargs="*", help="ids; all below the folder if left out")
    films.add_argument("--folder", type=Path, help="another folder than the configured one")
    films.add_argument("--head", default="", help="the last hash the ledger kept, for one recording")
    return made


def run(config: Config, given: argparse.Namespace) -> int:
    """Everything, until Ctrl-C."""
    return _until_stopped(_run(config))


async def _run(config: Config) -> None:
    async with app.everything(config) as started:
        print(await greeting(config, started), flush=True)
        await asyncio.Event().wait()


def run_web(config: Config, given: argparse.Namespace) -> int:
    """One web node, until stopped."""
    return _until_stopped(_web(config))


async def _web(config: Config) -> None:
    async with app.web_only(config):
        await asyncio.Event().wait()


def run_media(config: Config, given: argparse.Namespace) -> int:
    """One media worker. SIGTERM drains it; a second one, or Ctrl-C, ends it at once."""
    if given.with_parent:
        return _until_stopped(app.media_only(config)) if end_with(given.with_parent) else 0
    drain = asyncio.Event()
    return _until_stopped(app.media_only(config, drain), drain=drain)


def run_migrate(config: Config, given: argparse.Namespace) -> int:
    """The ledger's tables."""
    config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    asyncio.run(migrate(config.ledger_url))
    return 0


def run_seed(config: Config, given: argparse.Namespace) -> int:
    """The demo accounts."""

    async def work() -> int:
        async with app.opened(config, config.redis_url) as made:
            return await demo.seed(made.house)

    if not config.demo or not config.redis_url:
        raise app.StartError("Demo accounts are made only with CW_DEMO=1, and need REDIS_URL.")
    print(asyncio.run(work()))
    return 0


def run_lint(config: Config, given: argparse.Namespace) -> int:
    """The catalogue's problems, one a line."""
    problems = catalogue_files.lint(given.folder or config.catalogue_dir)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def run_recordings(config: Config, given: argparse.Namespace) -> int:
    """One line for each recording: intact, deleted and why, or every finding, the first bad place first."""
    folder = given.folder or config.recordings_path
    names = given.recording or sorted(path.name for path in folder.glob("*") if path.is_dir())
    if given.head and len(names) != 1:
        raise app.StartError("--head belongs to one recording: name it.")
    bad = False
    for name in names:
        findings = recorder_chain.verify(folder / name, head=given.head or None)
        bad = bad or bool(findings)
        for found in findings:
            print(f"{name} {found.problem} {found.where}")
        if not findings:
            lines = recorder_chain.read(folder / name)
            print(f"{name} {recorder_chain.standing(lines)} {recorder_chain.head_of(folder / name)}")
    return int(bad)


def run_explain(config: Config, given: argparse.Namespace) -> int:
    """The story of one ticket; 1 with a sentence when it is unknown or the ledger is away."""

    async def work() -> TicketStory:
        async with app.explaining(config) as explaining:
            return await explaining.story(given.ticket, day=given.date)

    spoken = texts(given.language)
    try:
        story = asyncio.run(work())
    except CloudWindowError as error:
        print(sentence(error, spoken), file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps(telling.as_json(story), ensure_ascii=False, indent=2))
    else:
        print("\n".join(telling.Teller(spoken).lines(story)))
    return 0


def _until_stopped(work: Coroutine[Any, Any, None], *, drain: asyncio.Event | None = None) -> int:
    """
    Run ``work`` until it ends or somebody says stop; Ctrl-C is a good end.

    With ``drain`` the first SIGTERM only sets it, and ``work`` ends when it is ready to.
    """

    async def guarded() -> None:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()

        def asked_to_end() -> None:
            if drain is None or drain.is_set():
                task.cancel()
            else:
                drain.set()

        loop.add_signal_handler(signal.SIGINT, task.cancel)
        loop.add_signal_handler(signal.SIGTERM, asked_to_end)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(guarded())
    return 0


async def greeting(config: Config, started: app.Started) -> str:
    """What the terminal shows when everything is ready."""
    here = config.public_url or f"http://localhost:{started.port}"
    lines = [
        "",
        f"  云窗口 Cloud Window is ready ({time.strftime('%H:%M:%S')})",
        "",
        f"    Citizen    群众      {here}/",
        f"    Agent      坐席      {here}/desk",
        f"    Approver   审批人    {here}/inbox",
        f"    Admin      管理员    {here}/board",
    ]
    if config.demo:
        lines += [
            f"    Both sides 左右同屏  {here}/demo/side-by-side",
            f"    Demo codes 演示账号  {here}/demo",
            "",
            "  Demo sign-ins; the codes change every 30 seconds:",
            "",
        ]
        for one in await started.journey.door.demo_accounts():
            lines.append(f"    {one.account:<16} {one.password}   {one.totp}   {one.name} {one.district.zh}")
    lines += ["", f"  Data in {config.data_dir.resolve()}. Ctrl-C stops everything.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

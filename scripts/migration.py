"""
Write the next step of the ledger's tables from the difference between the steps so far and tables.py.

    python scripts/migration.py "Add the colour of a ticket"
    python scripts/migration.py --first        write v0001 anew, only while nothing is deployed

The step is a draft: read it, and add what must happen to rows that exist.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

sys.path.insert(0, str(Path(__file__).parent.parent))
from cloudwindow.records.migrations import FOLDER, config, upgrade

VERSIONS = FOLDER / "versions"
FIRST = "v0001"


def main() -> None:
    """Write one step and format it; nothing is written if there is no difference."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument(
        "message", nargs="?", help="what the step does, as a sentence without its full stop"
    )
    arguments.add_argument("--first", action="store_true")
    given = arguments.parse_args()
    if given.first == bool(given.message):
        arguments.error("either a message or --first")
    written = write("The first tables", base=True) if given.first else write(given.message, base=False)
    if written is None:
        sys.exit("tables.py and the steps agree: nothing to write")
    for tidy in (["format"], ["check", "--fix"]):
        subprocess.run([sys.executable, "-m", "ruff", *tidy, "--quiet", written], check=True)
    print(written)


def write(message: str, *, base: bool) -> Path | None:
    """Write the step and return its file, or None without a difference."""
    step = FIRST if base else f"v{len(list(VERSIONS.glob('v*.py'))) + 1:04}"
    slug = re.sub(r"\W+", "_", message.lower()).strip("_")
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/fresh.db")
        with engine.connect() as connection:
            if not base:
                upgrade(connection)
            scratch = Path(folder) / "migrations"
            return _generate(config(connection, _copy(scratch, with_steps=not base)), step, slug, message)


def _copy(scratch: Path, *, with_steps: bool) -> Path:
    """Copy the environment aside, so that a draft that fails leaves nothing behind."""
    (scratch / "versions").mkdir(parents=True)
    steps = VERSIONS.glob("v*.py") if with_steps else ()
    for file in (FOLDER / "env.py", FOLDER / "script.py.mako", *steps):
        (scratch / file.relative_to(FOLDER)).write_text(file.read_text())
    return scratch


def _generate(settings: Any, step: str, slug: str, message: str) -> Path | None:
    settings.cmd_opts = argparse.Namespace(quiet=True)
    head = ScriptDirectory.from_config(settings).get_current_head()
    made = command.revision(
        settings,
        message,
        autogenerate=True,
        rev_id=step,
        head=head or "base",
        process_revision_directives=_drop_empty,
    )
    script = made[0] if isinstance(made, list) and made else made
    if script is None or isinstance(script, list):
        return None
    for old in VERSIONS.glob(f"{step}_*.py"):
        old.unlink()
    target = VERSIONS / f"{step}_{slug}.py"
    text = Path(script.path).read_text()
    target.write_text(re.sub(r"^ +# ###.*\n", "", text, flags=re.MULTILINE))
    return target


def _drop_empty(_context: Any, _revision: Any, directives: list[Any]) -> None:
    if directives[0].upgrade_ops.is_empty():
        directives.clear()


if __name__ == "__main__":
    main()

"""
Write ``deploy/env/*.env`` from the examples beside them, with fresh random secrets.

``{{secret NAME}}`` becomes 32 random bytes in hex; the same name is the same secret in every file. Files are
readable by their owner alone. Nothing that exists is written over.
"""

import re
import secrets
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "env"
BLANK = re.compile(r"\{\{secret (\w+)\}\}")


def filled(example: str, known: dict[str, str]) -> str:
    """Fill the blanks of ``example``; secrets drawn for new names are added to ``known``."""
    return BLANK.sub(lambda blank: known.setdefault(blank[1], secrets.token_hex(32)), example)


def write(folder: Path) -> list[Path]:
    """Fill every example of ``folder``; raises FileExistsError, with nothing written, when one is filled."""
    examples = {
        path.with_suffix(""): path.read_text("utf-8") for path in sorted(folder.glob("*.env.example"))
    }
    for target in examples:
        if target.exists():
            raise FileExistsError(target)
    known: dict[str, str] = {}
    for target, example in examples.items():
        target.touch(mode=0o600)
        target.write_text(filled(example, known), "utf-8")
    return sorted(examples)


if __name__ == "__main__":
    try:
        for path in write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER):
            print(f"wrote {path}")
    except FileExistsError as exists:
        sys.exit(
            f"{exists} exists: nothing was written. Its secrets may be in use; move it away to draw new ones."
        )
    print("Now put your host name and address into site.env.")

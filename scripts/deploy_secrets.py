"""
Write ``deploy/env/*.env`` from the examples beside them, with fresh random secrets.

``{{secret NAME}}`` becomes 32 random bytes in hex, ``{{key NAME}}`` 32 in base64; the same name is the same
secret in every file. Files are readable by their owner alone. Nothing that exists is written over.
"""

import re
import secrets
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "env"
BLANK = re.compile(r"\{\{(secret|key) (\w+)\}\}")

SPELLINGS: dict[str, Callable[[bytes], str]] = {
    "secret": bytes.hex,
    "key": lambda random: b64encode(random).decode(),
}


def filled(example: str, known: dict[str, bytes]) -> str:
    """Fill the blanks of ``example``; secrets drawn for new names are added to ``known``."""

    def fill(blank: re.Match[str]) -> str:
        random = known.setdefault(blank[2], secrets.token_bytes(32))
        return SPELLINGS[blank[1]](random)

    return BLANK.sub(fill, example)


def write(folder: Path) -> list[Path]:
    """Fill every example of ``folder``; raises FileExistsError, with nothing written, when one is filled."""
    examples = {
        path.with_suffix(""): path.read_text("utf-8") for path in sorted(folder.glob("*.env.example"))
    }
    for target in examples:
        if target.exists():
            raise FileExistsError(target)
    known: dict[str, bytes] = {}
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

"""
Write ``requirements.lock`` and ``requirements-dev.lock`` from ``pyproject.toml``, every file with its hash.

Versions already locked stay, unless ``--upgrade`` is given; the developers' lock takes over the runtime's
versions. The locks hold for Python 3.11 and newer on every platform.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".venv" / "bin" / "uv"
COMPILE = (
    *(str(UV), "pip", "compile", "pyproject.toml"),
    *("--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate"),
    "--quiet",
)


def lock(file: str, *options: str) -> None:
    """Compile one lock file in place; raises CalledProcessError when the packages cannot be reconciled."""
    subprocess.run([*COMPILE, "--output-file", file, *options], cwd=ROOT, check=True)


def main(options: list[str]) -> None:
    """Lock the runtime first; the developers' packages then have to fit it."""
    lock("requirements.lock", "--extra", "captions", *options)
    extras = ("--extra", "captions", "--extra", "dev")
    lock("requirements-dev.lock", *extras, "--constraint", "requirements.lock", *options)


if __name__ == "__main__":
    main(sys.argv[1:])

"""
Every benchmark, one JSON line each, in a fixed order: ``python -m benchmarks [--quick] [--media | NAME …]``.

One that cannot run says so on the error output and the others go on; the answer is then 1.
"""

import argparse
import subprocess
import sys
from importlib.util import find_spec

LINE = (
    "pairing",
    "peers",
    "rebuild",
    "city_peak",
    "http_queue",
    "sockets",
    "fan_out",
    "wait_estimate",
    "pooling",
)
CALL = (
    "media_call",
    "media_guard",
    "media_leak",
    "media_offers",
    "media_loss",
    "media_setup",
    "media_network",
    "media_recording",
    "media_captions",
)
"""The call's (``make bench-media``); without names only the line's run."""
ORDER = LINE + CALL
LIMIT_SECONDS = 1_800


def main() -> int:
    """Run those that exist, each in a process of its own; 0 if all could measure."""
    parser = argparse.ArgumentParser(description="Run the benchmarks of the line, or of the call.")
    parser.add_argument("names", nargs="*", default=[], metavar="NAME", help=" ".join(ORDER))
    parser.add_argument("--media", action="store_true", help="those of the call")
    parser.add_argument("--quick", action="store_true", help="small sizes: do they work?")
    asked = parser.parse_args()
    wanted = CALL if asked.media else asked.names or LINE
    names = [name for name in ORDER if find_spec(f"benchmarks.{name}") and name in wanted]
    failed = [name for name in names if not _ran(name, quick=asked.quick)]
    if failed:
        print(f"could not measure: {' '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _ran(name: str, *, quick: bool) -> bool:
    command = [sys.executable, "-m", f"benchmarks.{name}", *(["--quick"] if quick else [])]
    try:
        return subprocess.run(command, check=False, timeout=LIMIT_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


if __name__ == "__main__":
    sys.exit(main())

"""
The models of the line on random ways, for as long as one likes: ``python -m tests.model_soak --minutes 30``.

Tests go the same ways each time, so that they never fail by chance; this goes new ones. Each round has a
seed. A failure prints it with the steps, and the command that goes the same way again; the exit code is 1.
"""

import argparse
import asyncio
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from hypothesis import Phase

from cloudwindow.records.migrations import migrate
from tests.gateways import test_queue_model
from tests.gateways.redis_server import running_server
from tests.journeys import town_model

ROUND_EXAMPLES = {"line": 100, "town": 20}

Explore = Callable[[str, Path, int], None]


def of_the_line(url: str, migrated: Path, seed: int) -> None:
    """The line's scripts beside a plain replay of what they announce."""
    test_queue_model.explore(url, ROUND_EXAMPLES["line"], Phase.generate, Phase.shrink, seed=seed)


def of_a_town(url: str, migrated: Path, seed: int) -> None:
    """Line and ledger together, with people, desks and nodes."""
    town_model.explore(url, migrated, ROUND_EXAMPLES["town"], Phase.generate, Phase.shrink, seed=seed)


MODELS: dict[str, Explore] = {"line": of_the_line, "town": of_a_town}


def main() -> int:
    """Go round after round; 1 as soon as one fails."""
    asked = argparse.ArgumentParser(prog="python -m tests.model_soak", description=__doc__)
    asked.add_argument("--minutes", type=float, default=10.0)
    asked.add_argument("--seed", type=int, default=int(time.time()), help="of the first round")
    asked.add_argument("--model", choices=sorted(MODELS), action="append", help="all, unless named")
    given = asked.parse_args()
    until, seed, examples = time.monotonic() + given.minutes * 60, given.seed, 0
    with running_server() as server, tempfile.TemporaryDirectory(prefix="cw-soak-") as folder:
        migrated = Path(folder, "ledger.db")
        asyncio.run(migrate(f"sqlite+aiosqlite:///{migrated}"))
        while time.monotonic() < until:
            for name in given.model or sorted(MODELS):
                try:
                    MODELS[name](server.url, migrated, seed)
                except Exception:
                    traceback.print_exc()
                    print(f"again: python -m tests.model_soak --model {name} --seed {seed} --minutes 0.01")
                    return 1
                examples += ROUND_EXAMPLES[name]
            print(f"model-soak: seed {seed}: no rule broken", flush=True)
            seed += 1
    print(f"model-soak: {examples} ways, no rule broken")
    return 0


if __name__ == "__main__":
    sys.exit(main())

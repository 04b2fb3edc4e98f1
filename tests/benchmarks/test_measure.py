"""What the benchmarks measure with is right: percentiles, CPU of another process, the one line they print."""

import json
import math
import subprocess
import sys

import pytest

from benchmarks.measure import cpu_ns, cpu_ns_of_tree, percentile, report

BUSY = "sum(range(3_000_000)); print('done', flush=True); input()"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"


@pytest.mark.parametrize(
    ("share", "wanted"), [(0.0, 1), (0.01, 1), (0.5, 50), (0.95, 95), (0.99, 99), (0.991, 100), (1.0, 100)]
)
def test_a_percentile_is_a_value_that_was_seen(share: float, wanted: float) -> None:
    assert percentile([*range(100, 0, -1)], share) == wanted


def test_a_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 0.01) == percentile([7.0], 0.99) == 7.0


def test_nothing_has_no_percentile() -> None:
    assert math.isnan(percentile([], 0.5))


def test_the_cpu_of_a_process_that_waits_stands_still_and_that_of_its_child_counts_in_its_tree() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout
        assert parent.stdin
        assert parent.stdout.readline() == b"done\n"
        own, tree = cpu_ns(parent.pid), cpu_ns_of_tree(parent.pid)
        assert tree > own > 0
        assert cpu_ns(parent.pid) == own
        parent.stdin.write(b"\n")
        parent.stdin.flush()


def test_a_report_is_one_line_of_json_with_four_digits(capsys: pytest.CaptureFixture[str]) -> None:
    report(
        "x",
        measured={"us": [1.23456, math.nan], "n": 12345678},
        ratios={},
        reach={"us": 2.0},
        reached={"us": True},
        machine={"cores": 2},
    )
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert json.loads(line)["measured"] == {"us": [1.235, None], "n": 12345678}

"""
What one line for the whole city is worth: silos against our rings and one pool, at the same staff.

``python -m benchmarks.pooling [--quick] [--days N]`` prints one line of JSON.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.measure import machine
from benchmarks.simulation import City, Day, Policy, Result, city, demand_of_a_day, result

POLICIES: tuple[Policy, ...] = ("silo", "widen", "pool")
LOADS = (0.80, 0.88)
SIGMA = 0.18
SHORTER = {0.80: 0.60, 0.88: 0.40}
"""By how much mean and p90 shall be shorter than in silos, by load."""
LOCAL = 0.90


def played(place: City, load: float, policy: Policy, seeds: Sequence[int]) -> Result:
    """Some days of a city under one policy."""
    return result(
        [
            ticket
            for seed in seeds
            for ticket in Day(place, demand_of_a_day(place, load=load, sigma=SIGMA, seed=seed), policy).play()
        ]
    )


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description="Silos against pooling at the same staff, simulated.")
    parser.add_argument("--quick", action="store_true", help="300 agents instead of 2,000")
    parser.add_argument("--days", type=int, default=2, help="days of each load and policy")
    asked = parser.parse_args()
    agents, seeds = 300 if asked.quick else 2000, range(1000, 1000 + asked.days)
    place = city(agents)
    found = {load: {policy: played(place, load, policy, seeds) for policy in POLICIES} for load in LOADS}
    shorter = {
        f"{part} shorter than silo, load {load}": 1 - getattr(one["widen"], part) / getattr(one["silo"], part)
        for load, one in found.items()
        for part in ("mean", "p90")
    }
    reached = {
        f"{part} shorter, load {load}": shorter[f"{part} shorter than silo, load {load}"] >= SHORTER[load]
        for load in LOADS
        for part in ("mean", "p90")
    }
    reached |= {f"local, load {load}": one["widen"].local >= LOCAL for load, one in found.items()}
    measured = {
        f"{agents} agents, load {load}, {policy}": {
            name: round(value, 3) for name, value in asdict(figure).items()
        }
        for load, one in found.items()
        for policy, figure in one.items()
    }
    print(
        json.dumps(
            {
                "bench": "pooling",
                "measured": measured,
                "ratios": {name: round(value, 3) for name, value in shorter.items()},
                "reach": {
                    "shorter": {f"load {load}": part for load, part in SHORTER.items()},
                    "local": LOCAL,
                },
                "reached": reached,
                "machine": machine(),
            },
            ensure_ascii=False,
        )
    )


if __name__ == "__main__":
    main()

"""What the line costs, against floors and peers in the same run; see ``docs/benchmarks.md``."""

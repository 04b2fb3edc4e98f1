"""What the line costs, measured against floors and peers in one run; ``docs/benchmarks.md`` tells how."""

"""What the line costs, measured against floors and peers in the same run; ``docs/benchmarks.md`` tells how."""

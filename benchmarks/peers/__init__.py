"""The line beside others who could hand out a city's tickets; ``python -m benchmarks.peers``."""

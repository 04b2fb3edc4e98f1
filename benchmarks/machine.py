"""What a benchmark ran on."""

import os
import platform


def machine() -> dict[str, str | int]:
    """Processor kind, cores and Python, for the line of JSON."""
    return {
        "processor": platform.machine(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
    }

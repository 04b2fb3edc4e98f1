"""For all tests: what was imported stays, so the garbage collector need not look at it again and again."""

import gc

from hypothesis import settings

settings.register_profile("here", deadline=None)  # time is no test's outcome: a busy machine is not a mistake
settings.load_profile("here")


def pytest_collection_finish() -> None:
    """Freeze the modules and the collected tests; measured: a fifth of the processor time of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)

"""Logs: one JSON line for each thing, without personal data. Only fields on the list below get in."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

FIELDS = (
    "request_id",
    "method",
    "route",
    "status",
    "milliseconds",
    "code",
    "duty",
    "document",
    "tickets",
    "entries",
    "seconds",
    "node",
    "port",
    "worker",
)
"""What may be logged beside the message; everything else is left out, whatever a caller hands in."""

ROOT = "cloudwindow"


class OneLine(logging.Formatter):
    """A record as one line of JSON; control characters become escapes."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, place and message, and the listed fields; of an exception only its type."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage() if record.name.startswith(ROOT) else record.msg,
        }
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = _chain(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True, default=str)


def _chain(error: BaseException | None) -> str:
    """The types of an error and where it was raised, never its text: that could quote what people sent."""
    if error is None:
        return ""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__} at {place}"


def write_to(stream: TextIO | None = None, *, level: str = "INFO") -> None:
    """Send all logs to ``stream`` (standard error if none)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(OneLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("alembic").setLevel(logging.WARNING)

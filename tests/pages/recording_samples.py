"""The recording of a call as its pages show it, in each state."""

from dataclasses import replace

from cloudwindow.domain.catalogue import Text
from cloudwindow.journey.views import RecordingMark

NOW = 1_795_418_760.0

RUNNING = RecordingMark(
    state="running",
    days=180,
    evidence_days=1825,
    may_decline=True,
    words=Text(zh="我同意对本次通话录音录像。", en="I agree that this call is recorded."),
    agreed=True,
    since=NOW,
)
MARKS = {
    "asking": replace(RUNNING, state="asking", agreed=False, since=None),
    "asking-needed": replace(RUNNING, state="asking", agreed=False, since=None, may_decline=False),
    "declined": replace(RUNNING, state="declined", agreed=False, since=None),
    "declined-needed": replace(RUNNING, state="declined", agreed=False, since=None, may_decline=False),
    "starting": replace(RUNNING, state="starting"),
    "paused": replace(RUNNING, state="paused"),
    "paused-by-hand": replace(RUNNING, state="paused", by_hand=True),
    "broken": replace(RUNNING, state="broken", since=None, failure="recorder_died", again=True),
    "broken-needed": replace(
        RUNNING, state="broken", since=None, failure="disk_full", again=True, may_decline=False
    ),
    "off": replace(RUNNING, state="off", since=None, again=True),
    "unavailable": replace(RUNNING, state="unavailable", agreed=False, since=None),
    "in-writing": replace(RUNNING, state="unavailable", agreed=False, since=None, in_writing=True),
}

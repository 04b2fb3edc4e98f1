"""The browser of this machine, as the set-up found or installed it."""

import os

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")

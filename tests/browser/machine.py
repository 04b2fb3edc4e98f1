"""The browsers of this machine, as the set-up found or installed them."""

import os
import shutil

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FIREFOX = os.environ.get("FIREFOX", "/usr/bin/firefox-esr")
HAS_FIREFOX = shutil.which(FIREFOX) is not None

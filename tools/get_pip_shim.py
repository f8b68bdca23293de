# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Stand in for get-pip.py, which ansible-test fetches from a server of its own: ensurepip, then pip as it was asked for."""

from __future__ import annotations

import re
import subprocess
import sys

packages = [argument for argument in sys.argv[1:] if re.match(r"[a-z]+==", argument)]
subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL)
subprocess.check_call(
    [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", *packages]
)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Identifiers and times in the form of the real server."""

from __future__ import annotations

import os
import re
import secrets
import time

_ALPHABET = "ybndrfg8ejkmcpqxot1uwisza345h769"
_ID = re.compile(r"[a-z0-9]{26}")
_SHIFT = float(os.environ.get("STANDIN_CLOCK_SHIFT", "0"))  # seconds that this server's clock is ahead


def new_id(length: int = 26) -> str:
    return "".join(secrets.choice(_ALPHABET) for _place in range(length))


def is_id(value: object) -> bool:
    return isinstance(value, str) and bool(_ID.fullmatch(value))


def now() -> int:
    """Milliseconds since 1970."""
    return int((time.time() + _SHIFT) * 1000)

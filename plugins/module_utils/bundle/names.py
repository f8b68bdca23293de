# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What names may look like, wherever they are read."""

from __future__ import annotations

import re
from typing import Tuple, TypeVar

T = TypeVar("T")

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
NAME_TOLD = "a name of lower-case letters, digits, dots, dashes and underscores"
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
SOURCE_FILE = re.compile(r"[a-z0-9][A-Za-z0-9+.~_-]+")
RPM_PACKAGE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+.~^-]*")
PACKAGE_SPEC = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+.:~^-]*")  # as apt and dnf are asked for one: never an option
ARCHITECTURE = re.compile(r"[a-z0-9][a-z0-9_-]+")


def union(first: Tuple[T, ...], second: Tuple[T, ...]) -> Tuple[T, ...]:
    """Both, in order, each value once."""
    return first + tuple(value for value in second if value not in first)

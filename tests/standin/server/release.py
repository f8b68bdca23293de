# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Which release this build stands in for, and what is broken in it on purpose."""

from __future__ import annotations

import json
import pkgutil
from dataclasses import dataclass
from typing import Any

BROKEN_CHOICES = ("exit", "hang", "unhealthy", "migration")
EDITIONS = ("team", "enterprise")
# Schema numbers of the two releases whose servers were observed: 9.11 has 123 and 11.6 has 36 more.
_OLDEST, _OLDEST_SCHEMA = (9, 11), 123
_NEWEST, _NEWEST_SCHEMA = (11, 6), 159
_LAST_MINOR = {9: 11, 10: 12}


def data(name: str) -> Any:
    """One of the data files packed beside the code."""
    raw = pkgutil.get_data(__package__ or "server", "data/" + name)
    return json.loads(raw or b"null")


@dataclass(frozen=True)
class Release:
    """A version with what depends on it."""

    version: str
    broken: str = ""
    edition: str = "team"

    @property
    def number(self) -> tuple[int, int]:
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    @property
    def enterprise_ready(self) -> bool:
        return self.edition == "enterprise"

    @property
    def is_11(self) -> bool:
        return self.number >= (11, 0)

    @property
    def profile(self) -> str:
        """The observed release whose settings and key sets this one has."""
        return "11.6" if self.is_11 else "9.11"

    @property
    def build_number(self) -> str:
        return self.version + "-standin"

    @property
    def build_hash(self) -> str:
        return "stand-in"

    @property
    def build_date(self) -> str:
        return "Thu Jan  1 00:00:00 UTC 1970"

    @property
    def schema(self) -> int:
        """The database schema number: higher for a newer minor release, the same for a patch release."""
        steps = _releases_since_oldest(self.number)
        per_release = (_NEWEST_SCHEMA - _OLDEST_SCHEMA) / _releases_since_oldest(_NEWEST)
        return _OLDEST_SCHEMA + round(steps * per_release)

    @classmethod
    def packed(cls) -> Release:
        return cls(**data("release.json"))


def _releases_since_oldest(number: tuple[int, int]) -> int:
    major, minor = number
    if major == _OLDEST[0]:
        return minor - _OLDEST[1]
    return _releases_since_oldest((major - 1, _LAST_MINOR.get(major - 1, 11))) + 1 + minor

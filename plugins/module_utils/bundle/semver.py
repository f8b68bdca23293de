# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Semantic versions, and the ranges of them that Ansible collections and Mattermost's manifests use."""

from __future__ import annotations

import re
from typing import Optional, Tuple

Key = Tuple[int, int, int, bool, Tuple[Tuple[bool, int, str], ...]]

_VERSION = re.compile(r"v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([0-9A-Za-z.-]{1,64}))?(?:\+[0-9A-Za-z.-]{1,64})?")
_PART = re.compile(r"(==|!=|>=|<=|>|<|=)?\s*v?(\d[0-9A-Za-z.+-]{0,128})")
_LOOSE = re.compile(r"\d{1,9}(\.\d{1,9})?")


def key_of(version: str) -> Optional[Key]:
    """What semantic versions are ordered by; None for anything else. A pre-release comes before its release."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return None
    major, minor, patch, before = match.groups()
    parts = tuple(
        (False, int(part), "") if part.isdecimal() else (True, 0, part) for part in (before or "").split(".") if part
    )
    return int(major), int(minor), int(patch), before is None, parts


def is_prerelease(version: str) -> bool:
    key = key_of(version)
    return key is not None and not key[3]


class Range:
    """A range such as `>=2.0.0,<3.0.0`, `1.2.3` or `*`."""

    def __init__(self, text: str) -> None:
        """ValueError for what is none."""
        self.text = text.strip() or "*"
        self.parts = tuple(_part(part) for part in self.text.split(",")) if self.text != "*" else ()

    @property
    def exact(self) -> str:
        """The one version it allows, when it is written as one."""
        return self.parts[0][1] if len(self.parts) == 1 and self.parts[0][0] == "==" else ""

    def fits(self, version: str) -> bool:
        """Whether a version is inside. Pre-releases only are when they are asked for by name."""
        key = key_of(version)
        if key is None or (is_prerelease(version) and self.exact != version):
            return False
        return all(_holds(operator, key, bound) for operator, _version, bound in self.parts)


def _part(text: str) -> Tuple[str, str, Key]:
    match = _PART.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    operator, version = match.groups()
    if _LOOSE.fullmatch(version):
        version += ".0" * (2 - version.count("."))
    key = key_of(version)
    if key is None:
        raise ValueError(text)
    return {None: "==", "=": "=="}.get(operator, operator), version, key


def _holds(operator: str, version: Key, bound: Key) -> bool:
    return {
        "==": version == bound,
        "!=": version != bound,
        ">=": version >= bound,
        "<=": version <= bound,
        ">": version > bound,
        "<": version < bound,
    }[operator]

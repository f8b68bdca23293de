# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Takes values out of what a person wrote, and remembers where each one that is wrong stands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from . import fsutil
from .errors import BundleError
from .transport import check_url

# What a ready BOM leaves open: a value that begins so is refused with what it says.
FILL = "FILL IN:"


@dataclass
class Reader:
    """Takes values out of nested dicts and remembers what was wrong with them."""

    problems: List[str] = field(default_factory=list)
    prefix: str = ""

    def of(self, document: object, number: int) -> Reader:
        """A reader for one of several BOMs, which says which one it was."""
        name = document.get("name") if isinstance(document, Mapping) else None
        return Reader(self.problems, f"{name if isinstance(name, str) else f'BOM {number + 1}'}: ")

    def wrong(self, where: str, what: str) -> None:
        self.problems.append(f"{self.prefix}{where}: {what}")

    def table(
        self, where: str, value: object, keys: Tuple[str, ...], required: Tuple[str, ...]
    ) -> Optional[Dict[str, Any]]:
        """The value if it is a dict with these keys only."""
        if not isinstance(value, Mapping):
            self.wrong(where or "BOM", f"a dictionary with {names_of(keys)} is expected here, not {_kind(value)}.")
            return None
        prefix = f"{where}." if where else ""
        for key in value:
            if key not in keys:
                self.wrong(f"{prefix}{key}", f"there is no such key; known here are {names_of(keys)}.")
        for key in required:
            if value.get(key) is None:
                self.wrong(f"{prefix}{key}", "is required.")
        return dict(value)

    def rows(self, where: str, value: object) -> List[Tuple[str, Any]]:
        """The items of a list, each with its path."""
        if value is None:
            return []
        if not isinstance(value, (list, tuple)):
            self.wrong(where, f"a list is expected here, not {_kind(value)}.")
            return []
        return [(f"{where}[{position}]", row) for position, row in enumerate(value)]

    def text(self, where: str, value: object, pattern: Optional[re.Pattern[str]] = None, what: str = "") -> str:
        """A string, of a given form. A missing one has been reported by table()."""
        if value is None:
            return ""
        if not isinstance(value, str):
            hint = "" if isinstance(value, (dict, list)) else f" Put {value!r} in quotes."
            self.wrong(where, f"a text is expected here, not {_kind(value)}.{hint}")
            return ""
        if pattern is not None and not pattern.fullmatch(value):
            self.wrong(where, f"{value!r} is not {what}.")
        return value

    def texts(self, where: str, value: object, pattern: re.Pattern[str], what: str) -> Tuple[str, ...]:
        return tuple(self.text(at, row, pattern, what) for at, row in self.rows(where, value))

    def flag(self, where: str, item: Mapping[str, Any], key: str, default: bool = True) -> bool:
        """A switch of a table."""
        value = item.get(key, default)
        if not isinstance(value, bool):
            self.wrong(f"{where}.{key}", f"true or false is expected, not {value!r}.")
        return bool(value)

    def sha256(self, where: str, value: object) -> str:
        text = self.text(where, value)
        if text and not fsutil.is_sha256(text):
            self.wrong(where, f"{text!r} is not a sha256 of 64 lower-case hexadecimal digits.")
        return text

    def url(self, where: str, value: object) -> str:
        text = self.text(where, value)
        try:
            return check_url(text, where) if text else ""
        except BundleError as error:
            self.problems.append(f"{self.prefix}{error}")
            return ""


def left_open(value: object, where: str = "") -> Iterator[Tuple[str, str]]:
    """What is still to be filled in: where, and what belongs there."""
    if isinstance(value, Mapping):
        for key, row in value.items():
            yield from left_open(row, f"{where}.{key}" if where else str(key))
    elif isinstance(value, (list, tuple)):
        for number, row in enumerate(value):
            yield from left_open(row, f"{where}[{number}]")
    elif isinstance(value, str) and value.startswith(FILL):
        yield where, value[len(FILL) :].strip()


def read_reason(reader: Reader, where: str, value: object) -> str:
    """Why a thing is carried that nothing vouches for."""
    if value is None:
        return ""
    item = reader.table(where, value, ("reason",), ("reason",)) or {}
    reason = reader.text(f"{where}.reason", item.get("reason"))
    if item.get("reason") == "":
        reader.wrong(f"{where}.reason", "say why, in words.")
    return reason


def names_of(keys: Tuple[str, ...]) -> str:
    return ", ".join(keys)


def _kind(value: object) -> str:
    names = {dict: "a dictionary", list: "a list", type(None): "nothing"}
    return names.get(type(value), repr(value))

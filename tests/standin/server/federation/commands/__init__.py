# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The slash commands of connected workspaces; each answers with a text that its user alone sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from server.database import Row
from server.http import Request
from server.ids import now

if TYPE_CHECKING:
    from server.app import App

ACTION = "-action"


@dataclass
class Call:
    """One command: who, where, and its arguments by name."""

    app: App
    request: Request
    channel: Row
    words: dict[str, str]

    @property
    def user_id(self) -> str:
        return self.request.user["id"] if self.request.user else ""


def parse(command: str) -> dict[str, str]:
    """`--name value` pairs; the word after the trigger is the action. Values are single words."""
    words = command.split()
    found = {}
    if len(words) >= 2 and not words[1].startswith("--"):
        found[ACTION] = words[1]
    for place, word in enumerate(words):
        if word.startswith("--") and _bare(word.strip("-")):
            after = words[place + 1] if place + 1 < len(words) else "--"
            found[_bare(word.strip("-"))] = "" if after.startswith("--") else _bare(after)
    return found


def _bare(word: str) -> str:
    for quote in ('"', "'"):
        word = word[1:] if word.startswith(quote) else word
    for quote in ('"', "'"):
        word = word[:-1] if word.endswith(quote) else word
    return word


def boolean(text: str) -> bool:
    """ValueError for what is neither yes nor no: an empty one too."""
    if text.lower() in ("1", "t", "true", "yes", "y"):
        return True
    if text.lower() in ("0", "f", "false", "no", "n"):
        return False
    raise ValueError(f"cannot parse '{text}' as a boolean")


def moment(stamp: int) -> str:
    if not stamp:
        return "--"
    when, today = (datetime.fromtimestamp(one / 1000, timezone.utc) for one in (stamp, now()))
    if when.date() == today.date():
        return when.strftime("Today %H:%M:%S UTC %Y")
    return when.strftime(f"%b {when.day} %H:%M:%S UTC %Y")

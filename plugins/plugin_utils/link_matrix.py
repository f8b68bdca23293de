# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What partners' servers say of their links, put together: a row for each link, whichever sides were asked."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Iterable

TITLES = ("Link", "State", "Since", "Last ping", "Channels", "Healthy", "Why not")
MINUTE = "%Y-%m-%d %H:%M UTC"

Side = dict  # what one partner's server says of one connection


def moment(milliseconds: int | None) -> str:
    """A server's time as people read it."""
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).strftime(MINUTE) if milliseconds else ""


def matrix(statuses: Iterable[dict[str, Any]], name: str | None = None) -> list[dict[str, Any]]:
    """A row for each link (of one partner), in the order in which the partners tell of them."""
    sides: dict[frozenset[str], dict[str, Side]] = {}
    for status in statuses:
        for side in status["connections"]:
            if name in (None, status["name"], side["peer"]):
                sides.setdefault(frozenset((status["name"], side["peer"])), {})[status["name"]] = side
    return [_row(pair) for pair in sides.values()]


def _row(sides: dict[str, Side]) -> dict[str, Any]:
    first, side = next(iter(sides.items()))
    inviter, accepter = (first, side["peer"]) if side["inviter"] else (side["peer"], first)
    wanted = [side for side in sides.values() if side["wanted"] == "present"]
    channels: dict[str, dict[str, Any]] = {}
    for name, one in sides.items():
        for channel in one["channels"]:
            _add(channels, channel, receiver=one["peer"] if channel["home"] == name else name)
    since = [one["create_at"] for one in sides.values() if one.get("create_at")]
    pings = [one["last_ping_at"] for one in sides.values() if one.get("last_ping_at")]
    return {
        "link": f"{inviter} - {accepter}",
        "partners": [inviter, accepter],
        "seen_by": [name for name in (inviter, accepter) if name in sides],
        "state": _state(sides),
        "since": moment(max(since, default=0)),
        "last_ping": moment(min(pings, default=0)),
        "channels": list(channels.values()),
        "healthy": all(one["healthy"] for one in wanted) if wanted else None,
        "why": [f"{name} says: {reason}" for name, one in sides.items() for reason in one["reasons"]],
    }


def _add(channels: dict[str, dict[str, Any]], channel: dict[str, Any], *, receiver: str) -> None:
    """Both sides tell of a channel, which has the same identifier there; the home knows more, and each whether it is confirmed."""
    known = channels.get(channel["id"])
    row = {
        "name": channel["name"],
        "home": channel["home"],
        "receiver": receiver,
        "read_only": channel["read_only"],
        "since": moment(channel.get("create_at")),
        "confirmed": channel["confirmed"],
        "crossed": {} if channel.get("crossed") is None else {channel["from"]: channel["crossed"]},
    }
    if known:
        row["confirmed"] = known["confirmed"] and row["confirmed"]
        row["read_only"] = known["read_only"] or row["read_only"]
        row["crossed"] = {**known["crossed"], **row["crossed"]}
        row["since"] = known["since"] or row["since"]
    channels[channel["id"]] = row


def _state(sides: dict[str, Side]) -> str:
    states = {name: side["state"] for name, side in sides.items()}
    if len(set(states.values())) == 1:
        return next(iter(states.values()))
    return ", ".join(f"{state} at {name}" for name, state in states.items())


def _cells(row: dict[str, Any]) -> list[str]:
    channels = [
        f"{channel['name']} ({channel['home']} > {channel['receiver']}{', read-only' if channel['read_only'] else ''}"
        f"{'' if channel['confirmed'] else ', not confirmed'})"
        for channel in row["channels"]
    ]
    healthy = {True: "yes", False: "no", None: ""}[row["healthy"]]
    why = "; ".join(row["why"])
    return [row["link"], row["state"], row["since"], row["last_ping"], ", ".join(channels), healthy, why]


def text_table(rows: list[dict[str, Any]]) -> list[str]:
    """The rows as lines of equal columns; why a link is not well stands below, because it is long."""
    cells = [list(TITLES[:-1]), *(_cells(row)[:-1] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]
    why = [f"{row['link']}: {reason}" for row in rows for reason in row["why"]]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:], *why]


def markdown_table(rows: list[dict[str, Any]]) -> list[str]:
    """The rows as a Markdown table."""
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in map(_cells, rows)]
    lines = [list(TITLES), ["---"] * len(TITLES), *cells]
    return [f"| {' | '.join(line)} |" for line in lines]

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of links between partners: who is linked with whom, who shares what with whom, and one partner's part of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Mapping

PRESENT, ABSENT = "present", "absent"
ALL = "all"


@dataclass(frozen=True)
class Partner:
    """One organisation with a server of its own."""

    name: str
    display_name: str
    site_url: str
    team: str
    linked_with: tuple[str, ...]
    present: bool


@dataclass(frozen=True)
class Channel:
    """One channel, at home with one partner and shared with others."""

    name: str
    home: str
    team: str
    display_name: str
    private: bool
    purpose: str
    header: str
    shared_with: tuple[str, ...] | None  # None: all that the home is linked with
    read_only: tuple[str, ...]  # filled in with all that it is shared with, where the table says all
    present: bool


@dataclass(frozen=True)
class Table:
    """What the partners have agreed on."""

    topology: str
    hub: str
    partners: dict[str, Partner]
    channels: tuple[Channel, ...]

    def linked(self, one: str, other: str) -> bool:
        """Whether the topology has a link between the two; not whether both are still there."""
        if one == other:
            return False
        if self.topology == "hub":
            return self.hub in (one, other)
        if self.topology == "list":
            return other in self.partners[one].linked_with and one in self.partners[other].linked_with
        return True

    def peers(self, name: str) -> list[str]:
        """Whom a partner is linked with, in the table's order."""
        return [other for other in self.partners if self.linked(name, other)]

    def stands(self, one: str, other: str) -> bool:
        """Whether the two are linked and neither leaves."""
        return self.linked(one, other) and self.partners[one].present and self.partners[other].present

    def invites(self, one: str, other: str) -> bool:
        """Whether the first of the two invites the second: the hub does, else who stands first in the table."""
        if self.topology == "hub":
            return one == self.hub
        order = list(self.partners)
        return order.index(one) < order.index(other)

    def receivers(self, channel: Channel) -> list[str]:
        """Whom a channel is shared with, in the table's order."""
        peers = self.peers(channel.home)
        return [name for name in peers if channel.shared_with is None or name in channel.shared_with]


def _words(value: Any) -> tuple[str, ...]:
    return tuple(str(word) for word in value or ())


def _partner(given: Mapping[str, Any]) -> Partner:
    return Partner(
        name=given["name"],
        display_name=given.get("display_name") or given["name"],
        site_url=given["site_url"].rstrip("/"),
        team=given["team"],
        linked_with=_words(given.get("linked_with")),
        present=given.get("state", PRESENT) == PRESENT,
    )


def _channel(given: Mapping[str, Any], table: Table) -> Channel:
    home = table.partners.get(given["home"])
    channel = Channel(
        name=given["name"],
        home=given["home"],
        team=given.get("team") or (home.team if home else ""),
        display_name=given.get("display_name") or given["name"],
        private=given.get("private", True),
        purpose=given.get("purpose") or "",
        header=given.get("header") or "",
        shared_with=None if given["shared_with"] == ALL else _words(given["shared_with"]),
        read_only=() if given.get("read_only") == ALL else _words(given.get("read_only")),
        present=given.get("state", PRESENT) == PRESENT,
    )
    if given.get("read_only") == ALL and home:
        channel = replace(channel, read_only=tuple(table.receivers(channel)))
    return channel


def read_table(given: Mapping[str, Any]) -> Table:
    """The table from what was given, whose form is right (see link_forms)."""
    partners = {partner["name"]: _partner(partner) for partner in given["partners"]}
    table = Table(given["topology"], given.get("hub") or "", partners, ())
    rows = given.get("channels") or ()
    return replace(table, channels=tuple(_channel(row, table) for row in rows))


def _state(present: bool) -> str:
    return PRESENT if present else ABSENT


def _connections(table: Table, name: str) -> list[dict[str, Any]]:
    return [
        {
            "peer": peer,
            "peer_display_name": table.partners[peer].display_name,
            "site_url": table.partners[peer].site_url,
            "inviter": table.invites(name, peer),
            "state": _state(table.stands(name, peer)),
        }
        for peer in table.peers(name)
    ]


def _homed(table: Table, channel: Channel) -> dict[str, Any]:
    present = channel.present and table.partners[channel.home].present
    shares = [
        {
            "peer": peer,
            "read_only": peer in channel.read_only,
            "state": _state(present and table.stands(channel.home, peer)),
        }
        for peer in table.receivers(channel)
    ]
    fields = ("name", "team", "display_name", "private", "purpose", "header")
    return {**{field: getattr(channel, field) for field in fields}, "state": _state(present), "shares": shares}


def _arrival(table: Table, channel: Channel, name: str) -> dict[str, Any]:
    return {
        "name": channel.name,
        "home": channel.home,
        "home_team": channel.team,
        "team": table.partners[name].team,
        "read_only": name in channel.read_only,
        "state": _state(channel.present and table.stands(channel.home, name)),
    }


def part_of(table: Table, name: str) -> dict[str, Any]:
    """What one partner has to do with the others."""
    own = table.partners[name]
    homed = [_homed(table, channel) for channel in table.channels if channel.home == name]
    arrivals = [_arrival(table, channel, name) for channel in table.channels if name in table.receivers(channel)]
    return {
        **{field: getattr(own, field) for field in ("name", "display_name", "site_url", "team")},
        "connections": _connections(table, name),
        "channels": homed,
        "arrivals": arrivals,
        "places": [{"team": row["team"], "name": row["name"]} for row in homed + arrivals],
    }

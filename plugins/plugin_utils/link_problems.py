# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with the rows of the table of links taken together, and with what the servers cannot do."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.link_forms import form_problems
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.links import Channel, Table, read_table


def table_problems(given: Any, self_name: str | None = None, context: Mapping[str, Any] | None = None) -> list[str]:
    """All that is wrong with the table, a sentence each; an empty list when nothing is."""
    problems = form_problems(given)
    if problems:
        return problems
    problems = _duplicates(given)
    if problems:
        return problems
    table = read_table(given)
    problems = _hub(table) + _lists(table)
    if self_name is not None and self_name not in table.partners:
        problems.append(
            f"{self_name} is no partner in the table of links; the partners are {', '.join(table.partners)}."
        )
    for channel in table.channels:
        problems += _channel(table, channel)
    if problems:
        return problems
    return _rows(table) or _places(table) + _policies(table, context or {})


def _duplicates(given: Mapping[str, Any]) -> list[str]:
    problems = []
    names, addresses = set(), {}
    for partner in given["partners"]:
        name, address = partner["name"], partner["site_url"].rstrip("/").lower()
        if name in names:
            problems.append(f"The partner {name} is in the table twice.")
        elif address in addresses:
            problems.append(
                f"The partners {addresses[address]} and {name} have the same site_url {partner['site_url']}."
            )
        names.add(name)
        addresses.setdefault(address, name)
    return problems


def _hub(table: Table) -> list[str]:
    if table.hub and table.hub not in table.partners:
        return [f"The hub {table.hub} is no partner in the table of links."]
    return []


def _lists(table: Table) -> list[str]:
    problems = []
    for name, partner in table.partners.items():
        if partner.linked_with and table.topology != "list":
            problems.append(
                f"{name} has linked_with, which counts in the topology list only; the topology is {table.topology}."
            )
            continue
        for other in partner.linked_with:
            if other == name:
                problems.append(f"{name} is linked with itself.")
            elif other not in table.partners:
                problems.append(f"{name} is linked with {other}, which is no partner in the table of links.")
            elif name not in table.partners[other].linked_with:
                problems.append(
                    f"The link between {name} and {other} is asymmetric: {name} lists {other}, but {other} does not list {name}."
                )
    return problems


def _channel(table: Table, channel: Channel) -> list[str]:
    """Whether home and receivers are there, and linked."""
    label = f"The channel {channel.name}"
    if channel.home not in table.partners:
        return [f"{label} has its home at {channel.home}, which is no partner in the table of links."]
    problems = []
    for name in channel.shared_with or ():
        if name not in table.partners:
            problems.append(
                f"{label} of {channel.home} is shared with {name}, which is no partner in the table of links."
            )
        elif name == channel.home:
            problems.append(f"{label} of {channel.home} is shared with its own home.")
        elif not table.linked(channel.home, name):
            problems.append(_not_linked(table, channel, name))
    receivers = table.receivers(channel)
    for name in channel.read_only:
        if name not in receivers:
            problems.append(f"{label} of {channel.home} is read-only for {name}, which it is not shared with.")
    return problems or _read_only(table, channel)


def _read_only(table: Table, channel: Channel) -> list[str]:
    """A server notes once for a channel whether others may only read it."""
    writers = [
        name for name in table.receivers(channel) if table.stands(channel.home, name) and name not in channel.read_only
    ]
    if not channel.read_only or not writers or not _there(table, channel):
        return []
    return [
        f"The channel {channel.name} of {channel.home} is read-only for {', '.join(channel.read_only)}, but not for {', '.join(writers)}. "
        "A server notes that once for a channel, so make it read-only for all, or make two channels of it."
    ]


def _not_linked(table: Table, channel: Channel, name: str) -> str:
    sentence = (
        f"The channel {channel.name} is shared with {name}, but its home {channel.home} is not linked with {name}"
    )
    if table.topology == "hub":
        return f"{sentence}; give it its home at the hub {table.hub}, which passes posts on to all."
    return f"{sentence}; link them, or leave {name} out."


def _there(table: Table, channel: Channel) -> bool:
    return channel.present and table.partners[channel.home].present


def _where(table: Table, channel: Channel) -> Iterator[tuple[str, str]]:
    """Each partner and team that a channel is in."""
    yield channel.home, channel.team
    for name in table.receivers(channel):
        if table.stands(channel.home, name):
            yield name, table.partners[name].team


def _rows(table: Table) -> list[str]:
    """Two rows about one channel, which may even say opposite things."""
    problems, seen = [], set()
    for channel in table.channels:
        key = (channel.home, channel.team, channel.name)
        if key in seen:
            problems.append(
                f"The channel {channel.name} is in the table twice: its home is {channel.home}, team {channel.team}, both times."
            )
        seen.add(key)
    return problems


def _places(table: Table) -> list[str]:
    """A team has one channel of a name; the server would refuse the second when it arrives, and tell nobody."""
    problems = []
    taken: dict[tuple[str, str, str], Channel] = {}
    for channel in table.channels:
        for partner, team in _where(table, channel) if _there(table, channel) else ():
            other = taken.setdefault((partner, team, channel.name), channel)
            if other is not channel:
                problems.append(_clash(channel, other, partner, team))
    return problems


def _clash(channel: Channel, other: Channel, partner: str, team: str) -> str:
    name = channel.name
    if partner in (channel.home, other.home):
        guest = channel if partner == other.home else other
        return (
            f"The channel {name} of {guest.home} would arrive at {partner} in the team {team}, where {partner} has a channel of that "
            f"name at home; rename one of them."
        )
    if channel.home == other.home:
        return (
            f"{channel.home} has two channels {name}, in the teams {other.team} and {channel.team}, and both would arrive at {partner} in the "
            f"team {team}; rename one of them."
        )
    return (
        f"The channel {name} is homed twice: those of {other.home} and {channel.home} would both arrive at {partner} in the team {team}; "
        "rename one of them."
    )


def _policies(table: Table, context: Mapping[str, Any]) -> list[str]:
    """Channels that something else is to be done with which shared channels cannot have."""
    problems = []
    reasons = {
        "policy_channels": "an access policy",
        "group_channels": "members from groups",
    }
    for key, what in reasons.items():
        for name in context.get(key) or ():
            if any(channel.present and channel.name == name for channel in table.channels):
                problems.append(
                    f"The channel {name} is to have {what}, which the server refuses on shared channels; choose one of the two."
                )
    if context.get("restrict_creation_to_domains"):
        problems.append(
            f"TeamSettings.RestrictCreationToDomains is {context['restrict_creation_to_domains']!r}. The accounts by which the partners' people "
            "appear have made-up addresses, so the server could not create them and their posts would be lost; empty the setting."
        )
    return problems

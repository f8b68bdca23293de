# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The form of the table of links: each row by itself, before anything is made of the rows together."""

from __future__ import annotations

import re
from typing import Any, Mapping
from urllib.parse import urlsplit

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.links import ABSENT, ALL, PRESENT
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.network import is_address

TOPOLOGIES = ("mesh", "hub", "list")
TABLE = {"topology", "hub", "partners", "channels"}
PARTNER = {"name", "display_name", "site_url", "team", "linked_with", "state", "ca_certificate", "address"}
CHANNEL = {
    *("name", "home", "team", "display_name", "private", "purpose", "header", "shared_with", "read_only", "state"),
}
NAME = re.compile(r"[a-z0-9._-]{1,64}")
TEAM = re.compile(r"[a-z0-9][a-z0-9-]{0,62}[a-z0-9]")
CHANNEL_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?")
# The server gives such names to direct and group messages.
DIRECT = re.compile(r"[a-z0-9]{26}__[a-z0-9]{26}")
GROUP = re.compile(r"[0-9a-f]{40}")
DEFAULT_CHANNELS = ("town-square", "off-topic")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LENGTHS = {"display_name": 64, "purpose": 250, "header": 1024}
# Keys that someone may expect, and why there are none.
REFUSED_KEYS = {
    "access_policy": "the server refuses access policies on shared channels; decide by membership at home, and by whom it is shared with",
    "group_constrained": "a channel whose members come from groups cannot take the partners' people; leave it out",
    "type": "only public and private channels can be shared, direct and group messages cannot; say private: true or false",
    "members": "add members with the module channel; partners add their own people",
}


def _unknown(row: Mapping[str, Any], known: set[str]) -> list[str]:
    problems = [f"has {key}: {why}" for key, why in REFUSED_KEYS.items() if key in row and key not in known]
    unknown = sorted(str(key) for key in row if key not in known and key not in REFUSED_KEYS)
    return problems + ([f"has the unknown key {', '.join(unknown)}"] if unknown else [])


def _texts(row: Mapping[str, Any], *keys: str) -> list[str]:
    problems = []
    for key in keys:
        value = row.get(key)
        if value is not None and not isinstance(value, str):
            problems.append(f"has the {key} {value!r}, which is no text")
        elif len(value or "") > LENGTHS.get(key, 16384):
            problems.append(f"has a {key} of {len(value)} characters; the server takes {LENGTHS[key]}")
    return problems


def _state(row: Mapping[str, Any]) -> list[str]:
    state = row.get("state", PRESENT)
    return [] if state in (PRESENT, ABSENT) else [f"has the state {state!r}; it is present or absent"]


def _names(row: Mapping[str, Any], key: str) -> list[str]:
    """What is wrong with a list of partners' names."""
    value = row.get(key)
    if value is None:
        return []
    if not isinstance(value, (list, tuple)) or not all(isinstance(name, str) for name in value):
        return [f"has the {key} {value!r}, which is no list of partners' names"]
    twice = sorted({name for name in value if list(value).count(name) > 1})
    return [f"names {', '.join(twice)} twice in {key}"] if twice else []


def _team(row: Mapping[str, Any]) -> list[str]:
    if TEAM.fullmatch(str(row.get("team", ""))):
        return []
    return [
        f"has the team {row.get('team')!r}; names of teams are 2 to 64 lower-case letters, digits and hyphens inside"
    ]


def _site_url(row: Mapping[str, Any]) -> list[str]:
    value = row.get("site_url")
    try:
        url = urlsplit(str(value or ""))
        valid = bool(url.hostname) and url.port != 0
    except ValueError:
        valid = False
    if not valid or url.scheme not in ("https", "http"):
        return [f"has the site_url {value!r}; give the address of the server, such as https://chat.example.org"]
    if url.query or url.fragment or url.username is not None:
        return [f"has the site_url {value!r}; give it without account, question mark and number sign"]
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        return [f"has the site_url {value}; between partners only https will do"]
    return []


def _partner(row: Mapping[str, Any]) -> list[str]:
    problems = _unknown(row, PARTNER)
    if not NAME.fullmatch(str(row.get("name", ""))):
        problems.append("needs a name of 1 to 64 lower-case letters, digits, '.', '_' and '-'")
    elif str(row["name"]).startswith("plugin_"):
        problems.append("has a name that starts with plugin_, as the server's plugins name their own connections")
    problems += _site_url(row) + _team(row) + _state(row) + _names(row, "linked_with")
    problems += _texts(row, "display_name", "ca_certificate")
    if row.get("address") and not is_address(str(row["address"])):
        problems.append(f"has the address {row['address']!r}; give the IP address that its site name resolves to")
    if isinstance(row.get("ca_certificate"), str) and "-----BEGIN CERTIFICATE-----" not in (
        row["ca_certificate"] or "-----BEGIN CERTIFICATE-----"
    ):
        problems.append("has a ca_certificate that is not in PEM form (-----BEGIN CERTIFICATE-----)")
    return problems


def _channel_name(name: str) -> list[str]:
    if DIRECT.fullmatch(name) or GROUP.fullmatch(name):
        return ["has the name of a direct or group message; the server shares public and private channels only"]
    if name in DEFAULT_CHANNELS:
        return ["is a channel that every team has; such a one cannot be shared, make another"]
    if not CHANNEL_NAME.fullmatch(name):
        return ["needs a name of 1 to 64 lower-case letters, digits, and '-' and '_' inside"]
    return []


def _channel(row: Mapping[str, Any]) -> list[str]:
    problems = _unknown(row, CHANNEL) + _channel_name(str(row.get("name", "")))
    if not isinstance(row.get("home"), str) or not row["home"]:
        problems.append("has no home; name the partner on whose server it is")
    if row.get("team"):
        problems += _team(row)
    if not isinstance(row.get("private", True), bool):
        problems.append(f"has private {row['private']!r}; it is true or false")
    if row.get("shared_with") is None:
        problems.append("does not say with whom it is shared; give shared_with, a list of partners or all")
    elif row["shared_with"] != ALL:
        problems += _names(row, "shared_with")
        if row["shared_with"] == []:
            problems.append("is shared with nobody; name partners in shared_with, or set its state to absent")
    if row.get("read_only") != ALL:
        problems += _names(row, "read_only")
    return problems + _state(row) + _texts(row, "display_name", "purpose", "header")


def _rows(table: Mapping[str, Any], key: str) -> tuple[list[Any], list[str]]:
    rows = table.get(key)
    if rows is None:
        return [], []
    if not isinstance(rows, (list, tuple)):
        return [], [f"The table of links has {key} that are no list: {type(rows).__name__}."]
    return list(rows), []


def _labelled(kind: str, rows: list[Any], problems_of: Any) -> list[str]:
    problems = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping) or not row:
            problems.append(f"{kind} {number} is empty: {row!r}.")
            continue
        label = f"{kind} {number} ({row['name']})" if row.get("name") else f"{kind} {number}"
        problems += [f"{label} {problem}." for problem in problems_of(row)]
    return problems


def form_problems(table: Any) -> list[str]:
    """What is wrong with the form of the table and of each row, a sentence each."""
    if not isinstance(table, Mapping):
        return ["The table of links is no dictionary; give topology, partners and channels."]
    partners, problems = _rows(table, "partners")
    channels, more = _rows(table, "channels")
    problems += more + [f"The table of links {problem}." for problem in _unknown(table, TABLE)]
    topology, hub = table.get("topology"), table.get("hub") or ""
    if topology not in TOPOLOGIES:
        problems.append(f"The topology is {topology!r}; choose mesh, hub or list.")
    elif topology == "hub" and not hub:
        problems.append("The topology is hub, but no hub is named; say which partner it is.")
    elif topology != "hub" and hub:
        problems.append(
            f"A hub is named ({hub}), but the topology is {topology}; leave the hub out, or choose the topology hub."
        )
    if not partners and not problems:
        problems.append("The table of links has no partners.")
    problems += _labelled("Partner", partners, _partner)
    return problems + _labelled("Channel", channels, _channel)

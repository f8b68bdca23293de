# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters of the role mattermost_federation: what is to be done on one partner's server, and how it stands afterwards."""

from __future__ import annotations

import hashlib
from typing import Any, Callable, Iterable, Mapping

from ansible_collections.fieldops.mattermost.plugins.plugin_utils import link_results, link_server, link_steps

Row = dict  # a connection, as the module secure_connection_info tells it


def federation_group(name: str) -> str:
    """The group of the hosts that act for a partner in this play; partners may have names that groups cannot have."""
    return f"mattermost_federation_{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def federation_hosts(part: Mapping[str, Any], groups: Mapping[str, Any], hosts: Iterable[str]) -> dict[str, list[str]]:
    """The hosts of this play that act for this partner, and for those it is linked with."""
    here = set(hosts)
    names = [part["name"], *(connection["peer"] for connection in part["connections"])]
    acting = {name: [host for host in groups.get(federation_group(name), ()) if host in here] for name in names}
    return {name: found for name, found in acting.items() if found}


def federation_heard(
    acting: Mapping[str, list[str]], hostvars: Mapping[str, Any], alive: Iterable[str], fact: str
) -> dict[str, Any]:
    """A fact of each partner in the same play; nothing of those whose host has failed."""
    here = set(alive)
    return {name: hostvars[hosts[0]].get(fact) if hosts[0] in here else None for name, hosts in acting.items()}


def federation_server_problems(part: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """What on the server stands in the way, a sentence each."""
    return link_server.server_problems(part, facts)


def federation_left_behind(part: Mapping[str, Any], facts: Mapping[str, Any]) -> list[dict[str, str]]:
    """What a server that only leaves cannot take down."""
    return link_server.left_behind(part, facts)


def federation_steps(part: Mapping[str, Any], seen: list[Row], given: Mapping[str, Any]) -> dict[str, Any]:
    """What becomes of each connection."""
    return link_steps.Steps(part, seen, given).decide()


def federation_taken(part: Mapping[str, Any], seen: list[Row], issued: list[str]) -> list[dict[str, str]]:
    """Invitations that another server has accepted."""
    return link_server.taken(part, seen, issued)


def federation_shares(part: Mapping[str, Any], seen: list[Row]) -> list[dict[str, Any]]:
    """The channels that are still to be shared."""
    return link_steps.shares(part, seen)


def federation_probes(part: Mapping[str, Any], seen: list[Row]) -> list[dict[str, Any]]:
    """The channels, each with connections, that a marker is to cross."""
    return link_steps.probes(part, seen)


def federation_status(part: Mapping[str, Any], seen: list[Row], notes: Mapping[str, Any]) -> dict[str, Any]:
    """How the links of this partner stand."""
    return link_server.status(part, seen, notes)


def federation_failures(done: Mapping[str, Any], by: str = "") -> list[dict[str, str]]:
    """What failed in a loop over partners."""
    return link_results.failures(done, by)


def federation_not_crossed(done: Mapping[str, Any], probes: list[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Markers that did not cross."""
    return link_results.not_crossed(done, probes)


def federation_issued(done: Mapping[str, Any], secret: str) -> dict[str, dict[str, str]]:
    """The invitations to hand over, by partner."""
    return link_results.issued(done, secret)


def federation_received(heard: Mapping[str, Any], name: str) -> dict[str, dict[str, str]]:
    """The invitations of others for this partner."""
    return link_results.received(heard, name)


def federation_let_down(heard: Mapping[str, Any], name: str) -> dict[str, str]:
    """Who could not do its part of the link with this partner, and why."""
    return link_results.let_down(heard, name)


def federation_invitation_files(done: Mapping[str, Any], part: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The invitations as files to carry."""
    return link_results.invitation_files(done, part)


class FilterModule:
    """Filters for mattermost_federation."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "federation_group": federation_group,
            "federation_hosts": federation_hosts,
            "federation_heard": federation_heard,
            "federation_server_problems": federation_server_problems,
            "federation_left_behind": federation_left_behind,
            "federation_steps": federation_steps,
            "federation_taken": federation_taken,
            "federation_shares": federation_shares,
            "federation_probes": federation_probes,
            "federation_status": federation_status,
            "federation_failures": federation_failures,
            "federation_not_crossed": federation_not_crossed,
            "federation_issued": federation_issued,
            "federation_received": federation_received,
            "federation_let_down": federation_let_down,
            "federation_invitation_files": federation_invitation_files,
        }

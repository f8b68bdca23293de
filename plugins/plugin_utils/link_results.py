# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What becomes of the results of loops over partners: failures by partner, invitations to hand over, seconds that markers took."""

from __future__ import annotations

import hashlib
from typing import Any, Mapping

from ansible_collections.fieldops.mattermost.plugins.plugin_utils.link_steps import FORMAT, invitation_file

Heard = Mapping[str, Any]  # a fact of each partner in the same play; nothing of those whose host has failed


def _results(done: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(done["results"]) if "results" in done else [done]


def _failure(peer: str, why: str) -> dict[str, str]:
    return {"peer": peer, "why": why, "told": f"{peer}: {why}" if peer else why}


def failures(done: Mapping[str, Any], by: str = "") -> list[dict[str, str]]:
    """What failed in a loop over partners' names, or over rows that have the name under a key."""
    found = []
    for result in _results(done):
        if result.get("failed"):
            item = result.get("item", "")
            found.append(_failure(item[by] if by and isinstance(item, Mapping) else item, str(result.get("msg", ""))))
    return found


def not_crossed(done: Mapping[str, Any], probes: list[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Which markers did not cross over which connections; over none of those to be probed, if the probe did not get that far."""
    if "channels" not in done:
        peers = dict.fromkeys(peer for probe in probes for peer in probe["connections"])
        return [{**_failure(peer, done["msg"]), "told": done["msg"]} for peer in peers]
    found = []
    for row in done["channels"]:
        found += [
            _failure(peer, f"{row['team']}:{row['channel']}: {why}") for peer, why in row["failed_connections"].items()
        ]
        # Such as a message that is left over, which is told once.
        peers = [*row["crossed"], *row["failed_connections"]]
        found += [{**_failure(peer, why), "told": why} for peer in peers for why in row["problems"]]
    return found


def password(secret: str, peer: str) -> str:
    """The password of one invitation of this run."""
    return hashlib.sha256(f"{secret} {peer}".encode()).hexdigest()


def issued(done: Mapping[str, Any], secret: str) -> dict[str, dict[str, str]]:
    """The invitations of a loop over partners' names, each with its password."""
    return {
        result["item"]: {"invitation": result["invitation"], "password": password(secret, result["item"])}
        for result in _results(done)
        if result.get("invitation")
    }


def received(heard: Heard, name: str) -> dict[str, dict[str, str]]:
    """The invitations that partners in the same play have for this one."""
    return {peer: given[name] for peer, given in heard.items() if given and name in given}


def invitation_files(done: Mapping[str, Any], part: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The invitations of a loop over partners' names as files to carry."""
    return [
        {
            "file": invitation_file(part["name"], result["item"]),
            "content": {
                "format": FORMAT,
                "from": part["name"],
                "to": result["item"],
                "site_url": part["site_url"],
                "created": result["secure_connection"]["create_at"],
                "expires": result["secure_connection"]["invitation_expires_at"],
                "invitation": result["invitation"],
            },
        }
        for result in _results(done)
        if result.get("invitation")
    ]


def let_down(heard: Heard, name: str) -> dict[str, str]:
    """Partners of this play who could not do their part of the link with this one, and why."""
    found = {}
    for peer, noted in heard.items():
        if noted is None:
            found[peer] = f"{peer} failed above in this play. Mend what it says there, then run again."
        for failure in noted or ():
            if failure["peer"] == name:
                found[peer] = f"The server of {peer} said: {failure['why']}"
    return found


def crossed(done: Mapping[str, Any]) -> dict[tuple[str, str, str], float]:
    """How many seconds a marker took over each connection, by team, channel and connection."""
    return {
        (row["team"], row["channel"], name): seconds
        for row in done.get("channels", ())
        for name, seconds in row["crossed"].items()
    }

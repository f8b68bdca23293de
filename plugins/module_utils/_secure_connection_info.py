# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secure connections with their channels, and what is wrong with them.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import time
from typing import Any, Dict, List, Optional

from ._client import Client
from ._errors import MattermostError
from ._federation import NOT_ENABLED, Federation, Fields, now_ms


class Report:
    """What a server tells of its connections."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.federation = Federation(client)
        self._channels: Dict[str, Fields] = {}

    def result(self, name: Optional[str]) -> Dict[str, Any]:
        """For exit_json: all connections, or those with this name; none on a server that has no such service."""
        found = self.client.licence
        licensed = None if found is None else found.get("IsLicensed") == "true"
        try:
            rows = self.federation.named(name) if name else self.federation.connections()
        except MattermostError as error:
            if error.error_id != NOT_ENABLED:
                raise
            return {"licensed": licensed, "enabled": False, "secure_connections": []}
        shown = [self._connection(row) for row in sorted(rows, key=lambda row: (row["name"], row["create_at"]))]
        return {"licensed": licensed, "enabled": True, "secure_connections": shown}

    def _connection(self, row: Fields) -> Fields:
        shown = self.federation.shown(row)
        shown["channels"] = [self._link(link) for link in self.federation.links(row)]
        reasons = _reasons(shown)
        return {**shown, "healthy": not reasons, "reasons": reasons}

    def _link(self, link: Fields) -> Fields:
        channel = self._channel(link["channel_id"])
        team_id = channel.get("team_id") or ""
        shared = (self.federation.shared(team_id, link["channel_id"]) if team_id else None) or {}
        return {
            "team": self.federation.team_name(team_id),
            "channel": channel.get("name") or "",
            "channel_id": link["channel_id"],
            "home": bool(shared.get("home")),
            "confirmed": link["is_invite_confirmed"],
            "read_only": bool(shared.get("readonly")),
            "last_post_at": link["last_post_create_at"],
            "create_at": link["create_at"],
        }

    def _channel(self, channel_id: str) -> Fields:
        """The channel; what a plugin or somebody shared between accounts has no team, and what was deleted is not there."""
        if channel_id not in self._channels:
            path = f"/channels/{channel_id}"
            self._channels[channel_id] = self.client.find(path, tried="look for a shared channel") or {}
        return self._channels[channel_id]


def _reasons(shown: Fields) -> List[str]:
    """Why a connection does not do what it is for."""
    if shown["state"] == "pending":
        until = shown["invitation_expires_at"]
        if until < now_ms():
            return [f"Nobody accepted the invitation, which ended at {_moment(until)}. Create the connection anew."]
        return [f"Nobody has accepted the invitation yet. It ends at {_moment(until)}."]
    reasons = []
    if not shown["online"]:
        last = f"since {_moment(shown['last_ping_at'])}" if shown["last_ping_at"] else "so far"
        reasons.append(f"The server at {shown['site_url']} has not answered {last}.")
    reasons += [
        f"The channel {one['team']}:{one['channel'] or one['channel_id']} has not been taken by the other server."
        for one in shown["channels"]
        if not one["confirmed"]
    ]
    return reasons


def _moment(ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms / 1000))

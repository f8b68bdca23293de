# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server knows of its secure connections, and of the channels that it shares over them.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any, Dict, Iterator, List, Optional

from ._client import Client
from ._errors import MattermostError

MANAGE_CONNECTIONS = "manage_secure_connections"
MANAGE_CHANNELS = "manage_shared_channels"
_EITHER = f"{MANAGE_CONNECTIONS} or {MANAGE_CHANNELS}"
# The routes of connected workspaces are complete since this release.
_MINIMUM = [10, 2]
_PENDING = "pending_"
_PLUGIN = "plugin_"
# A server counts another one as offline after this time without an answer to its pings, which it sends every minute.
_OFFLINE_AFTER_MS = 5 * 60 * 1000
# An invitation can be accepted for this long after the connection was created; nothing renews it.
INVITATION_MS = 48 * 3600 * 1000
NOT_ENABLED = "api.remote_cluster.service_not_enabled.app_error"

Fields = Dict[str, Any]


def now_ms() -> int:
    """The time as the server writes it."""
    return int(time.time() * 1000)


def is_pending(row: Fields) -> bool:
    """Whether nobody has accepted the invitation yet."""
    return not row["site_url"] or row["site_url"].startswith(_PENDING)


def is_online(row: Fields) -> bool:
    """Whether the other server has answered a ping lately."""
    return not is_pending(row) and row["last_ping_at"] > now_ms() - _OFFLINE_AFTER_MS


class Federation:
    """Reads connections and links; each thing that does not change while a module runs is asked for once."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._names: Dict[str, str] = {}
        self._shared: Dict[str, List[Fields]] = {}

    def connections(self) -> List[Fields]:
        """The connections to other servers, as the server has them; those of plugins and deleted ones are left out."""
        return [row for row in self._listed() if not _of_plugin(row)]

    def linked(self, channel_id: str) -> bool:
        """Whether any connection has the channel, also one of a plugin, such as a bridge to another messenger."""
        return any(self.link(row, channel_id) for row in self._listed())

    def _listed(self) -> List[Fields]:
        pages = self.client.pages("/remotecluster", tried="list the secure connections", needs=_EITHER)
        return [row for row in pages if not row.get("delete_at")]

    def named(self, name: str) -> List[Fields]:
        """The connections with this name, the one that counts first: servers do not keep names unique."""
        return of_name(self.connections(), name)

    def connection(self, name: str) -> Fields:
        """The connection with this name."""
        rows = self.named(name)
        if not rows:
            raise MattermostError(
                f"There is no secure connection {name} on the server. Check the name, or create it first with the "
                "module secure_connection."
            )
        return only(rows)

    def again(self, row: Fields) -> Optional[Fields]:
        """The connection as it is now; the server shows deleted ones too."""
        tried = f"read the connection {row['name']}"
        found = self.client.find(f"/remotecluster/{row['remote_id']}", tried=tried, needs=MANAGE_CONNECTIONS)
        return found if found and not found.get("delete_at") else None

    def shown(self, row: Fields) -> Fields:
        """The connection as it is shown; the row itself can contain tokens."""
        pending = is_pending(row)
        shown = {
            "id": row["remote_id"],
            "name": row["name"],
            "display_name": row["display_name"],
            "site_url": "" if pending else row["site_url"],
            "team": self.team_name(row.get("default_team_id") or ""),
            "state": "pending" if pending else "confirmed",
            "online": is_online(row),
            "last_ping_at": row["last_ping_at"],
            "create_at": row["create_at"],
        }
        if pending:
            shown["invitation_expires_at"] = row["create_at"] + INVITATION_MS
        return shown

    def team_name(self, team_id: str) -> str:
        """The name of a team; empty when there is none with this identifier."""
        if team_id and team_id not in self._names:
            found = self.client.find(f"/teams/{team_id}", tried="look for the team of a secure connection")
            self._names[team_id] = found["name"] if found else ""
        return self._names.get(team_id, "")

    def links(self, row: Fields) -> List[Fields]:
        """The channels that are shared over a connection, those that the other server has not taken yet too."""
        path = f"/remotecluster/{row['remote_id']}/sharedchannelremotes"
        tried = f"list the channels that are shared over the connection {row['name']}"
        found = self.client.pages(path, tried=tried, query={"include_unconfirmed": "true"}, needs=_EITHER)
        return [link for link in found if not link["delete_at"]]

    def link(self, row: Fields, channel_id: str) -> Optional[Fields]:
        """The link of a connection with a channel."""
        return next((link for link in self.links(row) if link["channel_id"] == channel_id), None)

    def shared(self, team_id: str, channel_id: str, *, fresh: bool = False) -> Optional[Fields]:
        """What the server notes of a shared channel: whether it is at home here, and whether it is read-only."""
        if fresh or team_id not in self._shared:
            tried = "list the shared channels of a team"
            pages = self.client.pages(f"/sharedchannels/{team_id}", tried=tried, needs="view_team")
            self._shared[team_id] = list(pages)
        return next((one for one in self._shared[team_id] if one["id"] == channel_id), None)


def of_name(rows: List[Fields], name: str) -> List[Fields]:
    """Those of these connections that have this name, the one that counts first."""
    found = [row for row in rows if row["name"] == name.lower()]
    return sorted(found, key=lambda row: (is_pending(row), -row["create_at"]))


def only(rows: List[Fields]) -> Fields:
    """The first of several connections with a name, if it is clear that this is the one."""
    if len([row for row in rows if not is_pending(row)]) > 1:
        sites = ", ".join(sorted(row["site_url"] for row in rows if not is_pending(row)))
        raise MattermostError(
            f"There are several secure connections {rows[0]['name']} on the server, to {sites}. Remove those that are "
            "not needed in the System Console; state=absent removes all of them."
        )
    return rows[0]


@contextlib.contextmanager
def explained(client: Client) -> Iterator[Client]:
    """Say what connected workspaces lack here: a newer server, a licence, a setting, or a restart."""
    if client.local:
        raise MattermostError(
            "Cannot manage connected workspaces over the local socket: the server does not offer this there. Give url "
            "with token, or with login_username and login_password."
        )
    if [0] < client.version < _MINIMUM:
        raise MattermostError(
            f"Cannot manage connected workspaces: the server has the release {'.'.join(map(str, client.version))}. "
            "This needs 10.2 or newer."
        )
    try:
        yield client
    except MattermostError as error:
        if error.error_id != NOT_ENABLED:
            raise
        raise MattermostError(
            f"{_first(error)} {_lacks(client)}", status=error.status, error_id=error.error_id
        ) from error


def _first(error: MattermostError) -> str:
    """What the server said, without the remedy."""
    return error.message.partition("). ")[0] + ")."


def _lacks(client: Client) -> str:
    licensed = (client.licence or {}).get("IsLicensed") == "true"
    if not licensed:
        return "It needs a licence: Enterprise or higher."
    return (
        "The server is licensed, so set ConnectedWorkspacesSettings.EnableSharedChannels and EnableRemoteClusterService "
        "to true, and restart it: both the settings and the licence are looked at only when it starts."
    )


def _of_plugin(row: Fields) -> bool:
    return bool(row.get("plugin_id")) or str(row["site_url"]).startswith(_PLUGIN)

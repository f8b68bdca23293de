# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One secure connection: inviting, accepting, changing, taking down, and waiting until it works.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import re
import time
from typing import Any, Dict, List, Mapping, Optional

from . import _lookup
from ._client import Client
from ._errors import MattermostError
from ._federation import INVITATION_MS, MANAGE_CONNECTIONS, Federation, Fields, is_online, is_pending, now_ms, only

# An invitation with less time than this left is not handed out any more.
_TOO_SHORT_MS = 3600 * 1000
_POLL = 2.0
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


class SecureConnection:
    """The connection that the arguments of the module describe."""

    def __init__(self, client: Client, params: Mapping[str, Any]) -> None:
        self.client = client
        self.federation = Federation(client)
        self.params = params
        self.name: str = params["name"].lower()
        self.rows: List[Fields] = []
        self._invitation: Optional[str] = None
        self._was_open = False  # whether nobody had accepted the invitation when this began
        if not _NAME.match(self.name):
            raise MattermostError(
                f"Cannot set up the secure connection {self.name}: a name has 1 to 64 letters, digits, '.', '_' and '-'."
            )
        if params["invitation"] and params["issue_invitation"]:
            raise MattermostError(
                f"Cannot both issue and accept an invitation for the connection {self.name}: one server of the two "
                "does the one, the other one the other."
            )

    @property
    def row(self) -> Fields:
        """The connection as the server has it."""
        return self.rows[0]

    def read(self) -> Optional[Fields]:
        """The connection as it is shown."""
        self.rows = self.federation.named(self.name)
        self._was_open = not self.rows or is_pending(self.row)
        if self.params["state"] == "present":
            self._no_conflict()
        return self.federation.shown(self.row) if self.rows else None

    def outdated(self) -> bool:
        """Whether the invitation of a connection that nobody accepted is of no use any more.

        It counts from the creation of the connection, so that only another connection gives another 48 hours. One that
        was made here gives way to an invitation of the other server.
        """
        if not self.rows or not is_pending(self.row):
            return False
        ends = self.row["create_at"] + INVITATION_MS
        return bool(self.params["invitation"]) or (self.params["issue_invitation"] and ends - now_ms() < _TOO_SHORT_MS)

    def wanted(self) -> Fields:
        """The fields of the connection that were given."""
        team = self.params["team"]
        return {"display_name": self.params["display_name"], "team": team.lower() if team else None}

    def predicted(self, old: Optional[Fields]) -> Fields:
        """What a new connection would look like."""
        self._can_be_made()
        confirmed = bool(self.params["invitation"])
        old = old or {}
        return {
            "name": self.name,
            "display_name": self.params["display_name"] or old.get("display_name") or self.name,
            "site_url": (self.params["site_url"] or "") if confirmed else "",
            "team": self.wanted()["team"] or old.get("team") or "",
            "state": "confirmed" if confirmed else "pending",
        }

    def create(self) -> Fields:
        """A new connection, by inviting or by accepting; one that it replaces goes only when it is there."""
        self._can_be_made()
        replaced = self.rows
        old = replaced[0] if replaced else {}
        team = self.params["team"]
        team_id = _lookup.team(self.client, team)["id"] if team else old.get("default_team_id")
        if not team_id:
            raise MattermostError(
                f"Cannot create the secure connection {self.name}: give its team, where channels of the other server "
                "arrive."
            )
        body = {
            "name": self.name,
            "display_name": self.params["display_name"] or old.get("display_name") or self.name,
            "default_team_id": team_id,
            "password": self.params["password"],
        }
        row = self._accept(body) if self.params["invitation"] else self._invite(body)
        self._remove(replaced)
        self.rows = [row]
        return self.federation.shown(row)

    def update(self, changes: Fields) -> Fields:
        """Change what can be changed."""
        body: Dict[str, str] = {}
        if "display_name" in changes:
            body["display_name"] = changes["display_name"]
        if "team" in changes:
            body["default_team_id"] = _lookup.team(self.client, changes["team"])["id"]
        path = f"/remotecluster/{self.row['remote_id']}"
        tried = f"change the secure connection {self.name}"
        self.rows = [self.client.patch(path, body, tried=tried, needs=MANAGE_CONNECTIONS)]
        return self.federation.shown(self.row)

    def delete(self) -> None:
        """Take the connection down on this side; the other server is not told."""
        self._remove(self.rows)

    def _remove(self, rows: List[Fields]) -> None:
        for row in rows:
            tried = f"remove the secure connection {self.name}"
            try:
                self.client.delete(f"/remotecluster/{row['remote_id']}", tried=tried, needs=MANAGE_CONNECTIONS)
            except MattermostError as error:
                if not error.missing:
                    raise

    def invitation(self) -> Optional[str]:
        """The invitation for the other server; none when it has accepted one."""
        if not self.params["issue_invitation"] or not is_pending(self.row):
            return None
        if self._invitation is None:
            self._invitation = self.client.post(
                f"/remotecluster/{self.row['remote_id']}/generate_invite",
                {"password": self.params["password"]},
                tried=f"issue an invitation for the secure connection {self.name}",
                needs=MANAGE_CONNECTIONS,
            )
        return self._invitation

    def wait(self) -> Fields:
        """Wait until the other server has accepted and answers; without patience, do not wait."""
        end = time.monotonic() + self.params["wait_timeout"]
        self._taken_by_another()
        while self.params["wait_timeout"] and not is_online(self.row):
            if time.monotonic() >= end:
                raise MattermostError(self._too_late())
            time.sleep(_POLL)
            found = self.federation.again(self.row)
            if found is None:
                raise MattermostError(f"The secure connection {self.name} was removed while it was waited for.")
            self.rows = [found]
            self._taken_by_another()
        return self.federation.shown(self.row)

    def _can_be_made(self) -> None:
        """Refuse to make a connection whose invitation nobody gets to see."""
        if not self.params["invitation"] and not self.params["issue_invitation"]:
            raise MattermostError(
                f"Cannot create the secure connection {self.name}: give the invitation of the other server, or "
                "issue_invitation, so that there is one for it."
            )
        if not self.params["password"]:
            raise MattermostError(f"Cannot create the secure connection {self.name}: give the invitation's password.")

    def _taken_by_another(self) -> None:
        """A server other than the one that was meant has accepted the invitation in the meantime: end it at once."""
        if not self._was_open or not self._is_other_site(self.row):
            return
        raise MattermostError(
            f"The invitation to the secure connection {self.name} was accepted by {self.row['site_url']}, not by "
            f"{self.params['site_url']}. {self._undo(self.row)} Correct the address if that is the right server. If not, find out how "
            "it came by the invitation and its password, and take another password for the next one."
        )

    def _invite(self, body: Fields) -> Fields:
        tried = f"create the secure connection {self.name}"
        made = self.client.post("/remotecluster", body, tried=tried, needs=MANAGE_CONNECTIONS)
        self._invitation = made["invite"]
        row: Fields = made["remote_cluster"]
        return row

    def _accept(self, body: Fields) -> Fields:
        body["invite"] = self.params["invitation"].strip()
        tried = f"accept the invitation to the secure connection {self.name}"
        row: Fields = self.client.post("/remotecluster/accept_invite", body, tried=tried, needs=MANAGE_CONNECTIONS)
        if self._is_other_site(row):
            raise MattermostError(
                f"The invitation to the secure connection {self.name} was issued by {row['site_url']}, not by "
                f"{self.params['site_url']}. {self._undo(row)} Check where the invitation came from."
            )
        return row

    def _undo(self, row: Fields) -> str:
        """Remove what was just made; gives a sentence that says whether that was done."""
        try:
            self._remove([row])
        except MattermostError as error:
            return f"The connection is still there, so remove it in the System Console. {error.message}"
        return "The connection was removed again; the other server still has its side."

    def _no_conflict(self) -> None:
        """Refuse to take a connection to another server for this one, or to connect to one server twice."""
        self._same_site()
        if not self.params["site_url"] or (self.rows and not is_pending(self.row)):
            return
        for row in self.federation.connections():
            if not is_pending(row) and not self._is_other_site(row):
                raise MattermostError(
                    f"Cannot set up the secure connection {self.name}: the connection {row['name']} leads to "
                    f"{row['site_url']} already. Use that name, or remove it first."
                )

    def _same_site(self) -> None:
        if self.rows and self._is_other_site(only(self.rows)):
            raise MattermostError(
                f"The secure connection {self.name} leads to {self.row['site_url']}, not to {self.params['site_url']}. "
                "If the other server has moved, remove the connection on both sides and set it up again."
            )

    def _is_other_site(self, row: Fields) -> bool:
        wanted = self.params["site_url"]
        return bool(wanted) and not is_pending(row) and _plain(row["site_url"]) != _plain(wanted)

    def _too_late(self) -> str:
        waited = f"within {self.params['wait_timeout']} s"
        if is_pending(self.row):
            return (
                f"Nobody accepted the invitation to the secure connection {self.name} {waited}. Accept it on the other "
                "server, and see that it reaches this one by its site address."
            )
        return (
            f"The server at {self.row['site_url']} did not answer the pings of this one {waited}. Can this server reach "
            "it by that address, does it trust its certificate, and does the connection still exist there?"
        )


def _plain(url: str) -> str:
    return url.rstrip("/").lower()

# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One link: a channel that is shared over a secure connection.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, List, Mapping, Optional
from urllib.parse import quote

from . import _lookup
from ._client import Client
from ._errors import MattermostError
from ._federation import MANAGE_CHANNELS, Federation, Fields, is_online, now_ms, only

# Every team has these, so that no server takes one from another server.
_DEFAULT_CHANNELS = ("town-square", "off-topic")
# A server sends an invitation when the other one comes online, and never again if that one refuses it.
_STUCK_MS = 2 * 60 * 1000
_POLL = 1.0
_LAG = 5


class SharedChannel:
    """The link that the arguments of the module describe."""

    def __init__(self, client: Client, params: Mapping[str, Any], *, check_mode: bool) -> None:
        self.client = client
        self.federation = Federation(client)
        self.params = params
        self.check_mode = check_mode
        self.name: str = params["channel"].lower()
        # Each is empty as long as there is none.
        self.row: Fields = {}
        self.channel: Fields = {}
        self.shared: Fields = {}
        self.link: Fields = {}
        self._answered = ""
        self.warnings: List[str] = []

    def read(self) -> Optional[Fields]:
        """The link as it is shown."""
        present = self.params["state"] == "present"
        if present and self.name in _DEFAULT_CHANNELS:
            raise MattermostError(
                f"The channel {self.name} cannot be shared: every team has one of its own, so that the other server "
                "refuses it. Share another channel."
            )
        self.row, self.channel = self._connection(), self._channel()
        if not self.channel:
            return None
        self.shared = self._shared_now()
        self.link = self._link_now() if self.row else {}
        if present:
            self._may_be_shared()
        if not self.link and (present or not self._is_left_over()):
            return None
        return self._shown()

    def stuck(self) -> bool:
        """Whether the other server has refused the channel: it is online, and has not taken it for a while."""
        if not self.link or self.link["is_invite_confirmed"]:
            return False
        return is_online(self.row) and now_ms() - self.link["create_at"] > _STUCK_MS

    def create(self) -> Fields:
        """Offer the channel to the other server; marked as read-only before anybody is invited, if it shall be that."""
        read_only = self._read_only()
        if self.link:
            self._end_link()
        if self.shared and self.shared["readonly"] != read_only:
            # Offered while it is still marked, it would be shared otherwise than asked for.
            self._unshare()
        if read_only:
            self._mark_read_only()
        self._post("invite", f"share the channel {self.name} over the connection {self.row['name']}")
        self._shared_as(read_only)
        return self._wait()

    def predicted(self) -> Fields:
        """What a new link would look like."""
        return {
            **({"channel_id": self.channel["id"]} if self.channel else {}),
            **self._address(),
            "home": True,
            "confirmed": False,
            "read_only": self._read_only(),
        }

    def delete(self) -> None:
        """End the sharing on this side, and take the mark of a shared channel away with the last link."""
        if self.link:
            self._uninvite()
            self.link = {}
        self.shared = self._shared_now()
        if self._is_left_over():
            self._unshare()

    def wait(self) -> Fields:
        """Wait for a link that was there before."""
        return self._shown() if self.link["is_invite_confirmed"] else self._wait()

    def _connection(self) -> Fields:
        present, name = self.params["state"] == "present", self.params["connection"]
        if present and not self.check_mode:
            return self.federation.connection(name)
        rows = self.federation.named(name)
        if present and not rows:
            _lookup.foreseen(partial(self.federation.connection, name), self.warnings, lenient=True)
        return only(rows) if rows else {}

    def _channel(self) -> Fields:
        """The channel. When it shall not be shared, it may be archived, or not there at all."""
        present, name = self.params["state"] == "present", self.params["team"]
        look = partial(_lookup.team, self.client, name)
        team = _lookup.foreseen(look, self.warnings if present else [], lenient=self.check_mode or not present)
        if team is None:
            return {}
        path = f"/teams/{team['id']}/channels/name/{quote(self.name, safe='')}?include_deleted=true"
        found = self.client.find(path, tried=f"look for the channel {self.name}") or {}
        if present and not found:
            _lookup.foreseen(
                partial(_lookup.channel, self.client, name, self.name), self.warnings, lenient=self.check_mode
            )
        elif present and found["delete_at"]:
            self._archived()
        return found

    def _archived(self) -> None:
        message = f"The channel {self.name} in the team {self.params['team']} is archived. Restore it with the module channel."
        if not self.check_mode:
            raise MattermostError(message)
        self.warnings.append(f"{message} An earlier task may do that, so the check goes on.")

    def _may_be_shared(self) -> None:
        """Refuse what the server refuses, or would take and do otherwise."""
        shared, wanted = self.shared, self.params["read_only"]
        if not shared:
            return
        if not self.link and not shared["home"]:
            raise MattermostError(self._not_at_home())
        if wanted is not None and wanted != shared["readonly"] and not (shared["home"] and self._is_left_over()):
            is_now, shall = ("read-only", "writable") if shared["readonly"] else ("writable", "read-only")
            raise MattermostError(
                f"The channel {self.name} is shared as {is_now}, and cannot be {shall} for one connection: a server "
                "notes that once for a channel and all its connections. End its sharing everywhere first."
            )

    def _not_at_home(self) -> str:
        home = next(
            (one for one in self.federation.connections() if one["remote_id"] == self.shared["remote_id"]), None
        )
        if home:
            return f"The channel {self.name} is at home at {home['site_url']}. Only that server shares it with others."
        return (
            f"The channel {self.name} came over a connection that was removed. Run this with state=absent to make it a "
            "channel of this server, before you share it from here."
        )

    def _read_only(self) -> bool:
        """Whether others may only read; what is not said stays."""
        wanted: Optional[bool] = self.params["read_only"]
        return bool(self.shared.get("readonly")) if wanted is None else wanted

    def _is_left_over(self) -> bool:
        """Whether the channel counts as shared, but no connection has it any more."""
        if not self.shared or self.link or self.channel["delete_at"]:
            return False
        return not self.federation.linked(self.channel["id"])

    def _end_link(self) -> None:
        """End a link that gets stuck. With the last one newer servers take the mark away; another one may find it still."""
        self._uninvite()
        self.link = {}
        if self._is_left_over():
            self.shared = self._after_change(shared=False)

    def _unshare(self) -> None:
        self._command("unshare")
        self.shared = self._after_change(shared=False)
        if self.shared:
            raise MattermostError(f"The server did not unshare the channel {self.name}. {self._answered}")

    def _mark_read_only(self) -> None:
        """Share it with nobody yet: an invitation shares what is not shared, as writable, whatever a replica still shows."""
        self._command("share", "--readonly Y")
        self.shared = self._after_change(shared=True)
        if not self.shared.get("readonly"):
            raise MattermostError(f"The server did not share the channel {self.name} as read-only. {self._answered}")

    def _shared_as(self, read_only: bool) -> None:
        """See that it was shared as it was asked for; if somebody else was quicker, take it back."""
        self.shared = self._after_change(shared=True)
        if self.params["read_only"] is None or bool(self.shared.get("readonly")) == read_only:
            return
        for _attempt in range(_LAG):
            self.link = self._link_now()
            if self.link:
                break
            time.sleep(_POLL)
        asked, became = ("read-only", "writable") if read_only else ("writable", "read-only")
        raise MattermostError(
            f"The channel {self.name} was to be shared as {asked} over the connection {self.row['name']}, but is shared "
            f"as {became}: something else has shared it at the same time. {self._take_back()} See who else shares it, "
            "end that, and run this again."
        )

    def _take_back(self) -> str:
        """Gives a sentence that says whether that was done."""
        try:
            self._uninvite()
        except MattermostError as error:
            return f"It could not be taken back from this connection: {error.message}"
        return "It was taken back from this connection."

    def _shared_now(self) -> Fields:
        return self.federation.shared(self.channel["team_id"], self.channel["id"], fresh=True) or {}

    def _after_change(self, *, shared: bool) -> Fields:
        """The same after a change; the server reads it from a replica of its database, which can lag behind."""
        found = self._shared_now()
        for _attempt in range(_LAG):
            if bool(found) == shared:
                break
            time.sleep(_POLL)
            found = self._shared_now()
        return found

    def _link_now(self) -> Fields:
        return self.federation.link(self.row, self.channel["id"]) or {}

    def _wait(self) -> Fields:
        """Wait until the other server has taken the channel; what it refuses is not told to this one."""
        end = time.monotonic() + self.params["wait_timeout"]
        while True:
            self.link = self._link_now()
            if self.link.get("is_invite_confirmed") or time.monotonic() >= end:
                break
            time.sleep(_POLL)
        self.shared = self._shared_now()
        if self.params["wait_timeout"] and not self.link.get("is_invite_confirmed"):
            self._not_taken(self.federation.again(self.row) or self.row)
        return self._shown()

    def _not_taken(self, row: Fields) -> None:
        what = f"The server of the connection {row['name']} has not taken the channel {self.name}"
        if not is_online(row):
            self.warnings.append(f"{what}: it is offline. It is invited as soon as it answers again.")
            return
        raise MattermostError(
            f"{what} within {self.params['wait_timeout']} s, though it is online. A server refuses a channel when the "
            "team it would arrive in has one of that name, also an archived one, or when it has had this channel over "
            "an earlier connection. Delete it there for good, or see that server's log."
        )

    def _uninvite(self) -> None:
        self._post("uninvite", f"end the sharing of the channel {self.name} over the connection {self.row['name']}")

    def _post(self, verb: str, tried: str) -> None:
        path = f"/remotecluster/{self.row['remote_id']}/channels/{self.channel['id']}/{verb}"
        self.client.post(path, tried=tried, needs=MANAGE_CHANNELS)

    def _command(self, verb: str, more: str = "") -> None:
        """What has no route: a slash command, which answers 200 and a text in the account's language in any case."""
        body = {"channel_id": self.channel["id"], "command": f"/share-channel {verb} {more}".strip()}
        tried = f"run /share-channel {verb} in the channel {self.name}"
        answer = self.client.post("/commands/execute", body, tried=tried, needs="create_post in the channel")
        said = " ".join(str((answer or {}).get("text") or "").replace("#", "").split())
        self._answered = f"It said: {said}" if said else ""

    def _address(self) -> Fields:
        return {
            "team": self.params["team"].lower(),
            "channel": self.name,
            "connection": self.params["connection"].lower(),
        }

    def _shown(self) -> Fields:
        return {
            "channel_id": self.channel["id"],
            **self._address(),
            "home": bool(self.shared.get("home")),
            "confirmed": bool(self.link.get("is_invite_confirmed")),
            "read_only": bool(self.shared.get("readonly")),
            "create_at": self.link.get("create_at", 0),
            "last_post_at": self.link.get("last_post_create_at", 0),
        }

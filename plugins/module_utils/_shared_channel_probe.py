# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether messages cross the links of a channel: post one, see the links pass it, and take it away.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from typing import Any, Dict, List, Mapping, Optional, Tuple

from . import _lookup
from ._client import Client
from ._errors import MattermostError
from ._federation import Federation, Fields, is_online, only

_POLL = 1.0

Cursors = Tuple[Tuple[int, str], Tuple[int, str]]


class DidNotCross(MattermostError):
    """A message that did not cross everywhere; tells where it did."""

    def __init__(self, message: str, crossings: Dict[str, Any]) -> None:
        super().__init__(message)
        self.crossings = crossings

    def result(self) -> Dict[str, Any]:
        """What a module hands to fail_json."""
        return {**super().result(), **self.crossings}


class Probe:
    """One message in one channel, and the connections that it shall cross."""

    def __init__(self, client: Client, params: Mapping[str, Any]) -> None:
        self.client = client
        self.federation = Federation(client)
        self.team: str = params["team"]
        self.name: str = params["channel"].lower()
        self.wanted: Optional[List[str]] = params["connections"]
        self.patience: int = params["wait_timeout"]
        self.marker = f"fieldops.mattermost probe {secrets.token_hex(8)}"
        self.channel: Fields = {}
        self.rows: Dict[str, Fields] = {}
        self.crossed: Dict[str, float] = {}
        self.failed: Dict[str, str] = {}

    def look(self) -> None:
        """Find the links, and those that no message can cross now."""
        self.channel = _lookup.channel(self.client, self.team, self.name)
        for name, row in self._connections():
            link = self.federation.link(row, self.channel["id"]) if row else None
            if row is None:
                self.failed[name] = "There is no such connection."
            elif link is None:
                if self.wanted is not None:
                    self.failed[name] = f"The channel {self.name} is not shared over this connection."
            elif not link["is_invite_confirmed"]:
                self.failed[name] = "The other server has not taken the channel."
            elif not is_online(row):
                self.failed[name] = f"The server at {row['site_url']} does not answer."
            else:
                self.rows[name] = row
        if not self.rows and not self.failed:
            raise MattermostError(f"The channel {self.name} is not shared, so that there is nothing to probe.")

    def run(self) -> None:
        """Let a message cross. It is taken away in any case, even when it is not sure that it was posted."""
        if not self.rows:
            return
        post: Fields = {}
        links = {name: self.federation.link(row, self.channel["id"]) for name, row in self.rows.items()}
        before = {name: _cursors(link) for name, link in links.items() if link}
        try:
            body = {"channel_id": self.channel["id"], "message": self.marker}
            tried = f"post a message in the channel {self.name}"
            post = self.client.post("/posts", body, tried=tried, needs="create_post in the channel")
            self._watch(post, before)
        except BaseException:
            with contextlib.suppress(MattermostError):
                self._remove(post)
            raise
        self._remove(post)

    def crossings(self) -> Dict[str, Any]:
        """What was found, for the result."""
        return {"crossed": self.crossed, "failed_connections": self.failed, "marker": self.marker}

    def judge(self) -> None:
        """Fail when it did not cross everywhere."""
        if self.failed:
            why = " ".join(f"{name}: {reason}" for name, reason in sorted(self.failed.items()))
            raise DidNotCross(f"A message in the channel {self.name} does not cross. {why}", self.crossings())

    def _connections(self) -> List[Tuple[str, Optional[Fields]]]:
        """Those that were named, else all."""
        if self.wanted is None:
            return [(row["name"], row) for row in self.federation.connections()]
        named = [(name.lower(), self.federation.named(name)) for name in dict.fromkeys(self.wanted)]
        return [(name, only(rows) if rows else None) for name, rows in named]

    def _watch(self, post: Fields, before: Dict[str, Cursors]) -> None:
        """Wait until each link has passed the message: a server moves on after the other one has answered."""
        begin = time.monotonic()
        waiting = dict(self.rows)
        while waiting:
            for name, row in list(waiting.items()):
                link = self.federation.link(row, self.channel["id"])
                passed = time.monotonic() - begin
                if link is None:
                    self.failed[name] = "The link ended while it was watched."
                elif _cursors(link) != before.get(name) and max(_cursors(link)) >= (post["create_at"], post["id"]):
                    self.crossed[name] = round(passed, 1)
                elif passed >= self.patience:
                    self.failed[name] = f"It has not crossed within {self.patience} s. See the log of this server."
                else:
                    continue
                del waiting[name]
            if waiting:
                time.sleep(_POLL)

    def _remove(self, post: Fields) -> None:
        """Take the message away, here and, by its next synchronisation, there."""
        tried = f"remove the message of the probe from the channel {self.name}"
        post_id = post.get("id") or self._lost(tried)
        if not post_id:
            return
        try:
            self.client.delete(f"/posts/{post_id}", tried=tried, needs="delete_post in the channel")
        except MattermostError as error:
            if not error.missing:
                raise

    def _lost(self, tried: str) -> Optional[str]:
        """The message whose answer got lost, if it was posted."""
        query = {"page": 0, "per_page": 60}
        found = self.client.get(f"/channels/{self.channel['id']}/posts", tried=tried, query=query)
        return next((one["id"] for one in found["posts"].values() if one["message"] == self.marker), None)


def _cursors(link: Fields) -> Cursors:
    """The newest message, and the newest change of one, that the other server has answered for.

    The first goes back when an older message is changed after a newer one was written (GetPostsSinceForSync); the second never does.
    """
    return (
        (link["last_post_create_at"], link["last_post_create_id"]),
        (link["last_post_update_at"], link["last_post_id"]),
    )

# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether messages cross the links of channels: post one in each, see the links pass them, and take them away.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import secrets
import time
from typing import Any, Dict, List, Mapping, Optional, Tuple

from . import _lookup
from ._client import Client
from ._errors import MattermostError
from ._federation import Federation, Fields, is_online, of_name, only

_POLL = 1.0

Cursors = Tuple[Tuple[int, str], Tuple[int, str]]
Links = Dict[str, Dict[str, Fields]]  # by the name of the connection, then by the channel


class DidNotCross(MattermostError):
    """Messages that did not cross everywhere; tells where they did."""

    def __init__(self, message: str, crossings: Dict[str, Any]) -> None:
        super().__init__(message)
        self.crossings = crossings

    def result(self) -> Dict[str, Any]:
        """What a module hands to fail_json."""
        return {**super().result(), **self.crossings}


class Marker:
    """One message in one channel, and the connections that it shall cross."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.team: str = given["team"].lower()
        self.name: str = given["channel"].lower()
        self.wanted: Optional[List[str]] = given["connections"]
        self.text = f"fieldops.mattermost probe {secrets.token_hex(8)}"
        self.channel: Fields = {}
        self.rows: Dict[str, Fields] = {}
        self.before: Dict[str, Cursors] = {}
        self.post: Fields = {}
        self.begin: Optional[float] = None  # when it was tried to post it
        self.removed = False  # or at least tried
        self.crossed: Dict[str, float] = {}
        self.failed: Dict[str, str] = {}
        self.problems: List[str] = []

    def waiting(self) -> List[str]:
        """The connections of which it is not known yet."""
        return [name for name in self.rows if name not in self.crossed and name not in self.failed]

    def fail(self, why: str) -> None:
        """Nothing crosses from this channel."""
        names = list(self.rows) or self.wanted or []
        self.failed.update({name.lower(): why for name in names if name.lower() not in self.failed})
        self.problems += [] if names else [why]

    def see(self, links: Links, patience: int) -> None:
        """Which links have passed the message: a server moves on after the other one has answered."""
        passed = time.monotonic() - (self.begin or 0.0)
        for name in self.waiting():
            link = links[name].get(self.channel["id"])
            if link is None:
                self.failed[name] = "The link ended while it was watched."
                continue
            now = _cursors(link)
            if now != self.before.get(name) and max(now) >= (self.post["create_at"], self.post["id"]):
                self.crossed[name] = round(passed, 1)
            elif passed >= patience:
                self.failed[name] = f"It has not crossed within {patience} s. See the log of this server."

    def sentences(self) -> List[str]:
        """What went wrong."""
        why = " ".join(f"{name}: {reason}" for name, reason in sorted(self.failed.items()))
        crossing = [f"A message in the channel {self.team}:{self.name} does not cross. {why}"] if why else []
        return crossing + self.problems

    def shown(self) -> Fields:
        """What was found, for the result."""
        found = {"crossed": self.crossed, "failed_connections": self.failed, "problems": self.problems}
        return {"team": self.team, "channel": self.name, "marker": self.text, **found}


class Probe:
    """All messages, posted first and then watched together, because each takes the servers a few seconds."""

    def __init__(self, client: Client, params: Mapping[str, Any]) -> None:
        self.client = client
        self.federation = Federation(client)
        self.markers = [Marker(given) for given in params["channels"]]
        self.patience: int = params["wait_timeout"]
        self._away: Optional[MattermostError] = None  # why nothing can be removed any more

    def look(self) -> None:
        """Find the links, and those that no message can cross now."""
        rows = self.federation.connections()
        links = {row["remote_id"]: _by_channel(self.federation.links(row)) for row in rows}
        for marker in self.markers:
            try:
                marker.channel = _lookup.channel(self.client, marker.team, marker.name)
            except MattermostError as error:
                if error.status:
                    raise
                marker.fail(error.message)
                continue
            self._look_at(marker, rows, links)

    def run(self) -> None:
        """Let the messages cross. They are taken away in any case, even when it is not sure that they were posted."""
        try:
            for marker in self.markers:
                self._post(marker)
            self._watch([marker for marker in self.markers if marker.post])
        except BaseException as error:
            for marker in self.markers:
                self._remove(marker)
            left = [problem for marker in self.markers for problem in marker.problems]
            if not left:
                raise
            first = error.message if isinstance(error, MattermostError) else f"The probe broke off: {error!r}."
            raise MattermostError(" ".join([first, *left])) from error

    def result(self) -> Dict[str, Any]:
        """What was found, for the result."""
        return {"channels": [marker.shown() for marker in self.markers]}

    def judge(self) -> None:
        """Fail when something did not cross, or is left over."""
        wrong = [sentence for marker in self.markers for sentence in marker.sentences()]
        if wrong:
            raise DidNotCross(" ".join(wrong), self.result())

    def _look_at(self, marker: Marker, rows: List[Fields], links: Links) -> None:
        names = [row["name"] for row in rows] if marker.wanted is None else [name.lower() for name in marker.wanted]
        for name in dict.fromkeys(names):
            found = of_name(rows, name)
            row = only(found) if found else {}
            link = links[row["remote_id"]].get(marker.channel["id"]) if row else None
            if not row:
                marker.failed[name] = "There is no such connection."
            elif link is None:
                if marker.wanted is not None:
                    marker.failed[name] = f"The channel {marker.name} is not shared over this connection."
            elif not link["is_invite_confirmed"]:
                marker.failed[name] = "The other server has not taken the channel."
            elif not is_online(row):
                marker.failed[name] = f"The server at {row['site_url']} does not answer."
            else:
                marker.rows[name], marker.before[name] = row, _cursors(link)
        if not marker.rows and not marker.failed:
            marker.fail(f"The channel {marker.name} is not shared, so that there is nothing to probe.")

    def _post(self, marker: Marker) -> None:
        if not marker.rows:
            return
        body = {"channel_id": marker.channel["id"], "message": marker.text}
        tried = f"post a message in the channel {marker.name}"
        marker.begin = time.monotonic()
        try:
            marker.post = self.client.post("/posts", body, tried=tried, needs="create_post in the channel")
        except MattermostError as error:
            if not error.status:
                raise
            marker.fail(error.message)
            self._remove(marker)

    def _watch(self, waiting: List[Marker]) -> None:
        """Until all have crossed, or time is up; each message goes as soon as nobody waits for it."""
        while waiting:
            rows = {name: marker.rows[name] for marker in waiting for name in marker.waiting()}
            links = {name: _by_channel(self.federation.links(row)) for name, row in rows.items()}
            for marker in waiting:
                marker.see(links, self.patience)
                if not marker.waiting():
                    self._remove(marker)
            waiting = [marker for marker in waiting if marker.waiting()]
            if waiting:
                time.sleep(_POLL)

    def _remove(self, marker: Marker) -> None:
        """Take the message away, here and, by its next synchronisation, there; if that fails, it must be told."""
        if marker.begin is None or marker.removed:
            return
        marker.removed = True
        tried = f"remove the message of the probe from the channel {marker.name}"
        post_id = marker.post.get("id")
        try:
            if self._away:
                raise self._away  # the others would wait for nobody, one after the other
            post_id = post_id or self._lost(marker, tried)
            if post_id:
                self.client.delete(f"/posts/{post_id}", tried=tried, needs="delete_post in the channel")
        except MattermostError as error:
            self._away = None if error.status else error
            if not error.missing:
                marker.problems.append(f"{error.message} {_left(marker, post_id)}")

    def _lost(self, marker: Marker, tried: str) -> Optional[str]:
        """The message whose answer got lost, if it was posted."""
        query = {"page": 0, "per_page": 60}
        found = self.client.get(f"/channels/{marker.channel['id']}/posts", tried=tried, query=query)
        return next((one["id"] for one in found["posts"].values() if one["message"] == marker.text), None)


def _left(marker: Marker, post_id: Optional[str]) -> str:
    """What to do about a message that could not be taken away."""
    where = f"in the channel {marker.team}:{marker.name}"
    if post_id:
        return f"The message {post_id} ({marker.text}) is left {where}; delete it there."
    return f"If it was posted, the message ({marker.text}) is left {where}; look for it, and delete it there."


def _by_channel(links: List[Fields]) -> Dict[str, Fields]:
    return {link["channel_id"]: link for link in links}


def _cursors(link: Fields) -> Cursors:
    """The newest message, and the newest change of one, that the other server has answered for.

    The first goes back when an older message is changed after a newer one was written (GetPostsSinceForSync); the second never does.
    """
    return (
        (link["last_post_create_at"], link["last_post_create_id"]),
        (link["last_post_update_at"], link["last_post_id"]),
    )

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What there is to send over one link: new and changed posts since its cursor, and what belongs to them.

Nothing goes back to where it came from: rows know the connection that brought them. That is all that keeps servers
from sending in circles, and it lets the home of a channel pass on what one of its partners writes to the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from server.database import Row
from server.federation import records
from server.ids import new_id, now

if TYPE_CHECKING:
    from server.app import App

MAX_USERS = 25
_LEFT_OUT = ["system_header_change", "system_displayname_change", "system_purpose_change"]
_MENTION = re.compile(r"(?<!\w)@([a-z0-9._:-]+)", re.I)
CURSOR = ("last_post_create_at", "last_post_create_id", "last_post_update_at", "last_post_id")


@dataclass
class SyncData:
    """Collected for one link; `cursor` is where it is afterwards, `more` that there is another batch."""

    remote: Row
    link: Row
    cursor: dict[str, Any]
    posts: list[Row] = field(default_factory=list)
    users: dict[str, Row] = field(default_factory=dict)
    reactions: list[Row] = field(default_factory=list)
    files: list[tuple[Row, Row]] = field(default_factory=list)
    mentions: dict[str, str] = field(default_factory=dict)
    more: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.posts or self.users or self.reactions or self.files)

    @property
    def cursor_moved(self) -> bool:
        return any(self.cursor[name] != self.link[name] for name in CURSOR)


class Collector:
    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self, remote: Row, link: Row) -> SyncData:
        """Posts alone; complete() adds the rest when the other side is there to take it."""
        data = SyncData(remote, link, {name: link[name] for name in CURSOR})
        limit = self._batch()
        fresh = self._since(data, "create", limit)
        self._append(data, fresh, link["last_post_create_at"])
        count = len(fresh)
        if count < limit:
            changed = self._since(data, "update", limit - count)
            count += len(changed)
            known = {row["id"] for row in fresh}
            self._append(data, [row for row in changed if row["id"] not in known], link["last_post_update_at"])
        data.more = count >= limit
        return data

    def complete(self, data: SyncData) -> None:
        store, origin = self._app.store, data.remote["remote_id"]
        self._changed_users(data)
        since = {"since": data.link["last_post_update_at"], "origin": origin}
        for row in data.posts:
            condition = "updateat > :since AND remoteid <> :origin"
            data.reactions += store.find("reactions", condition, post_id=row["id"], order="createat", values=since)
        self._needed_users(data)
        data.posts = [row for row in data.posts if self._goes(row, data)]
        for row in data.posts:
            for info in store.find("fileinfo", post_id=row["id"], delete_at=0, order="createat"):
                if self._file_goes(info, origin):
                    data.files.append((info, row))

    def _batch(self) -> int:
        if self._app.release.is_11:
            return int(self._app.federation.setting("MaxPostsPerSync"))
        return 50

    def _since(self, data: SyncData, kind: str, limit: int) -> list[Row]:
        """Ordered by change in both cases, as a real server does: a new post can come twice, none is left out."""
        at, post_id = ("last_post_create_at", "last_post_create_id")
        if kind == "update":
            at, post_id = ("last_post_update_at", "last_post_id")
        condition = f"({kind}at > :at OR ({kind}at = :at AND id > :id)) AND type <> ALL(:left_out)"
        values = {"at": data.link[at], "id": data.link[post_id], "left_out": _LEFT_OUT}
        channel_id = data.link["channel_id"]
        rows = self._app.store.find(
            "posts", condition, channel_id=channel_id, order="updateat, id", limit=limit, values=values
        )
        if rows:
            data.cursor.update({at: rows[-1][f"{kind}_at"], post_id: rows[-1]["id"]})
        return rows

    def _append(self, data: SyncData, rows: list[Row], since: int) -> None:
        """A reply is preceded by its root, unless that has crossed before."""
        for row in rows:
            root = self._app.store.get("posts", id=row["root_id"]) if row["root_id"] else None
            if root is not None and max(root["create_at"], root["update_at"]) >= since:
                self._append_once(data, root)
            self._append_once(data, row)

    @staticmethod
    def _append_once(data: SyncData, row: Row) -> None:
        if all(row["id"] != known["id"] for known in data.posts):
            data.posts.append(row)

    def _changed_users(self, data: SyncData) -> None:
        """Accounts that crossed before and have changed since."""
        rows = self._app.store.find(
            "users",
            "remoteid <> :remote AND id IN (SELECT u.userid FROM sharedchannelusers u WHERE u.channelid = :channel "
            "AND u.lastsyncat < users.updateat)",
            order="id",
            limit=MAX_USERS,
            values={"remote": data.remote["remote_id"], "channel": data.link["channel_id"]},
        )
        data.users.update({row["id"]: row for row in rows})

    def _needed_users(self, data: SyncData) -> None:
        """Authors, those who reacted, and members of the team who are mentioned."""
        needed = {row["user_id"] for row in data.reactions} | {row["user_id"] for row in data.posts}
        for row in data.posts:
            data.mentions.update(self._mentioned(row["message"], data.link["channel_id"]))
        for user_id in needed | set(data.mentions.values()):
            user = self._app.store.get("users", id=user_id)
            if user is not None and self._user_goes(user, data):
                data.users[user_id] = user

    def _mentioned(self, message: str, channel_id: str) -> dict[str, str]:
        names = sorted({name.lower().rstrip(".:-_") for name in _MENTION.findall(message)})
        if not names:
            return {}
        rows = self._app.store.find(
            "users",
            "username = ANY(:names) AND id IN (SELECT m.userid FROM teammembers m JOIN channels c ON c.teamid = m.teamid "
            "WHERE c.id = :channel AND m.deleteat = 0)",
            values={"names": names, "channel": channel_id},
        )
        return {row["username"]: row["id"] for row in rows}

    def _user_goes(self, user: Row, data: SyncData) -> bool:
        remote_id = data.remote["remote_id"]
        if user["remote_id"] == remote_id:
            return False
        keys = {"user_id": user["id"], "channel_id": data.link["channel_id"], "remote_id": remote_id}
        known = self._app.store.get("sharedchannelusers", **keys)
        if known is None:
            row = {"id": new_id(), "create_at": now(), "last_sync_at": 0, **keys}
            self._app.store.insert("sharedchannelusers", row)
            return True
        return bool(user["update_at"] > known["last_sync_at"])

    @staticmethod
    def _goes(row: Row, data: SyncData) -> bool:
        if row["remote_id"] == data.remote["remote_id"]:
            return False
        return not 0 < row["edit_at"] < data.link["last_post_update_at"] or row["delete_at"] > 0

    def _file_goes(self, info: Row, remote_id: str) -> bool:
        sent = self._app.store.get("sharedchannelattachments", file_id=info["id"], remote_id=remote_id)
        return sent is None or sent["last_sync_at"] < info["update_at"]


def messages(app: App, data: SyncData) -> dict[str, dict[str, Any]]:
    """The messages of a batch, in the order in which they go."""
    found: dict[str, dict[str, Any]] = {}
    if data.users:
        found["users"] = {"users": {key: records.user(row) for key, row in data.users.items()}}
    if data.posts:
        found["posts"] = {"posts": [records.post(row) for row in data.posts]}
        if data.mentions and app.release.is_11:
            found["posts"]["mention_transforms"] = data.mentions
    if data.reactions:
        found["reactions"] = {"reactions": [records.reaction(row) for row in data.reactions]}
    return found

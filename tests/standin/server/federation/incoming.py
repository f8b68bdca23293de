# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What another server sends for a shared channel: accounts, posts, reactions. Each is taken or refused by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server import places
from server.database import Row
from server.errors import ApiError
from server.federation import shadows, shares
from server.federation.service import Refused
from server.ids import now

if TYPE_CHECKING:
    from server.app import App

NOT_SHARED = "channel is no longer shared"
_KEPT = ("user_id", "channel_id", "root_id", "message", "type", "hashtags")
_TIMES = ("create_at", "edit_at", "delete_at")


class Incoming:
    def __init__(self, app: App) -> None:
        self._app = app

    def receive(self, payload: Any, remote: Row) -> dict[str, Any] | None:
        """The answer says what was taken; None when there was nothing to take."""
        if not payload["channel_id"]:  # accounts of all the server, which is off by default
            return None
        if payload.get("membership_changes") and not (payload.get("posts") or payload.get("users")):
            return None  # a feature that is off by default
        channel = self._app.store.get("channels", id=payload["channel_id"])
        if channel is None:
            raise Refused(f"channel not found processing sync message: {payload['channel_id']}")
        if not shares.has_link(self._app, channel["id"], remote["remote_id"]):
            raise Refused(f"cannot process sync message; {NOT_SHARED}: {channel['id']}")
        answer = _empty_answer()
        self._users(payload.get("users") or {}, channel, remote, answer)
        for post in payload.get("posts") or []:
            self._each(answer, "post", post["id"], lambda post=post: self._post(post, channel, remote, payload))
        for reaction in payload.get("reactions") or []:
            if self._each(answer, "", "", lambda reaction=reaction: self._reaction(reaction, channel, remote)):
                answer["reactions_last_update_at"] = max(answer["reactions_last_update_at"], reaction["update_at"])
        return answer

    def _users(self, users: dict[str, Any], channel: Row, remote: Row, answer: dict[str, Any]) -> None:
        for sent in users.values():
            if self._each(answer, "", sent["id"], lambda sent=sent: shadows.take(self._app, sent, channel, remote)):
                answer["users_syncd"].append(sent["id"])
                answer["users_last_update_at"] = max(answer["users_last_update_at"], sent.get("update_at") or 0)

    def _each(self, answer: dict[str, Any], kind: str, row_id: str, action: Any) -> bool:
        try:
            row = action()
        except (Refused, ApiError, KeyError, TypeError) as error:
            self._app.log.error(
                "Error upserting from sync", kind=kind or "user or reaction", id=row_id, error=str(error)
            )
            if kind:
                answer[f"{kind}_errors"].append(row_id)
            return False
        if kind == "post":
            answer["posts_last_update_at"] = max(answer["posts_last_update_at"], row["update_at"])
        return True

    def _post(self, sent: dict[str, Any], channel: Row, remote: Row, payload: dict[str, Any]) -> Row:
        known = self._app.store.get("posts", id=sent["id"])
        if sent["channel_id"] != channel["id"] or (known is not None and known["channel_id"] != channel["id"]):
            raise Refused("post sync failed: channelID mismatch")
        message = self._mentions(sent["message"], payload.get("mention_transforms") or {}, remote)
        if known is None:
            return self._create(sent, channel, remote, message)
        if sent["delete_at"]:
            return self._delete(known)
        if known["delete_at"] or known["type"]:
            raise Refused("UpdatePost: Unable to find or change the post.")
        return self._update(known, sent, message)

    def _create(self, sent: dict[str, Any], channel: Row, remote: Row, message: str) -> Row:
        """With the author's own identifiers and times."""
        user = self._app.store.get("users", id=sent["user_id"])
        if user is None:
            raise Refused("error fetching user for post sync")
        if user["remote_id"] != remote["remote_id"]:
            raise Refused("post sync failed: remoteID mismatch")
        fields: Row = {name: sent.get(name) or "" for name in _KEPT}
        fields.update({name: int(sent.get(name) or 0) for name in _TIMES})
        fields.update(id=sent["id"], message=message, props=sent.get("props") or {}, remote_id=remote["remote_id"])
        fields.update(update_at=fields["create_at"], is_pinned=bool(sent.get("is_pinned")))
        post = places.add_post(self._app, channel, fields)
        post["file_ids"] = self._attach(post, sent.get("file_ids") or [])
        return post

    def _attach(self, post: Row, file_ids: list[str]) -> list[str]:
        """Only files that have arrived; one that was too large is missing from the post."""
        attached = []
        for file_id in file_ids:
            info = self._app.store.get("fileinfo", id=file_id, user_id=post["user_id"], post_id="")
            if info is not None:
                self._app.store.update("fileinfo", info, post_id=post["id"])
                attached.append(file_id)
        if attached:
            self._app.store.update("posts", post, file_ids=attached)
        return attached

    def _update(self, known: Row, sent: dict[str, Any], message: str) -> Row:
        changes: Row = {"update_at": now(), "is_pinned": bool(sent.get("is_pinned")), "props": sent.get("props") or {}}
        if message != known["message"]:
            changes.update(message=message, edit_at=now())
        self._app.federation.changed(known["channel_id"])
        return self._app.store.update("posts", known, **changes)

    def _delete(self, known: Row) -> Row:
        if known["delete_at"]:
            raise Refused("DeletePost: Unable to get the post.")
        stamp = now()
        for row in self._app.store.find("posts", root_id=known["id"], delete_at=0):
            self._app.store.update("posts", row, delete_at=stamp, update_at=stamp)
        self._app.federation.changed(known["channel_id"])
        return self._app.store.update("posts", known, delete_at=stamp, update_at=stamp)

    def _reaction(self, sent: dict[str, Any], channel: Row, remote: Row) -> Row:
        """A reaction that is there already is taken away, whatever was sent: so does a real server."""
        store = self._app.store
        post = store.get("posts", id=sent["post_id"])
        user = store.get("users", id=sent["user_id"])
        if post is None or user is None:
            raise Refused("error fetching post or user for reaction sync")
        if post["channel_id"] != channel["id"] or user["remote_id"] != remote["remote_id"]:
            raise Refused("reaction sync failed: remoteID or channelID mismatch")
        stamp = now()
        keys = {name: sent[name] for name in ("user_id", "post_id", "emoji_name")}
        known = store.get("reactions", **keys, remote_id=remote["remote_id"])
        row = {**keys, "create_at": sent["create_at"], "update_at": stamp, "delete_at": sent["delete_at"] or 0}
        row.update(channel_id=channel["id"], remote_id=remote["remote_id"])
        store.save("reactions", {**row, "delete_at": stamp} if known is not None else row)
        store.update("posts", post, update_at=stamp)
        self._app.federation.changed(channel["id"])
        return row

    def _mentions(self, message: str, transforms: dict[str, str], remote: Row) -> str:
        """A mention of one of theirs names the shadow, one of ours the account itself."""
        for name, user_id in transforms.items():
            user = self._app.store.get("users", id=user_id)
            if user is None:
                wanted = name if ":" in name else f"{name}:{remote['name']}"
            else:
                wanted = user["username"] if ":" in name or user["remote_id"] else name
            message = message.replace("@" + name, "@" + wanted)
        return message


def _empty_answer() -> dict[str, Any]:
    answer: dict[str, Any] = {"users_last_update_at": 0, "user_errors": [], "users_syncd": []}
    for name in ("post", "reaction", "acknowledgement"):
        answer.update({f"{name}s_last_update_at": 0, f"{name}_errors": []})
    return {**answer, "status_errors": None}

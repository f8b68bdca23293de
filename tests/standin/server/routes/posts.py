# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Posts and threads."""

from __future__ import annotations

import json
import re
import threading
from typing import TYPE_CHECKING, Any

from server import places, push
from server.database import Row
from server.errors import ApiError, forbidden, invalid_body
from server.http import Answer, Request
from server.ids import now
from server.router import Route, is_admin, ok
from server.routes.files import show_file

if TYPE_CHECKING:
    from server.app import App

_URL = re.compile(r"https?://[^\s<>\"')\]]+")
_MAX_MESSAGE = 16383


def create(app: App, request: Request) -> Answer:
    wanted = request.json("post")
    user = request.user or {}
    channel = app.store.get("channels", id=str(wanted.get("channel_id", "")))
    if channel is None:
        raise forbidden()
    places.require_channel_member(app, request, channel, "create_post")
    if channel["delete_at"]:
        raise ApiError("api.post.create_post.can_not_post_to_deleted.error")
    message, file_ids = str(wanted.get("message", "")), wanted.get("file_ids") or []
    if len(message) > _MAX_MESSAGE:
        raise ApiError("model.post.is_valid.msg.app_error")
    fields = {"user_id": user["id"], "message": message, "root_id": _root(app, channel, wanted)}
    props = wanted.get("props") if isinstance(wanted.get("props"), dict) else {}
    if app.store.get("bots", user_id=user["id"]) is not None:
        props = {**props, "from_bot": "true"}
    hashtags = " ".join(re.findall(r"(?:^|\s)(#[A-Za-z]\w{2,})", message))
    post = places.add_post(app, channel, {**fields, "props": props, "hashtags": hashtags})
    post["file_ids"] = _attach(app, user, post, file_ids)
    if fields["root_id"]:
        root = app.store.get("posts", id=fields["root_id"])
        app.store.update("posts", root or post, update_at=post["create_at"])
    shown = show_post(app, post, fresh=True)
    _announce(app, channel, user, post, shown)
    return Answer(shown, 201)


def _root(app: App, channel: Row, wanted: dict[str, Any]) -> str:
    root_id = str(wanted.get("root_id") or "")
    root = app.store.get("posts", id=root_id) if root_id else None
    if root_id and (root is None or root["root_id"]):
        raise ApiError("api.post.create_post.root_id.app_error")
    if root is not None and root["channel_id"] != channel["id"]:
        raise ApiError("api.post.create_post.channel_root_id.app_error")
    return root_id


def _attach(app: App, user: Row, post: Row, file_ids: list[Any]) -> list[str]:
    """Files of the author that no post has yet; anything else is left out without a word."""
    attached = []
    for file_id in file_ids:
        info = app.store.get("fileinfo", id=str(file_id), user_id=user["id"], post_id="")
        if info is not None:
            app.store.update("fileinfo", info, post_id=post["id"], channel_id=post["channel_id"])
            attached.append(info["id"])
    if attached:
        app.store.update("posts", post, file_ids=attached)
    return attached


def _announce(app: App, channel: Row, user: Row, post: Row, shown: dict[str, Any]) -> None:
    """Tell the members who are connected, and the outside what a real server tells it."""
    members = {row["user_id"] for row in app.store.find("channelmembers", channel_id=channel["id"])}
    data = {
        "channel_display_name": channel["display_name"],
        "channel_name": channel["name"],
        "channel_type": channel["type"],
        "post": json.dumps(shown),
        "sender_name": "@" + user["username"],
        "set_online": True,
        "team_id": channel["team_id"],
    }
    app.hub.publish("posted", data, users=members, channel_id=channel["id"])
    readers = _to_hear(app, channel, post["message"], members - {user["id"]})
    if readers:
        threading.Thread(target=push.send, args=(app, channel, user, post, readers), daemon=True).start()
    for url in _URL.findall(post["message"])[:1]:
        app.outbound.preview(url)


def _to_hear(app: App, channel: Row, message: str, members: set[str]) -> set[str]:
    """The members whose phones are told: all in a direct channel, elsewhere who is mentioned."""
    words = {word.rstrip(".,;:!?").lower() for word in re.findall(r"@([A-Za-z0-9._-]+)", message)}
    if channel["type"] == "D" or words & {"all", "channel", "here"}:
        return members
    rows = app.store.find("users", "username = ANY(:names)", values={"names": sorted(words)}) if words else []
    return {row["id"] for row in rows} & members


def show_post(app: App, post: Row, *, fresh: bool = False, replies: bool = True) -> dict[str, Any]:
    names = (
        "id create_at update_at edit_at delete_at is_pinned user_id channel_id root_id original_id message type props "
        "hashtags"
    )
    shown = {name: post[name] for name in names.split()}
    if post["file_ids"] or app.release.is_11:
        shown["file_ids"] = post["file_ids"] or []
    shown["pending_post_id"] = ""
    if not post["type"]:
        shown["remote_id"] = post["remote_id"]
    root = post["root_id"] or post["id"]
    shown["reply_count"] = app.store.count("posts", "deleteat = 0", root_id=root) if replies else 0
    shown.update(last_reply_at=0, participants=None, metadata=_metadata(app, post, fresh))
    if "reactions" in shown["metadata"]:
        shown["has_reactions"] = True
    return shown


def _metadata(app: App, post: Row, fresh: bool) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if post["file_ids"]:
        files = [app.store.get("fileinfo", id=file_id) for file_id in post["file_ids"]]
        metadata["files"] = [show_file(info) for info in files if info is not None]
    if not fresh:
        reactions = app.store.find("reactions", post_id=post["id"], delete_at=0, order="createat")
        if reactions:
            metadata["reactions"] = [dict(row) for row in reactions]
    return metadata


def read(app: App, request: Request) -> Answer:
    post = readable(app, request)
    etag = f"{app.release.version}.{post['id']}.{post['update_at']}"
    return Answer(show_post(app, post), headers={"Etag": etag})


def update(app: App, request: Request) -> dict[str, Any]:
    wanted = request.json("post")
    if wanted.get("id") != request.params["post_id"]:
        raise invalid_body("id")
    return _edit(app, request, wanted)


def patch(app: App, request: Request) -> dict[str, Any]:
    return _edit(app, request, request.json("post"))


def _edit(app: App, request: Request, wanted: dict[str, Any]) -> dict[str, Any]:
    post = readable(app, request)
    if not is_admin(request) and (request.user is None or request.user["id"] != post["user_id"]):
        raise forbidden()
    fields = {name: wanted[name] for name in ("message", "is_pinned", "props") if wanted.get(name) is not None}
    if "message" in fields and fields["message"] != post["message"]:
        fields["edit_at"] = now()
    app.federation.changed(post["channel_id"])
    return show_post(app, app.store.update("posts", post, update_at=now(), **fields))


def delete(app: App, request: Request) -> Answer:
    post = readable(app, request)
    if not is_admin(request) and (request.user is None or request.user["id"] != post["user_id"]):
        raise forbidden()
    stamp = now()
    for row in [post, *app.store.find("posts", root_id=post["id"])]:
        app.store.update("posts", row, delete_at=stamp, update_at=stamp)
    app.federation.changed(post["channel_id"])
    return ok()


def pin(app: App, request: Request) -> Answer:
    app.store.update("posts", readable(app, request), is_pinned=True, update_at=now())
    return ok()


def unpin(app: App, request: Request) -> Answer:
    app.store.update("posts", readable(app, request), is_pinned=False, update_at=now())
    return ok()


def thread(app: App, request: Request) -> dict[str, Any]:
    post = readable(app, request)
    root = post["root_id"] or post["id"]
    rows = app.store.find("posts", "deleteat = 0 AND (id = :root OR rootid = :root)", values={"root": root})
    rows.sort(key=lambda row: (row["id"] != root, row["create_at"]))
    return _list(app, rows, replies=True)


def of_channel(app: App, request: Request) -> Answer:
    channel = places.find_channel(app, id=request.params["channel_id"])
    places.require_channel_reader(app, request, channel)
    since = request.number("since", 0)
    limit, offset = request.page
    condition = "updateat > :since" if since else "deleteat = 0"
    rows = app.store.find(
        "posts",
        condition,
        channel_id=channel["id"],
        order="createat DESC, id",
        limit=1000 if since else limit,
        offset=0 if since else offset,
        values={"since": since} if since else {},
    )
    etag = f"{app.release.version}.{max([row['update_at'] for row in rows] or [0])}"
    return Answer(_list(app, rows, replies=False), headers={"Etag": etag})


def pinned(app: App, request: Request) -> dict[str, Any]:
    channel = places.find_channel(app, id=request.params["channel_id"])
    places.require_channel_reader(app, request, channel)
    rows = app.store.find("posts", "ispinned AND deleteat = 0", channel_id=channel["id"], order="createat DESC")
    return _list(app, rows, replies=False)


def search(app: App, request: Request) -> Answer:
    wanted = request.json("search")
    terms = str(wanted.get("terms", "")).lower().split()
    if not terms:
        raise invalid_body("terms")
    team = request.params.get("team_id", "")
    scope = "AND teamid = :team" if team else ""
    rows = app.store.find(
        "posts",
        f"deleteat = 0 AND type = '' AND channelid IN (SELECT c.id FROM channels c JOIN channelmembers m "
        f"ON m.channelid = c.id WHERE m.userid = :user {scope})",
        order="createat DESC",
        values={"user": (request.user or {}).get("id", ""), **({"team": team} if team else {})},
    )
    every = not wanted.get("is_or_search")
    found = [row for row in rows if (all if every else any)(term in row["message"].lower() for term in terms)]
    answer = {**_list(app, found[:60], replies=False), "matches": None}
    return Answer(answer, headers={"Cache-Control": "no-cache, no-store, must-revalidate"})


def _list(app: App, rows: list[Row], *, replies: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "order": [row["id"] for row in rows],
        "posts": {row["id"]: show_post(app, row, replies=replies) for row in rows},
        "next_post_id": "",
        "prev_post_id": "",
        "has_next": False,
        "first_inaccessible_post_time": 0,
    }
    if app.release.is_11:
        del answer["has_next"]
    return answer


def readable(app: App, request: Request) -> Row:
    post = app.store.get("posts", id=request.params["post_id"])
    if post is None or post["delete_at"]:
        raise ApiError("app.post.get.app_error")
    places.require_channel_reader(app, request, places.find_channel(app, id=post["channel_id"]))
    return post


ROUTES = [
    Route("POST", "/posts", create),
    Route("GET", "/posts/{post_id}", read, local=True),
    Route("PUT", "/posts/{post_id}", update),
    Route("DELETE", "/posts/{post_id}", delete),
    Route("PUT", "/posts/{post_id}/patch", patch),
    Route("POST", "/posts/{post_id}/pin", pin),
    Route("POST", "/posts/{post_id}/unpin", unpin),
    Route("GET", "/posts/{post_id}/thread", thread),
    Route("GET", "/channels/{channel_id}/posts", of_channel, local=True),
    Route("GET", "/channels/{channel_id}/pinned", pinned),
    Route("POST", "/teams/{team_id}/posts/search", search),
    Route("POST", "/posts/search", search),
]

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Reactions to posts. One that is taken back stays in the database, for other servers to learn of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from server import permissions, places
from server.errors import ApiError, forbidden, invalid_body
from server.http import Answer, Request
from server.ids import now
from server.router import Route, is_admin, ok
from server.routes.posts import readable

if TYPE_CHECKING:
    from server.app import App


def react(app: App, request: Request) -> dict[str, Any]:
    wanted = request.json("reaction")
    if request.user is None or wanted.get("user_id") != request.user["id"]:
        raise ApiError("api.reaction.save_reaction.user_id.app_error")
    if not re.fullmatch(r"[A-Za-z0-9_+-]{1,64}", str(wanted.get("emoji_name", ""))):
        raise invalid_body("reaction")
    request.params["post_id"] = str(wanted.get("post_id", ""))
    post = readable(app, request)
    channel = places.find_channel(app, id=post["channel_id"])
    if not permissions.has_channel_permission(app, request, channel, "add_reaction"):
        raise forbidden()
    stamp = now()
    row = {"user_id": wanted["user_id"], "post_id": post["id"], "emoji_name": wanted["emoji_name"], "delete_at": 0}
    row.update(create_at=stamp, update_at=stamp, channel_id=post["channel_id"], remote_id="")
    app.store.save("reactions", row)
    app.store.update("posts", post, update_at=stamp)
    app.federation.changed(post["channel_id"])
    return dict(row)


def reactions(app: App, request: Request) -> list[dict[str, Any]] | None:
    post = readable(app, request)
    return app.store.find("reactions", post_id=post["id"], delete_at=0, order="createat") or None


def unreact(app: App, request: Request) -> Answer:
    if not is_admin(request) and (request.user is None or request.user["id"] != request.params["user_id"]):
        raise forbidden()
    names = ("user_id", "post_id", "emoji_name")
    row = app.store.get("reactions", **{name: request.params[name] for name in names})
    post = app.store.get("posts", id=request.params["post_id"])
    if row is not None and post is not None:
        stamp = now()
        app.store.update("reactions", row, delete_at=stamp, update_at=stamp)
        app.store.update("posts", post, update_at=stamp)
        app.federation.changed(post["channel_id"])
    return ok()


ROUTES = [
    Route("GET", "/posts/{post_id}/reactions", reactions),
    Route("POST", "/reactions", react),
    Route("DELETE", "/users/{user_id}/posts/{post_id}/reactions/{emoji_name}", unreact),
]

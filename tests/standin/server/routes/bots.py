# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Bot accounts: off by default, and not to be made over the local-mode socket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from server import people
from server.database import Row
from server.errors import ApiError, forbidden
from server.http import Answer, Request
from server.ids import now
from server.router import Route, is_admin

if TYPE_CHECKING:
    from server.app import App


def create(app: App, request: Request) -> Answer:
    wanted = request.json("bot")
    if not is_admin(request):
        raise forbidden()
    if not app.config("ServiceSettings.EnableBotAccountCreation"):
        raise ApiError("api.bot.create_disabled")
    username = str(wanted.get("username", "")).lower()
    if not re.fullmatch(r"[a-z0-9._-]{1,64}", username):
        raise ApiError("model.bot.is_valid.username.app_error")
    account = {"username": username, "email": f"{username}@localhost"}
    account["first_name"] = str(wanted.get("display_name") or "")
    user = people.create(app, account, roles="system_user", bot=True)
    bot = {"user_id": user["id"], "description": str(wanted.get("description") or ""), "delete_at": 0}
    bot.update(owner_id=(request.user or {}).get("id", ""), create_at=user["create_at"], update_at=user["create_at"])
    app.store.insert("bots", bot)
    return Answer(_shown(bot, user), 201)


def listing(app: App, request: Request) -> list[dict[str, Any]]:
    if not is_admin(request):
        raise forbidden()
    limit, offset = request.page
    condition = "TRUE" if request.flag("include_deleted") else "deleteat = 0"
    rows = app.store.find("bots", condition, order="createat, userid", limit=limit, offset=offset)
    return [_shown(row, people.find(app, id=row["user_id"])) for row in rows]


def read(app: App, request: Request) -> dict[str, Any]:
    bot = _found(app, request)
    if bot["delete_at"] and not request.flag("include_deleted"):
        raise ApiError("store.sql_bot.get.missing.app_error")
    return _shown(bot, people.find(app, id=bot["user_id"]))


def patch(app: App, request: Request) -> dict[str, Any]:
    bot = _found(app, request)
    wanted = request.json("bot")
    user = people.find(app, id=bot["user_id"])
    fields = {}
    if isinstance(wanted.get("username"), str):
        fields["username"] = wanted["username"].lower()
    if isinstance(wanted.get("display_name"), str):
        fields["first_name"] = wanted["display_name"]
    user = people.change(app, user, **fields)
    description = wanted.get("description")
    text = description if isinstance(description, str) else bot["description"]
    return _shown(app.store.update("bots", bot, update_at=now(), description=text), user)


def enable(app: App, request: Request) -> dict[str, Any]:
    return _switch(app, request, 0)


def disable(app: App, request: Request) -> dict[str, Any]:
    return _switch(app, request, now())


def _switch(app: App, request: Request, delete_at: int) -> dict[str, Any]:
    bot = app.store.update("bots", _found(app, request), delete_at=delete_at, update_at=now())
    user = people.change(app, people.find(app, id=bot["user_id"]), delete_at=delete_at)
    return _shown(bot, user)


def assign(app: App, request: Request) -> dict[str, Any]:
    owner = people.find(app, id=request.params["user_id"])
    bot = app.store.update("bots", _found(app, request), owner_id=owner["id"], update_at=now())
    return _shown(bot, people.find(app, id=bot["user_id"]))


def _found(app: App, request: Request) -> Row:
    bot = app.store.get("bots", user_id=request.params["bot_user_id"])
    own = bot is not None and request.user is not None and bot["owner_id"] == request.user["id"]
    if bot is None or not (own or is_admin(request)):
        raise ApiError("store.sql_bot.get.missing.app_error")
    return bot


def _shown(bot: Row, user: Row) -> dict[str, Any]:
    shown = {"user_id": bot["user_id"], "username": user["username"]}
    if user["first_name"]:
        shown["display_name"] = user["first_name"]
    if bot["description"]:
        shown["description"] = bot["description"]
    return {**shown, **{name: bot[name] for name in ("owner_id", "create_at", "update_at", "delete_at")}}


ROUTES = [
    Route("POST", "/bots", create),
    Route("GET", "/bots", listing, local=True),
    Route("GET", "/bots/{bot_user_id}", read, local=True),
    Route("PUT", "/bots/{bot_user_id}", patch, local=True),
    Route("POST", "/bots/{bot_user_id}/enable", enable, local=True),
    Route("POST", "/bots/{bot_user_id}/disable", disable, local=True),
    Route("POST", "/bots/{bot_user_id}/assign/{user_id}", assign, local=True),
]

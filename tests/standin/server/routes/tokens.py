# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Personal access tokens: shown once, off by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server import people
from server.database import Row
from server.errors import ApiError, forbidden, invalid_body
from server.http import Answer, Request
from server.ids import new_id
from server.router import ADMIN, Route, is_admin, ok, require_self_or_admin

if TYPE_CHECKING:
    from server.app import App


def create(app: App, request: Request) -> Row:
    require_self_or_admin(request)
    if not is_admin(request) and "system_user_access_token" not in (request.session or {})["roles"].split():
        raise forbidden()
    user = people.find(app, id=request.params["user_id"])
    is_bot = app.store.get("bots", user_id=user["id"]) is not None
    if not is_bot and not app.config("ServiceSettings.EnableUserAccessTokens"):
        raise ApiError("app.user_access_token.disabled")
    description = str(request.json("user_access_token").get("description", ""))
    if not description:
        raise invalid_body("description")
    token = {"id": new_id(), "token": new_id(), "user_id": user["id"], "description": description, "is_active": True}
    return app.store.insert("useraccesstokens", token)


def of_user(app: App, request: Request) -> list[dict[str, Any]]:
    require_self_or_admin(request)
    limit, offset = request.page
    rows = app.store.find("useraccesstokens", user_id=request.params["user_id"], order="id", limit=limit, offset=offset)
    return [_shown(row) for row in rows]


def listing(app: App, request: Request) -> list[dict[str, Any]]:
    limit, offset = request.page
    return [_shown(row) for row in app.store.find("useraccesstokens", order="id", limit=limit, offset=offset)]


def read(app: App, request: Request) -> dict[str, Any]:
    return _shown(_find(app, request, request.params["token_id"]))


def revoke(app: App, request: Request) -> Answer:
    token = _find(app, request, _given_id(request))
    app.store.delete("sessions", token=token["token"])
    app.store.delete("useraccesstokens", id=token["id"])
    return ok()


def disable(app: App, request: Request) -> Answer:
    app.store.update("useraccesstokens", _find(app, request, _given_id(request)), is_active=False)
    return ok()


def enable(app: App, request: Request) -> Answer:
    app.store.update("useraccesstokens", _find(app, request, _given_id(request)), is_active=True)
    return ok()


def _given_id(request: Request) -> str:
    return str(request.json("token_id").get("token_id", ""))


def _find(app: App, request: Request, token_id: str) -> Row:
    token = app.store.get("useraccesstokens", id=token_id)
    own = token is not None and request.user is not None and request.user["id"] == token["user_id"]
    if token is None or not (own or is_admin(request)):
        raise ApiError("app.user_access_token.get_by_user.app_error")
    return token


def _shown(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("id", "user_id", "description", "is_active")}


ROUTES = [
    Route("POST", "/users/{user_id}/tokens", create, local=True),
    Route("GET", "/users/{user_id}/tokens", of_user, local=True),
    Route("GET", "/users/tokens", listing, ADMIN),
    Route("GET", "/users/tokens/{token_id}", read),
    Route("POST", "/users/tokens/revoke", revoke, local=True),
    Route("POST", "/users/tokens/disable", disable),
    Route("POST", "/users/tokens/enable", enable),
]

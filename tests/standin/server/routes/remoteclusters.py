# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Secure connections as administrators see them. Permission comes before the question whether the service runs."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING, Any

from server.database import Row
from server.errors import ApiError, forbidden, invalid_body
from server.federation import invitation, remotes
from server.federation.wire import SendError
from server.http import Answer, Request
from server.permissions import has_permission
from server.router import Route, ok
from server.store import Duplicate

if TYPE_CHECKING:
    from server.app import App

CONNECTIONS, CHANNELS = "manage_secure_connections", "manage_shared_channels"


def require_either(app: App, request: Request) -> None:
    """Reading takes one of the two permissions, before 11 the first."""
    shared = app.release.is_11 and has_permission(app, request, CHANNELS)
    if not shared and not has_permission(app, request, CONNECTIONS):
        raise forbidden()
    app.federation.service()


def listing(app: App, request: Request) -> list[dict[str, Any]]:
    require_either(app, request)
    limit, offset = request.page
    rows = remotes.listing(app, request.query, limit=limit, offset=offset)
    return [remotes.show(app, row) for row in rows]


def read(app: App, request: Request) -> dict[str, Any]:
    """Deleted ones too, where the release keeps them."""
    require_either(app, request)
    return remotes.show(app, remotes.find(app, request.params["remote_id"], deleted=True))


def create(app: App, request: Request) -> Answer:
    app.federation.service()
    wanted = _texts(request, "name", "display_name", "default_team_id", "password")
    old = not app.release.is_11
    if old and not wanted["password"]:
        raise invalid_body("password")
    url = app.federation.site_url()
    if not old and not wanted["default_team_id"]:
        raise invalid_body("remote_cluster.default_team_id")
    team_id = "" if old else wanted["default_team_id"]
    fields = {"name": wanted["name"], "display_name": wanted["display_name"], "creator_id": _caller(request)}
    row = remotes.add(app, default_team_id=team_id, **fields)
    password = wanted["password"] or _random_password()
    text = invitation.create(app.release, row["remote_id"], url, row["token"], password)
    answer = {"remote_cluster": remotes.show(app, row), "invite": text}
    return Answer(answer if wanted["password"] else {**answer, "password": password}, 201)


def accept(app: App, request: Request) -> Answer:
    service = app.federation.service()
    wanted = _texts(request, "name", "display_name", "default_team_id", "password", "invite")
    team_id = wanted["default_team_id"] if app.release.is_11 else ""
    if app.release.is_11:
        if not team_id:
            raise invalid_body("remoteCluster.default_team_id")
        if app.store.get("teams", id=team_id) is None:
            raise invalid_body("remoteCluster.default_team_id")
    found = invitation.decrypt(app.release, wanted["invite"], wanted["password"])
    url = app.federation.site_url()
    fields = {"name": wanted["name"], "display_name": wanted["display_name"], "creator_id": _caller(request)}
    try:
        row = service.accept(found, url, default_team_id=team_id, **fields)
    except (SendError, Duplicate) as error:
        raise ApiError("api.remote_cluster.accept_invitation_error") from error
    return Answer(remotes.show(app, row), 201)


def generate(app: App, request: Request) -> Answer:
    """A new text for the same token; the 48 hours go on counting."""
    app.federation.service()
    password = _texts(request, "password")["password"]
    if not password:
        raise invalid_body("password")
    url = app.federation.site_url()
    row = remotes.find(app, request.params["remote_id"])
    if app.release.is_11 and remotes.is_confirmed(row):
        raise ApiError("api.remote_cluster.generate_invite_cluster_is_confirmed")
    text = invitation.create(app.release, row["remote_id"], url, row["token"], password)
    return Answer(text, 201) if app.release.is_11 else Answer(None, 201, raw=text.encode())


def patch(app: App, request: Request) -> dict[str, Any]:
    """What comes back has the tokens in clear, as a real server's answer."""
    app.federation.service()
    wanted = request.json("remotecluster")
    row = remotes.find(app, request.params["remote_id"])
    keys = ("display_name", "default_team_id") if remotes.keeps_deleted(app) else ("display_name",)
    changed = {key: wanted[key] for key in keys if isinstance(wanted.get(key), str)}
    if changed.get("display_name") == "":
        changed["display_name"] = row["name"]
    try:
        remotes.check({**row, **changed})
    except ApiError as error:
        raise ApiError("api.remote_cluster.update.app_error") from error
    if changed:
        row = app.store.update(remotes.TABLE, row, **changed)
    return remotes.show(app, row, tokens=True)


def delete(app: App, request: Request) -> Answer:
    app.federation.service()
    row = remotes.find(app, request.params["remote_id"])
    if not remotes.delete(app, row["remote_id"]):
        raise ApiError("api.remote_cluster.cluster_not_deleted")
    return ok()


def _texts(request: Request, *names: str) -> Row:
    wanted = request.json("remoteCluster")
    found = {name: wanted.get(name) or "" for name in names}
    if not all(isinstance(value, str) for value in found.values()):
        raise invalid_body("remoteCluster")
    return found


def _caller(request: Request) -> str:
    return request.user["id"] if request.user else ""


def _random_password() -> str:
    alphabet = string.ascii_letters + string.digits
    return "".join(secrets.choice(alphabet) for _place in range(16))


ROUTES = [
    Route("GET", "/remotecluster", listing),
    Route("POST", "/remotecluster", create, CONNECTIONS),
    Route("POST", "/remotecluster/accept_invite", accept, CONNECTIONS),
    Route("POST", "/remotecluster/{remote_id}/generate_invite", generate, CONNECTIONS),
    Route("GET", "/remotecluster/{remote_id}", read),
    Route("PATCH", "/remotecluster/{remote_id}", patch, CONNECTIONS),
    Route("DELETE", "/remotecluster/{remote_id}", delete, CONNECTIONS),
]

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Permission schemes: roles of their own for the members of a team or channel. A licence is needed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from server import permissions, places
from server.database import Row
from server.errors import ApiError, invalid_body, invalid_url
from server.http import Answer, Request
from server.ids import is_id, new_id, now
from server.router import Route, ok, require_admin
from server.store import Duplicate

if TYPE_CHECKING:
    from server.app import App

_WRITE = "sysconsole_write_user_management_permissions"
_READ = "sysconsole_read_user_management_permissions"
_NAME = re.compile(r"[a-z0-9_]{2,64}")
_TITLES = {
    "team_admin": "Team Admin Role for Scheme",
    "team_user": "Team User Role for Scheme",
    "team_guest": "Team Guest Role for Scheme",
    "playbook_admin": "Playbook Admin Role for Scheme",
    "playbook_member": "Playbook Member Role for Scheme",
    "run_admin": "Run Admin Role for Scheme",
    "run_member": "Run Member Role for Scheme",
    "channel_admin": "Channel Admin Role for Scheme",
    "channel_user": "Channel User Role for Scheme",
    "channel_guest": "Channel Guest Role for Scheme",
}


def create(app: App, request: Request) -> Answer:
    wanted = request.json("scheme")
    _require_licence(app, "create_scheme")
    permissions.require(app, request, _WRITE)
    stamp = now()
    scheme = {"id": new_id(), "create_at": stamp, "update_at": stamp, "delete_at": 0}
    scheme.update({key: str(wanted.get(key) or "") for key in ("name", "display_name", "description", "scope")})
    scheme["name"] = scheme["name"] or new_id()
    _check(scheme)
    scheme.update({f"default_{kind}_role": _make_role(app, scheme, kind) for kind in _TITLES})
    return Answer(_saved(lambda: app.store.insert("schemes", scheme)), 201)


def _make_role(app: App, scheme: Row, kind: str) -> str:
    """A copy of the stock role for the members of this scheme; a channel's scheme has roles of channels only."""
    of_channel = kind.startswith("channel_")
    if scheme["scope"] != "team" and not of_channel:
        return ""
    granted = app.store.find("roles", name=kind)[0]["permissions"].split()
    if scheme["scope"] == "channel":
        moderated = {name for names in permissions.MODERATED.values() for name in names}
        granted = [] if kind == "channel_admin" else [name for name in granted if name in moderated]
    stamp = now()
    role: Row = {
        "id": new_id(),
        "name": new_id(),
        "display_name": f"{_TITLES[kind]} {scheme['name']}",
        "description": "",
    }
    role.update(create_at=stamp, update_at=stamp, delete_at=0, scheme_managed=True, built_in=False)
    app.store.insert("roles", {**role, "permissions": " ".join(granted), "scheme_id": scheme["id"]})
    return str(role["name"])


def _check(scheme: Row) -> None:
    fits = 0 < len(scheme["display_name"]) <= 128 and len(scheme["description"]) <= 1024
    if not fits or not _NAME.fullmatch(scheme["name"]) or scheme["scope"] not in ("team", "channel"):
        raise ApiError("app.scheme.save.invalid_scheme.app_error")


def _saved(action: Any) -> Row:
    try:
        row: Row = action()
    except Duplicate as error:
        raise ApiError("app.scheme.save.app_error") from error
    return row


def listing(app: App, request: Request) -> list[Row]:
    scope = request.query.get("scope", "")
    if scope not in ("", "team", "channel"):
        raise invalid_url("scope")
    limit, offset = request.page
    wanted: Row = {"scope": scope} if scope else {}
    return app.store.find("schemes", delete_at=0, order="createat DESC", limit=limit, offset=offset, **wanted)


def read(app: App, request: Request) -> Row:
    return _found(app, request.params["scheme_id"])


def patch(app: App, request: Request) -> Row:
    wanted = request.json("scheme")
    _require_licence(app, "patch_scheme")
    scheme = _found(app, request.params["scheme_id"])
    permissions.require(app, request, _WRITE)
    fields = {key: wanted[key] for key in ("name", "display_name", "description") if isinstance(wanted.get(key), str)}
    _check({**scheme, **fields})
    return _saved(lambda: app.store.update("schemes", scheme, update_at=now(), **fields))


def delete(app: App, request: Request) -> Answer:
    _require_licence(app, "delete_scheme")
    permissions.require(app, request, _WRITE)
    scheme = _found(app, request.params["scheme_id"])
    for table in ("teams", "channels"):
        for place in app.store.find(table, scheme_id=scheme["id"]):
            app.store.update(table, place, scheme_id="")
    for role in app.store.find("roles", scheme_id=scheme["id"]):
        app.store.update("roles", role, delete_at=now(), update_at=now())
    app.store.update("schemes", scheme, delete_at=now(), update_at=now())
    return ok()


def of_teams(app: App, request: Request) -> list[dict[str, Any]]:
    scheme = _scoped(app, request.params["scheme_id"], "team", "api.scheme.get_teams_for_scheme.scope.error")
    limit, offset = request.page
    rows = app.store.find("teams", scheme_id=scheme["id"], order="displayname", limit=limit, offset=offset)
    return [places.show_team(row) for row in rows]


def of_channels(app: App, request: Request) -> list[dict[str, Any]]:
    scheme = _scoped(app, request.params["scheme_id"], "channel", "api.scheme.get_channels_for_scheme.scope.error")
    limit, offset = request.page
    rows = app.store.find("channels", scheme_id=scheme["id"], order="displayname", limit=limit, offset=offset)
    return [places.show_channel(app, row) for row in rows]


def team_scheme(app: App, request: Request) -> Answer:
    """Give a team a scheme; an empty identifier takes it away."""
    wanted = request.json("scheme_id").get("scheme_id")
    if wanted != "" and not is_id(wanted):
        raise invalid_body("scheme_id")
    if not app.licence.licensed:
        raise ApiError("api.team.update_team_scheme.license.error")
    permissions.require(app, request, _WRITE)
    if wanted:
        _scoped(app, wanted, "team", "api.team.update_team_scheme.scheme_scope.error")
    team = places.find_team(app, id=request.params["team_id"])
    app.store.update("teams", team, scheme_id=wanted, update_at=now())
    return ok()


def channel_scheme(app: App, request: Request) -> Answer:
    wanted = request.json("scheme_id").get("scheme_id")
    if not isinstance(wanted, str) or not is_id(wanted):
        raise invalid_body("scheme_id")
    if not app.licence.licensed:
        raise ApiError("api.channel.update_channel_scheme.license.error")
    require_admin(request)
    _scoped(app, wanted, "channel", "api.channel.update_channel_scheme.scheme_scope.error")
    channel = places.find_channel(app, id=request.params["channel_id"])
    app.store.update("channels", channel, scheme_id=wanted, update_at=now())
    return ok()


def _require_licence(app: App, action: str) -> None:
    if not app.licence.has("custom_permissions_schemes"):
        raise ApiError(f"api.scheme.{action}.license.error")


def _found(app: App, scheme_id: str) -> Row:
    scheme = app.store.get("schemes", id=scheme_id)
    if scheme is None:
        raise ApiError("app.scheme.get.app_error")
    return scheme


def _scoped(app: App, scheme_id: str, scope: str, refusal: str) -> Row:
    scheme = _found(app, scheme_id)
    if scheme["scope"] != scope:
        raise ApiError(refusal)
    return scheme


ROUTES = [
    Route("GET", "/schemes", listing, _READ),
    Route("POST", "/schemes", create),
    Route("GET", "/schemes/{scheme_id}", read, _READ),
    Route("DELETE", "/schemes/{scheme_id}", delete),
    Route("PUT", "/schemes/{scheme_id}/patch", patch),
    Route("GET", "/schemes/{scheme_id}/teams", of_teams, "sysconsole_read_user_management_teams"),
    Route("GET", "/schemes/{scheme_id}/channels", of_channels, "sysconsole_read_user_management_channels"),
    Route("PUT", "/teams/{team_id}/scheme", team_scheme),
    Route("PUT", "/channels/{channel_id}/scheme", channel_scheme),
]

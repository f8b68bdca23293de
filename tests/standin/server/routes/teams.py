# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Teams and their members."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from server import guests, people, permissions, places
from server.database import Row
from server.errors import ApiError, forbidden, invalid_body
from server.http import Answer, Request
from server.ids import new_id, now
from server.router import Route, is_admin, ok, require_self_or_admin
from server.store import Duplicate

if TYPE_CHECKING:
    from server.app import App

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])")
_PATCHABLE = ("display_name", "description", "company_name", "allowed_domains")


def create(app: App, request: Request) -> Answer:
    wanted = request.json("team")
    permissions.require(app, request, "create_team")
    name, kind = str(wanted.get("name", "")), str(wanted.get("type", ""))
    if not _NAME.fullmatch(name) or len(name) > 64:
        raise ApiError("model.team.is_valid.characters.app_error")
    if not str(wanted.get("display_name", "")):
        raise ApiError("model.team.is_valid.name.app_error")
    if kind not in ("O", "I"):
        raise ApiError("model.team.is_valid.type.app_error")
    stamp = now()
    email = str(wanted.get("email", "")) or (request.user["email"] if request.user else "")
    team: Row = {name: str(wanted.get(name, "") or "") for name in _PATCHABLE}
    team.update(id=new_id(), create_at=stamp, update_at=stamp, delete_at=0, name=name, email=email, type=kind)
    team.update(invite_id=new_id(), allow_open_invite=bool(wanted.get("allow_open_invite", False)))
    try:
        app.store.insert("teams", team)
    except Duplicate as error:
        raise ApiError("store.sql_team.save_team.existing.app_error") from error
    creator = request.user["id"] if request.user else ""
    for slug, title in places.DEFAULT_CHANNELS:
        places.new_channel(app, creator, team_id=team["id"], type="O", display_name=title, name=slug)
    if request.user is not None:
        places.join_team(app, team, request.user, admin=True)
    return Answer(places.show_team(_found(app, id=team["id"])), 201)


def _found(app: App, **where: Any) -> Row:
    return places.find_team(app, **where)


def listing(app: App, request: Request) -> Any:
    if not is_admin(request) and "system_user" not in (request.session or {})["roles"].split():
        raise ApiError("api.team.get_all_teams.insufficient_permissions")
    limit, offset = request.page
    condition = "TRUE" if is_admin(request) else "allowopeninvite AND deleteat = 0"
    rows = app.store.find("teams", condition, order="displayname", limit=limit, offset=offset)
    shown = [places.show_team(row, private=is_admin(request)) for row in rows]
    if request.flag("include_total_count"):
        return {"teams": shown, "total_count": app.store.count("teams", condition)}
    return shown


def search(app: App, request: Request) -> list[dict[str, Any]]:
    term = str(request.json("search").get("term", "")).lower()
    public = permissions.has_permission(app, request, "list_public_teams")
    condition = "lower(displayname) LIKE :term OR name LIKE :term"
    rows = app.store.find("teams", condition, order="displayname", values={"term": f"%{term}%"})
    return [places.show_team(row) for row in rows if is_admin(request) or (public and row["allow_open_invite"])]


def read(app: App, request: Request) -> dict[str, Any]:
    return _readable(app, request, _found(app, id=request.params["team_id"]))


def by_name(app: App, request: Request) -> dict[str, Any]:
    return _readable(app, request, _found(app, name=request.params["team_name"]))


def _readable(app: App, request: Request, team: Row) -> dict[str, Any]:
    places.require_team_reader(app, request, team)
    return places.show_team(team, private=_manages(app, request, team))


def exists(app: App, request: Request) -> dict[str, bool]:
    return {"exists": app.store.get("teams", name=request.params["team_name"]) is not None}


def patch(app: App, request: Request) -> dict[str, Any]:
    return _change(app, request, request.json("team"))


def update(app: App, request: Request) -> dict[str, Any]:
    wanted = request.json("team")
    if wanted.get("id") != request.params["team_id"]:
        raise invalid_body("id")
    return _change(app, request, wanted)


def _change(app: App, request: Request, wanted: dict[str, Any]) -> dict[str, Any]:
    team = _managed(app, request)
    fields: dict[str, Any] = {name: str(wanted[name]) for name in _PATCHABLE if isinstance(wanted.get(name), str)}
    if isinstance(wanted.get("allow_open_invite"), bool):
        fields["allow_open_invite"] = wanted["allow_open_invite"]
    return places.show_team(app.store.update("teams", team, update_at=now(), **fields))


def privacy(app: App, request: Request) -> dict[str, Any]:
    team = _managed(app, request)
    wanted = request.json("privacy").get("privacy")
    if wanted not in ("O", "I"):
        raise invalid_body("privacy")
    changes = {"type": wanted, "allow_open_invite": wanted == "O", "update_at": now()}
    return places.show_team(app.store.update("teams", team, **changes))


def delete(app: App, request: Request) -> Answer:
    team = _managed(app, request)
    permanent = request.flag("permanent")
    if not permanent:
        app.store.update("teams", team, delete_at=now(), update_at=now())
        return ok()
    if not request.local and not app.config("ServiceSettings.EnableAPITeamDeletion"):
        suffix = ".for_admin" if app.release.is_11 else ""
        raise ApiError(f"api.user.delete_team.not_enabled{suffix}.app_error")
    for channel in app.store.find("channels", team_id=team["id"]):
        for table in ("posts", "channelmembers"):
            app.store.delete(table, channel_id=channel["id"])
    for table in ("channels", "teammembers"):
        app.store.delete(table, team_id=team["id"])
    app.store.delete("teams", id=team["id"])
    return ok()


def restore(app: App, request: Request) -> dict[str, Any]:
    return places.show_team(app.store.update("teams", _managed(app, request), delete_at=0, update_at=now()))


def stats(app: App, request: Request) -> dict[str, Any]:
    team = _found(app, id=request.params["team_id"])
    places.require_team_reader(app, request, team)
    total = app.store.count("teammembers", "deleteat = 0", team_id=team["id"])
    return {"team_id": team["id"], "total_member_count": total, "active_member_count": total}


def add_member(app: App, request: Request) -> Answer:
    wanted = request.json("team_member")
    if wanted.get("team_id") not in (None, request.params["team_id"]):
        raise invalid_body("team_id")
    return Answer(_add(app, request, str(wanted.get("user_id", ""))), 201)


def add_members(app: App, request: Request) -> Answer:
    wanted = request.any_json("members")
    if not isinstance(wanted, list) or not wanted:
        raise invalid_body("members")
    return Answer([_add(app, request, str(item.get("user_id", ""))) for item in wanted], 201)


def _add(app: App, request: Request, user_id: str) -> dict[str, Any]:
    team = _found(app, id=request.params["team_id"])
    own = request.user is not None and request.user["id"] == user_id
    joins = own and team["allow_open_invite"] and permissions.has_permission(app, request, "join_public_teams")
    if not _manages(app, request, team) and not joins:
        raise forbidden()
    return places.show_team_member(app, places.join_team(app, team, people.find(app, id=user_id)))


def members(app: App, request: Request) -> list[dict[str, Any]]:
    team = _found(app, id=request.params["team_id"])
    places.require_team_reader(app, request, team)
    limit, offset = request.page
    seen, values = guests.seen_by(app, request)
    condition = f"deleteat = 0 AND userid IN (SELECT id FROM users WHERE {seen})"
    rows = app.store.find(
        "teammembers", condition, team_id=team["id"], order="userid", limit=limit, offset=offset, values=values
    )
    return [places.show_team_member(app, row) for row in rows]


def member(app: App, request: Request) -> dict[str, Any]:
    found = app.store.get("teammembers", team_id=request.params["team_id"], user_id=request.params["user_id"])
    if found is None:
        raise ApiError("app.team.get_member.missing.app_error")
    return places.show_team_member(app, found)


def member_roles(app: App, request: Request) -> Answer:
    team = _managed(app, request)
    found = app.store.get("teammembers", team_id=team["id"], user_id=request.params["user_id"])
    if found is None:
        raise ApiError("app.team.get_member.missing.app_error")
    wanted = str(request.json("roles").get("roles", "")).split()
    app.store.update("teammembers", found, scheme_admin="team_admin" in wanted)
    return ok()


def member_scheme_roles(app: App, request: Request) -> Answer:
    team = _managed(app, request)
    found = app.store.get("teammembers", team_id=team["id"], user_id=request.params["user_id"])
    if found is None:
        raise ApiError("app.team.get_member.missing.app_error")
    app.store.update("teammembers", found, scheme_admin=bool(request.json("scheme_roles").get("scheme_admin")))
    return ok()


def remove_member(app: App, request: Request) -> Answer:
    team = _found(app, id=request.params["team_id"])
    own = request.user is not None and request.user["id"] == request.params["user_id"]
    if not own and not _manages(app, request, team):
        raise forbidden()
    places.leave_team(app, team, request.params["user_id"])
    return ok()


def of_user(app: App, request: Request) -> list[dict[str, Any]]:
    require_self_or_admin(request)
    rows = app.store.find(
        "teams",
        "deleteat = 0 AND id IN (SELECT teamid FROM teammembers WHERE userid = :user AND deleteat = 0)",
        order="displayname",
        values={"user": request.params["user_id"]},
    )
    return [places.show_team(row) for row in rows]


def memberships(app: App, request: Request) -> list[dict[str, Any]]:
    require_self_or_admin(request)
    rows = app.store.find("teammembers", "deleteat = 0", user_id=request.params["user_id"])
    return [places.show_team_member(app, row) for row in rows]


def _manages(app: App, request: Request, team: Row) -> bool:
    if is_admin(request):
        return True
    found = app.store.get("teammembers", team_id=team["id"], user_id=request.user["id"]) if request.user else None
    return found is not None and found["scheme_admin"] and not found["delete_at"]


def _managed(app: App, request: Request) -> Row:
    """The team of the route, for someone who may change it."""
    team = _found(app, id=request.params["team_id"])
    if not _manages(app, request, team):
        raise forbidden()
    return team


ROUTES = [
    Route("POST", "/teams", create, local=True),
    Route("GET", "/teams", listing, local=True),
    Route("POST", "/teams/search", search, local=True),
    Route("GET", "/teams/name/{team_name}", by_name, local=True),
    Route("GET", "/teams/name/{team_name}/exists", exists),
    Route("GET", "/teams/{team_id}", read, local=True),
    Route("PUT", "/teams/{team_id}", update, local=True),
    Route("DELETE", "/teams/{team_id}", delete, local=True),
    Route("PUT", "/teams/{team_id}/patch", patch, local=True),
    Route("PUT", "/teams/{team_id}/privacy", privacy, local=True),
    Route("POST", "/teams/{team_id}/restore", restore, local=True),
    Route("GET", "/teams/{team_id}/stats", stats),
    Route("POST", "/teams/{team_id}/members", add_member, local=True),
    Route("POST", "/teams/{team_id}/members/batch", add_members),
    Route("GET", "/teams/{team_id}/members", members),
    Route("GET", "/teams/{team_id}/members/{user_id}", member),
    Route("DELETE", "/teams/{team_id}/members/{user_id}", remove_member, local=True),
    Route("PUT", "/teams/{team_id}/members/{user_id}/roles", member_roles),
    Route("PUT", "/teams/{team_id}/members/{user_id}/schemeRoles", member_scheme_roles),
    Route("GET", "/users/{user_id}/teams", of_user),
    Route("GET", "/users/{user_id}/teams/members", memberships),
]

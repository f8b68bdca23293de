# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Accounts and their preferences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server import guests, people
from server.database import Row
from server.errors import ApiError, invalid_body
from server.http import Answer, Request
from server.ids import now
from server.router import ADMIN, OPEN, Route, is_admin, ok, require_self_or_admin
from server.routes import guests as guest_routes
from server.routes.system import user_limits

if TYPE_CHECKING:
    from server.app import App

_PATCHABLE = ("username", "nickname", "first_name", "last_name", "position", "email", "locale")
_FREE_ROLES = {
    *("system_user", "system_admin", "system_guest"),
    *("system_post_all", "system_post_all_public", "system_user_access_token"),
}
_PATCHABLE_MAPS = ("props", "notify_props", "timezone")


def create(app: App, request: Request) -> Answer:
    wanted = request.json("user")
    if request.query.get("t"):
        return guest_routes.sign_up(app, request, wanted)
    if not is_admin(request):
        first = app.store.count("users", "id NOT IN (SELECT userid FROM bots)") == 0
        if not (app.config("TeamSettings.EnableOpenServer") or (first and request.session is None)):
            raise ApiError("api.user.create_user.no_open_server")
        for key in ("TeamSettings.EnableUserCreation", "EmailSettings.EnableSignUpWithEmail"):
            if not app.config(key):
                raise ApiError("api.user.create_user.signup_email_disabled.app_error")
    _check_limit(app)
    return Answer(people.full(app, people.create(app, wanted)), 201)


def _check_limit(app: App) -> None:
    _soft, hard = user_limits(app)
    if (
        hard
        and app.store.count("users", "deleteat = 0 AND remoteid = '' AND id NOT IN (SELECT userid FROM bots)") >= hard
    ):
        raise ApiError("app.user.limits.app_error")


def listing(app: App, request: Request) -> list[dict[str, Any]]:
    conditions = {
        "in_team": "id IN (SELECT userid FROM teammembers WHERE teamid = :in_team AND deleteat = 0)",
        "not_in_team": "id NOT IN (SELECT userid FROM teammembers WHERE teamid = :not_in_team AND deleteat = 0)",
        "in_channel": "id IN (SELECT userid FROM channelmembers WHERE channelid = :in_channel)",
        "not_in_channel": "id NOT IN (SELECT userid FROM channelmembers WHERE channelid = :not_in_channel)",
    }
    values = {name: request.query[name] for name in conditions if request.query.get(name)}
    tests = [conditions[name] for name in values]
    if request.query.get("role"):
        tests.append(":role = ANY(string_to_array(roles, ' '))")
        values["role"] = request.query["role"]
    tests += ["deleteat = 0"] if request.flag("active") else []
    tests += ["deleteat > 0"] if request.flag("inactive") else []
    limit, offset = request.page
    seen, viewer = guests.seen_by(app, request)
    tests, values = [*tests, seen], {**values, **viewer}
    rows = app.store.find("users", " AND ".join(tests), order="username", limit=limit, offset=offset, values=values)
    return [people.public(app, row, as_admin=is_admin(request)) for row in rows]


def by_ids(app: App, request: Request) -> list[dict[str, Any]]:
    return _several(app, request, "id")


def by_usernames(app: App, request: Request) -> list[dict[str, Any]]:
    return _several(app, request, "username")


def _several(app: App, request: Request, field: str) -> list[dict[str, Any]]:
    names = request.any_json("user_ids")
    if not isinstance(names, list) or not names:
        raise invalid_body("user_ids")
    seen, viewer = guests.seen_by(app, request)
    condition = f"{field} = ANY(:names) AND {seen}"
    rows = app.store.find("users", condition, order="username", values={"names": names, **viewer})
    return [people.public(app, row, as_admin=is_admin(request)) for row in rows]


def search(app: App, request: Request) -> list[dict[str, Any]]:
    term = str(request.json("search").get("term", "")).lower()
    if not term:
        raise invalid_body("term")
    like = "%" + term.replace("%", "").replace("_", r"\_") + "%"
    seen, viewer = guests.seen_by(app, request)
    condition = f"(username LIKE :term OR email LIKE :term OR lower(nickname) LIKE :term) AND {seen}"
    rows = app.store.find("users", condition, order="username", limit=100, values={"term": like, **viewer})
    return [people.public(app, row, as_admin=is_admin(request)) for row in rows if not row["delete_at"]]


def stats(app: App, _request: Request) -> dict[str, int]:
    return {"total_users_count": app.store.count("users", "deleteat = 0")}


def read(app: App, request: Request) -> Answer:
    return _shown(app, request, people.find(app, id=request.params["user_id"]))


def by_username(app: App, request: Request) -> Answer:
    return _shown(app, request, people.find(app, username=request.params["username"].lower()))


def by_email(app: App, request: Request) -> Answer:
    return _shown(app, request, people.find(app, email=request.params["email"].lower()))


def _shown(app: App, request: Request, user: Row) -> Answer:
    own = request.user is not None and request.user["id"] == user["id"]
    guests.require_seen(app, request, user)
    shown = people.full(app, user) if own else people.public(app, user, as_admin=is_admin(request))
    etag = f"{app.release.version}.{user['id']}.{user['update_at']}..0.true.true.0"
    return Answer(shown, headers={"Etag": etag})


def patch(app: App, request: Request) -> dict[str, Any]:
    require_self_or_admin(request)
    return people.full(app, _change(app, request, request.json("user")))


def update(app: App, request: Request) -> dict[str, Any]:
    if not request.local:
        require_self_or_admin(request)
    wanted = request.json("user")
    if wanted.get("id") != request.params["user_id"]:
        raise invalid_body("id")
    return people.full(app, _change(app, request, wanted))


def _change(app: App, request: Request, wanted: dict[str, Any]) -> Row:
    user = people.find(app, id=request.params["user_id"])
    fields = {name: str(wanted[name]) for name in _PATCHABLE if isinstance(wanted.get(name), str)}
    fields.update({name: wanted[name] for name in _PATCHABLE_MAPS if isinstance(wanted.get(name), dict)})
    for name in ("username", "email"):
        if name in fields:
            fields[name] = str(fields[name]).lower()
    if "username" in fields:
        people.check_name(str(fields["username"]))
    return people.change(app, user, **fields)


def roles(app: App, request: Request) -> Answer:
    names = str(request.json("roles").get("roles", "")).split()
    known = {row["name"] for row in app.store.find("roles")}
    if any(name not in known for name in names):
        raise ApiError("app.role.check_roles_exist.role_not_found")
    if not _FREE_ROLES.issuperset(names) and not app.licence.has("custom_permissions_schemes"):
        raise ApiError("api.user.update_user_roles.license.app_error")
    people.change(app, people.find(app, id=request.params["user_id"]), roles=" ".join(names))
    return ok()


def active(app: App, request: Request) -> Answer:
    wanted = request.json("active").get("active")
    if not isinstance(wanted, bool):
        raise invalid_body("active")
    _may_deactivate(app, request)
    if wanted and not is_admin(request):
        raise ApiError("api.user.update_active.permissions.app_error")
    user = people.find(app, id=request.params["user_id"])
    _set_active(app, user, wanted)
    return ok()


def _may_deactivate(app: App, request: Request) -> None:
    if is_admin(request):
        return
    if request.user is None or request.user["id"] != request.params["user_id"]:
        raise ApiError("api.user.update_active.permissions.app_error")
    if not app.config("TeamSettings.EnableUserDeactivation"):
        raise ApiError("api.user.update_active.not_enable.app_error")


def _set_active(app: App, user: Row, wanted: bool) -> None:
    people.change(app, user, delete_at=0 if wanted else now())
    if not wanted:
        app.sessions.revoke_all(user["id"])


def delete(app: App, request: Request) -> Answer:
    _may_deactivate(app, request)
    user = people.find(app, id=request.params["user_id"])
    if not request.flag("permanent"):
        _set_active(app, user, wanted=False)
        return ok()
    if not request.local and not app.config("ServiceSettings.EnableAPIUserDeletion"):
        suffix = ".for_admin" if app.release.is_11 else ""
        raise ApiError(f"api.user.delete_user.not_enabled{suffix}.app_error")
    for table in ("sessions", "useraccesstokens", "teammembers", "channelmembers", "preferences", "bots", "posts"):
        app.store.delete(table, user_id=user["id"])
    app.store.delete("users", id=user["id"])
    return ok()


def verify_email(app: App, request: Request) -> dict[str, Any]:
    user = people.find(app, id=request.params["user_id"])
    shown = people.full(app, people.change(app, user, email_verified=True))
    for name in ("auth_data", "email_verified"):
        shown.pop(name, None)
    return {**shown, "password": "", "last_login": 0}


def preferences(app: App, request: Request) -> list[Row]:
    require_self_or_admin(request)
    return app.store.find("preferences", user_id=request.params["user_id"], order="category, name")


def save_preferences(app: App, request: Request) -> Answer:
    require_self_or_admin(request)
    wanted = request.any_json("preferences")
    if not isinstance(wanted, list):
        raise invalid_body("preferences")
    for item in wanted:
        row = {name: str(item.get(name, "")) for name in ("category", "name", "value")}
        app.store.save("preferences", {**row, "user_id": request.params["user_id"]})
    return ok()


def status(app: App, request: Request) -> dict[str, Any]:
    user = people.find(app, id=request.params["user_id"])
    return {"user_id": user["id"], "status": "offline", "manual": False, "last_activity_at": 0, "dnd_end_time": 0}


ROUTES = [
    Route("POST", "/users", create, OPEN, local=True),
    Route("GET", "/users", listing, local=True),
    Route("POST", "/users/ids", by_ids, local=True),
    Route("POST", "/users/usernames", by_usernames),
    Route("POST", "/users/search", search),
    Route("GET", "/users/stats", stats),
    Route("GET", "/users/username/{username}", by_username, local=True),
    Route("GET", "/users/email/{email}", by_email, local=True),
    Route("GET", "/users/{user_id}", read, local=True),
    Route("PUT", "/users/{user_id}", update, local=True),
    Route("PUT", "/users/{user_id}/patch", patch),
    Route("DELETE", "/users/{user_id}", delete, local=True),
    Route("PUT", "/users/{user_id}/roles", roles, ADMIN, local=True),
    Route("PUT", "/users/{user_id}/active", active, local=True),
    Route("POST", "/users/{user_id}/email/verify/member", verify_email, ADMIN, local=True),
    Route("GET", "/users/{user_id}/preferences", preferences),
    Route("PUT", "/users/{user_id}/preferences", save_preferences),
    Route("GET", "/users/{user_id}/status", status),
]

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Access policies, from release 11 on, in an Enterprise release with an Advanced licence; administrators only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from server import access, attributes, people, places
from server.cel import CelError, Expression
from server.database import Row
from server.errors import ApiError, invalid_body
from server.http import Answer, Request
from server.ids import now
from server.router import ADMIN, Route, ok

if TYPE_CHECKING:
    from server.app import App

_SINCE = (11, 0)
_BASE = "/access_control_policies"
_ASSIGN = "app.pap.assign_access_control_policy_to_channels.app_error"
_UNASSIGN = "app.pap.unassign_access_control_policy_from_channels.app_error"
_GET = "app.pap.get_policy.app_error"
_CHECK = "app.pap.check_expression.app_error"
_CLOSED = "Policy Administration Point is not initialized"
Handler = Callable[["App", Request], Any]


def _licensed(error_id: str) -> Callable[[Handler], Handler]:
    """Without the licence a route answers 501 with an error of its own."""

    def decorate(handler: Handler) -> Handler:
        def guarded(app: App, request: Request) -> Any:
            if not app.licence.has("access_control"):
                raise ApiError(error_id, _CLOSED, status=501)
            return handler(app, request)

        return guarded

    return decorate


@_licensed("app.pap.create_access_control_policy.app_error")
def save(app: App, request: Request) -> dict[str, Any]:
    wanted = request.json("policy")
    if wanted.get("type") not in ("parent", "channel"):
        raise invalid_body("type")
    if wanted["type"] == "channel":
        channel = app.store.get("channels", id=str(wanted.get("id") or ""))
        if channel is not None:
            access.require_fit(channel, "app.pap.save_policy.app_error")
    return _shown(app, access.save(app, wanted))


@_licensed("app.pap.search_access_control_policies.app_error")
def search(app: App, request: Request) -> dict[str, Any]:
    wanted = request.json("access_control_policy_search")
    rows = [row for row in app.store.find(access.TABLE, order="id") if _matches(row, wanted)]
    after = str((wanted.get("cursor") or {}).get("id") or "")
    limit = min(int(wanted.get("limit") or 0), 1000)
    page = [row for row in rows if row["id"] > after][: limit if limit > 0 else 10]
    shown = [_shown(app, row) if row["type"] == "parent" else row for row in page]
    if wanted.get("include_children") and not wanted.get("parent_id"):
        for row in shown:
            children = app.store.find(access.TABLE, type="channel", order="id")
            ids = [child["id"] for child in children if row["id"] in child["imports"]]
            row["props"] = {**row["props"], "child_ids": ids}
    return {"policies": shown, "total": len(rows)}


def _matches(row: Row, wanted: dict[str, Any]) -> bool:
    tests = [
        str(wanted.get("term") or "") in row["name"],
        wanted.get("type") in (None, "", row["type"]),
        not wanted.get("parent_id") or wanted["parent_id"] in row["imports"],
        not wanted.get("active") or row["active"],
        not wanted.get("ids") or row["id"] in wanted["ids"],
    ]
    return all(tests)


def _shown(app: App, policy: Row) -> dict[str, Any]:
    """With the attributes in its rules by name."""
    rules = [{**rule, "expression": access.named(app, rule["expression"])} for rule in policy["rules"]]
    return {**policy, "rules": rules}


@_licensed("app.pap.update_access_control_policies_active.app_error")
def activate(app: App, request: Request) -> list[Row]:
    changed = []
    for entry in request.json("request").get("entries") or []:
        policy = app.store.get(access.TABLE, id=str(entry.get("id") or ""))
        if policy is not None:
            changed.append(app.store.update(access.TABLE, policy, active=bool(entry.get("active"))))
    return changed


@_licensed("app.pap.update_access_control_policies_active.app_error")
def activate_one(app: App, request: Request) -> Answer:
    active = request.query.get("active")
    if active not in ("true", "false"):
        raise invalid_body("active")
    app.store.update(access.TABLE, _found(app, request), active=active == "true")
    return ok(Deprecation="true")


@_licensed(_GET)
def read(app: App, request: Request) -> dict[str, Any]:
    return _shown(app, _found(app, request))


@_licensed("app.pap.delete_access_control_policy.app_error")
def delete(app: App, request: Request) -> Answer:
    app.store.delete(access.TABLE, id=_found(app, request)["id"])
    return Answer(raw=b"")


def _found(app: App, request: Request) -> Row:
    policy = app.store.get(access.TABLE, id=request.params["policy_id"])
    if policy is None:
        raise ApiError(_GET, status=404)
    return policy


@_licensed(_ASSIGN)
def assign(app: App, request: Request) -> Answer:
    wanted = request.json("assignments").get("channel_ids") or []
    parent = _found(app, request)
    if parent["type"] != "parent":
        raise ApiError(_ASSIGN, "Policy is not of type parent", status=400)
    for channel in app.store.find("channels", "id = ANY(:ids)", values={"ids": wanted}):
        access.require_fit(channel, _ASSIGN)
        child = app.store.get(access.TABLE, id=channel["id"])
        if child is None:
            child = {"id": channel["id"], "type": "channel", "active": parent["active"], "create_at": now()}
            child.update(name="", imports=[], rules=[], props={})
        if parent["id"] in child["imports"]:
            raise ApiError("model.access_policy.inherit.already_imported.app_error")
        access.save(app, {**child, "version": "v0.2", "imports": [*child["imports"], parent["id"]]})
    return Answer(raw=b"")


@_licensed(_UNASSIGN)
def unassign(app: App, request: Request) -> Answer:
    wanted = request.json("assignments").get("channel_ids") or []
    parent_id = request.params["policy_id"]
    for child in app.store.find(access.TABLE, "id = ANY(:ids)", values={"ids": wanted}, type="channel"):
        imports = [other for other in child["imports"] if other != parent_id]
        if imports == child["imports"]:
            app.log.warn("Policy is not assigned to the parent policy", channel_id=child["id"])
        elif imports or child["rules"]:
            access.save(app, {**child, "imports": imports})
        else:
            app.store.delete(access.TABLE, id=child["id"])
    return Answer(raw=b"")


@_licensed(_GET)
def resources(app: App, request: Request) -> dict[str, Any]:
    if not request.query.get("limit", "").isdigit():
        raise ApiError("api.access_control_policy.get_channels.limit.app_error")
    policy = _found(app, request)
    ids = [policy["id"]]
    if policy["type"] == "parent":
        ids = [row["id"] for row in app.store.find(access.TABLE, type="channel") if policy["id"] in row["imports"]]
    after = request.query.get("after", "")
    values = {"ids": ids, "after": after}
    condition = "id = ANY(:ids) AND id > :after"
    rows = app.store.find("channels", condition, order="id", limit=request.number("limit", 60), values=values)
    return {"channels": [_with_team(app, row) for row in rows], "total_count": len(ids)}


def _with_team(app: App, channel: Row) -> dict[str, Any]:
    team = places.find_team(app, id=channel["team_id"])
    return {
        **places.show_channel(app, channel),
        **{f"team_{key}": team[key] for key in ("display_name", "name", "update_at")},
    }


@_licensed(_CHECK)
def check(app: App, request: Request) -> list[dict[str, Any]]:
    try:
        access.stored(app, str(request.json("expression").get("expression") or ""))
    except CelError as error:
        return [error.shown()]
    return []


@_licensed(_CHECK)
def test(app: App, request: Request) -> dict[str, Any]:
    """The accounts that an expression is true for."""
    wanted = request.json("expression")
    term, limit = str(wanted.get("term") or "").lower(), int(wanted.get("limit") or 10)
    condition = "deleteat = 0 AND id NOT IN (SELECT userid FROM bots)"
    users = [row for row in app.store.find("users", condition, order="id") if term in row["username"]]
    found = [row for row in users if _expression(app, wanted).holds(attributes.of_user(app, row["id"]))]
    page = [row for row in found if row["id"] > str(wanted.get("after") or "")][:limit]
    return {"users": [people.public(app, row, as_admin=True) for row in page], "total": len(found)}


@_licensed(_CHECK)
def validate_requester(app: App, request: Request) -> dict[str, bool]:
    own = attributes.of_user(app, request.user["id"] if request.user else "")
    return {"requester_matches": _expression(app, request.json("request")).holds(own)}


def _expression(app: App, wanted: dict[str, Any]) -> Expression:
    try:
        return Expression(access.stored(app, str(wanted.get("expression") or "")))
    except CelError as error:
        raise ApiError(_CHECK, str(error), status=500) from error


@_licensed("app.pap.get_access_control_auto_complete.app_error")
def fields(app: App, request: Request) -> list[Row]:
    if not 0 < request.number("limit", 0) <= 100:
        raise ApiError("api.access_control_policy.get_fields.limit.app_error")
    after = request.query.get("after", "")
    return [row for row in attributes.fields(app) if row["id"] > after][: request.number("limit", 0)]


def _route(method: str, path: str, handler: Handler, *, local: bool = True) -> Route:
    return Route(method, _BASE + path, handler, ADMIN, local=local, since=_SINCE)


ROUTES = [
    _route("PUT", "", save),
    _route("POST", "/search", search),
    _route("PUT", "/activate", activate),
    _route("POST", "/cel/check", check),
    _route("POST", "/cel/test", test),
    _route("POST", "/cel/validate_requester", validate_requester),
    _route("GET", "/cel/autocomplete/fields", fields),
    _route("GET", "/{policy_id}", read),
    _route("DELETE", "/{policy_id}", delete),
    _route("GET", "/{policy_id}/activate", activate_one, local=False),
    _route("POST", "/{policy_id}/assign", assign),
    _route("DELETE", "/{policy_id}/unassign", unassign),
    _route("GET", "/{policy_id}/resources/channels", resources),
]

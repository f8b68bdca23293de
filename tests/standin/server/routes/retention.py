# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Retention policies, in an Enterprise release with a licence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from server import places, retention
from server.database import Row
from server.errors import ApiError, invalid_body
from server.http import Answer, Request
from server.ids import new_id
from server.router import Route, ok
from server.store import Duplicate

if TYPE_CHECKING:
    from server.app import App

_READ = "sysconsole_read_compliance_data_retention_policy"
_WRITE = "sysconsole_write_compliance_data_retention_policy"
_FAILED = "ent.data_retention.policies.internal_error"
_PLACES = {"teams": "team", "channels": "channel"}


def _require_licence(app: App) -> None:
    if not app.licence.has("data_retention"):
        raise ApiError("ent.data_retention.generic.license.error")


def for_all(app: App, _request: Request) -> dict[str, Any]:
    _require_licence(app)
    messages = app.config("DataRetentionSettings.EnableMessageDeletion")
    files = app.config("DataRetentionSettings.EnableFileDeletion")
    return {
        "message_deletion_enabled": messages,
        "file_deletion_enabled": files,
        "message_retention_cutoff": retention.cutoff(app, "Message") if messages else 0,
        "file_retention_cutoff": retention.cutoff(app, "File") if files else 0,
    }


def listing(app: App, request: Request) -> dict[str, Any]:
    _require_licence(app)
    limit, offset = request.page
    rows = app.store.find("retentionpolicies", order="displayname, id", limit=limit, offset=offset)
    total = app.store.count("retentionpolicies")
    return {"policies": [retention.shown(app, row) for row in rows], "total_count": total}


def count(app: App, _request: Request) -> dict[str, int]:
    _require_licence(app)
    return {"total_count": app.store.count("retentionpolicies")}


def create(app: App, request: Request) -> Answer:
    wanted = request.json("policy")
    _require_licence(app)
    policy = {"id": new_id(), **_fields(wanted, {"display_name": "", "post_duration": ""})}
    places_of = {kind: _existing(app, kind, wanted.get(f"{one}_ids")) for kind, one in _PLACES.items()}
    app.store.insert("retentionpolicies", policy)
    for kind, ids in places_of.items():
        _add(app, policy["id"], kind, ids)
    return Answer(retention.shown(app, policy), 201)


def _fields(wanted: dict[str, Any], before: Row) -> Row:
    """What is given, over what there was; an empty name counts as none given."""
    days = wanted.get("post_duration")
    name = str(wanted.get("display_name") or before["display_name"])
    if not 0 < len(name) <= 64 or (days is not None and (not isinstance(days, int) or days == 0 or days < -1)):
        raise ApiError("ent.data_retention.policies.invalid_policy")
    return {"display_name": name, "post_duration": before["post_duration"] if days is None else str(days)}


def _existing(app: App, kind: str, ids: Any) -> list[str]:
    wanted = [str(one) for one in ids or []]
    found = app.store.find(kind, "id = ANY(:ids)", values={"ids": wanted}) if wanted else []
    if len(found) != len(set(wanted)):
        raise ApiError(_FAILED, f"{_PLACES[kind]} not found")
    return wanted


def _add(app: App, policy_id: str, kind: str, ids: list[str]) -> None:
    """A team or channel has one policy at most; a second one is an error of the database."""
    for place_id in ids:
        try:
            app.store.insert(f"retentionpolicies{kind}", {"policy_id": policy_id, f"{_PLACES[kind]}_id": place_id})
        except Duplicate as error:
            raise ApiError(_FAILED) from error


def read(app: App, request: Request) -> dict[str, Any]:
    return retention.shown(app, _found(app, request))


def patch(app: App, request: Request) -> dict[str, Any]:
    wanted = request.json("policy")
    policy = _found(app, request)
    policy = app.store.update("retentionpolicies", policy, **_fields(wanted, policy))
    for kind, one in _PLACES.items():
        if wanted.get(f"{one}_ids") is not None:
            ids = _existing(app, kind, wanted[f"{one}_ids"])
            app.store.delete(f"retentionpolicies{kind}", policy_id=policy["id"])
            _add(app, policy["id"], kind, ids)
    return retention.shown(app, policy)


def delete(app: App, request: Request) -> Answer:
    policy = _found(app, request)
    for table in ("retentionpoliciesteams", "retentionpolicieschannels"):
        app.store.delete(table, policy_id=policy["id"])
    app.store.delete("retentionpolicies", id=policy["id"])
    return ok()


def _found(app: App, request: Request) -> Row:
    _require_licence(app)
    policy = app.store.get("retentionpolicies", id=request.params["policy_id"])
    if policy is None:
        raise ApiError(_FAILED, "policy not found")
    return policy


def _shown_place(app: App, kind: str, row: Row) -> dict[str, Any]:
    if kind == "teams":
        return places.show_team(row)
    team = app.store.get("teams", id=row["team_id"]) or {}
    more = {f"team_{key}": team.get(key) for key in ("display_name", "name", "update_at")}
    return {**places.show_channel(app, row), **more}


def places_of(kind: str) -> Callable[[App, Request], dict[str, Any]]:
    def handler(app: App, request: Request) -> dict[str, Any]:
        policy = _found(app, request)
        limit, offset = request.page
        condition = f"id IN (SELECT {_PLACES[kind]}id FROM retentionpolicies{kind} WHERE policyid = :policy)"
        values = {"policy": policy["id"]}
        rows = app.store.find(kind, condition, order="displayname", limit=limit, offset=offset, values=values)
        total = app.store.count(f"retentionpolicies{kind}", policy_id=policy["id"])
        return {kind: [_shown_place(app, kind, row) for row in rows], "total_count": total}

    return handler


def change_places(kind: str, *, add: bool) -> Callable[[App, Request], Answer]:
    def handler(app: App, request: Request) -> Answer:
        ids = request.any_json("ids")
        if not isinstance(ids, list):
            raise invalid_body("ids")
        policy = _found(app, request)
        if add:
            _add(app, policy["id"], kind, _existing(app, kind, ids))
        for place_id in [] if add else ids:
            wanted = {"policy_id": policy["id"], f"{_PLACES[kind]}_id": str(place_id)}
            app.store.delete(f"retentionpolicies{kind}", **wanted)
        return ok()

    return handler


_BASE = "/data_retention/policies"
ROUTES = [
    Route("GET", "/data_retention/policy", for_all),
    Route("GET", "/data_retention/policies_count", count, _READ),
    Route("GET", _BASE, listing, _READ),
    Route("POST", _BASE, create, _WRITE),
    Route("GET", _BASE + "/{policy_id}", read, _READ),
    Route("PATCH", _BASE + "/{policy_id}", patch, _WRITE),
    Route("DELETE", _BASE + "/{policy_id}", delete, _WRITE),
]
for _kind in _PLACES:
    ROUTES += [
        Route("GET", f"{_BASE}/{{policy_id}}/{_kind}", places_of(_kind), _READ),
        Route("POST", f"{_BASE}/{{policy_id}}/{_kind}", change_places(_kind, add=True), _WRITE),
        Route("DELETE", f"{_BASE}/{{policy_id}}/{_kind}", change_places(_kind, add=False), _WRITE),
    ]

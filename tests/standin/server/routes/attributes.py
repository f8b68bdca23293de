# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Custom profile attributes, from release 11 on and with a licence: fields, and the values of accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server import attributes, guests, people
from server.database import Row
from server.errors import ApiError, forbidden
from server.http import Answer, Request
from server.ids import new_id, now
from server.router import Route, is_admin, ok, require_admin

if TYPE_CHECKING:
    from server.app import App

_PREFIX = "app.custom_profile_attributes"
_SINCE = (11, 0)


def _require_licence(app: App) -> None:
    if not app.licence.has("custom_profile_attributes"):
        raise ApiError("api.custom_profile_attributes.license_error")


def listing(app: App, _request: Request) -> list[Row]:
    _require_licence(app)
    return attributes.fields(app)


def create(app: App, request: Request) -> Answer:
    require_admin(request)
    _require_licence(app)
    wanted = request.json("property_field")
    name, kind = str(wanted.get("name") or "").strip(), str(wanted.get("type") or "")
    if len(attributes.fields(app)) >= attributes.LIMIT:
        raise ApiError(f"{_PREFIX}.limit_reached.app_error")
    attrs = attributes.check_field(name, kind, wanted.get("attrs") or {})
    _refuse_taken(app, name, "")
    stamp = now()
    field: Row = {"id": new_id(), "group_id": attributes.group_id(app), "name": name, "type": kind, "attrs": attrs}
    field.update(target_id="", target_type="", create_at=stamp, update_at=stamp, delete_at=0)
    return Answer(app.store.insert("propertyfields", field), 201)


def _refuse_taken(app: App, name: str, own_id: str) -> None:
    """Names are unique among the fields that are not deleted; the real server says no more than that it failed."""
    if any(row["name"] == name and row["id"] != own_id for row in attributes.fields(app)):
        raise ApiError(f"app.property.{'update' if own_id else 'create'}_field.app_error")


def patch(app: App, request: Request) -> Row:
    require_admin(request)
    _require_licence(app)
    wanted = request.json("property_field_patch")
    field = _found(app, request.params["field_id"])
    kind = str(wanted.get("type") or field["type"])
    name = str(wanted["name"] if wanted.get("name") is not None else field["name"]).strip()
    given = wanted["attrs"] if isinstance(wanted.get("attrs"), dict) else field["attrs"]
    attrs = attributes.check_field(name, kind, given)
    _refuse_taken(app, name, field["id"])
    if kind != field["type"]:
        app.store.delete("propertyvalues", field_id=field["id"])
    changes = {"name": name, "type": kind, "attrs": attrs, "update_at": now()}
    return app.store.update("propertyfields", field, **changes)


def delete(app: App, request: Request) -> Answer:
    require_admin(request)
    _require_licence(app)
    field = _found(app, request.params["field_id"])
    app.store.delete("propertyvalues", field_id=field["id"])
    app.store.update("propertyfields", field, delete_at=now(), update_at=now())
    return ok()


def _found(app: App, field_id: str) -> Row:
    field = app.store.get("propertyfields", id=field_id, delete_at=0)
    if field is None:
        raise ApiError(f"{_PREFIX}.property_field_not_found.app_error")
    return field


def group(app: App, _request: Request) -> dict[str, str]:
    _require_licence(app)
    return {"id": attributes.group_id(app)}


def values(app: App, request: Request) -> dict[str, Any]:
    _require_licence(app)
    user = people.find(app, id=request.params["user_id"])
    guests.require_seen(app, request, user)
    rows = app.store.find("propertyvalues", target_id=user["id"])
    return {row["field_id"]: row["value"] for row in rows}


def patch_values(app: App, request: Request) -> dict[str, Any]:
    """Of the caller, or of the account in the path."""
    _require_licence(app)
    own_id = request.user["id"] if request.user else ""
    user_id = request.params.get("user_id", own_id)
    if not is_admin(request) and user_id != own_id:
        raise forbidden()
    wanted = request.json("value")
    people.find(app, id=user_id)
    results = {field_id: _checked(app, request, field_id, value) for field_id, value in wanted.items()}
    for field_id, value in results.items():
        row = {"field_id": field_id, "target_id": user_id, "target_type": "user", "value": value}
        app.store.save("propertyvalues", {**row, "group_id": attributes.group_id(app), "update_at": now()})
    return results


def _checked(app: App, request: Request, field_id: str, value: Any) -> Any:
    field = _found(app, field_id)
    if field["attrs"]["managed"] == "admin" and not is_admin(request):
        raise ApiError(f"{_PREFIX}.property_field_is_managed.app_error")
    if field["attrs"]["ldap"] or field["attrs"]["saml"]:
        raise ApiError(f"{_PREFIX}.property_field_is_synced.app_error")
    return attributes.check_value(field, value)


_FIELDS = "/custom_profile_attributes/fields"
_OF_USER = "/users/{user_id}/custom_profile_attributes"
ROUTES = [
    Route("GET", _FIELDS, listing, local=True, since=_SINCE),
    Route("POST", _FIELDS, create, local=True, since=_SINCE),
    Route("PATCH", _FIELDS + "/{field_id}", patch, local=True, since=_SINCE),
    Route("DELETE", _FIELDS + "/{field_id}", delete, local=True, since=_SINCE),
    Route("GET", "/custom_profile_attributes/group", group, since=_SINCE),
    Route("PATCH", "/custom_profile_attributes/values", patch_values, since=_SINCE),
    Route("GET", _OF_USER, values, local=True, since=_SINCE),
    Route("PATCH", _OF_USER, patch_values, local=True, since=_SINCE),
]

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Roles. Nearly all of their permissions can be changed, those of guests with a licence only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.database import Row
from server.errors import ApiError, invalid_body
from server.http import Request
from server.ids import now
from server.router import ADMIN, Route

if TYPE_CHECKING:
    from server.app import App

# What no server lets be added to or taken from a role.
_NEVER = {
    "sysconsole_write_user_management_system_roles",
    "sysconsole_read_user_management_system_roles",
    "manage_roles",
    "manage_system",
}
_GUESTS = ("system_guest", "team_guest", "channel_guest")


def listing(app: App, _request: Request) -> list[dict[str, Any]]:
    return [_shown(app, row) for row in app.store.find("roles", order="name")]


def read(app: App, request: Request) -> dict[str, Any]:
    role = app.store.get("roles", id=request.params["role_id"])
    if role is None:
        raise ApiError("app.role.get.app_error")
    return _shown(app, role)


def by_name(app: App, request: Request) -> dict[str, Any]:
    role = app.store.get("roles", name=request.params["role_name"])
    if role is None:
        raise ApiError("app.role.get_by_name.app_error")
    return _shown(app, role)


def by_names(app: App, request: Request) -> list[dict[str, Any]]:
    names = request.any_json("rolenames")
    if not isinstance(names, list) or not names:
        raise invalid_body("rolenames")
    return [_shown(app, row) for row in app.store.find("roles", "name = ANY(:names)", values={"names": names})]


def patch(app: App, request: Request) -> dict[str, Any]:
    role = app.store.get("roles", id=request.params["role_id"])
    if role is None:
        raise ApiError("app.role.get.app_error")
    wanted = request.json("role").get("permissions")
    if not isinstance(wanted, list):
        raise invalid_body("permissions")
    _check_change(app, role, set(role["permissions"].split()) ^ set(wanted))
    permissions = " ".join(dict.fromkeys(wanted))
    return _shown(app, app.store.update("roles", role, permissions=permissions, update_at=now()))


def _check_change(app: App, role: Row, changed: set[str]) -> None:
    if changed & _NEVER:
        detail = "Cannot add or remove permission: " + min(changed & _NEVER)
        raise ApiError("api.roles.patch_roles.not_allowed_permission.error", detail)
    if role["name"] in _GUESTS and not app.licence.has("guest_accounts_permissions"):
        raise ApiError("api.roles.patch_roles.license.error")


def _shown(app: App, role: Row) -> dict[str, Any]:
    shown = {**role, "permissions": role["permissions"].split()}
    scheme = shown.pop("scheme_id") or None
    return {**shown, "scheme_id": scheme} if app.release.is_11 else shown


ROUTES = [
    Route("GET", "/roles", listing, ADMIN, local=True),
    Route("POST", "/roles/names", by_names, local=True),
    Route("GET", "/roles/name/{role_name}", by_name, local=True),
    Route("GET", "/roles/{role_id}", read, local=True),
    Route("PUT", "/roles/{role_id}/patch", patch, "sysconsole_write_user_management_permissions", local=True),
]

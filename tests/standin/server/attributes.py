# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Custom profile attributes: what a field may look like, what a value of it may be, and what accounts have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from server.database import Row
from server.errors import ApiError
from server.ids import is_id, new_id

if TYPE_CHECKING:
    from server.app import App

GROUP_SETTING = "CustomProfileAttributesGroupId"
LIMIT = 20
_SINGLE = ("text", "date", "select", "user")
_SEVERAL = ("multiselect", "multiuser")
_WITH_OPTIONS = ("select", "multiselect")
_VALUE_TYPES = ("", "email", "url", "phone")
_VISIBILITIES = ("hidden", "when_set", "always")
_TEXTS = ("visibility", "value_type", "ldap", "saml", "managed", "access_mode")
_MAX_TEXT = 64
_EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+")


def group_id(app: App) -> str:
    """The group that all fields are in; made when it is first asked for."""
    found = app.store.system(GROUP_SETTING)
    if not found:
        found = new_id()
        app.store.set_system(GROUP_SETTING, found)
    return found


def check_field(name: str, kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a field, completed; ApiError says what is wrong."""
    if not name or len(name) > 255:
        raise ApiError("model.property_field.is_valid.app_error", name="name", reason="value cannot be empty")
    if kind not in _SINGLE + _SEVERAL:
        raise ApiError("model.property_field.is_valid.app_error", name="type", reason="unknown value")
    attrs: dict[str, Any] = {key: str(given.get(key) or "").strip() for key in _TEXTS}
    attrs["visibility"] = attrs["visibility"] or "when_set"
    attrs.update(sort_order=given.get("sort_order") or 0, options=None, protected=False, source_plugin_id="")
    if kind != "text" or attrs["managed"]:
        attrs.update(ldap="", saml="")
    if kind == "text" and attrs["value_type"] not in _VALUE_TYPES:
        raise _wrong("value_type", "unknown value type")
    if kind in _WITH_OPTIONS:
        attrs["options"] = _options(given.get("options") or [])
    if attrs["visibility"] not in _VISIBILITIES:
        raise _wrong("visibility", "unknown visibility")
    if attrs["managed"] not in ("", "admin"):
        raise _wrong("managed", "unknown managed type", status=400)
    if attrs["access_mode"]:  # the other modes are for plugins
        raise ApiError("app.property.create_field.app_error")
    return attrs


def _options(given: list[Any]) -> list[dict[str, str]]:
    options = [{key: str(option.get(key) or "") for key in ("id", "name", "color")} for option in given]
    if not options:
        raise _wrong("options", "options list cannot be empty")
    seen: set[str] = set()
    for number, option in enumerate(options):
        option["id"] = option["id"] or new_id()
        if not is_id(option["id"]):
            raise _wrong("options", f"invalid option at index {number}: id is not a valid ID")
        if not option["name"]:
            raise _wrong("options", f"invalid option at index {number}: name cannot be empty")
        if option["name"] in seen:
            raise _wrong("options", f"duplicate option name found at index {number}: {option['name']}")
        seen.add(option["name"])
    return options


def _wrong(name: str, reason: str, status: int = 422) -> ApiError:
    error_id = "app.custom_profile_attributes.sanitize_and_validate.app_error"
    return ApiError(error_id, name=name, reason=reason, status=status)


def check_value(field: Row, value: Any) -> Any:
    """A value as it is kept; ApiError when the field does not take it."""
    kind, attrs = field["type"], field["attrs"]
    known = {option["id"] for option in attrs["options"] or []}
    several = kind in _SEVERAL
    if not (isinstance(value, list) if several else isinstance(value, str)):
        raise _refused()
    texts = [str(item).strip() for item in (value if several else [value])]
    filled = [text for text in texts if text]
    for text in filled:
        if kind in _WITH_OPTIONS and text not in known:
            raise _refused(f'option "{text}" does not exist')
        if kind in ("user", "multiuser") and not is_id(text):
            raise _refused("invalid user id")
    if kind == "text" and len(texts[0]) > _MAX_TEXT:
        raise _refused("value too long")
    if kind == "text" and attrs["value_type"] == "email" and not _EMAIL.fullmatch(texts[0]):
        raise _refused("invalid email")
    return filled if several else texts[0]


def _refused(detail: str = "") -> ApiError:
    return ApiError("app.custom_profile_attributes.validate_value.app_error", detail)


def fields(app: App) -> list[Row]:
    rows = app.store.find("propertyfields", delete_at=0, order="createat, id")
    return sorted(rows, key=lambda row: float(row["attrs"]["sort_order"]))


def of_user(app: App, user_id: str) -> dict[str, Any]:
    """What an account has, under id_FIELD as access policies keep it; options by their names."""
    stored = {row["field_id"]: row["value"] for row in app.store.find("propertyvalues", target_id=user_id)}
    found = {}
    for field in fields(app):
        value = stored.get(field["id"])
        if value in (None, "", []):
            continue
        names = {option["id"]: option["name"] for option in field["attrs"]["options"] or []}
        several = field["type"] in _SEVERAL
        found["id_" + field["id"]] = [names.get(one, one) for one in value] if several else names.get(value, value)
    return found

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Accounts: made, checked, and shown with the fields each reader gets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from server.database import Row
from server.errors import ApiError
from server.ids import new_id, now
from server.sessions import hash_password
from server.store import Duplicate

if TYPE_CHECKING:
    from server.app import App

_USERNAME = re.compile(r"[a-z0-9._-]{1,64}")
_EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+")
_RESERVED = {"all", "channel", "matterbot", "system", "here"}
_NOTIFY = {
    "channel": "true",
    "comments": "never",
    "desktop": "mention",
    "desktop_sound": "true",
    "desktop_threads": "all",
    "email": "true",
    "email_threads": "all",
    "first_name": "false",
    "mention_keys": "",
    "push": "mention",
    "push_status": "away",
    "push_threads": "all",
}
_TIMEZONE = {"automaticTimezone": "", "manualTimezone": "", "useAutomaticTimezone": "true"}
_SHOWN = [
    "id",
    "create_at",
    "update_at",
    "delete_at",
    "username",
    "auth_data",
    "auth_service",
    "email",
    "nickname",
    "first_name",
    "last_name",
    "position",
    "roles",
    "notify_props",
    "last_password_update",
    "failed_attempts",
    "locale",
    "timezone",
]


def create(app: App, wanted: dict[str, Any], *, roles: str | None = None, bot: bool = False) -> Row:
    """A new account. The very first one becomes the system administrator."""
    username = str(wanted.get("username", "")).lower()
    email = str(wanted.get("email", "")).lower()
    check_name(username)
    if not _EMAIL.fullmatch(email):
        raise ApiError("model.user.is_valid.email.app_error")
    password = str(wanted.get("password", ""))
    if not bot:
        check_new_password(app, password)
    first = not bot and app.store.count("users", "id NOT IN (SELECT userid FROM bots)") == 0
    stamp = now()
    user = {
        **{name: str(wanted.get(name, "") or "") for name in ("nickname", "first_name", "last_name", "position")},
        "id": new_id(),
        "create_at": stamp,
        "update_at": stamp,
        "delete_at": 0,
        "username": username,
        "password": "" if bot else hash_password(password),
        "auth_data": "",
        "auth_service": "",
        "email": email,
        "roles": roles or ("system_admin system_user" if first else "system_user"),
        "notify_props": default_notify_props(app),
        "props": wanted.get("props") or {},
        "timezone": wanted.get("timezone") or dict(_TIMEZONE),
        "last_password_update": stamp,
        "failed_attempts": 0,
        "locale": str(wanted.get("locale") or app.config("LocalizationSettings.DefaultClientLocale")),
        "mfa_active": False,
        "mfa_secret": "",
        "email_verified": False,
        "remote_id": "",
    }
    return _saving(lambda: app.store.insert("users", user))


def default_notify_props(app: App) -> dict[str, str]:
    return {**_NOTIFY, "push_status": "online" if app.release.is_11 else "away"}


def change(app: App, user: Row, **fields: Any) -> Row:
    changed = _saving(lambda: app.store.update("users", user, update_at=now(), **fields))
    app.federation.user_changed(user["id"])
    return changed


def _saving(action: Any) -> Row:
    try:
        row: Row = action()
    except Duplicate as error:
        kind = "email" if "email" in error.index else "username"
        raise ApiError(f"app.user.save.{kind}_exists.app_error") from error
    return row


def check_name(username: str) -> None:
    if not _USERNAME.fullmatch(username) or username in _RESERVED:
        raise ApiError("model.user.is_valid.username.app_error")


def check_new_password(app: App, password: str, *, new: bool = True) -> None:
    """The password policy. Before 11 a new account's short password gets the id that tells nothing."""
    rules = app.config.get()["PasswordSettings"]
    patterns = {"Lowercase": "[a-z]", "Uppercase": "[A-Z]", "Number": "[0-9]", "Symbol": r"[^A-Za-z0-9\s]"}
    weak = any(rules[name] and not re.search(pattern, password) for name, pattern in patterns.items())
    if len(password) < rules["MinimumLength"] and (app.release.is_11 or not new):
        raise ApiError("model.user.is_valid.pwd_min_length.app_error", minimum=rules["MinimumLength"])
    if weak or not rules["MinimumLength"] <= len(password) <= 72:
        raise ApiError("api.user.check_user_password.invalid.app_error")


def find(app: App, **where: Any) -> Row:
    user = app.store.get("users", **where)
    if user is None:
        missing = "app.user.get_by_username.app_error" if "username" in where else "app.user.missing_account.const"
        raise ApiError(missing)
    return user


def full(app: App, user: Row) -> dict[str, Any]:
    """As the account itself sees it, and whoever just made or changed it."""
    shown = {name: user[name] for name in _SHOWN if name != "failed_attempts"}
    if user["failed_attempts"]:
        shown["failed_attempts"] = user["failed_attempts"]
    for name in ("props", "mfa_active", "email_verified"):
        if user[name]:
            shown[name] = user[name]
    if app.release.is_11:
        del shown["auth_data"]
    shown["disable_welcome_email"] = False
    bot = app.store.get("bots", user_id=user["id"])
    if bot is None:
        return {**shown, "remote_id": user["remote_id"]}
    shown["is_bot"] = True
    if bot["description"]:
        shown["bot_description"] = bot["description"]
    return shown


def public(app: App, user: Row, *, as_admin: bool) -> dict[str, Any]:
    """As others see it."""
    shown = full(app, user)
    hidden = ["last_password_update", "failed_attempts", "email_verified"]
    hidden += [] if app.release.is_11 else ["notify_props"]
    for name in hidden:
        shown.pop(name, None)
    if not as_admin:
        if not app.config("PrivacySettings.ShowEmailAddress"):
            shown["email"] = ""
        if not app.config("PrivacySettings.ShowFullName"):
            shown["first_name"] = shown["last_name"] = ""
    return shown

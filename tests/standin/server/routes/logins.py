# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Logins, sessions, passwords and second factors."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from server import people
from server.database import NoDatabase, Row
from server.errors import ApiError, invalid_body
from server.http import Answer, Request
from server.ids import new_id, now
from server.router import ADMIN, OPEN, Route, is_admin, ok, require_self_or_admin
from server.sessions import check_password, hash_password, mfa_code_fits, mfa_secret

if TYPE_CHECKING:
    from server.app import App

_BLANK_PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010100000000376ef924"
        "0000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
    )
).decode()


def login(app: App, request: Request) -> Answer:
    given = _credentials(request)
    name, password = str(given.get("login_id", "")).lower(), str(given.get("password", ""))
    if not password:
        raise ApiError("api.user.login.blank_pwd.app_error")
    try:
        user = app.store.get("users", username=name) or app.store.get("users", email=name)
    except NoDatabase:  # the real server cannot tell this from a wrong password either
        user = None
    if user is None or not user["password"]:
        raise ApiError("api.user.login.invalid_credentials_email_username")
    _check_login(app, user, password, str(given.get("token", "")))
    shown = people.full(app, user)
    session = app.sessions.create(user, request)
    if user["failed_attempts"]:
        app.store.update("users", user, failed_attempts=0)
    _audit(app, request, user)
    return Answer(shown, headers={"Token": session["token"], **_cookies(request, session)})


def _credentials(request: Request) -> dict[str, Any]:
    """A body that cannot be read counts as one without a password."""
    try:
        return request.json("credentials")
    except ApiError:
        return {}


def _check_login(app: App, user: Row, password: str, code: str) -> None:
    if user["failed_attempts"] >= app.config("ServiceSettings.MaximumLoginAttempts"):
        raise ApiError("api.user.check_user_login_attempts.too_many.app_error")
    if not check_password(password, user["password"]):
        app.store.add("users", user, failed_attempts=1)
        raise ApiError("api.user.login.invalid_credentials_email_username")
    if user["delete_at"]:
        raise ApiError("api.user.login.inactive.app_error")
    mfa_on = app.config("ServiceSettings.EnableMultifactorAuthentication") and user["mfa_active"]
    if mfa_on and not mfa_code_fits(user["mfa_secret"], code):
        if code:
            app.store.add("users", user, failed_attempts=1)
        raise ApiError("mfa.validate_token.authenticate.app_error")


def _cookies(request: Request, session: Row) -> dict[str, str]:
    if request.headers.get("X-Requested-With") != "XMLHttpRequest":
        return {}
    return {"Set-Cookie": f"MMAUTHTOKEN={session['token']}; Path=/; HttpOnly; SameSite=Lax"}


def _audit(app: App, request: Request, user: Row) -> None:
    row = {"id": new_id(), "create_at": now(), "user_id": user["id"], "action": request.path, "session_id": ""}
    app.store.insert("audits", {**row, "extra_info": "success", "ip_address": request.remote})


def logout(app: App, request: Request) -> Answer:
    if request.session is not None:
        app.store.delete("sessions", id=request.session["id"])
    return ok()


def password(app: App, request: Request) -> Answer:
    if not is_admin(request) and (request.user is None or request.user["id"] != request.params["user_id"]):
        raise ApiError("api.user.update_password.context.app_error")
    given = request.json("password")
    user = people.find(app, id=request.params["user_id"])
    own = request.user is not None and request.user["id"] == user["id"]
    if own and not check_password(str(given.get("current_password", "")), user["password"]):
        raise ApiError("api.user.update_password.incorrect.app_error")
    new = str(given.get("new_password", ""))
    people.check_new_password(app, new, new=False)
    people.change(app, user, password=hash_password(new), last_password_update=now(), failed_attempts=0)
    if app.config("ServiceSettings.TerminateSessionsOnPasswordChange"):
        keep = request.session["id"] if own and request.session else ""
        for session in app.store.find("sessions", user_id=user["id"]):
            if session["id"] != keep:
                app.store.delete("sessions", id=session["id"])
    return ok()


def reset_attempts(app: App, request: Request) -> Answer:
    people.change(app, people.find(app, id=request.params["user_id"]), failed_attempts=0)
    return ok()


def mfa_generate(app: App, request: Request) -> Answer:
    require_self_or_admin(request)
    _mfa_on(app)
    secret = mfa_secret()
    user = people.find(app, id=request.params["user_id"])
    app.store.update("users", user, mfa_secret=secret)
    return Answer(
        {"secret": secret, "qr_code": _BLANK_PNG},
        headers={"Cache-Control": "no-cache", "Pragma": "no-cache", "Expires": "0"},
    )


def mfa_switch(app: App, request: Request) -> Answer:
    require_self_or_admin(request)
    given = request.json("mfa")
    if not isinstance(given.get("activate"), bool):
        raise invalid_body("activate")
    user = people.find(app, id=request.params["user_id"])
    if given["activate"]:
        _mfa_on(app)
        if not mfa_code_fits(user["mfa_secret"], str(given.get("code", ""))):
            raise ApiError("mfa.validate_token.authenticate.app_error")
    people.change(app, user, mfa_active=given["activate"])
    return ok()


def _mfa_on(app: App) -> None:
    if not app.config("ServiceSettings.EnableMultifactorAuthentication"):
        raise ApiError("mfa.mfa_disabled.app_error")


def sessions(app: App, request: Request) -> list[dict[str, Any]]:
    require_self_or_admin(request)
    rows = app.store.find("sessions", user_id=request.params["user_id"], order="lastactivityat DESC")
    return [{**row, "token": "", "team_members": [], "local": False, "expired_notify": False} for row in rows]


def revoke_session(app: App, request: Request) -> Answer:
    require_self_or_admin(request)
    session_id = str(request.json("session_id").get("session_id", ""))
    if app.store.get("sessions", id=session_id, user_id=request.params["user_id"]) is None:
        raise ApiError("app.session.get.app_error")
    app.store.delete("sessions", id=session_id)
    return ok()


def revoke_sessions(app: App, request: Request) -> Answer:
    require_self_or_admin(request)
    app.sessions.revoke_all(request.params["user_id"])
    return ok()


def device(app: App, request: Request) -> Answer:
    """The app says where it is to be told of messages. A device is in one session of an account alone."""
    given, session = request.json("device_id"), request.session or {}
    wanted = str(given.get("device_id", ""))
    if wanted:
        for other in app.store.find("sessions", user_id=session["user_id"], device_id=wanted):
            if other["id"] != session["id"]:
                app.store.delete("sessions", id=other["id"])
        hours = app.config("ServiceSettings.SessionLengthMobileInHours")
        app.store.update("sessions", session, device_id=wanted, expires_at=now() + hours * 3_600_000)
    return ok()


ROUTES = [
    Route("POST", "/users/login", login, OPEN),
    Route("PUT", "/users/sessions/device", device),
    Route("POST", "/users/logout", logout, OPEN),
    Route("PUT", "/users/{user_id}/password", password, local=True),
    Route("POST", "/users/{user_id}/reset_failed_attempts", reset_attempts, ADMIN, since=(11, 0)),
    Route("POST", "/users/{user_id}/mfa/generate", mfa_generate),
    Route("PUT", "/users/{user_id}/mfa", mfa_switch, local=True),
    Route("GET", "/users/{user_id}/sessions", sessions),
    Route("POST", "/users/{user_id}/sessions/revoke", revoke_session),
    Route("POST", "/users/{user_id}/sessions/revoke/all", revoke_sessions),
]

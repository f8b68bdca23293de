# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Who is calling: sessions from a login, and personal access tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import struct
import time
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

from server.database import NoDatabase, Row
from server.errors import ApiError
from server.http import Request
from server.ids import new_id, now

if TYPE_CHECKING:
    from server.app import App

_ITERATIONS = 20_000
_HOUR = 3_600_000
_FACTOR = re.compile(r"/api/v4/users/([^/]+)/mfa(/generate)?")
# Before 11, what a busy server may put off is not asked for a second factor.
_PUT_OFF = re.compile(
    r"/api/v4/((channels(/group)?|posts|teams|users|teams/[^/]+/(channels|files|posts))/search(_archived)?|users/[^/]+/typing)"
)


def hash_password(password: str) -> str:
    salt = os.urandom(16)
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    return f"$pbkdf2${_ITERATIONS}${salt.hex()}${digest.hex()}"


def check_password(password: str, stored: str) -> bool:
    try:
        _empty, _kind, iterations, salt, digest = stored.split("$")
    except ValueError:
        return False
    found = hashlib.pbkdf2_hmac("sha256", password.encode(), bytes.fromhex(salt), int(iterations))
    return hmac.compare_digest(found.hex(), digest)


def mfa_secret() -> str:
    return base64.b32encode(os.urandom(20)).decode()


def mfa_code_fits(secret: str, code: str) -> bool:
    """A time-based one-time password of six digits, one step of slack either way (RFC 6238)."""
    key = base64.b32decode(secret) if secret else b""
    for step in (-1, 0, 1):
        counter = struct.pack(">Q", int(time.time()) // 30 + step)
        digest = hmac.new(key, counter, hashlib.sha1).digest()
        offset = digest[-1] & 15
        number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
        if hmac.compare_digest(f"{number % 1_000_000:06d}", code):
            return True
    return False


class Sessions:
    """Sessions live in the database: every server on it knows them."""

    def __init__(self, app: App) -> None:
        self._app = app

    def create(self, user: Row, request: Request) -> Row:
        hours = self._app.config("ServiceSettings.SessionLengthWebInHours")
        stamp = now()
        return self._app.store.insert(
            "sessions",
            {
                "id": new_id(),
                "token": new_id(),
                "create_at": stamp,
                "expires_at": stamp + hours * _HOUR,
                "last_activity_at": stamp,
                "user_id": user["id"],
                "roles": user["roles"],
                "props": {
                    "csrf": new_id(),
                    "os": "",
                    "platform": "",
                    "browser": request.headers.get("User-Agent", "")[:100],
                    **dict.fromkeys(("isMobile", "isOAuthUser", "isSaml", "is_guest"), "false"),
                },
            },
        )

    def revoke_all(self, user_id: str) -> None:
        self._app.store.delete("sessions", user_id=user_id)

    def of(self, request: Request) -> tuple[Row | None, Row | None]:
        try:
            return self.of_token(_token(request))
        except NoDatabase:
            return None, None

    def of_token(self, token: str) -> tuple[Row | None, Row | None]:
        """(session, user) of a token, both None if it is nobody's."""
        if not token:
            return None, None
        session = self._app.store.get("sessions", token=token) or self._of_access_token(token)
        if session is None or (session["expires_at"] and session["expires_at"] < now()):
            return None, None
        user = self._app.store.get("users", id=session["user_id"])
        if user is None or user["delete_at"]:
            return None, None
        session["roles"] = user["roles"]
        return session, user

    def _of_access_token(self, token: str) -> Row | None:
        found = self._app.store.get("useraccesstokens", token=token, is_active=True)
        if found is None:
            return None
        is_bot = self._app.store.get("bots", user_id=found["user_id"]) is not None
        if not is_bot and not self._app.config("ServiceSettings.EnableUserAccessTokens"):
            return None
        return {"id": found["id"], "token": token, "user_id": found["user_id"], "expires_at": 0, "roles": ""}


def factor_enforced(app: App) -> bool:
    """Whether everybody needs a second factor; only a licensed server sees to it."""
    service = app.config.get()["ServiceSettings"]
    wanted = service["EnableMultifactorAuthentication"] and service["EnforceMultifactorAuthentication"]
    return bool(wanted and app.licence.has("mfa"))


def lacks_second_factor(app: App, user: Row) -> bool:
    """Whether this account needs one and has none. Bots need none, nor those whom an identity provider vouches for."""
    if user["mfa_active"] or not factor_enforced(app):
        return False
    guest = "system_guest" in user["roles"].split()
    if guest and not app.config("GuestAccountsSettings.EnforceMultifactorAuthentication"):
        return False
    if user["auth_service"] not in ("", "email", "ldap"):
        return False
    return app.store.get("bots", user_id=user["id"]) is None


def require_second_factor(app: App, request: Request) -> None:
    """Where one is enforced, accounts without it come no further than to setting it up, with a token or without."""
    user = request.user
    if user is not None and not _without_factor(app, request, user) and lacks_second_factor(app, user):
        raise ApiError("api.context.mfa_required.app_error")


def _without_factor(app: App, request: Request, user: Row) -> bool:
    """Whether this request is answered to those who have to set it up first."""
    if request.path == "/api/v4/users/me" or (not app.release.is_11 and _PUT_OFF.fullmatch(request.path)):
        return True
    found = _FACTOR.fullmatch(request.path)
    if found is None or request.method == "GET":
        return False
    own = found[1] in ("me", user["id"])
    return own or request.method != "PUT" or not app.release.is_11


def _token(request: Request) -> str:
    header: str = request.headers.get("Authorization", "")
    kind, _space, value = header.partition(" ")
    if kind.lower() in ("bearer", "token") and value:
        return value.strip()
    cookie: Any = SimpleCookie(request.headers.get("Cookie", "")).get("MMAUTHTOKEN")
    if cookie is not None:
        return str(cookie.value)
    return request.query.get("access_token", "")

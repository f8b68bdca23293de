# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What other servers call. They show the identifier of the connection and its token in headers."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any

from server.database import Row
from server.errors import ApiError, invalid_body, invalid_url
from server.federation import attachments, remotes
from server.federation.invitation import Invitation
from server.federation.service import INVITATION_MS, Refused
from server.federation.wire import ID, TOKEN, frame_problem
from server.http import Answer, Request
from server.ids import now
from server.multipart import is_multipart, parse
from server.router import OPEN, Route, ok

if TYPE_CHECKING:
    from server.app import App


def require_peer(app: App, request: Request) -> str:
    """The identifier of the connection that calls."""
    token, remote_id = str(request.headers.get(TOKEN, "")), str(request.headers.get(ID, ""))
    if not token or not app.licence.has("remote_cluster"):
        raise ApiError("api.context.session_expired.app_error")
    if not remote_id:
        raise ApiError("api.context.remote_id_missing.app_error")
    row = app.store.get(remotes.TABLE, remote_id=remote_id, delete_at=0)
    if row is None or not hmac.compare_digest(row["token"].encode(), token.encode()):
        raise ApiError("api.context.invalid_token.error", token=token)
    return remote_id


def _received(app: App, request: Request) -> tuple[Row, dict[str, Any]]:
    """The connection and the message of a frame."""
    remote_id = require_peer(app, request)
    app.federation.service()
    try:
        frame = json.loads(request.body)
    except ValueError as error:
        raise ApiError("api.unmarshal_error") from error
    problem, name = frame_problem(frame)
    if problem:
        raise ApiError(problem, name=name)
    row = app.store.get(remotes.TABLE, remote_id=frame["remote_id"], delete_at=0)
    if frame["remote_id"] != remote_id or row is None:
        raise ApiError("api.context.remote_id_invalid.app_error", id=frame["remote_id"])
    message: dict[str, Any] = frame["msg"]
    return row, message


def ping(app: App, request: Request) -> dict[str, int]:
    """Being pinged says nothing of the other side's being online."""
    _row, message = _received(app, request)
    if not isinstance(message["payload"], dict):
        raise invalid_body("msg.payload")
    return {"sent_at": int(message["payload"].get("sent_at") or 0), "recv_at": now()}


def take(app: App, request: Request) -> dict[str, Any]:
    row, message = _received(app, request)
    return app.federation.service().receive(row, message)


def confirm(app: App, request: Request) -> Answer:
    row, message = _received(app, request)
    if now() - row["create_at"] > INVITATION_MS:
        raise ApiError("api.context.invitation_expired.error")
    if not isinstance(message["payload"], dict):
        raise invalid_body("msg.payload")
    try:
        app.federation.service().confirm(Invitation.parse(message["payload"]))
    except Refused as error:
        raise ApiError("api.command_remote.confirm_invitation.error", error=str(error)) from error
    return ok()


def upload(app: App, request: Request) -> Any:
    """The bytes of a file for which a session was asked."""
    remote_id = require_peer(app, request)
    if not app.config("FileSettings.EnableFileAttachments"):
        raise ApiError("api.file.attachments.disabled.app_error", status=501)
    session = app.store.get(attachments.SESSIONS, id=request.params["upload_id"])
    if session is None:
        raise ApiError("app.upload.get.app_error")
    if session["remote_id"] != remote_id:
        raise ApiError("api.context.remote_id_mismatch.app_error")
    if session["type"] == "import" and app.release.is_11:
        raise ApiError("api.remote_cluster.import_not_allowed.app_error")
    return attachments.take(app, session, request.body) or Answer(None, 204, raw=b"")


def image(app: App, request: Request) -> Answer:
    """The profile image of one of the caller's accounts; kept, and shown nowhere."""
    remote_id = require_peer(app, request)
    if len(request.body) > app.config("FileSettings.MaxFileSize"):
        raise ApiError("api.user.upload_profile_user.too_large.app_error")
    images = parse(request)[1].get("image", []) if is_multipart(request) else []
    if not images:
        raise ApiError("api.user.upload_profile_user.no_file.app_error")
    user = app.store.get("users", id=request.params["user_id"])
    if user is None or not user["remote_id"]:
        raise invalid_url("user_id")
    if user["remote_id"] != remote_id:
        raise ApiError("api.context.remote_id_mismatch.app_error")
    app.files.write(f"users/{user['id']}/profile.png", images[0][1])
    return ok()


ROUTES = [
    Route("POST", "/remotecluster/ping", ping, OPEN),
    Route("POST", "/remotecluster/msg", take, OPEN),
    Route("POST", "/remotecluster/confirm_invite", confirm, OPEN),
    Route("POST", "/remotecluster/upload/{upload_id}", upload, OPEN),
    Route("POST", "/remotecluster/{user_id}/image", image, OPEN),
]

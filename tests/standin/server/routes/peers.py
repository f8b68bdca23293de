# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What other servers call. They show the identifier of the connection and its token in headers."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any

from server.database import Row
from server.errors import ApiError, invalid_body
from server.federation import remotes
from server.federation.invitation import Invitation
from server.federation.service import INVITATION_MS, Refused
from server.federation.wire import ID, TOKEN, frame_problem
from server.http import Answer, Request
from server.ids import now
from server.router import OPEN, Route, ok

if TYPE_CHECKING:
    from server.app import App


def require_peer(app: App, request: Request) -> str:
    """The identifier of the connection that calls."""
    token, remote_id = request.headers.get(TOKEN, ""), request.headers.get(ID, "")
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


ROUTES = [
    Route("POST", "/remotecluster/ping", ping, OPEN),
    Route("POST", "/remotecluster/msg", take, OPEN),
    Route("POST", "/remotecluster/confirm_invite", confirm, OPEN),
]

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Files of posts: an upload session is asked for, then the bytes go. Each file crosses each connection once."""

from __future__ import annotations

import json
import mimetypes
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from server.database import Row
from server.errors import ApiError
from server.federation import records, shares
from server.federation.service import Refused, RemoteService
from server.federation.wire import SEND_TIMEOUT, SendError
from server.ids import is_id, new_id, now
from server.schema import COLUMNS

if TYPE_CHECKING:
    from server.app import App

TOPIC = "sharedchannel_upload"
SESSIONS = "uploadsessions"


def send(app: App, service: RemoteService, remote: Row, info: Row, post: Row) -> None:
    """SendError says why a file did not get there; the post goes without it then."""
    session = {"id": new_id(), "type": "attachment", "create_at": 0, "user_id": post["user_id"]}
    session.update(channel_id=post["channel_id"], filename=info["name"], file_size=info["size"], file_offset=0)
    session.update(remote_id=remote["remote_id"], req_file_id=info["id"])
    answer = service.send(remote, TOPIC, session)
    if answer["status"] != "OK" or not isinstance(answer["payload"], dict):
        raise SendError(answer.get("err") or "no upload session")
    content = app.files.read(info["path"])
    path = f"upload/{answer['payload']['id']}"
    raw = service.wire.post(remote, path, content, "application/octet-stream", SEND_TIMEOUT)
    stamp = now()
    sent = {"file_id": json.loads(raw)["id"], "remote_id": remote["remote_id"]}
    app.store.delete("sharedchannelattachments", **sent)
    app.store.insert("sharedchannelattachments", {**sent, "id": new_id(), "create_at": stamp, "last_sync_at": stamp})


def receive(app: App, payload: Any, remote: Row) -> dict[str, Any]:
    """Open the session that another server asks for."""
    session = {name: payload[name] for name in ("id", "type", "user_id", "channel_id", "filename", "file_size")}
    if not shares.has_link(app, session["channel_id"], remote["remote_id"]):
        raise ApiError("api.upload.create.upload_channel_not_shared_with_remote.app_error")
    if not app.config("FileSettings.EnableFileAttachments"):
        raise ApiError("api.file.attachments.disabled.app_error")
    if session["file_size"] > app.config("FileSettings.MaxFileSize"):
        raise ApiError("api.upload.create.upload_too_large.app_error")
    if session["type"] != "attachment":
        raise ApiError("api.upload.invalid_type_for_shared_channel.app_error")
    if not is_id(session["id"]) or app.store.get(SESSIONS, id=session["id"]):
        raise Refused("CreateUploadSession: Failed to save upload.")
    name = PurePosixPath(str(session["filename"])).name
    day = datetime.now(timezone.utc).strftime("%Y%m%d")
    place = f"{day}/teams/noteam/channels/{session['channel_id']}/users/{session['user_id']}/{session['id']}/{name}"
    session.update(create_at=now(), file_offset=0, remote_id=remote["remote_id"], path=place)
    session["req_file_id"] = str(payload.get("req_file_id") or "")
    app.store.insert(SESSIONS, session)
    return {name: session[name] for name in COLUMNS[SESSIONS] if name != "path"}


def take(app: App, session: Row, content: bytes) -> dict[str, Any] | None:
    """The bytes of an upload; None while some are missing."""
    if len(content) > session["file_size"] - session["file_offset"]:
        raise ApiError("api.upload.upload_data.invalid_content_length")
    before = app.files.read(session["path"]) if session["file_offset"] else b""
    app.files.write(session["path"], before + content)
    offset = session["file_offset"] + len(content)
    if offset < session["file_size"]:
        app.store.update(SESSIONS, session, file_offset=offset)
        return None
    name, stamp = PurePosixPath(session["path"]).name, now()
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    info = {"id": session["req_file_id"] or new_id(), "user_id": session["user_id"], "post_id": "", "delete_at": 0}
    info.update(channel_id=session["channel_id"], create_at=stamp, update_at=stamp, path=session["path"], name=name)
    info.update(extension=PurePosixPath(name).suffix.lstrip("."), size=offset, remote_id=session["remote_id"])
    info["mime_type"] = kind + ("; charset=utf-8" if kind.startswith("text/") else "")
    app.store.save("fileinfo", info)
    app.store.delete(SESSIONS, id=session["id"])
    return records.file(info)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Uploads: multipart, or the bare content with its name in the query."""

from __future__ import annotations

import mimetypes
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from server import places
from server.database import Row
from server.errors import ApiError, forbidden, invalid_body
from server.http import Answer, Request
from server.ids import new_id, now
from server.multipart import is_multipart, parse
from server.router import Route, is_admin

if TYPE_CHECKING:
    from server.app import App

_SHOWN = [
    "id",
    "user_id",
    "post_id",
    "channel_id",
    "create_at",
    "update_at",
    "delete_at",
    "name",
    "extension",
    "size",
    "mime_type",
]


def upload(app: App, request: Request) -> Answer:
    if not app.config("FileSettings.EnableFileAttachments"):
        raise ApiError("api.file.attachments.disabled.app_error")
    channel_id, client_ids, content = _given(request)
    if not channel_id:
        raise invalid_body("channel_id")
    channel = app.store.get("channels", id=channel_id)
    if channel is None:
        raise forbidden()
    places.require_channel_member(app, request, channel)
    limit = app.config("FileSettings.MaxFileSize")
    for name, data in content:
        if len(data) > limit:
            raise ApiError(
                "api.file.upload_file.too_large_detailed.app_error", name=name, length=len(data), limit=limit
            )
    infos = [_save(app, request, channel, name, data) for name, data in content]
    return Answer({"file_infos": [show_file(info) for info in infos], "client_ids": client_ids}, 201)


def _given(request: Request) -> tuple[str, list[str] | None, list[Any]]:
    if not is_multipart(request):
        content = [(request.query.get("filename", ""), request.body)]
        return request.query.get("channel_id", ""), None, content
    fields, files = parse(request)
    client_ids = [fields["client_ids"]] if "client_ids" in fields else []
    return fields.get("channel_id", request.query.get("channel_id", "")), client_ids, files.get("files", [])


def _save(app: App, request: Request, channel: Row, name: str, data: bytes) -> Row:
    user_id = request.user["id"] if request.user else ""
    file_id, stamp, name = new_id(), now(), PurePosixPath(name or "file").name
    day = datetime.now(timezone.utc).strftime("%Y%m%d")
    path = f"{day}/teams/{channel['team_id'] or 'noteam'}/channels/{channel['id']}/users/{user_id}/{file_id}/{name}"
    try:
        app.files.write(path, data)
    except OSError as error:
        raise ApiError("api.file.write_file_locally.create_dir.app_error") from error
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    info = {"id": file_id, "user_id": user_id, "post_id": "", "channel_id": channel["id"], "create_at": stamp}
    info.update(update_at=stamp, delete_at=0, path=path, name=name, extension=PurePosixPath(name).suffix.lstrip("."))
    info.update(size=len(data), mime_type=kind + ("; charset=utf-8" if kind.startswith("text/") else ""))
    return app.store.insert("fileinfo", info)


def show_file(info: Row) -> dict[str, Any]:
    shown = {name: info[name] for name in _SHOWN if name != "post_id" or info["post_id"]}
    return {**shown, "mini_preview": None, "remote_id": info.get("remote_id", ""), "archived": False}


def read(app: App, request: Request) -> Answer:
    info = _readable(app, request)
    try:
        content = app.files.read(info["path"])
    except OSError as error:
        raise ApiError("api.file.read_file.reading_local.app_error") from error
    headers = {
        "Cache-Control": "private, max-age=86400",
        "Content-Disposition": f"attachment;filename=\"{quote(info['name'])}\"; filename*=UTF-8''{quote(info['name'])}",
    }
    return Answer(None, 200, headers, info["mime_type"], content)


def read_info(app: App, request: Request) -> Answer:
    shown = show_file(_readable(app, request))
    return Answer(shown, headers={"Cache-Control": "max-age=2592000, private"})


def of_post(app: App, request: Request) -> Answer:
    post = app.store.get("posts", id=request.params["post_id"])
    if post is None:
        raise ApiError("app.post.get.app_error")
    places.require_channel_reader(app, request, places.find_channel(app, id=post["channel_id"]))
    shown = [show_file(row) for row in app.store.find("fileinfo", post_id=post["id"], order="createat")]
    return Answer(shown, headers={"Cache-Control": "max-age=2592000, private"})


def _readable(app: App, request: Request) -> Row:
    info = app.store.get("fileinfo", id=request.params["file_id"])
    if info is None or info["delete_at"]:
        raise ApiError("app.file_info.get.app_error")
    own = request.user is not None and request.user["id"] == info["user_id"]
    if not own and not is_admin(request):
        places.require_channel_reader(app, request, places.find_channel(app, id=info["channel_id"]))
    return info


ROUTES = [
    Route("POST", "/files", upload),
    Route("GET", "/files/{file_id}", read),
    Route("GET", "/files/{file_id}/info", read_info),
    Route("GET", "/posts/{post_id}/files/info", of_post),
]

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Jobs. One that is created counts as done at once: there is no worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.database import Row
from server.errors import ApiError
from server.http import Answer, Request
from server.ids import new_id, now
from server.router import ADMIN, Route, ok, require_admin

if TYPE_CHECKING:
    from server.app import App

# Known, but without the licensed worker that makes them valid.
_LICENSED = {"data_retention", "message_export", "ldap_sync", "elasticsearch_post_indexing"}
_FREE = {"import_process", "import_delete", "export_process", "export_delete", "extract_content"}


def create(app: App, request: Request) -> Answer:
    wanted = request.json("job")
    kind = str(wanted.get("type", ""))
    if kind in _LICENSED:
        raise ApiError("model.job.is_valid.type.app_error")
    if kind not in _FREE:
        raise ApiError("api.job.unable_to_create_job.incorrect_job_type")
    require_admin(request)
    stamp = now()
    job = {"id": new_id(), "type": kind, "priority": 0, "status": "success", "progress": 100}
    job.update(create_at=stamp, start_at=stamp, last_activity_at=stamp, data=wanted.get("data") or {})
    return Answer(app.store.insert("jobs", job), 201)


def listing(app: App, request: Request) -> list[Row]:
    limit, offset = request.page
    return app.store.find("jobs", order="createat DESC", limit=limit, offset=offset)


def of_type(app: App, request: Request) -> list[Row]:
    limit, offset = request.page
    kind = request.params["job_type"]
    if kind not in _LICENSED | _FREE | {"migrations"}:
        raise ApiError("api.job.retrieve.nopermissions")
    return app.store.find("jobs", type=kind, order="createat DESC", limit=limit, offset=offset)


def read(app: App, request: Request) -> Any:
    job = app.store.get("jobs", id=request.params["job_id"])
    if job is None:
        raise ApiError("app.job.get.app_error")
    return job


def cancel(app: App, request: Request) -> Answer:
    read(app, request)
    return ok()


ROUTES = [
    Route("POST", "/jobs", create, local=True),
    Route("GET", "/jobs", listing, ADMIN, local=True),
    Route("GET", "/jobs/type/{job_type}", of_type, ADMIN, local=True),
    Route("GET", "/jobs/{job_id}", read, ADMIN, local=True),
    Route("POST", "/jobs/{job_id}/cancel", cancel, ADMIN, local=True),
]

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Jobs: made, listed, read, cancelled. What does them is in jobs.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server import permissions
from server.database import Row
from server.errors import ApiError, forbidden, invalid_body, invalid_url
from server.http import Answer, Request
from server.jobs import KINDS, NOT_TO_MAKE
from server.router import Route, is_admin, ok

if TYPE_CHECKING:
    from server.app import App

_STATUSES = ("pending", "in_progress", "success", "error", "cancel_requested", "canceled", "warning")
_CHANGES = {
    ("in_progress", "pending"),
    ("in_progress", "cancel_requested"),
    ("pending", "cancel_requested"),
    ("cancel_requested", "canceled"),
}


def create(app: App, request: Request) -> Answer:
    wanted = request.json("job")
    kind = str(wanted.get("type", ""))
    if kind not in KINDS or kind in NOT_TO_MAKE:
        raise ApiError("api.job.unable_to_create_job.incorrect_job_type")
    if not _may(app, request, KINDS[kind].create):
        raise forbidden()
    if KINDS[kind].needs and not app.licence.has(KINDS[kind].needs):
        raise ApiError("model.job.is_valid.type.app_error")
    given = {str(key): str(value) for key, value in (wanted.get("data") or {}).items()}
    if kind == "access_control_sync":
        _cancel_same(app, given)
    return Answer(app.jobs.add(kind, given), 201)


def _may(app: App, request: Request, name: str) -> bool:
    return is_admin(request) or permissions.has_permission(app, request, name)


def _cancel_same(app: App, given: dict[str, str]) -> None:
    """A newer synchronisation of a policy takes the place of those that have not ended."""
    for job in app.store.find("jobs", "status IN ('pending', 'in_progress')", type="access_control_sync"):
        if given.get("policy_id") and job["data"].get("policy_id") == given["policy_id"]:
            app.jobs.cancel(job)


def listing(app: App, request: Request) -> list[Row]:
    wanted, status = request.query.get("job_type", ""), request.query.get("status", "")
    if wanted and wanted not in KINDS:
        raise invalid_url("job_type")
    if status and status not in _STATUSES:
        raise ApiError("api.job.status.invalid")
    kinds = [name for name, kind in KINDS.items() if wanted in ("", name) and _may(app, request, kind.read)]
    if not kinds:
        raise forbidden()
    limit, offset = request.page
    also = {"status": status} if status else {}
    values = {"kinds": kinds}
    return app.store.find(
        "jobs", "type = ANY(:kinds)", order="createat DESC", limit=limit, offset=offset, values=values, **also
    )


def of_type(app: App, request: Request) -> list[Row]:
    limit, offset = request.page
    kind = request.params["job_type"]
    if kind not in KINDS:
        raise ApiError("api.job.retrieve.nopermissions")
    if not _may(app, request, KINDS[kind].read):
        raise forbidden()
    return app.store.find("jobs", type=kind, order="createat DESC", limit=limit, offset=offset)


def read(app: App, request: Request) -> Any:
    job = _found(app, request)
    if not _may(app, request, KINDS[job["type"]].read):
        raise forbidden()
    return job


def cancel(app: App, request: Request) -> Answer:
    job = _found(app, request)
    if not _may(app, request, KINDS[job["type"]].create):
        raise forbidden()
    if not app.jobs.cancel(job):
        raise ApiError("jobs.request_cancellation.status.error", f"id={job['id']}")
    return ok()


def set_status(app: App, request: Request) -> Answer:
    wanted = request.json("status")
    status = wanted.get("status")
    if not isinstance(status, str):
        raise invalid_body("status")
    job = _found(app, request)
    if not _may(app, request, "manage_jobs"):
        raise forbidden()
    if wanted.get("force") is not True and (job["status"], status) not in _CHANGES:
        raise ApiError("api.job.status.invalid")
    if status not in ("pending", "cancel_requested", "canceled"):
        raise ApiError("app.job.update_status.app_error")
    app.jobs.switch(job, job["status"], status)
    return ok()


def _found(app: App, request: Request) -> Row:
    job = app.store.get("jobs", id=request.params["job_id"])
    if job is None:
        raise ApiError("app.job.get.app_error")
    return job


ROUTES = [
    Route("POST", "/jobs", create, local=True),
    Route("GET", "/jobs", listing, local=True),
    Route("GET", "/jobs/type/{job_type}", of_type, local=True),
    Route("GET", "/jobs/{job_id}", read, local=True),
    Route("POST", "/jobs/{job_id}/cancel", cancel, local=True),
    Route("PATCH", "/jobs/{job_id}/status", set_status, local=True, since=(11, 0)),
]

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Compliance reports and what exports made, in an Enterprise release with a licence."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server import export
from server.database import DatabaseError, NoDatabase, Row
from server.errors import ApiError
from server.http import Answer, Request
from server.ids import new_id, now
from server.router import Route

if TYPE_CHECKING:
    from server.app import App

_DOWNLOAD = "download_compliance_export_result"


def _require_licence(app: App) -> None:
    if not app.licence.has("compliance") or not app.config("ComplianceSettings.Enable"):
        raise ApiError("ent.compliance.licence_disable.app_error")


def create(app: App, request: Request) -> Answer:
    wanted = request.json("compliance")
    _require_licence(app)
    report = {"id": new_id(), "create_at": now(), "user_id": (request.user or {}).get("id", ""), "status": "created"}
    report.update(count=0, type="adhoc", description=str(wanted.get("desc") or ""))
    report.update({key: int(wanted.get(key) or 0) for key in ("start_at", "end_at")})
    report.update({key: str(wanted.get(key) or "").lower() for key in ("keywords", "emails")})
    _check(report)
    app.store.insert("compliances", report)
    threading.Thread(target=_make, args=(app, report), daemon=True).start()
    return Answer(_shown(report), 201)


def _check(report: Row) -> None:
    wrong = ""
    if not 0 < len(report["description"]) <= 512:
        wrong = "desc"
    elif not report["start_at"]:
        wrong = "start_at"
    elif not report["end_at"]:
        wrong = "end_at"
    elif report["end_at"] <= report["start_at"]:
        wrong = "start_end_at"
    if wrong:
        raise ApiError(f"model.compliance.is_valid.{wrong}.app_error")


def _make(app: App, report: Row) -> None:
    """Beside the answer, as the real server does: the file, then that it is there."""
    wanted = {key: report[key] for key in ("keywords", "emails")}
    try:
        app.store.update("compliances", report, status="running")
        rows = export.posts(app, report["start_at"], report["end_at"], **wanted)
        path = _file(app, report)
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        path.write_bytes(export.zipped({"posts.csv": export.as_csv(rows)}))
        app.store.update("compliances", report, status="finished", count=len(rows))
    except (OSError, DatabaseError, NoDatabase) as error:
        app.log.warn("Error running compliance job", job_id=report["id"], error=str(error))
        app.store.update("compliances", report, status="failed")


def _file(app: App, report: Row) -> Path:
    return Path(app.config("ComplianceSettings.Directory"), "compliance", f"{report['type']}-{report['id']}.zip")


def listing(app: App, request: Request) -> list[Row]:
    _require_licence(app)
    limit, offset = request.page
    rows = app.store.find("compliances", order="createat DESC", limit=limit, offset=offset)
    return [_shown(row) for row in rows]


def read(app: App, request: Request) -> Row:
    return _shown(_found(app, request))


def _shown(report: Row) -> Row:
    """As the API names it; the column cannot be named so."""
    return {("desc" if key == "description" else key): value for key, value in report.items()}


def _found(app: App, request: Request) -> Row:
    _require_licence(app)
    report = app.store.get("compliances", id=request.params["report_id"])
    if report is None:
        raise ApiError("app.compliance.get.finding.app_error")
    return report


def download(app: App, request: Request) -> Answer:
    report = _found(app, request)
    path = _file(app, report)
    try:
        return _attachment(path.name, path.read_bytes())
    except OSError as error:
        raise ApiError("api.file.read_file.reading_local.app_error", status=501) from error


def download_export(app: App, request: Request) -> Answer:
    """What a message_export job wrote."""
    if not app.config("MessageExportSettings.DownloadExportResults"):
        raise ApiError("app.job.download_export_results_not_enabled")
    job = app.store.get("jobs", id=request.params["job_id"])
    if job is None:
        raise ApiError("app.job.get.app_error")
    if job["type"] != "message_export":
        raise ApiError("api.job.unable_to_download_job.incorrect_job_type")
    if job["data"].get("is_downloadable") != "true":
        raise ApiError("api.job.unable_to_download_job")
    folder = job["data"]["export_dir"]
    files: dict[str, Any] = {path.name: path.read_bytes() for path in app.files.names(folder + "/*")}
    return _attachment(folder.rsplit("/", 1)[1] + ".zip", export.zipped(files))


def _attachment(name: str, content: bytes) -> Answer:
    headers = {"Cache-Control": "max-age=2592000, private", "Content-Disposition": f'attachment;filename="{name}"'}
    return Answer(None, 200, headers, "application/zip", content)


_READ = "read_compliance_export_job"
ROUTES = [
    Route("POST", "/compliance/reports", create, "create_compliance_export_job"),
    Route("GET", "/compliance/reports", listing, _READ),
    Route("GET", "/compliance/reports/{report_id}", read, _READ),
    Route("GET", "/compliance/reports/{report_id}/download", download, _DOWNLOAD),
    Route("GET", "/jobs/{job_id}/download", download_export, _DOWNLOAD),
]

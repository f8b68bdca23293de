# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Jobs: which there are, who may make and see them, and the one worker that does them in turn."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

from server import access, export, retention
from server.database import DatabaseError, NoDatabase, Row
from server.ids import new_id, now

if TYPE_CHECKING:
    from server.app import App

_POLL = 1.0  # seconds between looks for jobs that another server on the database took in
Work = Callable[["App", Row], "dict[str, str]"]


@dataclass(frozen=True)
class Kind:
    """A type of job. `needs`: what of a licence; `setting`: without it the job waits, as its worker is off."""

    create: str = "manage_jobs"
    read: str = "read_jobs"
    needs: str = ""
    setting: str = ""
    work: Work = lambda _app, _job: {}


def _sync(app: App, job: Row) -> dict[str, str]:
    return access.sync(app, str(job["data"].get("policy_id") or ""))


_ADMIN = "manage_system"
KINDS = {
    "data_retention": Kind(
        "create_data_retention_job", "read_data_retention_job", "data_retention", work=retention.run
    ),
    "message_export": Kind(
        "create_compliance_export_job",
        "read_compliance_export_job",
        "message_export",
        "MessageExportSettings.EnableExport",
        export.run,
    ),
    "access_control_sync": Kind(_ADMIN, _ADMIN, "access_control", work=_sync),
    "ldap_sync": Kind("create_ldap_sync_job", "read_ldap_sync_job", "ldap", "LdapSettings.EnableSync"),
    "elasticsearch_post_indexing": Kind(
        "create_elasticsearch_post_indexing_job",
        "read_elasticsearch_post_indexing_job",
        "elastic_search",
        "ElasticsearchSettings.EnableIndexing",
    ),
    **{name: Kind() for name in ("import_process", "import_delete", "export_process", "export_delete")},
    "extract_content": Kind(),
    "migrations": Kind(),
}
# Those that the server makes for itself.
NOT_TO_MAKE = ("migrations",)


class Jobs:
    """Takes jobs in, and does one after the other in a thread of its own."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._wake = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._loop, name="jobs", daemon=True).start()

    def add(self, kind: str, given: dict[str, str]) -> Row:
        stamp = now()
        job = {"id": new_id(), "type": kind, "priority": 0, "status": "pending", "progress": 0, "data": given}
        job.update(create_at=stamp, start_at=0, last_activity_at=0)
        self._app.store.insert("jobs", job)
        self._wake.set()
        return job

    def cancel(self, job: Row) -> bool:
        """False when it is too late."""
        for before, after in (("pending", "canceled"), ("in_progress", "cancel_requested")):
            if self.switch(job, before, after):
                return True
        return False

    def switch(self, job: Row, before: str, after: str) -> bool:
        """Change the status, unless it has changed meanwhile, by this server or another."""
        changed = self._app.store.database.run(
            "UPDATE jobs SET status = :after, lastactivityat = :at WHERE id = :id AND status = :before RETURNING id",
            **{"after": after, "before": before, "at": now(), "id": job["id"]},
        )
        self._wake.set()
        return bool(changed)

    def _loop(self) -> None:
        while not self._app.stopping.is_set():
            self._wake.wait(_POLL)
            self._wake.clear()
            try:
                self._round()
            except (NoDatabase, DatabaseError) as error:
                self._app.log.error("Jobs could not be read", error=str(error))

    def _round(self) -> None:
        for job in self._app.store.find("jobs", status="pending", order="createat"):
            kind = KINDS.get(job["type"], Kind())
            if (
                self._app.config("JobSettings.RunJobs")
                and self._enabled(kind)
                and self.switch(job, "pending", "in_progress")
            ):
                self._do(kind, job)

    def _enabled(self, kind: Kind) -> bool:
        licensed = not kind.needs or self._app.licence.has(kind.needs)
        return licensed and (not kind.setting or bool(self._app.config(kind.setting)))

    def _do(self, kind: Kind, job: Row) -> None:
        self._app.store.update("jobs", job, start_at=now())
        result: dict[str, Any]
        try:
            result, status, progress = kind.work(self._app, job), "success", 100
        except Exception as error:  # whatever it is, the job has to say so
            self._app.log.error("Job failed", job=job["id"], type=job["type"], error=repr(error))
            result, status, progress = {"error": str(error) or type(error).__name__}, "error", 0
        given = {**job["data"], **result}
        self._app.store.update("jobs", job, data=given, progress=progress)
        if not self.switch(job, "in_progress", status):
            self.switch(job, "cancel_requested", "canceled")

# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of a server: the newest of a kind, starting one, and waiting until it ends.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import json
import time
from typing import Any, Dict, Optional
from urllib.parse import quote

from ._client import Client
from ._errors import MattermostError

RUNNING = ("pending", "in_progress", "cancel_requested")
DONE = ("success", "warning")
# How far back a job that still runs is looked for, whatever the age is that counts as new.
_LOOK_BACK = 86400
_POLL = 2.0
_PERMISSIONS = {
    "access_control_sync": "manage_system",
    "data_retention": "create_data_retention_job",
    "elasticsearch_post_aggregation": "create_elasticsearch_post_aggregation_job",
    "elasticsearch_post_indexing": "create_elasticsearch_post_indexing_job",
    "ldap_sync": "create_ldap_sync_job",
    "message_export": "create_compliance_export_job",
}

JobFields = Dict[str, Any]


class Jobs:
    """The jobs of one type that were started with the same data."""

    def __init__(self, client: Client, kind: str, data: Dict[str, str], *, patience: int) -> None:
        self.client = client
        self.kind = kind
        self.data = data
        self.patience = patience
        self._may_start = _PERMISSIONS.get(kind, "manage_jobs")
        self._may_read = _PERMISSIONS.get(kind, "read_jobs").replace("create_", "read_")

    def newest(self, max_age: int) -> Optional[JobFields]:
        """The newest job; the server adds data of its own while a job runs, so what was given is compared."""
        now = time.time() * 1000
        path = f"/jobs/type/{quote(self.kind, safe='')}"
        tried = f"list the jobs of the type {self.kind}"
        for job in self.client.pages(path, tried=tried, needs=self._may_read):
            found = job.get("data") or {}
            if all(found.get(key) == value for key, value in self.data.items()):
                return shown(job)
            if job["create_at"] < now - max(max_age, _LOOK_BACK) * 1000:
                break
        return None

    def start(self) -> JobFields:
        """A new job."""
        tried = f"start a job of the type {self.kind}"
        body = {"type": self.kind, "data": self.data}
        return shown(self.client.post("/jobs", body, tried=tried, needs=self._may_start))

    def wait(self, job: JobFields) -> JobFields:
        """Wait until it has ended well; without patience, do not wait."""
        end = time.monotonic() + self.patience
        while self.patience and job["status"] in RUNNING:
            if time.monotonic() >= end:
                raise MattermostError(
                    f"The job {job['id']} of the type {self.kind} did not end within {self.patience} s (status "
                    f"{job['status']}, progress {job['progress']} %). It goes on; run this again to wait for it."
                )
            time.sleep(_POLL)
            tried = f"read the job {job['id']}"
            job = shown(self.client.get(f"/jobs/{job['id']}", tried=tried, needs=self._may_read))
        if job["status"] not in (*RUNNING, *DONE):
            raise MattermostError(_why(job))
        return job


def shown(job: JobFields) -> JobFields:
    """The job as it is shown."""
    keys = ("id", "type", "status", "progress", "create_at", "start_at", "last_activity_at")
    return {**{key: job[key] for key in keys}, "data": job.get("data") or {}}


def _why(job: JobFields) -> str:
    """Why a job failed: the server writes that into its data."""
    data = dict(job["data"])
    ended = "was cancelled" if job["status"] == "canceled" else "failed"
    said = f": {data.pop('error')}" if data.get("error") else ""
    more = f" Its data: {json.dumps(data, sort_keys=True)}." if data else ""
    return f"The job {job['id']} of the type {job['type']} {ended}{said.rstrip('.')}.{more} See the server's log."

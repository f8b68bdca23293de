# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the first start on an empty database puts in: identity, roles, the job every server shows."""

from __future__ import annotations

import base64
import contextlib
import os

from server.database import Row
from server.ids import new_id, now
from server.release import Release, data
from server.store import Duplicate, Store

_BUILT_IN_JOB = {
    "type": "migrations",
    "priority": 0,
    "status": "success",
    "progress": 0,
    "data": {"migration_key": "migration_advanced_permissions_phase_2", "last_done": "{}"},
}


def seed(store: Store, release: Release) -> None:
    """Idempotent, also when two servers start on one new database together."""
    stamp = now()
    wanted = {
        "DiagnosticId": new_id(),
        "InstallationDate": str(stamp),
        "FirstServerRunTimestamp": str(stamp),
        "AsymmetricSigningKey": base64.b64encode(os.urandom(91)).decode(),
    }
    for name, value in wanted.items():
        if not store.system(name):
            _insert_once(store, "systems", {"name": name, "value": value})
    store.set_system("Version", release.version)
    known = {row["name"] for row in store.find("roles")}
    for name, role in data("roles.json").items():
        if name not in known:
            row = {**role, "id": new_id(), "name": name, "create_at": stamp, "update_at": stamp}
            _insert_once(store, "roles", {**row, "permissions": " ".join(role["permissions"])})
    if not store.count("jobs"):
        times = {"create_at": stamp, "start_at": stamp, "last_activity_at": stamp}
        store.insert("jobs", {"id": new_id(), **_BUILT_IN_JOB, **times})


def _insert_once(store: Store, table: str, row: Row) -> None:
    with contextlib.suppress(Duplicate):
        store.insert(table, row)

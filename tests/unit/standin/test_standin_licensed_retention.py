# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Retention, exports, compliance reports and jobs: what they leave behind, and in which order they get there."""

from __future__ import annotations

import csv
import io
import time
import zipfile
from typing import Any, Callable

import pytest
from launcher import Server

POLICIES = "/data_retention/policies"
DAY = 86_400_000


def finished(target: Server, job_id: str) -> dict[str, Any]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        job: dict[str, Any] = target.admin("GET", f"/jobs/{job_id}")
        if job["status"] not in ("pending", "in_progress"):
            return job
        time.sleep(0.02)
    raise AssertionError("the job does not end")


def run(target: Server, kind: str, **data: str) -> dict[str, Any]:
    job = finished(target, target.admin("POST", "/jobs", {"type": kind, "data": data})["id"])
    assert (job["status"], job["progress"]) == ("success", 100), job
    return job


def place(target: Server, team: str) -> tuple[str, str]:
    """A team, and the channel in it that everybody has."""
    team_id = target.admin("POST", "/teams", {"name": team, "display_name": team, "type": "O"})["id"]
    return team_id, target.admin("GET", f"/teams/{team_id}/channels/name/town-square")["id"]


def post(target: Server, postgres: Any, dsn: str, channel: str, message: str, days: int) -> str:
    """A post that is as old as that."""
    post_id = str(target.admin("POST", "/posts", {"channel_id": channel, "message": message})["id"])
    stamp = int(time.time() * 1000) - days * DAY
    postgres.run(postgres.name(dsn), f"UPDATE posts SET createat = {stamp}, updateat = {stamp} WHERE id = '{post_id}'")
    return post_id


def left(target: Server, *ids: str) -> list[bool]:
    return [target.call("GET", f"/posts/{post_id}", token=target.token)[0] == 200 for post_id in ids]


@pytest.mark.parametrize("version", ["9.11.0", "11.6.0"])
def test_a_channel_goes_before_its_team_and_the_team_before_all(
    licensed: Callable[..., Server], postgres: Any, version: str
) -> None:
    dsn = postgres.database()
    target = licensed(version, dsn=dsn)
    (one, square), (_two, other) = place(target, "one"), place(target, "two")
    kept = target.admin("POST", "/channels", {"team_id": one, "name": "kept", "display_name": "Kept", "type": "O"})[
        "id"
    ]
    target.admin("POST", POLICIES, {"display_name": "Month", "post_duration": 30, "team_ids": [one]})
    target.admin("POST", POLICIES, {"display_name": "Ever", "post_duration": -1, "channel_ids": [kept]})
    ages = [(square, 31), (square, 29), (kept, 400), (other, 400)]
    ids = [post(target, postgres, dsn, channel, "x", days) for channel, days in ages]
    job = run(target, "data_retention")
    assert left(target, *ids) == [False, True, True, True], "nothing is deleted everywhere unless that is switched on"
    assert job["data"]["posts_deleted"] == "1"
    target.admin("PUT", "/config/patch", {"DataRetentionSettings": {"EnableMessageDeletion": True}})
    run(target, "data_retention")
    assert left(target, *ids) == [False, True, True, False]
    shown = target.admin("GET", "/data_retention/policy")
    assert (
        shown["message_deletion_enabled"]
        and abs(time.time() * 1000 - 365 * DAY - shown["message_retention_cutoff"]) < DAY
    )
    assert shown["file_retention_cutoff"] == 0


def test_policies_are_made_changed_and_removed(licensed: Callable[..., Server]) -> None:
    target = licensed()
    (one, _square), (two, square) = place(target, "one"), place(target, "two")
    policy = target.admin("POST", POLICIES, {"display_name": "Month", "post_duration": 30, "team_ids": [one]})
    path = f"{POLICIES}/{policy['id']}"
    expected = {"display_name": "Month", "post_duration": 30, "team_count": 1, "channel_count": 0}
    assert policy == {"id": policy["id"], **expected}
    target.admin("POST", path + "/channels", [square])
    changed = target.admin("PATCH", path, {"display_name": "", "post_duration": 60, "team_ids": [one, two]})
    assert changed == {"id": policy["id"], **expected, "post_duration": 60, "team_count": 2, "channel_count": 1}
    assert target.admin("GET", POLICIES) == {"policies": [changed], "total_count": 1}
    assert target.admin("GET", path + "/channels")["channels"][0]["team_name"] == "two"
    assert {row["name"] for row in target.admin("GET", path + "/teams")["teams"]} == {"one", "two"}
    target.call("DELETE", path + "/teams", [one], token=target.token)
    assert target.admin("GET", path + "/teams")["total_count"] == 1
    for body, status in [
        ({"display_name": "Twice", "post_duration": 1, "team_ids": [two]}, 500),
        ({"display_name": "Lost", "post_duration": 1, "team_ids": ["a" * 26]}, 500),
        ({"display_name": "", "post_duration": 1}, 400),
        ({"display_name": "Zero", "post_duration": 0}, 400),
    ]:
        assert target.call("POST", POLICIES, body, token=target.token)[0] == status, body
    target.admin("DELETE", path)
    assert target.call("GET", path, token=target.token)[0] == 500


def test_exports_are_files_and_go_on_where_the_last_ended(licensed: Callable[..., Server]) -> None:
    settings = {"EnableExport": True, "ExportFormat": "csv", "ExportFromTimestamp": 1, "DownloadExportResults": True}
    target = licensed()
    _team, square = place(target, "one")
    target.admin("POST", "/posts", {"channel_id": square, "message": "for the record"})
    waiting = target.admin("POST", "/jobs", {"type": "message_export"})
    time.sleep(0.3)
    assert target.admin("GET", f"/jobs/{waiting['id']}")["status"] == "pending", "its worker is off"
    target.admin("PUT", "/config/patch", {"MessageExportSettings": settings})
    job = finished(target, waiting["id"])
    archive = zipfile.ZipFile(target.home / "data" / job["data"]["export_dir"] / "batch001.zip")
    rows = list(csv.DictReader(io.StringIO(archive.read("posts.csv").decode())))
    assert [row["PostMessage"] for row in rows][-1] == "for the record" and rows[-1]["UserUsername"] == "sysadmin"
    again = run(target, "message_export", export_type="actiance")
    assert (again["data"]["messages_exported"], again["data"]["job_start_time"]) == ("0", job["data"]["job_end_time"])
    status, content, headers = target.send("GET", f"/jobs/{job['id']}/download", token=target.token)
    assert status == 200 and zipfile.ZipFile(io.BytesIO(content)).namelist() == ["batch001.zip"]
    assert "compliance-export-" in headers["content-disposition"]
    failed = finished(
        target, target.admin("POST", "/jobs", {"type": "message_export", "data": {"export_type": "x"}})["id"]
    )
    assert (failed["status"], failed["data"]["error"]) == ("error", "the stand-in has no export format x")


def test_switching_exports_on_notes_the_time(licensed: Callable[..., Server]) -> None:
    target = licensed()
    target.admin("PUT", "/config/patch", {"MessageExportSettings": {"EnableExport": True}})
    assert target.config()["MessageExportSettings"]["ExportFromTimestamp"] > 0
    target.admin("PUT", "/config/patch", {"MessageExportSettings": {"EnableExport": False}})
    assert target.config()["MessageExportSettings"]["ExportFromTimestamp"] == 0


def test_compliance_reports(licensed: Callable[..., Server]) -> None:
    target = licensed(config={"ComplianceSettings": {"Enable": True}})
    _team, square = place(target, "one")
    for message in ("a secret word", "nothing of note"):
        target.admin("POST", "/posts", {"channel_id": square, "message": message})
    wanted = {"desc": "Case 7", "start_at": 1, "end_at": int(time.time() * 1000) + DAY, "keywords": "SECRET"}
    report = target.admin("POST", "/compliance/reports", wanted)
    assert (report["status"], report["desc"], report["keywords"]) == ("created", "Case 7", "secret")
    path, end = f"/compliance/reports/{report['id']}", time.monotonic() + 10
    while target.admin("GET", path)["status"] != "finished" and time.monotonic() < end:
        time.sleep(0.02)
    assert target.admin("GET", "/compliance/reports")[0]["count"] == 1
    status, content, _headers = target.send("GET", path + "/download", token=target.token)
    text = zipfile.ZipFile(io.BytesIO(content)).read("posts.csv").decode()
    assert status == 200 and "a secret word" in text and "nothing of note" not in text
    for fields, reason in (
        ({"desc": ""}, "desc"),
        ({"end_at": 0}, "end_at"),
        ({"start_at": 2, "end_at": 1}, "start_end_at"),
    ):
        status, answer = target.call("POST", "/compliance/reports", {**wanted, **fields}, token=target.token)
        assert (status, answer["id"]) == (400, f"model.compliance.is_valid.{reason}.app_error")


def test_jobs_are_listed_cancelled_and_kept_from_others(licensed: Callable[..., Server]) -> None:
    target = licensed()
    waiting = target.admin("POST", "/jobs", {"type": "message_export"})
    assert target.admin("GET", "/jobs/type/message_export")[0]["id"] == waiting["id"]
    assert [job["id"] for job in target.admin("GET", "/jobs?job_type=message_export&status=pending")] == [waiting["id"]]
    target.admin("POST", f"/jobs/{waiting['id']}/cancel")
    assert target.admin("GET", f"/jobs/{waiting['id']}")["status"] == "canceled"
    status, answer = target.call("POST", f"/jobs/{waiting['id']}/cancel", token=target.token)
    assert (status, answer["id"]) == (500, "jobs.request_cancellation.status.error")
    path = f"/jobs/{waiting['id']}/status"
    assert target.call("PATCH", path, {"status": "pending"}, token=target.token)[0] == 400
    assert target.call("PATCH", path, {"status": "pending", "force": True}, token=target.token)[0] == 200
    user = target.admin(
        "POST", "/users", {"username": "una", "email": "una@example.com", "password": "User-pass-2026!"}
    )
    token = target.login("una", "User-pass-2026!")
    assert target.call("GET", "/jobs", token=token)[0] == 403
    assert target.call("POST", "/jobs", {"type": "data_retention"}, token=token)[0] == 403
    target.admin("PUT", f"/users/{user['id']}/roles", {"roles": "system_user system_manager"})
    assert target.call("GET", "/jobs/type/data_retention", token=token)[0] == 403
    target.admin("PUT", f"/users/{user['id']}/roles", {"roles": "system_user system_read_only_admin"})
    assert target.call("GET", "/jobs/type/data_retention", token=token)[0] == 200
    assert target.call("POST", "/jobs", {"type": "data_retention"}, token=token)[0] == 403


@pytest.mark.parametrize(("edition", "sku"), [("enterprise", "professional"), ("team", "enterprise")])
def test_refused_without_the_licence_or_the_release(licensed: Callable[..., Server], edition: str, sku: str) -> None:
    target = licensed(edition=edition, sku=sku)
    for method, path, body, status in [
        ("GET", POLICIES, None, 501),
        ("POST", POLICIES, {"display_name": "X", "post_duration": 1}, 501),
        ("GET", "/data_retention/policy", None, 501),
        ("GET", "/compliance/reports", None, 501),
        ("POST", "/jobs", {"type": "data_retention"}, 400),
        ("POST", "/jobs", {"type": "message_export"}, 400),
    ]:
        assert target.call(method, path, body, token=target.token)[0] == status, path

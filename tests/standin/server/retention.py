# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Data retention: the policies of teams and channels, the one for all the rest, and the job that deletes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.database import Row
from server.ids import now

if TYPE_CHECKING:
    from server.app import App

_HOUR = 3_600_000
_DAY = 24 * _HOUR
# Which posts: a channel's own policy decides, else its team's, else the one for all. Keep forever: null, or below 0.
_OF_CHANNEL = "channelid = :place"
_OF_TEAM = (
    "channelid IN (SELECT id FROM channels WHERE teamid = :place) "
    "AND channelid NOT IN (SELECT channelid FROM retentionpolicieschannels)"
)
_OF_THE_REST = (
    "channelid NOT IN (SELECT channelid FROM retentionpolicieschannels) AND channelid NOT IN "
    "(SELECT id FROM channels WHERE teamid IN (SELECT teamid FROM retentionpoliciesteams))"
)


def hours(app: App, what: str) -> int:
    """How long `Message` or `File` is kept where no policy says otherwise. Hours win over days."""
    settings = app.config.get()["DataRetentionSettings"]
    return int(settings.get(f"{what}RetentionHours") or settings[f"{what}RetentionDays"] * 24)


def cutoff(app: App, what: str) -> int:
    """What was made before is deleted."""
    return now() - hours(app, what) * _HOUR


def shown(app: App, policy: Row) -> dict[str, Any]:
    """With how many teams and channels it is for; the days are kept as text, empty for null."""
    days = policy["post_duration"]
    return {
        "id": policy["id"],
        "display_name": policy["display_name"],
        "post_duration": int(days) if days else None,
        "team_count": app.store.count("retentionpoliciesteams", policy_id=policy["id"]),
        "channel_count": app.store.count("retentionpolicieschannels", policy_id=policy["id"]),
    }


def run(app: App, _job: Row) -> dict[str, str]:
    """The job: delete what is past its time; answers how much that was."""
    deleted = sum(_granular(app, kind, condition) for kind, condition in (("channel", _OF_CHANNEL), ("team", _OF_TEAM)))
    settings = app.config.get()["DataRetentionSettings"]
    if settings["EnableMessageDeletion"]:
        deleted += _delete_posts(app, _OF_THE_REST, cutoff(app, "Message"))
    files = _delete_files(app, cutoff(app, "File")) if settings["EnableFileDeletion"] else 0
    return {"posts_deleted": str(deleted), "files_deleted": str(files)}


def _granular(app: App, kind: str, condition: str) -> int:
    deleted = 0
    for entry in app.store.find(f"retentionpolicies{kind}s"):
        policy = app.store.get("retentionpolicies", id=entry["policy_id"])
        if policy is not None and policy["post_duration"] and int(policy["post_duration"]) >= 0:
            before = now() - int(policy["post_duration"]) * _DAY
            deleted += _delete_posts(app, condition, before, place=entry[f"{kind}_id"])
    return deleted


def _delete_posts(app: App, condition: str, before: int, **values: str) -> int:
    """For good, with their reactions; files have a time of their own."""
    kept = " AND NOT ispinned" if app.config.get()["DataRetentionSettings"].get("PreservePinnedPosts") else ""
    sql = f"DELETE FROM posts WHERE createat < :before AND {condition}{kept} RETURNING id"
    rows = app.store.database.run(sql, before=before, **values)
    for row in rows:
        app.store.delete("reactions", post_id=row["id"])
    return len(rows)


def _delete_files(app: App, before: int) -> int:
    rows = app.store.find("fileinfo", "createat < :before", values={"before": before})
    for row in rows:
        app.files.remove(row["path"])
        app.store.delete("fileinfo", id=row["id"])
    return len(rows)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The rows of shared channels and of their links: one link for each connection that a channel is shared over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.database import Row
from server.errors import ApiError
from server.federation import remotes
from server.ids import new_id, now

if TYPE_CHECKING:
    from server.app import App

CHANNELS, LINKS = "sharedchannels", "sharedchannelremotes"


class CannotShare(Exception):
    """Why a channel is not one to share, in the words of a real server."""


def share(app: App, channel: Row, **fields: Any) -> Row:
    """Make a channel a shared one; one that is shared stays as it is."""
    if channel["type"] in ("D", "G"):
        raise CannotShare("cannot share a direct or group channel")
    known = app.store.get(CHANNELS, channel_id=channel["id"])
    if known is not None:
        return known
    stamp = now()
    row = {"channel_id": channel["id"], "team_id": channel["team_id"], "home": True, "read_only": False}
    row.update({f"share_{name}": channel[name] for name in ("name", "display_name", "purpose", "header")})
    row.update(creator_id=channel["creator_id"], create_at=stamp, update_at=stamp, remote_id="")
    app.store.insert(CHANNELS, {**row, **fields})
    app.store.update("channels", channel, shared=True)
    return {**row, **fields}


def unshare(app: App, channel_id: str) -> bool:
    known = app.store.get(CHANNELS, channel_id=channel_id)
    app.store.delete(CHANNELS, channel_id=channel_id)
    for row in app.store.find(LINKS, channel_id=channel_id):
        _drop(app, row)
    channel = app.store.get("channels", id=channel_id)
    if known is not None and channel is not None:
        app.store.update("channels", channel, shared=False)
    return known is not None


def find_link(app: App, channel_id: str, remote_id: str) -> Row | None:
    """Deleted ones too, which a later invitation takes up again."""
    return app.store.get(LINKS, channel_id=channel_id, remote_id=remote_id)


def has_link(app: App, channel_id: str, remote_id: str) -> bool:
    row = find_link(app, channel_id, remote_id)
    return row is not None and row["delete_at"] == 0


def save_link(app: App, channel_id: str, remote_id: str, creator_id: str, *, confirmed: bool) -> Row:
    """A link as of now: what was posted before is never sent over it."""
    stamp = now()
    cursor = {"last_post_create_at": stamp, "last_post_update_at": stamp}
    known = find_link(app, channel_id, remote_id)
    if known is not None:
        changes = {"delete_at": 0, "update_at": stamp, "is_invite_confirmed": confirmed, **cursor}
        return app.store.update(LINKS, known, **changes)
    row: Row = {"id": new_id(), "channel_id": channel_id, "remote_id": remote_id, "creator_id": creator_id}
    row.update(create_at=stamp, update_at=stamp, delete_at=0, is_invite_accepted=True, is_invite_confirmed=confirmed)
    row.update(dict.fromkeys(("last_post_update_at", "last_post_create_at", "last_members_sync_at"), 0))
    row.update(last_post_id="", last_post_create_id="")
    return app.store.insert(LINKS, {**row, **(cursor if confirmed else {})})


def links(app: App, *, limit: int = 0, offset: int = 0, **options: Any) -> list[Row]:
    """Options: channel_id, remote_id, and the flags of the route."""
    home = "channelid IN (SELECT channelid FROM sharedchannels WHERE home = {})"
    conditions = []
    if options.get("exclude_confirmed"):
        conditions.append("NOT isinviteconfirmed")
    elif not options.get("include_unconfirmed"):
        conditions.append("isinviteconfirmed")
    if options.get("exclude_home"):
        conditions.append(home.format("FALSE"))
    if options.get("exclude_remote"):
        conditions.append(home.format("TRUE"))
    if not options.get("include_deleted"):
        conditions.append("deleteat = 0")
    where = {name: options[name] for name in ("channel_id", "remote_id") if options.get(name)}
    condition = " AND ".join(conditions) or "TRUE"
    return app.store.find(LINKS, condition, order="id", limit=limit, offset=offset, **where)


def unlink(app: App, channel_id: str, remote_id: str) -> None:
    """Take a connection from a channel; with the last one the channel is no longer shared (not before 10.2)."""
    row = find_link(app, channel_id, remote_id)
    if row is None or row["delete_at"]:
        raise ApiError("api.command_share.channel_remote_id_not_exists", id=remote_id)
    _drop(app, row)
    if remotes.keeps_deleted(app) and not links(app, channel_id=channel_id):
        unshare(app, channel_id)


def _drop(app: App, row: Row) -> None:
    if remotes.keeps_deleted(app):
        app.store.update(LINKS, row, delete_at=now(), update_at=now())
    else:
        app.store.delete(LINKS, id=row["id"])


def show(row: Row) -> dict[str, Any]:
    """A shared channel as the API shows it."""
    shown = {"id": row["channel_id"], "team_id": row["team_id"], "home": row["home"], "readonly": row["read_only"]}
    shown.update({name: row[f"share_{name}"] for name in ("name", "display_name", "purpose", "header")})
    shown.update({name: row[name] for name in ("creator_id", "create_at", "update_at")})
    if row["remote_id"]:
        shown["remote_id"] = row["remote_id"]
    return {**shown, "Type": ""}


def statuses(app: App, channel_id: str) -> list[Row]:
    """One row for each link of a shared channel, with what is known of the connection."""
    shared = app.store.get(CHANNELS, channel_id=channel_id)
    if shared is None:
        raise CannotShare('cannot find channel: resource "SharedChannel" not found, id: ' + channel_id)
    found = []
    for row in app.store.find(LINKS, channel_id=channel_id, delete_at=0):
        remote = app.store.get(remotes.TABLE, remote_id=row["remote_id"])
        if remote is not None:
            shown = {name: remote[name] for name in ("display_name", "site_url", "last_ping_at")}
            found.append({**shown, "read_only": shared["read_only"], "is_invite_accepted": row["is_invite_accepted"]})
    return found

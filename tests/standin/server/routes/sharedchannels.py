# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Shared channels and their links, as administrators and members see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server import people, permissions, places
from server.database import Row
from server.errors import ApiError, forbidden, invalid_url
from server.federation import remotes, shares
from server.http import Answer, Request
from server.router import Route, ok
from server.routes.remoteclusters import CHANNELS, require_either

if TYPE_CHECKING:
    from server.app import App

_FLAGS = ("include_unconfirmed", "exclude_confirmed", "exclude_home", "exclude_remote", "include_deleted")
_COMPLETE, _MEMBERS = (10, 2), (11, 0)


def of_team(app: App, request: Request) -> list[dict[str, Any]]:
    """Here the service comes before the permission. Who may not manage them sees those they are in."""
    app.federation.service()
    team_id = request.params["team_id"]
    if not permissions.has_team_permission(app, request, team_id, "view_team"):
        raise forbidden()
    condition, values = "teamid = :team", {"team": team_id}
    if not permissions.has_permission(app, request, CHANNELS):
        condition += " AND channelid IN (SELECT channelid FROM channelmembers WHERE userid = :user)"
        values["user"] = _caller(request)
    limit, offset = request.page
    order = "sharedisplayname, sharename"
    rows = app.store.find(shares.CHANNELS, condition, order=order, limit=limit, offset=offset, values=values)
    return [shares.show(row) for row in rows]


def links(app: App, request: Request) -> list[Row]:
    require_either(app, request)
    remotes.find(app, request.params["remote_id"], deleted=True)
    flags = {name: request.flag(name) for name in _FLAGS}
    if flags["exclude_home"] and flags["exclude_remote"]:
        raise ApiError("api.shared_channel.get_shared_channel_remotes_error")
    limit, offset = request.page
    return shares.links(app, limit=limit, offset=offset, remote_id=request.params["remote_id"], **flags)


def invite(app: App, request: Request) -> Answer:
    """Answered before the other side has been asked; what it says is seen in the link alone."""
    remote_id, channel_id = _named(app, request)
    app.federation.channel_service().invite(channel_id, remote_id, _caller(request))
    return ok()


def uninvite(app: App, request: Request) -> Answer:
    remote_id, channel_id = _named(app, request)
    if not shares.has_link(app, channel_id, remote_id):
        return Answer(None, 204, raw=b"")
    app.federation.channel_service()
    shares.unlink(app, channel_id, remote_id)
    return ok()


def _named(app: App, request: Request) -> tuple[str, str]:
    app.federation.service()
    remote_id, channel_id = request.params["remote_id"], request.params["channel_id"]
    if app.store.get(remotes.TABLE, remote_id=remote_id, delete_at=0) is None:
        raise ApiError("api.context.remote_id_invalid.app_error", id=remote_id)
    if app.store.get("channels", id=channel_id) is None:
        raise invalid_url("channel_id")
    return remote_id, channel_id


def remote_info(app: App, request: Request) -> dict[str, Any]:
    """For members of a channel that is shared over the connection."""
    app.federation.service()
    rows = app.store.find(
        remotes.TABLE,
        "remoteid IN (SELECT l.remoteid FROM sharedchannelremotes l JOIN channelmembers m ON m.channelid = l.channelid "
        "WHERE m.userid = :user AND (l.deleteat = 0 OR :deleted))",
        remote_id=request.params["remote_id"],
        values={"user": _caller(request), "deleted": request.flag("include_deleted")},
    )
    if not rows:
        raise ApiError("api.context.remote_id_invalid.app_error", id="", status=404)
    return remotes.info(app, rows[0])


def of_channel(app: App, request: Request) -> list[dict[str, Any]]:
    """`name` is the channel's identifier, by mistake of the real server."""
    app.federation.service()
    channel = app.store.get("channels", id=request.params["channel_id"])
    if channel is None:
        raise forbidden()
    places.require_channel_reader(app, request, channel)
    try:
        found = shares.statuses(app, channel["id"])
    except shares.CannotShare as error:
        raise ApiError("api.command_share.fetch_remote_status.error", error=str(error)) from error
    known = {"name": channel["id"], "create_at": 0, "delete_at": 0}
    return [{**known, "display_name": row["display_name"], "last_ping_at": row["last_ping_at"]} for row in found]


def can_message(app: App, request: Request) -> dict[str, bool]:
    """An account of a server that is not connected to this one cannot be written to."""
    people.find(app, id=request.params["user_id"])
    other = app.store.get("users", id=request.params["other_user_id"])
    if other is None:
        return {"can_dm": False}
    if app.federation.channels is None or not other["remote_id"]:
        return {"can_dm": True}
    origin = other["props"].get("OriginalRemoteId") or other["remote_id"]
    row = app.store.get(remotes.TABLE, remote_id=origin, delete_at=0)
    return {"can_dm": row is not None and remotes.is_confirmed(row)}


def _caller(request: Request) -> str:
    return request.user["id"] if request.user else ""


_LINK = "/remotecluster/{remote_id}/channels/{channel_id}"
ROUTES = [
    Route("GET", "/sharedchannels/{team_id}", of_team),
    Route("GET", "/sharedchannels/remote_info/{remote_id}", remote_info),
    Route("GET", "/sharedchannels/{channel_id}/remotes", of_channel, since=_MEMBERS),
    Route("GET", "/sharedchannels/users/{user_id}/can_dm/{other_user_id}", can_message, since=_MEMBERS),
    Route("GET", "/remotecluster/{remote_id}/sharedchannelremotes", links, since=_COMPLETE),
    Route("POST", _LINK + "/invite", invite, CHANNELS, since=_COMPLETE),
    Route("POST", _LINK + "/uninvite", uninvite, CHANNELS, since=_COMPLETE),
]

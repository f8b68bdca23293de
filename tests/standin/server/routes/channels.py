# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Channels and their members."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from server import access, guests, people, permissions, places
from server.database import Row
from server.errors import ApiError, forbidden, invalid_body
from server.http import Answer, Request
from server.ids import now
from server.router import ADMIN, Route, is_admin, ok, require_self_or_admin
from server.store import Duplicate

if TYPE_CHECKING:
    from server.app import App

_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?")
_TO_PUBLIC = "This channel has been converted to a Public Channel and can be joined by any team member."
_TO_PRIVATE = "This channel has been converted to a Private Channel."


def create(app: App, request: Request) -> Answer:
    wanted = request.json("channel")
    team = app.store.get("teams", id=str(wanted.get("team_id", "")))
    if team is None:
        raise ApiError("app.channel.get_channels.not_found.app_error")
    kind = {"O": "public", "P": "private"}.get(str(wanted.get("type")), "")
    needed = f"create_{kind or 'public'}_channel"
    if not permissions.has_team_permission(app, request, team["id"], needed):
        raise forbidden()
    if not kind:
        raise ApiError("model.channel.is_valid.type.app_error")
    name = str(wanted.get("name", ""))
    if not _NAME.fullmatch(name) or len(name) > 64:
        raise ApiError("model.channel.is_valid.1_or_more.app_error")
    fields = {key: str(wanted.get(key, "") or "") for key in ("team_id", "type", "display_name", "header", "purpose")}
    creator = request.user["id"] if request.user else ""
    try:
        channel = places.new_channel(app, creator, name=name, **fields)
    except Duplicate as error:
        raise ApiError("store.sql_channel.save_channel.exists.app_error") from error
    if request.user is not None:
        places.join_channel(app, channel, request.user, admin=True)
    return Answer(places.show_channel(app, channel), 201)


def direct(app: App, request: Request) -> Answer:
    wanted = request.any_json("user_ids")
    if not isinstance(wanted, list) or len(wanted) not in (1, 2):
        raise invalid_body("user_ids")
    members = [people.find(app, id=str(user_id)) for user_id in wanted]
    if not is_admin(request) and (request.user is None or request.user["id"] not in wanted):
        raise forbidden()
    for user in members:
        guests.require_seen(app, request, user)
    name = "__".join(sorted([members[0]["id"], members[-1]["id"]]))
    channel = app.store.get("channels", team_id="", name=name)
    if channel is None:
        channel = places.new_channel(app, members[0]["id"], team_id="", type="D", display_name="", name=name)
        for user in members:
            places.join_channel(app, channel, user, admin=False)
    return Answer(places.show_channel(app, channel), 201)


def listing(app: App, request: Request) -> Any:
    limit, offset = request.page
    rows = app.store.find(
        "channels", "type IN ('O', 'P') AND deleteat = 0", order="displayname", limit=limit, offset=offset
    )
    names = {team["id"]: team for team in app.store.find("teams")}
    shown = []
    for row in rows:
        team = names.get(row["team_id"], {})
        more = {"team_" + key: team.get(key, "") for key in ("display_name", "name", "update_at")}
        shown.append({**places.show_channel(app, row), **more})
    if request.flag("include_total_count"):
        return {"channels": shown, "total_count": app.store.count("channels", "type IN ('O', 'P') AND deleteat = 0")}
    return shown


def of_team(condition: str) -> Any:
    def handler(app: App, request: Request) -> list[dict[str, Any]]:
        team = places.find_team(app, id=request.params["team_id"])
        if not permissions.has_team_permission(app, request, team["id"], "list_team_channels"):
            raise forbidden()
        limit, offset = request.page
        rows = app.store.find(
            "channels", condition, team_id=team["id"], order="displayname", limit=limit, offset=offset
        )
        return [places.show_channel(app, row) for row in rows]

    return handler


def of_user(app: App, request: Request) -> list[dict[str, Any]]:
    require_self_or_admin(request)
    rows = app.store.find(
        "channels",
        "deleteat = 0 AND teamid IN (:team, '') AND id IN (SELECT channelid FROM channelmembers WHERE userid = :user)",
        order="displayname",
        values={"team": request.params["team_id"], "user": request.params["user_id"]},
    )
    return [places.show_channel(app, row) for row in rows]


def read(app: App, request: Request) -> dict[str, Any]:
    channel = _found(app, request)
    places.require_channel_reader(app, request, channel)
    return places.show_channel(app, channel)


def by_name(app: App, request: Request) -> dict[str, Any]:
    return _named(app, request, request.params["team_id"])


def by_names(app: App, request: Request) -> dict[str, Any]:
    return _named(app, request, places.find_team(app, name=request.params["team_name"])["id"])


def _named(app: App, request: Request, team_id: str) -> dict[str, Any]:
    channel = places.find_channel(app, team_id=team_id, name=request.params["channel_name"].lower())
    if channel["delete_at"] and not request.flag("include_deleted"):
        raise ApiError("app.channel.get_by_name.missing.app_error")
    try:
        places.require_channel_reader(app, request, channel)
    except ApiError as error:  # a private channel's name tells nothing to others
        raise ApiError("app.channel.get_by_name.missing.app_error") from error
    return places.show_channel(app, channel)


def patch(app: App, request: Request) -> dict[str, Any]:
    return _change(app, request, request.json("channel"))


def update(app: App, request: Request) -> dict[str, Any]:
    wanted = request.json("channel")
    if wanted.get("id") != request.params["channel_id"]:
        raise invalid_body("id")
    return _change(app, request, wanted)


def _change(app: App, request: Request, wanted: dict[str, Any]) -> dict[str, Any]:
    channel = _found(app, request)
    places.require_channel_member(app, request, channel, "manage_{kind}_channel_properties")
    keys = ("display_name", "name", "header", "purpose")
    fields: Row = {key: wanted[key] for key in keys if isinstance(wanted.get(key), str)}
    if isinstance(wanted.get("group_constrained"), bool):
        fields["group_constrained"] = wanted["group_constrained"]
    if "name" in fields and not _NAME.fullmatch(fields["name"]):
        raise ApiError("model.channel.is_valid.1_or_more.app_error")
    try:
        changed = app.store.update("channels", channel, update_at=now(), **fields)
    except Duplicate as error:
        raise ApiError("store.sql_channel.save_channel.exists.app_error") from error
    for key in ("display_name", "header", "purpose"):
        if key in fields and fields[key] != channel[key]:
            _tell(app, request, channel, key, fields[key])
    return places.show_channel(app, {**changed, **_counters(app, channel)})


def _counters(app: App, channel: Row) -> Row:
    fresh = places.find_channel(app, id=channel["id"])
    return {key: fresh[key] for key in ("last_post_at", "last_root_post_at", "total_msg_count", "total_msg_count_root")}


def _tell(app: App, request: Request, channel: Row, key: str, value: str) -> None:
    if request.user is not None:
        name = request.user["username"]
        short = key.replace("_", "")
        props = {"username": name, f"old_{short}": channel[key], f"new_{short}": value}
        change = f"display name from: {channel[key]} to: {value}" if key == "display_name" else f"{key} to: {value}"
        text = f"{name} updated the channel {change}"
        places.system_post(app, channel, request.user, f"system_{short}_change", text, props)


def privacy(app: App, request: Request) -> dict[str, Any]:
    channel = _found(app, request)
    places.require_channel_member(app, request, channel)
    wanted = request.json("privacy").get("privacy")
    if wanted not in ("O", "P"):
        raise invalid_body("privacy")
    if channel["name"] == "town-square" and wanted == "P":
        raise ApiError("api.channel.update_channel_privacy.default_channel_error")
    app.store.update("channels", channel, type=wanted, update_at=now())
    if request.user is not None:
        text = _TO_PUBLIC if wanted == "O" else _TO_PRIVATE
        props = {"username": request.user["username"]}
        places.system_post(app, channel, request.user, "system_change_chan_privacy", text, props)
    return places.show_channel(app, places.find_channel(app, id=channel["id"]))


def delete(app: App, request: Request) -> Answer:
    channel = _found(app, request)
    places.require_channel_member(app, request, channel, "delete_{kind}_channel")
    if channel["name"] == "town-square":
        raise ApiError("api.channel.delete_channel.cannot.app_error", name=channel["name"])
    if request.flag("permanent"):
        if not request.local and not app.config("ServiceSettings.EnableAPIChannelDeletion"):
            raise ApiError("api.user.delete_channel.not_enabled.app_error")
        for table in ("posts", "channelmembers"):
            app.store.delete(table, channel_id=channel["id"])
        app.store.delete("channels", id=channel["id"])
        return ok()
    app.store.update("channels", channel, delete_at=now(), update_at=now())
    return ok()


def restore(app: App, request: Request) -> dict[str, Any]:
    channel = _found(app, request)
    places.require_channel_member(app, request, channel)
    if not channel["delete_at"]:
        raise ApiError("api.channel.restore_channel.restored.app_error")
    return places.show_channel(app, app.store.update("channels", channel, delete_at=0))


def stats(app: App, request: Request) -> dict[str, Any]:
    channel = _found(app, request)
    places.require_channel_reader(app, request, channel)
    return {
        "channel_id": channel["id"],
        "member_count": app.store.count("channelmembers", channel_id=channel["id"]),
        "guest_count": app.store.count("channelmembers", channel_id=channel["id"], scheme_guest=True),
        "pinnedpost_count": app.store.count("posts", "ispinned AND deleteat = 0", channel_id=channel["id"]),
        "files_count": app.store.count("fileinfo", "postid <> '' AND deleteat = 0", channel_id=channel["id"]),
    }


def add_member(app: App, request: Request) -> Answer:
    channel = _found(app, request)
    wanted = request.json("user_id").get("user_id")
    if not isinstance(wanted, str):
        raise invalid_body("user_id")
    own = request.user is not None and request.user["id"] == wanted and channel["type"] == "O"
    if own:
        own = permissions.has_team_permission(app, request, channel["team_id"], "join_public_channels")
    if not own:
        places.require_channel_member(app, request, channel, "manage_{kind}_channel_members")
    user = people.find(app, id=wanted)
    if channel["team_id"] and not places.in_team(app, channel["team_id"], user["id"]):
        raise ApiError("app.team.get_member.missing.app_error")
    access.require(app, channel, user)
    return Answer(_joined(app, request, channel, user), 201)


def _joined(app: App, request: Request, channel: Row, user: Row) -> dict[str, Any]:
    member = places.join_channel(app, channel, user, admin=False, by=request.user)
    if request.user is not None and request.user["id"] != user["id"] and not member["mention_count"]:
        app.store.update("channelmembers", member, mention_count=1, mention_count_root=1)
    return places.show_channel_member(app, member)


def members(app: App, request: Request) -> list[dict[str, Any]]:
    channel = _found(app, request)
    places.require_channel_reader(app, request, channel)
    limit, offset = request.page
    rows = app.store.find("channelmembers", channel_id=channel["id"], order="userid", limit=limit, offset=offset)
    return [places.show_channel_member(app, row) for row in rows]


def member(app: App, request: Request) -> dict[str, Any]:
    channel = _found(app, request)
    places.require_channel_reader(app, request, channel)
    return places.show_channel_member(app, _member(app, channel, request))


def _member(app: App, channel: Row, request: Request) -> Row:
    found = app.store.get("channelmembers", channel_id=channel["id"], user_id=request.params["user_id"])
    if found is None:
        raise ApiError("app.channel.get_member.missing.app_error")
    return found


def member_roles(app: App, request: Request) -> Answer:
    channel = _found(app, request)
    wanted = request.json("roles")
    admin = "channel_admin" in str(wanted.get("roles", "")).split() or wanted.get("scheme_admin") is True
    app.store.update("channelmembers", _member(app, channel, request), scheme_admin=admin)
    return ok()


def remove_member(app: App, request: Request) -> Answer:
    channel = _found(app, request)
    own = request.user is not None and request.user["id"] == request.params["user_id"]
    if not own:
        places.require_channel_member(app, request, channel, "manage_{kind}_channel_members")
    _member(app, channel, request)
    app.store.delete("channelmembers", channel_id=channel["id"], user_id=request.params["user_id"])
    return ok()


def _found(app: App, request: Request) -> Row:
    return places.find_channel(app, id=request.params["channel_id"])


ROUTES = [
    Route("GET", "/channels", listing, ADMIN, local=True),
    Route("POST", "/channels", create, local=True),
    Route("POST", "/channels/direct", direct),
    Route("GET", "/channels/{channel_id}", read, local=True),
    Route("PUT", "/channels/{channel_id}", update),
    Route("DELETE", "/channels/{channel_id}", delete, local=True),
    Route("PUT", "/channels/{channel_id}/patch", patch, local=True),
    Route("PUT", "/channels/{channel_id}/privacy", privacy, local=True),
    Route("POST", "/channels/{channel_id}/restore", restore, local=True),
    Route("GET", "/channels/{channel_id}/stats", stats),
    Route("GET", "/channels/{channel_id}/members", members, local=True),
    Route("POST", "/channels/{channel_id}/members", add_member, local=True),
    Route("GET", "/channels/{channel_id}/members/{user_id}", member, local=True),
    Route("DELETE", "/channels/{channel_id}/members/{user_id}", remove_member, local=True),
    Route("PUT", "/channels/{channel_id}/members/{user_id}/roles", member_roles, ADMIN),
    Route("PUT", "/channels/{channel_id}/members/{user_id}/schemeRoles", member_roles, ADMIN),
    Route("GET", "/teams/{team_id}/channels", of_team("type = 'O' AND deleteat = 0"), local=True),
    Route("GET", "/teams/{team_id}/channels/private", of_team("type = 'P' AND deleteat = 0"), ADMIN, local=True),
    Route("GET", "/teams/{team_id}/channels/deleted", of_team("deleteat > 0"), local=True),
    Route("GET", "/teams/{team_id}/channels/name/{channel_name}", by_name, local=True),
    Route("GET", "/teams/name/{team_name}/channels/name/{channel_name}", by_names, local=True),
    Route("GET", "/users/{user_id}/teams/{team_id}/channels", of_user),
]

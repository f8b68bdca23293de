# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Teams and channels: membership, what a member may see, and the system messages that changes leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server import permissions
from server.database import Row
from server.errors import ApiError, forbidden
from server.http import Request
from server.ids import new_id, now
from server.permissions import is_admin

if TYPE_CHECKING:
    from server.app import App

DEFAULT_CHANNELS = (("town-square", "Town Square"), ("off-topic", "Off-Topic"))
_CHANNEL_NOTIFY = {
    "channel_auto_follow_threads": "off",
    "desktop": "default",
    "email": "default",
    "ignore_channel_mentions": "default",
    "mark_unread": "all",
    "push": "default",
}
_CHANNEL_FIELDS = [
    "id",
    "create_at",
    "update_at",
    "delete_at",
    "team_id",
    "type",
    "display_name",
    "name",
    "header",
    "purpose",
    "last_post_at",
    "total_msg_count",
    "creator_id",
    "total_msg_count_root",
    "last_root_post_at",
]
_NOT_COUNTED = ("system_join_channel", "system_leave_channel", "system_add_to_channel", "system_remove_from_channel")


def find_team(app: App, **where: Any) -> Row:
    team = app.store.get("teams", **where)
    if team is None:
        raise ApiError("app.team.get_by_name.missing.app_error" if "name" in where else "app.team.get.find.app_error")
    return team


def find_channel(app: App, **where: Any) -> Row:
    channel = app.store.get("channels", **where)
    if channel is None:
        by_name = "name" in where
        raise ApiError(f"app.channel.{'get_by_name.missing' if by_name else 'get.existing'}.app_error")
    return channel


def show_team(team: Row, *, private: bool = True) -> dict[str, Any]:
    unset = {name: team[name] or None for name in ("scheme_id", "group_constrained")}
    shown = {**team, **unset, "policy_id": None, "cloud_limits_archived": False}
    return shown if private else {**shown, "email": "", "invite_id": ""}


def show_channel(app: App, channel: Row) -> dict[str, Any]:
    shown = {name: channel[name] for name in _CHANNEL_FIELDS}
    shown.update(dict.fromkeys(("props", "shared", "policy_id")), extra_update_at=0)
    shown.update({name: channel.get(name) or None for name in ("scheme_id", "group_constrained")})
    shown["shared"] = False if channel["type"] == "D" else channel.get("shared")
    if app.release.is_11:
        policy = app.store.get("accesscontrolpolicies", id=channel["id"]) if channel["type"] == "P" else None
        shown.update(banner_info=None, policy_enforced=policy is not None)
        shown["policy_is_active"] = policy is not None and policy["active"]
        shown.update(autotranslation=False, default_category_name="")
    return shown


def show_team_member(app: App, member: Row) -> dict[str, Any]:
    shown = {name: member[name] for name in ("team_id", "user_id", "delete_at", "scheme_guest", "scheme_admin")}
    scheme = permissions.scheme_of(app, app.store.get("teams", id=member["team_id"]))
    roles = [*permissions.member_roles(member, scheme, "team"), *member["roles"].split()]
    shown.update(scheme_user=not member["scheme_guest"], roles=" ".join(roles), explicit_roles=member["roles"])
    return shown


def show_channel_member(app: App, member: Row) -> dict[str, Any]:
    names = "channel_id user_id last_viewed_at msg_count mention_count mention_count_root msg_count_root notify_props"
    shown = {name: member[name] for name in (*names.split(), "last_update_at")}
    roles = [*permissions.member_roles(member, _scheme_of_channel(app, member), "channel"), *member["roles"].split()]
    shown.update(roles=" ".join(roles), urgent_mention_count=0, explicit_roles=member["roles"])
    shown.update(
        {name: member[name] for name in ("scheme_guest", "scheme_admin")}, scheme_user=not member["scheme_guest"]
    )
    if app.release.is_11:
        shown["autotranslation_disabled"] = False
    return shown


def _scheme_of_channel(app: App, member: Row) -> Row | None:
    channel = app.store.get("channels", id=member["channel_id"])
    team = app.store.get("teams", id=channel["team_id"]) if channel else None
    return permissions.scheme_of(app, channel) or permissions.scheme_of(app, team)


def in_team(app: App, team_id: str, user_id: str) -> bool:
    member = app.store.get("teammembers", team_id=team_id, user_id=user_id)
    return member is not None and not member["delete_at"]


def in_channel(app: App, channel_id: str, user_id: str) -> bool:
    return app.store.get("channelmembers", channel_id=channel_id, user_id=user_id) is not None


def require_team_reader(app: App, request: Request, team: Row) -> None:
    if is_admin(request) or (request.user and in_team(app, team["id"], request.user["id"])):
        return
    if not team["allow_open_invite"] or not permissions.has_permission(app, request, "list_public_teams"):
        raise forbidden()


def require_channel_reader(app: App, request: Request, channel: Row) -> None:
    """A member; anyone in the team for a public channel, guests not; an administrator."""
    if is_admin(request):
        return
    name = "read_public_channel"
    public = channel["type"] == "O" and permissions.has_team_permission(app, request, channel["team_id"], name)
    if not public and not in_channel(app, channel["id"], request.user["id"] if request.user else ""):
        raise forbidden()


def require_channel_member(app: App, request: Request, channel: Row, permission: str = "") -> None:
    """Writing needs membership, and the permission that is named; an administrator is let in without.

    {kind} in the name stands for public or private.
    """
    if is_admin(request):
        return
    kind = "public" if channel["type"] == "O" else "private"
    permission = permission.replace("{kind}", kind)
    if permission and not permissions.has_channel_permission(app, request, channel, permission):
        raise forbidden()
    if not (request.user and in_channel(app, channel["id"], request.user["id"])):
        raise forbidden()


def join_team(app: App, team: Row, user: Row, *, admin: bool = False) -> Row:
    known = app.store.get("teammembers", team_id=team["id"], user_id=user["id"])
    if known is not None and not known["delete_at"]:
        return known
    if app.store.count("teammembers", "deleteat = 0", team_id=team["id"]) >= app.config("TeamSettings.MaxUsersPerTeam"):
        raise ApiError("app.team.join_user_to_team.max_accounts.app_error")
    member = {"team_id": team["id"], "user_id": user["id"], "roles": "", "delete_at": 0}
    guest = is_guest(user)
    member.update(scheme_admin=admin, scheme_guest=guest, create_at=now())
    app.store.save("teammembers", member)
    if not guest:
        join_default_channels(app, team, user)
    return member


def is_guest(user: Row) -> bool:
    return "system_guest" in user["roles"].split()


def join_default_channels(app: App, team: Row, user: Row) -> None:
    for name, _title in DEFAULT_CHANNELS:
        channel = app.store.get("channels", team_id=team["id"], name=name)
        if channel is not None:
            join_channel(app, channel, user, admin=False)


def leave_team(app: App, team: Row, user_id: str) -> None:
    member = app.store.get("teammembers", team_id=team["id"], user_id=user_id)
    if member is None or member["delete_at"]:
        raise ApiError("app.team.get_member.missing.app_error")
    app.store.update("teammembers", member, delete_at=now())
    for channel in app.store.find("channels", team_id=team["id"]):
        app.store.delete("channelmembers", channel_id=channel["id"], user_id=user_id)


def join_channel(app: App, channel: Row, user: Row, *, admin: bool, by: Row | None = None, quiet: bool = False) -> Row:
    known = app.store.get("channelmembers", channel_id=channel["id"], user_id=user["id"])
    if known is not None:
        return known
    member = {"channel_id": channel["id"], "user_id": user["id"], "roles": "", "notify_props": dict(_CHANNEL_NOTIFY)}
    zero = ("last_viewed_at", "msg_count", "mention_count", "mention_count_root", "msg_count_root")
    guest = is_guest(user)
    member.update(dict.fromkeys(zero, 0), last_update_at=now(), scheme_admin=admin, scheme_guest=guest)
    app.store.save("channelmembers", member)
    if quiet:
        return member
    name, how = user["username"], " as guest" if guest else ""
    if by is None or by["id"] == user["id"]:
        system_post(app, channel, user, "system_join_channel", f"{name} joined the channel{how}.", {"username": name})
    else:
        props = {"userId": by["id"], "username": by["username"], "addedUserId": user["id"], "addedUsername": name}
        text = f"{name} added to the channel{how} by {by['username']}."
        system_post(app, channel, by, "system_add_to_channel", text, props)
    return member


def new_channel(app: App, creator_id: str, **fields: Any) -> Row:
    stamp = now()
    counters = ("last_post_at", "total_msg_count", "total_msg_count_root", "last_root_post_at", "delete_at")
    channel = {"id": new_id(), "create_at": stamp, "update_at": stamp, "creator_id": creator_id, "header": ""}
    return app.store.insert("channels", {**channel, "purpose": "", **dict.fromkeys(counters, 0), **fields})


def system_post(app: App, channel: Row, user: Row | None, kind: str, text: str, props: dict[str, Any]) -> None:
    if user is not None:
        add_post(app, channel, {"user_id": user["id"], "message": text, "type": kind, "props": props})


def add_post(app: App, channel: Row, fields: dict[str, Any]) -> Row:
    """Store a post and count it in its channel."""
    stamp = now()
    post = {
        "id": new_id(),
        "create_at": stamp,
        "update_at": stamp,
        "edit_at": 0,
        "delete_at": 0,
        "is_pinned": False,
        "channel_id": channel["id"],
        "root_id": "",
        "original_id": "",
        "type": "",
        "props": {},
        "hashtags": "",
        "file_ids": [],
        "remote_id": "",
        **fields,
    }
    app.store.insert("posts", post)
    app.federation.changed(channel["id"])
    counted = 0 if post["type"] in _NOT_COUNTED else 1
    app.store.add(
        "channels", channel, total_msg_count=counted, total_msg_count_root=counted if not post["root_id"] else 0
    )
    times = {"last_post_at": stamp} if post["root_id"] else {"last_post_at": stamp, "last_root_post_at": stamp}
    app.store.update("channels", channel, **times)
    return post

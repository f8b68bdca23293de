# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Who may do what: the permissions of an account's roles, in the system, in a team and in a channel.

A system administrator, and the local-mode socket, may do everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable

from server.errors import forbidden

if TYPE_CHECKING:
    from server.app import App
    from server.database import Row
    from server.http import Request

# What a channel's own scheme may take away from the members' roles; the rest comes from above.
MODERATED = {
    "create_post": ["create_post"],
    "create_reactions": ["add_reaction", "remove_reaction"],
    "manage_members": ["manage_public_channel_members", "manage_private_channel_members"],
    "use_channel_mentions": ["use_channel_mentions"],
}
_MODERATED = {name for names in MODERATED.values() for name in names}


def is_admin(request: Request) -> bool:
    """A system administrator, or the local-mode socket."""
    return request.local or (request.session is not None and "system_admin" in request.session["roles"].split())


def has_permission(app: App, request: Request, name: str) -> bool:
    """Whether the caller's roles in the system grant `name`."""
    return is_admin(request) or (request.user is not None and name in of_roles(app, request.user["roles"].split()))


def has_team_permission(app: App, request: Request, team_id: str, name: str) -> bool:
    """The same for a team: its members' roles, then the system's."""
    if has_permission(app, request, name):
        return True
    return request.user is not None and name in _in_team(app, team_id, request.user)


def has_channel_permission(app: App, request: Request, channel: Row, name: str) -> bool:
    """The same for a channel: its members' roles, then the team's, then the system's."""
    if has_permission(app, request, name):
        return True
    if request.user is None:
        return False
    if name in _in_channel(app, channel, request.user):
        return True
    return bool(channel["team_id"]) and name in _in_team(app, channel["team_id"], request.user)


def require(app: App, request: Request, name: str) -> None:
    if not has_permission(app, request, name):
        raise forbidden()


def of_roles(app: App, names: Iterable[str]) -> set[str]:
    """The permissions that these roles grant together."""
    rows = app.store.find("roles", "name = ANY(:names) AND deleteat = 0", values={"names": list(names)})
    return {permission for row in rows for permission in row["permissions"].split()}


def member_roles(member: Row, scheme: dict[str, Any] | None, kind: str) -> list[str]:
    """The names of the roles of a member of a team or channel (`kind`): its scheme's, or the stock ones."""
    levels = [("guest", "scheme_guest"), ("admin", "scheme_admin")]
    given = [level for level, flag in levels if member[flag]]
    if not member["scheme_guest"]:
        given.insert(0, "user")
    return [(scheme or {}).get(f"default_{kind}_{level}_role") or f"{kind}_{level}" for level in given]


def scheme_of(app: App, place: Row | None) -> Row | None:
    """The scheme that a team or channel has of its own."""
    if place is None or not place["scheme_id"]:
        return None
    return app.store.get("schemes", id=place["scheme_id"], delete_at=0)


def _in_team(app: App, team_id: str, user: Row) -> set[str]:
    member = app.store.get("teammembers", team_id=team_id, user_id=user["id"])
    if member is None or member["delete_at"]:
        return set()
    scheme = scheme_of(app, app.store.get("teams", id=team_id))
    return of_roles(app, [*member_roles(member, scheme, "team"), *member["roles"].split()])


def _in_channel(app: App, channel: Row, user: Row) -> set[str]:
    member = app.store.get("channelmembers", channel_id=channel["id"], user_id=user["id"])
    if member is None:
        return set()
    above = scheme_of(app, app.store.get("teams", id=channel["team_id"]) if channel["team_id"] else None)
    own = scheme_of(app, channel)
    granted = of_roles(app, [*member_roles(member, above, "channel"), *member["roles"].split()])
    if own is None:
        return granted
    return (granted - _MODERATED) | (granted & of_roles(app, member_roles(member, own, "channel")))

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Accounts of other servers: kept here as `name:connection`, with an address that is none, and nobody can log in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server import people, places
from server.database import Row
from server.federation.service import Refused
from server.ids import new_id, now
from server.store import Duplicate

if TYPE_CHECKING:
    from server.app import App

_RETRIES, _LONGEST = 25, 64
_TAKEN = ("nickname", "first_name", "last_name", "position", "locale")


def take(app: App, sent: dict[str, Any], channel: Row, remote: Row) -> Row:
    """Create or change the account that was sent, and put it into the channel; Refused says why not."""
    known = app.store.get("users", id=sent["id"])
    if known is not None and known["remote_id"] != remote["remote_id"]:
        raise Refused("error updating user: remoteID mismatch")
    fields: Row = {name: str(sent.get(name) or "") for name in _TAKEN}
    fields.update(delete_at=int(sent.get("delete_at") or 0), update_at=int(sent.get("update_at") or 0) or now())
    fields.update(timezone=sent.get("timezone") or {}, props=_props(app, sent, known, remote))
    user = _save(app, known, str(sent["username"]), {**fields, "id": sent["id"]}, remote)
    _join(app, user, channel)
    return user


def _props(app: App, sent: dict[str, Any], known: Row | None, remote: Row) -> dict[str, str]:
    """The name and address that the account has at home, and where home is if that is another server still."""
    props = {**((known or {}).get("props") or {}), **(sent.get("props") or {})}
    if ":" not in sent["username"] or "RemoteUsername" not in props:
        props.update(RemoteUsername=sent["username"], RemoteEmail=sent.get("email") or "")
    if app.release.is_11 and not props.get("OriginalRemoteId"):
        props["OriginalRemoteId"] = sent.get("remote_id") or remote["remote_id"]
    return props


def _save(app: App, known: Row | None, username: str, fields: Row, remote: Row) -> Row:
    for attempt in range(1, _RETRIES + 1):
        name = shadow_name(username, remote["name"], f"-{attempt}" if attempt > 1 else "")
        row = {**fields, "username": name, "email": new_id(), "remote_id": remote["remote_id"]}
        try:
            if known is not None:
                return app.store.update("users", known, **{key: row[key] for key in row if key != "id"})
            extra = {"create_at": now(), "roles": "system_user", "notify_props": people.default_notify_props(app)}
            return app.store.insert("users", {**extra, **row})
        except Duplicate:
            continue
    raise Refused(f"error inserting sync user {fields['id']}: the name is taken")


def shadow_name(username: str, remote: str, suffix: str = "") -> str:
    """`name:connection`, both shortened to fit; an account that is a shadow already keeps where it comes from."""
    name, colon, origin = username.partition(":")
    remote = origin.replace(":", "") if colon else remote
    half = _LONGEST // 2
    spare = max(half - (len(remote) + 1), 0)
    over = len(name) + len(suffix) - (half + spare)
    dots = "..." if over > 0 else ""
    name = name[: len(name) - over - 3] if over > 0 else name
    over = len(remote) + 1 - (_LONGEST - len(name) - len(dots) - len(suffix))
    end = remote[: len(remote) - over - 3] + "..." if over > 0 else remote
    return f"{name}{suffix}{dots}:{end}"


def _join(app: App, user: Row, channel: Row) -> None:
    """A restriction of addresses to domains shuts shadows out, as theirs have none (a known fault of real servers)."""
    if not channel["team_id"]:
        return
    team = places.find_team(app, id=channel["team_id"])
    if team["allowed_domains"].strip() or app.config("TeamSettings.RestrictCreationToDomains").strip():
        raise Refused("error adding sync user to Team: the address is of no allowed domain")
    places.join_team(app, team, user)
    places.join_channel(app, channel, user, admin=False, quiet=True)

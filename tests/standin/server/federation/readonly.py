# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Channels that arrive read-only: moderation takes posting and reacting from members and guests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server import permissions
from server.database import Row
from server.ids import new_id, now

if TYPE_CHECKING:
    from server.app import App

_TAKEN = {*permissions.MODERATED["create_post"], *permissions.MODERATED["create_reactions"]}
_KINDS = ("channel_admin", "channel_user", "channel_guest")


def make(app: App, channel: Row) -> None:
    """Give the channel a scheme of its own, as a change of its moderation does."""
    stamp = now()
    scheme: Row = {"id": new_id(), "name": new_id(), "description": "", "scope": "channel", "delete_at": 0}
    scheme.update(display_name=f"Moderation of {channel['id']}", create_at=stamp, update_at=stamp)
    for kind in _KINDS:
        scheme[f"default_{kind}_role"] = _role(app, scheme, kind)
    app.store.insert("schemes", scheme)
    app.store.update("channels", channel, scheme_id=scheme["id"], update_at=stamp)


def _role(app: App, scheme: Row, kind: str) -> str:
    moderated = {name for names in permissions.MODERATED.values() for name in names}
    granted = app.store.find("roles", name=kind)[0]["permissions"].split()
    left = [] if kind == "channel_admin" else [name for name in granted if name in moderated - _TAKEN]
    stamp = now()
    role: Row = {"id": new_id(), "name": new_id(), "display_name": scheme["display_name"], "description": ""}
    role.update(create_at=stamp, update_at=stamp, delete_at=0, scheme_managed=True, built_in=False)
    app.store.insert("roles", {**role, "permissions": " ".join(left), "scheme_id": scheme["id"]})
    return str(role["name"])

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""/share-channel invite, uninvite, unshare, status; the only way to share a channel read-only."""

from __future__ import annotations

from typing import Callable

from server.errors import ApiError
from server.federation import remotes, shares
from server.federation.commands import ACTION, Call, boolean
from server.permissions import has_permission

PERMISSION = "manage_shared_channels"
_ACTIONS = "invite, uninvite, unshare, status"
_HEAD = "| Secure connection | Site URL | Read only | Invite accepted | Online | Last sync |"


def run(call: Call) -> str:
    if not has_permission(call.app, call.request, PERMISSION):
        return f"You require `{PERMISSION}` permission to manage shared channels."
    if call.app.federation.channels is None:
        return "Shared Channels Service is disabled."
    actions: dict[str, Callable[[Call], str]] = {
        "share": _share,
        "invite": _invite,
        "uninvite": _uninvite,
        "unshare": _unshare,
        "status": _status,
    }
    action = call.words.get(ACTION)
    if action is None:
        return f"Missing action. Available actions: {_ACTIONS}"
    if action not in actions:
        return f"Unknown action `{action}`. Available actions: {_ACTIONS}"
    return actions[action](call)


def _share(call: Call) -> str:
    words, channel = call.words, call.channel
    try:
        read_only = boolean(words.get("readonly", "N"))
    except ValueError as error:
        return f"Invalid value for 'readonly': {error}"
    given = {"name": "name", "display_name": "displayname", "purpose": "purpose", "header": "header"}
    fields = {f"share_{name}": words.get(word) or channel[name] for name, word in given.items()}
    try:
        shares.share(call.app, channel, read_only=read_only, creator_id=call.user_id, **fields)
    except shares.CannotShare as error:
        return f"Cannot share this channel: {error}"
    return "##### This channel is now shared."


def _invite(call: Call) -> str:
    """The first connection shares the channel too, read-only if that is asked."""
    app, channel_id = call.app, call.channel["id"]
    remote_id = call.words.get("connectionID")
    if not remote_id:
        return "Must specify a valid secure connection ID to invite."
    if shares.has_link(app, channel_id, remote_id):
        return "The secure connection has already been invited."
    known = app.store.get(shares.CHANNELS, channel_id=channel_id)
    before = "" if known is not None else _share(call) + "\n"
    try:
        remote = remotes.find(app, remote_id)
    except ApiError as error:
        return f"{before}Secure connection ID is invalid: GetRemoteCluster: {error.message}"
    try:
        app.federation.channel_service().invite(channel_id, remote_id, call.user_id)
    except ApiError as error:
        return f"{before}Cannot invite remote to channel: InviteRemoteToChannel: {error.message}"
    name, url = remote["display_name"], remote["site_url"]
    return f"{before}##### Shared channel invitation has been sent to `{name} {url}`."


def _uninvite(call: Call) -> str:
    remote_id = call.words.get("connectionID")
    if not remote_id:
        return "Must specify a valid secure connection ID to uninvite"
    try:
        shares.unlink(call.app, call.channel["id"], remote_id)
    except ApiError as error:
        return f"UninviteRemoteFromChannel: {error.message}"
    return f"##### Secure connection `{remote_id}` uninvited."


def _unshare(call: Call) -> str:
    if not shares.unshare(call.app, call.channel["id"]):
        return "Cannot unshare a channel that is not shared."
    return "##### This channel is no longer shared."


def _status(call: Call) -> str:
    channel_id = call.channel["id"]
    try:
        rows = shares.statuses(call.app, channel_id)
    except shares.CannotShare as error:
        return f"Could not fetch status for secure connections: {error}."
    if not rows:
        return "No secure connections have been invited to this channel."
    lines = [f"Status for channel ID `{channel_id}`", "", _HEAD + " ", "| ---- | ---- | ---- | ---- | ---- | ---- | "]
    for row in rows:
        flags = (row["read_only"], row["is_invite_accepted"], remotes.is_online(row))
        cells = [row["display_name"], row["site_url"], *map(str, flags), "--"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"

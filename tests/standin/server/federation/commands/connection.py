# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""/secure-connection create, accept, remove, status.

Creating one asks neither for a licence nor for the service: so does a real server.
"""

from __future__ import annotations

from typing import Callable

from server.errors import ApiError
from server.federation import invitation, remotes
from server.federation.commands import ACTION, Call, moment
from server.federation.wire import SendError
from server.permissions import has_permission
from server.store import Duplicate

PERMISSION = "manage_secure_connections"
_ACTIONS = "create, accept, remove, status"
_NO_URL = "Site URL not set. Please set this in System Console > Environment > Web Server."
_CREATED = (
    "##### Invitation created.\nSend the following AES 256-bit encrypted invitation to the external Mattermost System "
    "Admin along with the password. They will use the `/secure-connection accept` slash command to accept the "
    "invitation.\n\n```\n{}\n```\n\n**Ensure the secure connection can access your Mattermost instance via** {}"
)
_HEAD_9 = "| Secure connection | Display name | Connection ID | Site URL | Invite accepted | Online | Last ping  |"
_RULE_9 = "| :---- | :---- | :---- | :---- | :---- | :---- | :---- | "
_HEAD_11 = (
    "| Secure connection | Display name | Connection ID | Site URL | Default Team | Invite accepted | Online | "
    "Last ping | Deleted |"
)
_RULE_11 = "| :---- | :---- | :---- | :---- | :---- | :---- | :---- | :---- | | :---- |"


def run(call: Call) -> str:
    if not has_permission(call.app, call.request, PERMISSION):
        return f"You require `{PERMISSION}` permission to manage secure connections."
    actions: dict[str, Callable[[Call], str]] = {
        "create": _create,
        "accept": _accept,
        "remove": _remove,
        "status": _status,
    }
    action = call.words.get(ACTION)
    if action is None:
        return f"Missing command. Available actions: {_ACTIONS}"
    return actions[action](call) if action in actions else f"Unknown action `{action}`"


def _missing(call: Call, *names: str) -> str:
    return next((f"Missing or empty `{name}`" for name in names if not call.words.get(name)), "")


def _create(call: Call) -> str:
    missing = _missing(call, "password", "name")
    if missing:
        return missing
    try:
        url = call.app.federation.site_url()
    except ApiError:
        return _NO_URL
    words, app = call.words, call.app
    try:
        row = remotes.add(app, name=words["name"], display_name=words.get("displayname", ""), creator_id=call.user_id)
    except ApiError as error:
        return f"Could not add secure connection: AddRemoteCluster: {error.message}"
    text = invitation.create(app.release, row["remote_id"], url, row["token"], words["password"])
    return _CREATED.format(text, url)


def _accept(call: Call) -> str:
    missing = _missing(call, "password", "name", "invite")
    if missing:
        return missing
    words, app = call.words, call.app
    try:
        found = invitation.decrypt(app.release, words["invite"], words["password"])
    except ApiError as error:
        return f"Could not decode invitation: DecryptRemoteClusterInvite: {error.message}"
    if app.federation.remotes is None:
        return "Secure Connection Service not enabled."
    try:
        url = app.federation.site_url()
    except ApiError:
        return _NO_URL
    fields = {"name": words["name"], "display_name": words.get("displayname", ""), "creator_id": call.user_id}
    try:
        row = app.federation.remotes.accept(found, url, **fields)
    except (ApiError, Duplicate, SendError) as error:
        return f"Could not accept invitation: {error.message if isinstance(error, ApiError) else error}"
    return f"##### Invitation accepted and confirmed.\nSiteURL: {remotes.shown_url(row)}"


def _remove(call: Call) -> str:
    remote_id = call.words.get("connectionID")
    if remote_id is None:
        return "Missing or empty `remoteId`"
    result = "removed" if remotes.delete(call.app, remote_id) else "**NOT FOUND**"
    return f"##### Secure connection {remote_id} {result}."


def _status(call: Call) -> str:
    """Deleted ones are listed too, where the release keeps them."""
    rows = remotes.listing(call.app, {"include_deleted": "true"})
    if not rows:
        return "** No secure connections found. **"
    new = call.app.release.is_11
    lines = [(_HEAD_11 if new else _HEAD_9) + " ", _RULE_11 if new else _RULE_9]
    for row in rows:
        cells = [row["name"], row["display_name"], row["remote_id"], remotes.shown_url(row)]
        cells += [row["default_team_id"]] if new else []
        cells += [str(remotes.is_confirmed(row)), str(remotes.is_online(row)), moment(row["last_ping_at"])]
        cells += [str(row["delete_at"] != 0)] if new else []
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"

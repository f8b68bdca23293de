# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Slash commands; those of connected workspaces are the only ones there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from server import places
from server.errors import ApiError, forbidden, invalid_body
from server.federation.commands import Call, connection, parse, share
from server.http import Request
from server.ids import is_id
from server.router import Route

if TYPE_CHECKING:
    from server.app import App

_COMMANDS: dict[str, Callable[[Call], str]] = {"secure-connection": connection.run, "share-channel": share.run}
_UNUSED = ("username", "channel_id", "icon_url")


def execute(app: App, request: Request) -> dict[str, Any]:
    """Whatever comes of it is answered with 200 and a text."""
    wanted = request.json("command_args")
    command, channel_id = wanted.get("command"), wanted.get("channel_id")
    if not isinstance(command, str):
        raise invalid_body("command_args")
    if len(command) <= 1 or not command.startswith("/") or not is_id(channel_id):
        raise ApiError("api.command.execute_command.start.app_error")
    channel = app.store.get("channels", id=channel_id)
    if channel is None:
        raise forbidden()
    places.require_channel_member(app, request, channel, "create_post")
    if channel["delete_at"] and app.release.is_11:
        raise ApiError("api.command.execute_command.deleted.error")
    trigger = command[1:].split()[0] if command[1:].split() else ""
    run = _COMMANDS.get(trigger)
    if run is None:
        raise ApiError("api.command.execute_command.not_found.app_error", trigger=trigger)
    text = run(Call(app, request, channel, parse(command)))
    answer: dict[str, Any] = {"response_type": "ephemeral", "text": text, **dict.fromkeys(_UNUSED, "")}
    answer.update(type="", props=None, goto_location="", trigger_id="", skip_slack_parsing=False, attachments=None)
    return {**answer, "extra_responses": None}


ROUTES = [Route("POST", "/commands/execute", execute)]

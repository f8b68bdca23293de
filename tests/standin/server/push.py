# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Mobile notifications: a mention, or a direct message, goes to the push server for each session that has a device.

What they say depends on EmailSettings.PushNotificationContents; without the licence for id_loaded that counts as generic, without a word.
There is no signature, which only apps look at, and badges are not counted.
"""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any, Iterator

from server.database import Row
from server.ids import new_id, now

if TYPE_CHECKING:
    from server.app import App

_TIMEOUT = 5.0
_ID_LOADED = "You've received a new message."


def send(app: App, channel: Row, author: Row, post: Row, readers: set[str]) -> None:
    """One notification for each device of those who are to hear of the post; called in a thread of its own."""
    server = app.config("EmailSettings.PushNotificationServer")
    if not app.config("EmailSettings.SendPushNotifications") or not server:
        return
    for session in _devices(app, readers):
        message = {**_message(app, channel, author, post, session["user_id"]), **_end(app, session["device_id"])}
        request = urllib.request.Request(
            server.rstrip("/") + "/api/v1/send_push",
            json.dumps(message).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
                said = json.load(answer)
        except (OSError, ValueError) as error:
            said = {"status": "FAIL", "error": str(error)}
        if said.get("status") != "OK":
            failure = "Failed to send mobile app message to the push server"
            app.log.warn(failure, url=server, error=said.get("error", ""))


def _devices(app: App, readers: set[str]) -> Iterator[Row]:
    where = "deviceid <> '' AND userid = ANY(:readers) AND (expiresat = 0 OR expiresat > :now)"
    yield from app.store.find("sessions", where, values={"readers": sorted(readers), "now": now()})


def _end(app: App, device: str) -> dict[str, str]:
    """Where it goes: a device's identifier begins with its platform."""
    platform, _colon, device_id = device.partition(":")
    return {
        "ack_id": new_id(),
        "server_id": app.store.system("DiagnosticId"),
        "platform": platform,
        "device_id": device_id,
        "signature": "",
    }


def _message(app: App, channel: Row, author: Row, post: Row, reader: str) -> dict[str, Any]:
    contents = app.config("EmailSettings.PushNotificationContents")
    if contents == "id_loaded" and not app.licence.has("id_loaded"):
        contents = "generic"
    message = {
        "type": "message",
        "version": "v2",
        "category": "CAN_REPLY",
        "post_id": post["id"],
        "channel_id": channel["id"],
        "team_id": channel["team_id"],
        "root_id": post["root_id"],
        "is_crt_enabled": False,
        "is_id_loaded": contents == "id_loaded",
    }
    if contents == "id_loaded":
        return {**message, "sender_id": reader, "message": _ID_LOADED}
    sender, direct = "@" + author["username"], channel["type"] == "D"
    text = "sent you a message." if direct else sender + " mentioned you."
    if contents == "full":
        text = post["message"] if direct else f"{sender}: {post['message']}"
    named = {} if contents == "generic_no_channel" and not direct else {"channel_name": channel["display_name"]}
    return {**message, **named, "sender_id": author["id"], "sender_name": sender, "message": text}

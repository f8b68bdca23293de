# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Invitations to a shared channel: sent to a connection, kept while it is offline, and taken at the other end."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from server import people, places
from server.database import Row
from server.errors import ApiError
from server.federation import readonly, remotes, shares
from server.federation.service import Refused, RemoteService
from server.federation.wire import SendError
from server.ids import new_id, now
from server.store import Duplicate

if TYPE_CHECKING:
    from server.app import App

TOPIC = "sharedchannel_invite"


class Invites:
    def __init__(self, app: App, service: RemoteService) -> None:
        self._app = app
        self._service = service

    def send(self, channel: Row, user_id: str, remote: Row) -> None:
        """At once and in the background; later to a connection that is offline (before 10.2: not at all)."""
        if not remotes.is_online(remote) and remotes.keeps_deleted(self._app):
            if shares.find_link(self._app, channel["id"], remote["remote_id"]) is None:
                shares.save_link(self._app, channel["id"], remote["remote_id"], user_id, confirmed=False)
                return
            raise ApiError(
                "api.command_share.channel_invite.error", name=remote["display_name"], error="the link has been deleted"
            )
        threading.Thread(target=self._send, args=(channel, user_id, remote), daemon=True).start()

    def send_pending(self, remote: Row) -> None:
        """What was kept for a connection that has come online."""
        for link in shares.links(self._app, remote_id=remote["remote_id"], exclude_confirmed=True):
            channel = self._app.store.get("channels", id=link["channel_id"])
            if channel is not None:
                self.send(channel, link["creator_id"], remote)

    def _send(self, channel: Row, user_id: str, remote: Row) -> None:
        name = remote["display_name"]
        shared = self._app.store.get(shares.CHANNELS, channel_id=channel["id"])
        if shared is None:
            return
        message = {"channel_id": channel["id"], "team_id": "", "read_only": shared["read_only"]}
        message.update(name=channel["name"], type=channel["type"], creator_id="")
        message.update({key: shared[f"share_{key}"] for key in ("display_name", "header", "purpose")})
        message.update(direct_participant_ids=None, direct_participants=None)
        try:
            answer = self._service.send(remote, TOPIC, message)
            problem = "" if answer["status"] == "OK" else answer["err"] or "refused"
        except SendError as error:
            problem = str(error)
        if problem:
            self._app.log.error("Error sending channel invite", remote=name, error=problem)
            self.tell(channel["id"], user_id, f"Error sending channel invite for {name}: {problem}")
            return
        known = shares.find_link(self._app, channel["id"], remote["remote_id"])
        if known is None or known["delete_at"] or not known["is_invite_confirmed"]:
            shares.save_link(self._app, channel["id"], remote["remote_id"], user_id, confirmed=True)
            self._app.federation.changed(channel["id"])
            self.tell(channel["id"], user_id, f"`{name}` has been added to channel.")

    def tell(self, channel_id: str, user_id: str, text: str) -> None:
        """A message that one user sees until the page is loaded again."""
        stamp = now()
        post = {"id": new_id(), "create_at": stamp, "update_at": stamp, "user_id": user_id, "channel_id": channel_id}
        post.update(message=text, type="system_ephemeral", props={})
        data = {"post": json.dumps(post)}
        self._app.hub.publish("ephemeral_message", data, users={user_id}, channel_id=channel_id)

    def receive(self, payload: Any, remote: Row) -> None:
        """Make the channel of an invitation, with its identifier; one that was shared before is taken up again."""
        app, channel_id = self._app, str(payload["channel_id"])
        known = shares.find_link(app, channel_id, remote["remote_id"])
        if known is not None and known["delete_at"] == 0:
            return
        channel = app.store.get("channels", id=channel_id)
        if known is None:
            if channel is not None:
                raise Refused(f"cannot create new shared channel (channel_id={channel_id}): channel already exists")
            channel = self._create(payload, remote)
        elif channel is None:
            raise Refused(f"cannot get channel (channel_id={channel_id}) to restore a shared channel remote")
        read_only = known is None and bool(payload.get("read_only"))
        if read_only:
            readonly.make(app, channel)
        fields = {"home": False, "read_only": read_only, "creator_id": remote["creator_id"]}
        if app.store.get(shares.CHANNELS, channel_id=channel_id) is not None:
            raise Refused(f"cannot create shared channel (channel_id={channel_id}): save_shared_channel")
        shares.share(app, channel, remote_id=remote["remote_id"], **fields)
        shares.save_link(app, channel_id, remote["remote_id"], channel["creator_id"], confirmed=True)

    def _create(self, payload: dict[str, Any], remote: Row) -> Row:
        app, channel_id = self._app, str(payload["channel_id"])
        if payload.get("type") not in ("O", "P"):
            raise Refused(f"cannot create channel `{channel_id}`: direct and group channels are not shared")
        team_id = remote["default_team_id"] or self._first_team()
        creator = app.store.get("users", id=remote["creator_id"])
        fields = {name: str(payload.get(name) or "") for name in ("name", "display_name", "header", "purpose", "type")}
        try:
            channel = places.new_channel(app, remote["creator_id"], id=channel_id, team_id=team_id, **fields)
        except Duplicate as error:
            text = "A channel with that name already exists on the same team."
            raise Refused(f"cannot create channel `{channel_id}`: CreateChannel: {text}") from error
        if creator is not None:
            places.join_channel(app, channel, people.find(app, id=creator["id"]), admin=True)
        return places.find_channel(app, id=channel_id)

    def _first_team(self) -> str:
        teams = self._app.store.find("teams", order="displayname", limit=1)
        if not teams:
            raise Refused("runtime error: index out of range [0] with length 0")
        return str(teams[0]["id"])

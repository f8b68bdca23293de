# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The service of secure connections: invitations answered, pings, and messages by topic. Runs from start to stop."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Callable

from server.database import NoDatabase, Row
from server.errors import ApiError
from server.federation import remotes
from server.federation.invitation import VERSION, Invitation
from server.federation.wire import PING_TIMEOUT, SendError, Wire
from server.ids import new_id, now

if TYPE_CHECKING:
    from server.app import App

INVITATION_MS = 48 * 3600 * 1000
Topic = Callable[[Any, Row], Any]


class Refused(Exception):
    """A message that was understood and not taken; its text goes back in `err`."""


class RemoteService:
    """`topics` take messages, `on_online` is told of a connection that came (back) online."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.wire = Wire()
        self.topics: dict[str, Topic] = {}
        self.on_online: list[Callable[[Row], None]] = []

    def start(self) -> None:
        threading.Thread(target=self._ping_loop, name="pings", daemon=True).start()

    def accept(self, invitation: Invitation, site_url: str, **fields: Any) -> Row:
        """Store the connection and confirm it to the inviter; without an answer it is deleted again."""
        release, store = self.app.release, self.app.store
        fresh = release.is_11 and invitation.version >= 2
        row = remotes.new(
            self.app,
            remote_id=invitation.remote_id,
            site_url=invitation.site_url,
            remote_token=new_id() if fresh else invitation.token,
            **fields,
        )
        confirm = Invitation(row["remote_id"], site_url, row["token"])
        if release.is_11:
            confirm.refreshed_token, confirm.version = row["remote_token"], VERSION
        # The row that is pinged first still has the token of the invitation, which the inviter has replaced by then:
        # a real server shows the connection as offline until the next round, and so does this.
        first = {**row, "remote_token": invitation.token}
        try:
            answer = self.wire.frame(first, "confirm_invite", "invitation", confirm.shown(), PING_TIMEOUT)
            if answer.get("status") != "OK":
                raise SendError(str(answer.get("err", "")))
        except SendError as error:
            remotes.delete(self.app, row["remote_id"])
            self.app.log.warn("Cannot confirm an invitation", site_url=invitation.site_url, error=str(error))
            raise
        self._in_background(first)
        return store.get(remotes.TABLE, remote_id=row["remote_id"], name=row["name"]) or row

    def confirm(self, invitation: Invitation) -> None:
        """The other side's answer to an invitation of ours, which is good once."""
        cannot = f"cannot accept invite confirmation for remote {invitation.remote_id}: "
        row = self.app.store.get(remotes.TABLE, remote_id=invitation.remote_id, delete_at=0)
        if row is None:
            raise Refused(cannot + "failed to find RemoteCluster: sql: no rows in result set")
        token = row["token"]
        if self.app.release.is_11:
            if remotes.is_confirmed(row):
                raise Refused(cannot + "remote cluster already confirmed")
            if invitation.version >= 2 and invitation.refreshed_token:
                if invitation.refreshed_token == token:
                    raise Refused(cannot + "RefreshedToken must be different from the original invite token")
                token = invitation.refreshed_token
            else:
                token = new_id()
        changes = {"site_url": invitation.site_url, "remote_token": invitation.token, "token": token}
        self._in_background(self.app.store.update(remotes.TABLE, row, **changes))

    def receive(self, row: Row, message: dict[str, Any]) -> dict[str, Any]:
        """Hand a message to who takes its topic; a topic that nobody takes is answered with OK."""
        answer: dict[str, Any] = {"status": "OK", "err": "", "payload": None}
        take = self.topics.get(message["topic"])
        try:
            answer["payload"] = take(message["payload"], row) if take else None
        except (Refused, ApiError, KeyError, TypeError, ValueError) as error:
            text = f"{error.message}" if isinstance(error, ApiError) else str(error)
            name, topic = row["display_name"], message["topic"]
            self.app.log.error("Error from remote cluster message listener", topic=topic, remote=name, error=text)
            answer.update(status="FAIL", err=text)
        return answer

    def send(self, row: Row, topic: str, payload: Any) -> dict[str, Any]:
        """One message; answers what the other side made of it, SendError when it did not get there."""
        try:
            answer: dict[str, Any] = self.wire.frame(row, "msg", topic, payload)
            return answer
        except SendError as error:
            name = row["display_name"]
            self.app.log.error("Remote Cluster send message failed", remote=name, topic=topic, error=str(error))
            raise

    def ping(self, row: Row) -> None:
        """One ping; a connection that was offline before is announced."""
        was_online = remotes.is_online(row)
        try:
            payload = {"sent_at": now(), "recv_at": 0}
            self.wire.frame(row, "ping", "ping", payload, PING_TIMEOUT)
        except SendError as error:
            self.app.log.warn("Remote cluster ping failed", remote=row["display_name"], error=str(error))
            return
        row = self.app.store.update(remotes.TABLE, row, last_ping_at=now())
        if not was_online:
            current = self.app.store.get(remotes.TABLE, remote_id=row["remote_id"], delete_at=0)
            for listener in self.on_online if current is not None else []:
                listener(current or row)

    def _in_background(self, row: Row) -> None:
        threading.Thread(target=self.ping, args=(row,), daemon=True).start()

    def _ping_loop(self) -> None:
        """Everyone in turn, then a pause for the rest of the round."""
        while not self.app.stopping.is_set():
            start = time.monotonic()
            try:
                for row in remotes.listing(self.app, {}):
                    if remotes.is_confirmed(row) and not row["plugin_id"]:
                        self.ping(row)
            except NoDatabase as error:
                self.app.log.error("Ping all remote clusters failed", error=str(error))
            self.app.stopping.wait(max(0.0, remotes.PING_SECONDS - (time.monotonic() - start)))

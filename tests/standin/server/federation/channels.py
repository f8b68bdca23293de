# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The service of shared channels: invites and takes away connections, and keeps the channels in step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server import people, places
from server.database import Row
from server.errors import ApiError
from server.federation import attachments, collect, remotes, shares
from server.federation.incoming import NOT_SHARED, Incoming
from server.federation.invites import TOPIC as INVITE
from server.federation.invites import Invites
from server.federation.service import RemoteService
from server.federation.tasks import Task, Tasks
from server.federation.wire import SendError
from server.ids import new_id, now

if TYPE_CHECKING:
    from server.app import App

SYNC = ("sharedchannel_sync", "sharedchannel_membership", "sharedchannel_global_user_sync")
_UNSHARED = "This channel is no longer shared."
_OFFLINE = (
    "One or more posts could not be delivered to remote site {} because it is offline. The post(s) will be delivered "
    "when the site is online."
)
_TOLD_FOR_MS = 10_000


class OfflineRemote(Exception):
    """The connection is offline; its next coming online takes care of it."""


class ChannelService:
    def __init__(self, app: App, service: RemoteService) -> None:
        self.app = app
        self._service = service
        self._invites = Invites(app, service)
        self._collector = collect.Collector(app)
        self._tasks = Tasks(self._process, app.log, app.stopping)
        incoming = Incoming(app)
        service.topics.update(dict.fromkeys(SYNC, incoming.receive))
        service.topics[INVITE] = self._invites.receive
        service.topics[attachments.TOPIC] = lambda payload, remote: attachments.receive(app, payload, remote)
        service.on_online.append(self._online)

    def start(self) -> None:
        self._tasks.start()

    def invite(self, channel_id: str, remote_id: str, user_id: str) -> None:
        """Share a channel with a connection; done already is fine."""
        if shares.has_link(self.app, channel_id, remote_id):
            return
        channel = places.find_channel(self.app, id=channel_id)
        try:
            shared = shares.share(self.app, channel, creator_id=user_id)
        except shares.CannotShare as error:
            raise ApiError("api.command_share.share_channel.error", error=str(error)) from error
        remote = remotes.find(self.app, remote_id)
        if not shared["home"]:
            status = 400 if self.app.release.is_11 else 500
            raise ApiError("api.command_share.channel_invite_not_home.error", status=status)
        self._invites.send(channel, user_id, remote)

    def changed(self, channel_id: str) -> None:
        """Something happened in a channel."""
        channel = self.app.store.get("channels", id=channel_id)
        if channel is not None and channel["shared"]:
            self._tasks.add(Task(channel_id))

    def user_changed(self, user_id: str) -> None:
        """An account changed: told to every connection that knows it."""
        for row in self.app.store.find("sharedchannelusers", user_id=user_id):
            self._tasks.add(Task(row["channel_id"], row["remote_id"]))

    def _online(self, remote: Row) -> None:
        self._invites.send_pending(remote)
        for link in shares.links(self.app, remote_id=remote["remote_id"]):
            self._tasks.add(Task(link["channel_id"], remote["remote_id"]))

    def _process(self, task: Task) -> None:
        if task.remote_id:
            remote = remotes.find(self.app, task.remote_id)
            if not remotes.is_online(remote):
                name = remote["display_name"]
                raise OfflineRemote(f"shared channel '{task.channel_id}' for offline remote cluster '{name}'")
            self._sync(task, remote)
            return
        for remote in remotes.listing(self.app, {"in_channel": task.channel_id, "only_confirmed": "true"}):
            own = Task(task.channel_id, remote["remote_id"], retries=task.retries)
            try:
                self._sync(own, remote)
            except Exception as error:  # of one connection; the others go on
                self._tasks.failed(own, error)

    def _sync(self, task: Task, remote: Row) -> None:
        link = shares.find_link(self.app, task.channel_id, remote["remote_id"])
        if link is None or link["delete_at"]:
            return
        if task.posts:
            self._message(link, remote, {"posts": task.posts})
            return
        data = self._collector.collect(remote, link)
        if not remotes.is_online(remote):
            self._tell_authors(data)
            return
        self._collector.complete(data)
        self._send(data)
        if data.more:
            self._tasks.add(Task(task.channel_id, task.remote_id, delay=0))

    def _send(self, data: collect.SyncData) -> None:
        """Accounts, files, posts, reactions, one after another. The cursor moves when the posts were answered."""
        messages = collect.messages(self.app, data)
        if "users" in messages:
            answer = self._message(data.link, data.remote, messages["users"])
            self._users_taken(data, (answer or {}).get("users_syncd") or [])
        for info, post in data.files:
            try:
                attachments.send(self.app, self._service, data.remote, info, post)
            except (SendError, OSError, KeyError, ValueError) as error:
                self.app.log.error("Cannot sync post attachment", post_id=post["id"], error=str(error))
        if "posts" in messages:
            answer = self._message(data.link, data.remote, messages["posts"])
            if answer is not None:
                self._posts_refused(data, answer.get("post_errors") or [], messages["posts"]["posts"])
                self._advance(data)
        elif data.cursor_moved:
            self._advance(data)
        if "reactions" in messages:
            self._message(data.link, data.remote, messages["reactions"])

    def _message(self, link: Row, remote: Row, content: dict[str, Any]) -> dict[str, Any] | None:
        """One message; answers what the other side took, None when it did not."""
        message = {"id": new_id(), "channel_id": link["channel_id"], **content}
        try:
            answer = self._service.send(remote, SYNC[0], message)
        except SendError:
            return None
        if answer["status"] != "OK" and NOT_SHARED in answer["err"] and remotes.keeps_deleted(self.app):
            self._unshared_there(link, remote)
            return None
        taken: dict[str, Any] | None = answer["payload"]
        return taken if isinstance(taken, dict) else None

    def _unshared_there(self, link: Row, remote: Row) -> None:
        """The other side took the channel away: say so in the channel, and take it away here."""
        channel = places.find_channel(self.app, id=link["channel_id"])
        author = people.find(self.app, id=link["creator_id"])
        if not shares.has_link(self.app, channel["id"], remote["remote_id"]):
            return
        places.system_post(self.app, channel, author, "system_generic", _UNSHARED, {})
        shares.unlink(self.app, channel["id"], remote["remote_id"])

    def _users_taken(self, data: collect.SyncData, user_ids: list[str]) -> None:
        keys = {"channel_id": data.link["channel_id"], "remote_id": data.remote["remote_id"]}
        for user_id in user_ids:
            row = self.app.store.get("sharedchannelusers", user_id=user_id, **keys)
            if row is not None and user_id in data.users:
                stamp = max(row["last_sync_at"], data.users[user_id]["update_at"])
                self.app.store.update("sharedchannelusers", row, last_sync_at=stamp)

    def _posts_refused(self, data: collect.SyncData, refused: list[str], sent: list[dict[str, Any]]) -> None:
        for post in sent:
            if post["id"] in refused:
                self.app.log.error("Response indicates error for post sync", post_id=post["id"])
                self._tasks.add(Task(data.link["channel_id"], data.remote["remote_id"], [post], delay=0))

    def _advance(self, data: collect.SyncData) -> None:
        self.app.store.update(shares.LINKS, data.link, **data.cursor)

    def _tell_authors(self, data: collect.SyncData) -> None:
        """Who has just written learns that it has not left yet."""
        fresh = [row for row in data.posts if not row["delete_at"] and now() - row["create_at"] < _TOLD_FOR_MS]
        for user_id in {row["user_id"] for row in fresh}:
            self._invites.tell(data.link["channel_id"], user_id, _OFFLINE.format(data.remote["display_name"]))

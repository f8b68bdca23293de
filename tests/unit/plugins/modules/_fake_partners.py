# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake server with secure connections and shared channels, for the tests of the modules that manage them."""

from __future__ import annotations

import re
import time
import urllib.parse
from typing import Any, Dict, List, Optional

from ansible_collections.fieldops.mattermost.tests.unit.fake_server import FakeServer, Reply, error

ROOT = "/remotecluster"
TEAMS = {"operations": "team1", "board": "team2"}
SECRET = "neverbeshown"
HOUR = 3600 * 1000
NO_SERVICE = error(
    501, "api.remote_cluster.service_not_enabled.app_error", "The remote cluster service is not enabled."
)


def now() -> int:
    return int(time.time() * 1000)


class Partners:
    """What the server has: connections, teams, channels, shared channels and links."""

    def __init__(self, fake: FakeServer) -> None:
        self.fake = fake
        self.rows: List[Dict[str, Any]] = []
        self.shared: List[Dict[str, Any]] = []
        self.links: List[Dict[str, Any]] = []
        self.channels: Dict[str, Dict[str, Any]] = {}
        self.inviter = "https://chat.bravo.example"
        fake.routes.update(
            {
                ("GET", "/config/client"): {"Version": "11.6.0"},
                ("GET", "/license/client"): {"IsLicensed": "true"},
                ("GET", ROOT): lambda request: self.page(request, [self.blank(row) for row in self.rows]),
                ("POST", ROOT): lambda request: self.create(**request.json),
                ("POST", f"{ROOT}/accept_invite"): lambda request: self.accept(**request.json),
            }
        )
        for name, team_id in TEAMS.items():
            found = {"id": team_id, "name": name}
            fake.routes[("GET", f"/teams/name/{name}")] = fake.routes[("GET", f"/teams/{team_id}")] = found
            fake.routes[("GET", f"/sharedchannels/{team_id}")] = lambda request, team_id=team_id: self.page(
                request, [one for one in self.shown() if one["team_id"] == team_id]
            )

    @staticmethod
    def page(request: Any, items: List[Any]) -> List[Any]:
        query = dict(urllib.parse.parse_qsl(request.query))
        size, number = int(query["per_page"]), int(query["page"])
        return items[number * size : (number + 1) * size]

    @staticmethod
    def blank(row: Dict[str, Any]) -> Dict[str, Any]:
        return {**row, "token": "", "remote_token": ""}

    def row(self, name: str, **fields: Any) -> Dict[str, Any]:
        """One more connection, confirmed and online unless the test says otherwise."""
        number = len({path for _method, path in self.fake.routes if re.fullmatch(f"{ROOT}/remote\\d+", path)})
        row = {
            "remote_id": f"remote{number}",
            "name": name.lower(),
            "display_name": name,
            "site_url": f"https://chat.{name}.example",
            "default_team_id": "team1",
            "create_at": now(),
            "delete_at": 0,
            "last_ping_at": now(),
            "token": SECRET,
            "remote_token": SECRET,
            "topics": "",
            "plugin_id": "",
            "creator_id": "user1",
            **fields,
        }
        path = f"{ROOT}/{row['remote_id']}"
        self.rows.append(row)
        # The server blanks the tokens in all of its answers but those to changes.
        self.fake.routes[("GET", path)] = lambda request: self.blank(row)
        self.fake.routes[("PATCH", path)] = lambda request: row.update(**request.json) or row
        self.fake.routes[("DELETE", path)] = lambda request: self.delete(row)
        self.fake.routes[("POST", f"{path}/generate_invite")] = lambda request: Reply(
            201, f"again-{request.json['password']}"
        )
        self.fake.routes[("GET", f"{path}/sharedchannelremotes")] = lambda request: self.page(
            request, [one for one in self.links if one["remote_id"] == row["remote_id"]]
        )
        return row

    def create(self, name: str, display_name: str, default_team_id: str, password: str) -> Any:
        row = self.row(name, display_name=display_name, default_team_id=default_team_id, last_ping_at=0)
        row["site_url"] = "pending_" + row["remote_id"]
        return Reply(201, {"remote_cluster": self.blank(row), "invite": f"new-{password}"})

    def accept(self, name: str, display_name: str, default_team_id: str, invite: str, password: str) -> Any:
        more = {"display_name": display_name, "default_team_id": default_team_id, "last_ping_at": 0}
        return Reply(201, self.blank(self.row(name, site_url=self.inviter, **more)))

    def delete(self, row: Dict[str, Any]) -> Any:
        if row not in self.rows:
            return error(404, "api.remote_cluster.get.not_found")
        self.rows.remove(row)
        row["delete_at"] = now()
        self.links = [link for link in self.links if link["remote_id"] != row["remote_id"]]
        return {"status": "OK"}

    def channel(self, name: str, team: str = "operations", **fields: Any) -> Dict[str, Any]:
        """One more channel."""
        channel = {"id": f"channel-{name}", "name": name, "team_id": TEAMS[team], "delete_at": 0, **fields}
        self.channels[channel["id"]] = channel
        for path in (f"/teams/{TEAMS[team]}/channels/name/{name}", f"/channels/{channel['id']}"):
            self.fake.routes[("GET", path)] = channel
        return channel

    def share(self, channel: Dict[str, Any], *, home: bool = True, readonly: bool = False, remote_id: str = "") -> None:
        self.shared.append(
            {
                "id": channel["id"],
                "team_id": channel["team_id"],
                "home": home,
                "readonly": readonly,
                "name": channel["name"],
                "remote_id": remote_id,
            }
        )

    def link(self, row: Dict[str, Any], channel: Dict[str, Any], **fields: Any) -> Dict[str, Any]:
        """One more link of a connection with a channel; confirmed unless the test says otherwise."""
        link = {
            "id": f"link{len(self.links)}",
            "channel_id": channel["id"],
            "creator_id": "user1",
            "create_at": now(),
            "update_at": now(),
            "delete_at": 0,
            "is_invite_accepted": True,
            "is_invite_confirmed": True,
            "remote_id": row["remote_id"],
            "last_post_update_at": 0,
            "last_post_id": "",
            "last_post_create_at": 0,
            "last_post_create_id": "",
            **fields,
        }
        self.links.append(link)
        return link

    def shown(self) -> List[Dict[str, Any]]:
        """The shared channels as the server shows them."""
        return self.shared

    def is_shared(self, channel: Dict[str, Any]) -> Optional[Dict[str, Any]]:
        return next((one for one in self.shared if one["id"] == channel["id"]), None)


class Sharing(Partners):
    """Shares channels as a server does: `answer` says what the other server makes of an invitation."""

    def __init__(self, fake: FakeServer) -> None:
        super().__init__(fake)
        self.answer = "takes"
        self.unshares = True
        self.lag = 0  # how many times a replica shows what was before a change
        self._before: List[List[Dict[str, Any]]] = []
        self.commands: List[str] = []
        fake.routes[("POST", "/commands/execute")] = lambda request: self.command(**request.json)

    def row(self, name: str, **fields: Any) -> Dict[str, Any]:
        row = super().row(name, **fields)
        self.connect(row, *self.channels)
        return row

    def channel(self, name: str, team: str = "operations", **fields: Any) -> Dict[str, Any]:
        channel = super().channel(name, team, **fields)
        for row in self.rows:
            self.connect(row, channel["id"])
        return channel

    def share(self, channel: Dict[str, Any], **fields: Any) -> None:
        self._before = [list(self.shared)] * self.lag
        super().share(channel, **fields)

    def shown(self) -> List[Dict[str, Any]]:
        return self._before.pop() if self._before else self.shared

    def connect(self, row: Dict[str, Any], *channel_ids: str) -> None:
        """The routes of a connection for these channels."""
        for one in channel_ids:
            path = f"{ROOT}/{row['remote_id']}/channels/{one}"
            self.fake.routes[("POST", f"{path}/invite")] = lambda request, one=one: self.invite(row, one)
            self.fake.routes[("POST", f"{path}/uninvite")] = lambda request, one=one: self.uninvite(row, one)

    def invite(self, row: Dict[str, Any], channel_id: str) -> Reply:
        channel = self.channels[channel_id]
        shared = self.is_shared(channel)
        if shared is None:
            self.share(channel)
        elif not shared["home"]:
            return error(400, "api.command_share.channel_invite_not_home.error")
        known = any(link["remote_id"] == row["remote_id"] and link["channel_id"] == channel_id for link in self.links)
        if not known and self.answer != "refuses":
            self.link(row, channel, is_invite_confirmed=self.answer == "takes")
        return Reply(200, {"status": "OK"})

    def uninvite(self, row: Dict[str, Any], channel_id: str) -> Reply:
        ended = [one for one in self.links if (one["remote_id"], one["channel_id"]) == (row["remote_id"], channel_id)]
        self.links = [one for one in self.links if one not in ended]
        left = [one for one in self.links if one["channel_id"] == channel_id and one["is_invite_confirmed"]]
        if ended and not left and self.unshares:
            self.unshare(channel_id)
        return Reply(200 if ended else 204, {"status": "OK"} if ended else b"")

    def unshare(self, channel_id: str) -> None:
        self._before = [list(self.shared)] * self.lag
        self.shared = [one for one in self.shared if one["id"] != channel_id]
        self.links = [one for one in self.links if one["channel_id"] != channel_id]

    def command(self, channel_id: str, command: str) -> Dict[str, Any]:
        self.commands.append(command)
        words = command.split()
        if words[1] == "unshare":
            self.unshare(channel_id)
            text = "##### This channel is no longer shared."
        else:
            assert words == ["/share-channel", "share", "--readonly", "Y"]
            channel = self.channels[channel_id]
            if not self.is_shared(channel):
                self.share(channel, readonly=True)
            text = "##### This channel is now shared."
        return {"response_type": "ephemeral", "text": text}

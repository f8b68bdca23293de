# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts, teams and channels on a fake server, with the routes that the modules of places use."""

from __future__ import annotations

from typing import Any, Dict, List, Optional
from urllib.parse import parse_qs

from ansible_collections.fieldops.mattermost.tests.unit.fake_server import FakeServer, Reply, Request, error

PAGE = 200


class Places:
    """What there is; `team()`, `channel()` and `user()` put something there, members are in `members[place]`."""

    def __init__(self, fake: FakeServer) -> None:
        self.fake = fake
        self.users: Dict[str, Dict[str, Any]] = {}
        self.teams: Dict[str, Dict[str, Any]] = {}
        self.channels: Dict[str, Dict[str, Any]] = {}
        self.members: Dict[str, List[str]] = {}
        fake.routes[("GET", "/users")] = self._listed
        fake.routes[("POST", "/teams")] = lambda request: self._made(self.team, "t", request.json)
        fake.routes[("POST", "/channels")] = lambda request: self._made(self.channel, "c", request.json)

    def user(self, name: str, **more: Any) -> Dict[str, Any]:
        account = {"id": f"u-{name}", "username": name, "delete_at": 0, "roles": "system_user", **more}
        self.users[account["id"]] = account
        self.fake.routes[("GET", f"/users/username/{name}")] = lambda request: account
        return account

    def team(self, name: str, **more: Any) -> Dict[str, Any]:
        fields: Dict[str, Any] = {"display_name": name, "description": "", "allowed_domains": "", "type": "I"}
        place = {"id": f"t-{name}", "name": name, "delete_at": 0, "allow_open_invite": False, **fields, **more}
        self.teams[place["id"]] = place
        self._routes("/teams", place, f"/teams/name/{name}")
        self.absent(f"/teams/{place['id']}/channels/name/new")
        self.fake.routes[("PUT", f"/teams/{place['id']}/privacy")] = lambda request: self._open(place, request.json)
        return place

    def channel(self, name: str, *, team_id: str, **more: Any) -> Dict[str, Any]:
        fields: Dict[str, Any] = {"display_name": name, "purpose": "", "header": "", "type": "P"}
        place = {"id": f"c-{name}", "name": name, "team_id": team_id, "delete_at": 0, **fields, **more}
        self.channels[place["id"]] = place
        self._routes("/channels", place, f"/teams/{team_id}/channels/name/{name}")
        self.fake.routes[("PUT", f"/channels/{place['id']}/privacy")] = lambda request: (
            place.update(type=request.json["privacy"]) or place
        )
        return place

    def absent(self, path: str) -> None:
        self.fake.routes[("GET", path)] = error(404, "app.find.missing.app_error")

    def _routes(self, kind: str, place: Dict[str, Any], named: str) -> None:
        path = f"{kind}/{place['id']}"
        present = self.members.setdefault(place["id"], [])
        routes = self.fake.routes
        routes[("GET", named)] = lambda request: dict(place)
        routes[("PUT", f"{path}/patch")] = lambda request: place.update(request.json) or place
        routes[("POST", f"{path}/restore")] = lambda request: place.update(delete_at=0) or place
        routes[("DELETE", path)] = lambda request: place.update(delete_at=5) or {"status": "OK"}
        routes[("POST", f"{path}/members")] = lambda request: self._added(present, request.json["user_id"])
        for user_id in self.users:
            routes[("DELETE", f"{path}/members/{user_id}")] = lambda request: (
                present.remove(request.path.rpartition("/")[2]) or {"status": "OK"}
            )

    @staticmethod
    def _added(present: List[str], user_id: str) -> Reply:
        """201 whether it was there or not, as real servers answer."""
        if user_id not in present:
            present.append(user_id)
        return Reply(201, {"user_id": user_id})

    @staticmethod
    def _open(place: Dict[str, Any], body: Dict[str, Any]) -> Dict[str, Any]:
        place.update(type=body["privacy"], allow_open_invite=body["privacy"] == "O")
        return place

    @staticmethod
    def _made(make: Any, prefix: str, body: Dict[str, Any]) -> Reply:
        return Reply(201, make(**body, id=f"{prefix}-{body['name']}"))

    def _listed(self, request: Request) -> Optional[Reply]:
        asked = parse_qs(request.query)
        place = (asked.get("in_team") or asked["in_channel"])[0]
        page, size = int(asked["page"][0]), int(asked["per_page"][0])
        assert size <= PAGE
        ids = sorted(self.members[place])[page * size : (page + 1) * size]
        return Reply(200, [self.users[user_id] for user_id in ids])

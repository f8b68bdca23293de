# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils import _lookup
from ansible_collections.fieldops.mattermost.plugins.module_utils._client import Client, Connection
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import error


@pytest.fixture
def client(fake):
    fake.routes[("GET", "/teams/name/ops")] = {"id": "t1", "name": "ops"}
    fake.routes[("GET", "/teams/t1")] = {"id": "t1", "name": "ops"}
    fake.routes[("GET", "/teams/t1/channels/name/joint")] = {"id": "c1", "name": "joint"}
    fake.routes[("GET", "/users/username/ann")] = {"id": "u1", "username": "ann"}
    fake.routes[("GET", "/users/u1")] = {"id": "u1", "username": "ann"}
    for path in ("/teams/name/none", "/teams/t1/channels/name/none", "/users/username/none", "/users/none"):
        fake.routes[("GET", path)] = error(404, "app.missing.app_error")
    return Client(Connection(socket_path=fake.socket_path))


def test_each_name_is_asked_for_once(client, fake):
    for _time in range(2):
        assert _lookup.team(client, "Ops")["id"] == "t1"
        assert _lookup.channel(client, "ops", "joint")["id"] == "c1"
        assert _lookup.channel_of(client, "ops:joint")["id"] == "c1"
        assert _lookup.user(client, "Ann")["id"] == "u1"
        assert _lookup.team_by_id(client, "t1")["name"] == "ops"
        assert _lookup.username(client, "u1") == "ann"
    assert len(fake.requests) == 5


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (lambda client: _lookup.team(client, "none"), "There is no team none on the server"),
        (lambda client: _lookup.channel(client, "ops", "none"), "There is no channel none in the team ops on the"),
        (lambda client: _lookup.channel(client, "none", "joint"), "There is no team none"),
        (lambda client: _lookup.user(client, "none"), "There is no account none .* Check the name, or create it first"),
        (lambda client: _lookup.username(client, "none"), "There is no account with the identifier none"),
        (lambda client: _lookup.channel_of(client, "joint"), "which channel joint is: write it as TEAM:CHANNEL"),
    ],
)
def test_absent(client, look, words):
    with pytest.raises(MattermostError, match=words):
        look(client)

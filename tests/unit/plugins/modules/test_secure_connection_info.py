# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import error
from ansible_collections.fieldops.mattermost.tests.unit.plugins.modules._fake_partners import (
    HOUR,
    NO_SERVICE,
    ROOT,
    SECRET,
    Partners,
    now,
)


@pytest.fixture
def server(fake_url):
    return Partners(fake_url)


@pytest.fixture
def run(run_module, fake_url, server, pauses):
    def call(**args):
        result = run_module("secure_connection_info", url=fake_url.url, token="the-token", **args)
        assert SECRET not in result["text"] and not fake_url.writes
        return result

    return call


def test_all(run, server):
    bravo, charlie = server.row("bravo"), server.row("alpha")
    server.row("plugin", plugin_id="com.example", site_url="plugin_com.example")
    joint, other = server.channel("joint"), server.channel("other", "board")
    server.share(joint, readonly=True)
    server.share(other, home=False, remote_id=bravo["remote_id"])
    first = server.link(bravo, joint, last_post_create_at=7)
    server.link(bravo, other)
    server.link(charlie, joint)
    result = run()
    assert (result["changed"], result["licensed"], result["enabled"]) == (False, True, True)
    alpha, bravo = result["secure_connections"]
    assert (alpha["name"], [one["channel"] for one in alpha["channels"]]) == ("alpha", ["joint"])
    assert (bravo["name"], bravo["team"], bravo["state"], bravo["online"]) == ("bravo", "operations", "confirmed", True)
    assert (bravo["healthy"], bravo["reasons"]) == (True, [])
    assert bravo["channels"][0] == {
        "team": "operations",
        "channel": "joint",
        "channel_id": "channel-joint",
        "home": True,
        "confirmed": True,
        "read_only": True,
        "last_post_at": 7,
        "create_at": first["create_at"],
    }
    assert (bravo["channels"][1]["team"], bravo["channels"][1]["home"]) == ("board", False)
    # What several connections have in common is asked for once.
    assert len(server.fake.asked("GET", "/channels/channel-joint")) == 1
    assert len(server.fake.asked("GET", "/sharedchannels/team1")) == 1


def test_beyond_a_page(run, server):
    for number in range(205):
        server.row(f"partner{number:03}")
    row = server.rows[204]
    joint = server.channel("joint")
    server.share(joint)
    for number in range(205):
        server.link(row, joint, id=f"x{number}")
    assert len(run()["secure_connections"]) == 205
    (found,) = run(name="Partner204")["secure_connections"]
    assert len(found["channels"]) == 205
    assert run(name="nobody")["secure_connections"] == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"last_ping_at": 1767225600000},
            "The server at https://chat.bravo.example has not answered since 2026-01-01T",
        ),
        ({"last_ping_at": 0}, "The server at https://chat.bravo.example has not answered so far."),
        ({"site_url": "pending_1"}, "Nobody has accepted the invitation yet. It ends at 20"),
        (
            {"site_url": "pending_1", "create_at": now() - 49 * HOUR},
            "Nobody accepted the invitation, which ended at 20",
        ),
    ],
)
def test_unhealthy(run, server, fields, reason):
    server.row("bravo", **fields)
    (found,) = run()["secure_connections"]
    assert not found["healthy"] and found["reasons"][0].startswith(reason)


def test_channels_that_are_not_right(run, server):
    bravo = server.row("bravo")
    server.link(bravo, server.channel("joint"), is_invite_confirmed=False)
    direct = server.channel("a__b", team_id="")
    server.link(bravo, direct)
    server.link(bravo, {"id": "gone"}, is_invite_confirmed=False)
    server.link(bravo, {"id": "ended"}, delete_at=1)
    server.fake.routes[("GET", "/channels/gone")] = error(404, "app.channel.get.existing.app_error")
    (found,) = run()["secure_connections"]
    assert [(one["team"], one["channel"]) for one in found["channels"]] == [
        ("operations", "joint"),
        ("", "a__b"),
        ("", ""),
    ]
    assert found["reasons"] == [
        "The channel operations:joint has not been taken by the other server.",
        "The channel :gone has not been taken by the other server.",
    ]


@pytest.mark.parametrize(("said", "licensed"), [("true", True), ("false", False)])
def test_no_service(run, server, said, licensed):
    server.fake.routes[("GET", ROOT)] = NO_SERVICE
    server.fake.routes[("GET", "/license/client")] = {"IsLicensed": said}
    result = run()
    assert (result["licensed"], result["enabled"], result["secure_connections"]) == (licensed, False, [])


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (error(403, "api.context.permissions.app_error"), "Cannot list the secure connections: HTTP 403"),
        (error(401, "api.context.session_expired.app_error"), "has expired, or was revoked"),
        (error(500, "api.remote_cluster.get.app_error"), "See the server's log."),
    ],
)
def test_refused(run, server, reply, words):
    server.fake.routes[("GET", ROOT)] = reply
    assert words in run()["msg"]


def test_too_old(run, server):
    server.fake.routes[("GET", "/config/client")] = {"Version": "9.11.0"}
    assert "the server has the release 9.11.0" in run()["msg"]

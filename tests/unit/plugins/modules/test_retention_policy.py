# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import urllib.parse

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import error

POLICIES = "/data_retention/policies"
TEAMS = {"exercises": "team1", "core": "team2"}
CHANNELS = {"exercises:lessons": "channel1", "core:board": "channel2"}


class Policies:
    """The retention policies of the fake server, in pages of the size that was asked for."""

    def __init__(self, fake):
        self.fake = fake
        self.policies = []
        self.sets = {}
        fake.routes[("GET", POLICIES)] = lambda request: self.page(request, "policies", self.policies)
        fake.routes[("POST", POLICIES)] = lambda request: self.add(**request.json)
        for name, team_id in TEAMS.items():
            fake.routes[("GET", f"/teams/name/{name}")] = {"id": team_id, "name": name}
        for name, channel_id in CHANNELS.items():
            team, channel = name.split(":")
            found = {"id": channel_id, "name": channel, "team_id": TEAMS[team]}
            for path in (
                f"/teams/name/{team}/channels/name/{channel}",
                f"/teams/{TEAMS[team]}/channels/name/{channel}",
            ):
                fake.routes[("GET", path)] = found

    @staticmethod
    def page(request, key, items):
        query = dict(urllib.parse.parse_qsl(request.query))
        size, number = int(query["per_page"]), int(query["page"])
        return {key: items[number * size : (number + 1) * size], "total_count": len(items)}

    def add(self, display_name, post_duration, team_ids=(), channel_ids=()):
        policy = {"id": f"policy{len(self.policies)}", "display_name": display_name, "post_duration": post_duration}
        path = f"{POLICIES}/{policy['id']}"
        self.sets[policy["id"]] = members = {"team_ids": list(team_ids), "channel_ids": list(channel_ids)}
        self.policies.append(policy)
        self.fake.routes[("PATCH", path)] = lambda request: self.patch(policy, **request.json)
        self.fake.routes[("DELETE", path)] = lambda request: self.policies.remove(policy) or {"status": "OK"}
        self.fake.routes[("GET", path + "/teams")] = lambda request: self.page(
            request, "teams", [{"name": name} for name, one in TEAMS.items() if one in members["team_ids"]]
        )
        self.fake.routes[("GET", path + "/channels")] = lambda request: self.page(
            request,
            "channels",
            [
                dict(zip(("team_name", "name"), name.split(":")))
                for name, one in CHANNELS.items()
                if one in members["channel_ids"]
            ],
        )
        return self.patch(policy)

    def patch(self, policy, post_duration=None, **ids):
        policy["post_duration"] = policy["post_duration"] if post_duration is None else post_duration
        members = self.sets[policy["id"]]
        members.update(ids)
        policy["team_count"] = len(members["team_ids"])
        policy["channel_count"] = len(members["channel_ids"])
        return policy


@pytest.fixture
def server(fake_url):
    return Policies(fake_url)


@pytest.fixture
def run(run_module, fake_url, server, pauses):
    def call(**args):
        args = {"display_name": "Exercises", **args}
        return run_module("retention_policy", url=fake_url.url, token="the-token", **args)

    return call


def test_life(run, fake_url, server):
    server.policies += [
        {"id": f"p{n}", "display_name": f"Filler {n}", "post_duration": 1, "team_count": 0, "channel_count": 0}
        for n in range(250)
    ]
    wanted = {"post_duration": 90, "teams": ["Exercises"], "channels": ["core:board"]}
    predicted = run(check=True, **wanted)
    assert predicted["changed"] and not fake_url.writes
    shown = run(**wanted)["retention_policy"]
    assert (shown["post_duration"], shown["teams"], shown["channels"]) == (90, ["exercises"], ["core:board"])
    assert server.sets["policy250"] == {"team_ids": ["team1"], "channel_ids": ["channel2"]}
    assert not run(**wanted)["changed"] and not run()["changed"]

    result = run(post_duration=-1, channels=["exercises:lessons", "core:board"])
    assert (result["diff"]["before"]["post_duration"], result["diff"]["after"]["post_duration"]) == (90, -1)
    assert server.sets["policy250"] == {"team_ids": ["team1"], "channel_ids": ["channel1", "channel2"]}
    assert run(teams=[])["retention_policy"]["teams"] == [] and server.policies[-1]["team_count"] == 0
    assert fake_url.asked("PATCH", f"{POLICIES}/policy250")[-1].json == {"team_ids": []}

    assert run(check=True, state="absent")["changed"] and len(server.policies) == 251
    assert run(state="absent")["changed"] and len(server.policies) == 250
    result = run(state="absent")
    assert (result["changed"], result["retention_policy"]) == (False, {})


def test_another_policy_has_it(run, fake_url, server):
    server.add("Board", 10, ["team2"], ["channel2"])
    server.add("Exercises", 10, ["team1"])
    assert not run(teams=["exercises"])["changed"]
    message = run(teams=["exercises", "core"], channels=["core:board"])["msg"]
    assert "core is in the policy Board; core:board is in the policy Board. A team or a channel can be in" in message
    assert not fake_url.writes


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"display_name": "New"}, "give its post_duration"),
        ({"post_duration": 0}, "post_duration is 1 or more days, or -1"),
        ({"display_name": "x" * 65, "post_duration": 1}, "a name has 1 to 64 characters"),
        ({"display_name": " ", "post_duration": 1}, "a name has 1 to 64 characters"),
        ({"display_name": "Twice", "post_duration": 1}, "the server has 2 of that name"),
        ({"channels": ["board"]}, "TEAM:CHANNEL"),
        ({"teams": ["nobodys"]}, "nobodys"),
        ({"channels": ["core:nobodys"]}, "nobodys"),
    ],
    ids=["no duration", "no days", "long name", "no name", "twice", "no team", "unknown team", "unknown channel"],
)
def test_refused(run, fake_url, server, args, words):
    fake_url.routes[("GET", "/teams/name/nobodys")] = error(404, "app.team.get_by_name.missing.app_error")
    for path in ("/teams/name/core", "/teams/team2"):
        missing = error(404, "app.channel.get_by_name.missing.app_error")
        fake_url.routes[("GET", path + "/channels/name/nobodys")] = missing
    for name in ("Exercises", "Twice", "Twice"):
        server.add(name, 10)
    assert words in run(**args)["msg"] and not fake_url.writes


@pytest.mark.parametrize(
    ("route", "reply", "words"),
    [
        (("GET", POLICIES), error(501, "ent.data_retention.generic.license.error"), "a licence: Enterprise or higher"),
        (
            ("GET", POLICIES),
            error(403, "api.context.permissions.app_error"),
            "permission sysconsole_read_compliance_data_retention_policy",
        ),
        (
            ("POST", POLICIES),
            error(403, "api.context.permissions.app_error"),
            "permission sysconsole_write_compliance_data_retention_policy",
        ),
        (("POST", POLICIES), None, "Cannot create the retention policy Exercises: the connection to"),
    ],
    ids=["no licence", "may not read", "may not write", "dies in the middle"],
)
def test_server_refuses(run, fake_url, server, route, reply, words):
    fake_url.routes[route] = lambda request: reply
    assert words in run(post_duration=1)["msg"]


def test_not_over_the_socket(run_module, fake, pauses):
    result = run_module("retention_policy", socket_path=fake.socket_path, display_name="x", state="absent")
    assert "Routes that need a session are missing on the local socket (use url)" in result["msg"]

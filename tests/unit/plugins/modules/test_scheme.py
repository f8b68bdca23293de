# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_places import Places
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import Reply, error

STOCK = ["view_team", "create_post", "read_channel"]
ROLES = ("team_admin", "team_user", "team_guest", "channel_admin", "channel_user", "channel_guest")


class Schemes(Places):
    """At most one scheme on a licensed server, two teams, and a channel."""

    def __init__(self, fake):
        super().__init__(fake)
        self.scheme = {}
        self.roles = {}
        self.has = {}
        routes = fake.routes
        routes[("GET", "/license/client")] = {"CustomPermissionsSchemes": "true"}
        routes[("GET", "/schemes")] = lambda request: [dict(self.scheme)] if self.scheme else []
        routes[("POST", "/schemes")] = lambda request: Reply(201, dict(self.add(**request.json)))
        routes[("PUT", "/schemes/s1/patch")] = lambda request: self.scheme.update(request.json) or {}
        routes[("DELETE", "/schemes/s1")] = lambda request: self.scheme.clear() or {}
        routes[("GET", "/schemes/s1/teams")] = lambda request: self.having(self.teams)
        routes[("GET", "/schemes/s1/channels")] = lambda request: self.having(self.channels)
        self.absent("/teams/name/none")
        for name in ("ops", "intel"):
            place = self.team(name)
            routes[("GET", f"/teams/t-{name}")] = {"id": f"t-{name}", "name": name}
            routes[("PUT", f"/teams/{place['id']}/scheme")] = self.give
        self.channel("plans", team_id="t-ops")
        routes[("PUT", "/channels/c-plans/scheme")] = self.give

    def give(self, request):
        self.has[request.path.split("/")[2]] = request.json["scheme_id"]
        return {"status": "OK"}

    def having(self, places):
        return [place for key, place in places.items() if self.has.get(key)]

    def add(self, **more):
        texts = {"display_name": "coalition", "description": "", "scope": "team"}
        self.scheme = {"id": "s1", "name": "coalition", **texts, **more}
        for kind in ROLES:
            made = kind.startswith("channel") or self.scheme["scope"] == "team"
            self.scheme[f"default_{kind}_role"] = f"x{kind}" if made else ""
            self.role(kind, *STOCK)
        return self.scheme

    def role(self, kind, *names):
        role = {"id": f"r-{kind}", "name": f"x{kind}", "permissions": list(names)}
        self.roles[kind] = role
        self.fake.routes[("GET", f"/roles/name/x{kind}")] = lambda request: role
        self.fake.routes[("PUT", f"/roles/r-{kind}/patch")] = lambda request: role.update(request.json) or {}


@pytest.fixture
def schemes(fake_url):
    return Schemes(fake_url)


@pytest.fixture
def run(run_module, fake_url):
    def call(**args):
        return run_module("scheme", url=fake_url.url, token="the-token", **{"name": "coalition", **args})

    return call


def test_create(run, fake_url, schemes):
    wanted = {"description": "For all", "roles": {"team_user": ["view_team"], "team_guest": STOCK}, "teams": ["ops"]}
    predicted = run(check=True, **wanted)
    assert predicted["changed"] and predicted["scheme"]["teams"] == ["ops"] and not fake_url.writes
    result = run(**wanted)
    assert result["changed"]
    assert fake_url.writes == ["POST /schemes", "PUT /roles/r-team_user/patch", "PUT /teams/t-ops/scheme"]
    assert result["scheme"] == {
        "id": "s1",
        "name": "coalition",
        "display_name": "coalition",
        "description": "For all",
        "scope": "team",
        "roles": {"team_user": ["view_team"], "team_guest": sorted(STOCK)},
        "teams": ["ops"],
    }
    assert not run(**wanted)["changed"]


@pytest.mark.parametrize(
    ("change", "writes"),
    [
        ({"display_name": "Coalition"}, ["PUT /schemes/s1/patch"]),
        ({"roles": {"channel_user": []}}, ["PUT /roles/r-channel_user/patch"]),
        ({"teams": ["intel"]}, ["PUT /teams/t-intel/scheme", "PUT /teams/t-ops/scheme"]),
        ({"teams": []}, ["PUT /teams/t-ops/scheme"]),
        ({"teams": ["ops"], "display_name": "coalition", "roles": {"team_user": STOCK, "team_admin": None}}, []),
    ],
)
def test_change(run, fake_url, schemes, change, writes):
    schemes.add()
    schemes.has["t-ops"] = "s1"
    assert run(check=True, **change)["changed"] is bool(writes) and not fake_url.writes
    result = run(**change)
    assert (result["changed"], fake_url.writes) == (bool(writes), writes)
    assert result["diff"]["after"] == result["scheme"]
    assert not run(**change)["changed"]


def test_for_channels(run, fake_url, schemes):
    """What a scheme for channels does not decide is neither shown nor compared."""
    schemes.add(scope="channel")
    wanted = {"scope": "channel", "roles": {"channel_user": []}, "channels": ["ops:plans"]}
    assert run(check=True, **wanted)["changed"] and not fake_url.writes
    fake_url.routes[("PUT", "/roles/r-channel_user/patch")] = lambda request: (
        schemes.roles["channel_user"].update(permissions=["read_channel", *request.json["permissions"]]) or {}
    )
    result = run(**wanted)
    assert (result["scheme"]["roles"], result["scheme"]["channels"]) == ({"channel_user": []}, ["ops:plans"])
    assert not run(**wanted)["changed"]
    refused = run(scope="channel", channels=[])
    assert "Cannot take the scheme coalition away from ops:plans" in refused["msg"]


def test_team_limits_its_channels(run, fake_url, schemes):
    schemes.add(scope="channel")
    schemes.role("channel_user", "read_channel")
    fake_url.routes[("PUT", "/roles/r-channel_user/patch")] = {}
    refused = run(scope="channel", roles={"channel_user": ["create_post"]})
    assert (
        "The server did not take all permissions" in refused["msg"]
        and "limited by the scheme of its team" in refused["msg"]
    )


def test_removed_with_its_name(run, fake_url, schemes):
    schemes.add()
    assert run(check=True, state="absent")["changed"] and not fake_url.writes
    result = run(state="absent")
    assert result["changed"] and result["scheme"] == {}
    assert fake_url.asked("PUT", "/schemes/s1/patch")[0].json == {"name": "deleted_s1"}
    assert fake_url.writes == ["PUT /schemes/s1/patch", "DELETE /schemes/s1"]
    assert not run(state="absent")["changed"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"scope": "channel"}, "Cannot change the scope of the scheme coalition from team to channel: no server can."),
        ({"channels": []}, "Cannot set channels of the scheme coalition: its scope is team."),
        ({"name": "Coalition!"}, "names are 2 to 64 lower-case letters"),
        ({"roles": {"team_user": ["manage_system"]}}, "no server lets manage_system be given"),
        ({"teams": ["none"]}, "There is no team none"),
    ],
)
def test_wrong_arguments(run, fake_url, schemes, arguments, words):
    schemes.add()
    assert words in run(**arguments)["msg"] and not fake_url.writes


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ({"team_user": []}, "Cannot set team_user of the scheme quiet: its scope is channel."),
        ({"channel_admin": []}, "Cannot set channel_admin of"),
        (
            {"channel_user": ["read_channel"]},
            "Cannot set read_channel in the scheme quiet: schemes for channels decide about",
        ),
    ],
)
def test_what_schemes_for_channels_cannot(run, schemes, roles, words):
    assert words in run(name="quiet", scope="channel", roles=roles)["msg"]


def test_team_may_come_before(run, fake_url, schemes):
    schemes.add()
    predicted = run(check=True, teams=["none"])
    assert predicted["changed"] and "An earlier task may create it" in predicted["text"]
    fake_url.routes[("GET", "/teams/name/none")] = error(403, "api.context.permissions.app_error")
    assert run(check=True, teams=["none"])["status"] == 403


def test_not_over_the_socket(run_module, fake):
    result = run_module("scheme", socket_path=fake.socket_path, name="coalition")
    assert "the local socket has no routes for schemes. Use url" in result["msg"] and not fake.requests


def test_licence(run, fake_url, schemes):
    fake_url.routes[("GET", "/license/client")] = {"CustomPermissionsSchemes": "false"}
    for check in (True, False):
        result = run(check=check)
        assert result["status"] == 501 and "It needs a licence: Professional or higher." in result["msg"]
    assert not fake_url.writes
    fake_url.routes[("GET", "/license/client")] = {"CustomPermissionsSchemes": "false", "SkuShortName": "professional"}
    assert run()["changed"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (error(501, "api.scheme.create_scheme.license.error"), "It needs a licence: Professional or higher."),
        (error(403, "api.context.permissions.app_error"), "sysconsole_write_user_management_permissions"),
        (error(500, "app.scheme.save.app_error"), "A scheme that was deleted may still have the name."),
        (lambda request: None, "Cannot create the scheme coalition: the connection"),
    ],
)
def test_refused(run, fake_url, schemes, reply, words):
    fake_url.routes[("POST", "/schemes")] = reply
    assert words in run()["msg"]

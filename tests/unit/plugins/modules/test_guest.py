# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_places import Places
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import Reply, error

LICENSED = {"IsLicensed": "true", "GuestAccounts": "true"}
NEW = {"username": "Gina", "email": "gina@example.org", "password": "Guest-pass-2026"}


class Guests(Places):
    """A server with a licence, two teams of two channels each, and the routes for guests."""

    def __init__(self, fake):
        super().__init__(fake)
        fake.routes[("GET", "/config/client")] = {"EnableGuestAccounts": "true", "NoAccounts": "false"}
        fake.routes[("GET", "/license/client")] = LICENSED
        fake.routes[("POST", "/users")] = lambda request: self.account(**request.json)
        self.absent("/users/username/gina")
        for team in ("ops", "intel"):
            self.team(team)
            for name in ("plans", "news"):
                self.channel(name, team_id=f"t-{team}", id=f"c-{team}-{name}")
                self.absent(f"/teams/t-{team}/channels/name/none")

    def account(self, *, username="gina", **more):
        more.pop("password", None)
        account = self.user(username, email=more.pop("email", "gina@example.org"), **more)
        path, routes = f"/users/{account['id']}", self.fake.routes
        routes[("POST", f"{path}/demote")] = lambda request: account.update(roles="system_guest") or {"status": "OK"}
        routes[("POST", f"{path}/promote")] = lambda request: account.update(roles="system_user") or {"status": "OK"}
        routes[("PUT", f"{path}/active")] = lambda request: account.update(delete_at=0) or {"status": "OK"}
        routes[("DELETE", path)] = lambda request: account.update(delete_at=5) or {"status": "OK"}
        routes[("PUT", path)] = lambda request: account.update(email=request.json["email"]) or account
        routes[("GET", f"{path}/teams")] = lambda request: self.where(account["id"], self.teams)
        for team_id in self.teams:
            routes[("GET", f"{path}/teams/{team_id}/channels")] = self.joined(account["id"], team_id)
            routes[("DELETE", f"/teams/{team_id}/members/{account['id']}")] = self.left(account["id"], team_id)
        for channel_id in self.channels:
            member = f"/channels/{channel_id}/members/{account['id']}"
            routes[("GET", member)] = self.one(account["id"], channel_id)
            routes[("DELETE", member)] = self.left(account["id"], channel_id)
        for team_id in self.teams:
            routes[("GET", f"/teams/{team_id}/channels")] = []
            routes[("GET", f"/teams/{team_id}/channels/private")] = self.within(team_id)
        routes[("GET", "/teams")] = lambda request: list(self.teams.values())
        return account

    def where(self, user_id, places):
        return [place for key, place in places.items() if user_id in self.members[key]]

    def within(self, team_id):
        return lambda request: [one for one in self.channels.values() if one["team_id"] == team_id]

    def joined(self, user_id, team_id):
        direct = {"id": "d1", "name": "a__b", "team_id": ""}
        missing = error(404, "app.channel.get_channels.not_found.app_error")

        def answer(request):
            found = [one for one in self.where(user_id, self.channels) if one["team_id"] == team_id]
            return [direct, *found] if found else missing

        return answer

    def one(self, user_id, channel_id):
        missing = error(404, "app.channel.get_member.missing.app_error")
        return lambda request: {"user_id": user_id} if user_id in self.members[channel_id] else missing

    def left(self, user_id, place_id):
        """A team takes its channels with it."""

        def answer(request):
            for key in [place_id, *[key for key, one in self.channels.items() if one["team_id"] == place_id]]:
                if user_id in self.members[key]:
                    self.members[key].remove(user_id)
            return {"status": "OK"}

        return answer

    def put(self, user_id, *place_ids):
        for place_id in place_ids:
            self.members[place_id].append(user_id)


@pytest.fixture(params=["socket", "url"])
def server(request):
    return request.getfixturevalue("fake" if request.param == "socket" else "fake_url")


@pytest.fixture
def guests(server):
    return Guests(server)


@pytest.fixture
def run(run_module, server):
    to = {"url": server.url, "token": "the-token"} if server.url else {"socket_path": server.socket_path}

    def call(**args):
        return run_module("guest", **to, **{"username": "gina", **args})

    return call


def test_create(run, server, guests):
    wanted = {**NEW, "channels": ["ops:plans"]}
    predicted = run(check=True, **wanted)
    assert predicted["changed"] and predicted["guest"]["teams"] == ["ops"] and not server.writes
    result = run(**wanted)
    assert result["changed"]
    assert server.writes == [
        "POST /users",
        "POST /users/u-gina/demote",
        "POST /teams/t-ops/members",
        "POST /channels/c-ops-plans/members",
    ]
    assert result["guest"] == {
        "id": "u-gina",
        "username": "gina",
        "email": "gina@example.org",
        "guest": True,
        "active": True,
        "teams": ["ops"],
        "channels": ["ops:plans"],
    }
    assert not run(**wanted)["changed"]
    assert all("Guest-pass-2026" not in each["text"] for each in (predicted, result))


def test_create_without_places(run, server, guests):
    result = run(**NEW)
    assert result["changed"] and server.writes == ["POST /users", "POST /users/u-gina/demote"]
    assert "channels" not in result["guest"]


def test_member_becomes_a_guest_and_leaves(run, server, guests):
    """Out of what it must not see before it is let into anything else, and direct messages stay."""
    guests.account()
    guests.put("u-gina", "t-ops", "t-intel", "c-ops-plans", "c-ops-news", "c-intel-news")
    assert run(check=True, channels=["ops:plans"])["changed"] and not server.writes
    result = run(channels=["ops:plans"])
    assert server.writes == [
        "POST /users/u-gina/demote",
        "DELETE /teams/t-intel/members/u-gina",
        "DELETE /channels/c-ops-news/members/u-gina",
    ]
    assert (result["guest"]["teams"], result["guest"]["channels"]) == (["ops"], ["ops:plans"])
    assert not run(channels=["ops:plans"])["changed"]


def test_moved(run, server, guests):
    """In first, then out: a guest who leaves the last channel of a team leaves the team."""
    guests.account(roles="system_guest")
    guests.put("u-gina", "t-ops", "c-ops-plans")
    result = run(channels=["ops:news", "intel:news"])
    assert result["guest"]["channels"] == ["intel:news", "ops:news"]
    assert server.writes == [
        "POST /teams/t-intel/members",
        "POST /channels/c-intel-news/members",
        "POST /channels/c-ops-news/members",
        "DELETE /channels/c-ops-plans/members/u-gina",
    ]
    assert run(channels=[])["guest"]["teams"] == []


def test_upper_case(run, server, guests):
    """The same place: nobody is put in and out again."""
    guests.account(roles="system_guest")
    result = run(channels=["Ops:Plans", "ops:plans"])
    assert (result["guest"]["teams"], result["guest"]["channels"]) == (["ops"], ["ops:plans"])
    assert server.writes == ["POST /teams/t-ops/members", "POST /channels/c-ops-plans/members"]
    assert not run(channels=["OPS:plans"])["changed"]


def test_in_a_team_without_a_channel(run, server, guests):
    guests.account(roles="system_guest")
    guests.team("old", delete_at=5)
    guests.put("u-gina", "t-intel")
    assert run(channels=["ops:plans"])["guest"]["teams"] == ["ops"]
    assert "DELETE /teams/t-intel/members/u-gina" in server.writes


def test_brought_back(run, server, guests):
    guests.account(roles="system_guest", delete_at=7)
    guests.put("u-gina", "t-ops", "c-ops-news")
    assert run(channels=["ops:plans"])["guest"]["active"]
    assert server.writes[:2] == ["DELETE /channels/c-ops-news/members/u-gina", "PUT /users/u-gina/active"]


def test_brought_back_to_where_it_was(run, server, guests):
    guests.account(roles="system_guest", delete_at=7)
    assert run()["guest"]["active"] and server.writes == ["PUT /users/u-gina/active"]


def test_email(run, server, guests):
    guests.account(roles="system_guest", props={"kept": "1"})
    assert run(email="new@example.org")["guest"]["email"] == "new@example.org"
    assert server.asked("PUT", "/users/u-gina")[0].json["props"] == {"kept": "1"}


@pytest.mark.parametrize(
    ("how", "write"), [("deactivate", "DELETE /users/u-gina"), ("promote", "POST /users/u-gina/promote")]
)
def test_absent(run, server, guests, how, write):
    guests.account(roles="system_guest")
    predicted = run(check=True, state="absent", when_absent=how)
    assert predicted["changed"] and not server.writes
    result = run(state="absent", when_absent=how)
    assert result["changed"] and server.writes == [write] and result["guest"] == predicted["guest"]
    again = run(state="absent", when_absent=how)
    assert not again["changed"] and again["guest"] == result["guest"]


def test_absent_is_about_guests(run, server, guests):
    assert run(state="absent")["guest"] == {}
    guests.account()
    result = run(state="absent")
    assert (result["changed"], result["guest"]["guest"], server.writes) == (False, False, [])


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ({"roles": "system_user system_admin"}, "Cannot make gina a guest: it is a system administrator."),
        ({"is_bot": True}, "it belongs to a bot"),
        ({"remote_id": "r1"}, "it belongs to a connected server"),
    ],
)
def test_accounts_that_must_not_become_guests(run, server, guests, account, words):
    guests.account(**account)
    assert words in run()["msg"] and not server.writes


def test_needs_for_a_new_one(run, server, guests):
    assert "Cannot create the guest gina: give its email and password." in run()["msg"]
    server.routes[("GET", "/config/client")] = {"NoAccounts": "true"}
    assert "the first account of a server is its administrator" in run(**NEW)["msg"]
    assert not server.writes


@pytest.mark.parametrize(
    ("licence", "config", "status", "words"),
    [
        ({"IsLicensed": "false"}, {}, 501, "It needs a licence: Professional or higher."),
        ({**LICENSED, "GuestAccounts": "false"}, {}, 403, "its licence does not cover guest accounts."),
        (LICENSED, {"EnableGuestAccounts": "false"}, 501, "Set GuestAccountsSettings.Enable to true"),
    ],
)
def test_no_guests_here(run, server, guests, licence, config, status, words):
    server.routes[("GET", "/license/client")] = licence
    server.routes[("GET", "/config/client")] = config
    for check in (True, False):
        result = run(check=check, **NEW)
        assert result["status"] == status and words in result["msg"]
    assert not server.writes
    guests.account(roles="system_guest")
    assert not run()["changed"]


@pytest.mark.parametrize("reply", [error(501, "api.team.demote_user_to_guest.license.error"), error(500, "x")])
def test_no_member_is_left_over(run, server, guests, reply, pauses):
    """The server says no after the account was made, for instance because it hides its licence from the local socket."""
    account = guests.account
    server.routes[("POST", "/users")] = lambda request: (
        account(**request.json),
        server.routes.update({("POST", "/users/u-gina/demote"): reply}),
    )[0]
    result = run(**NEW, channels=["ops:plans"])
    assert result["status"] == reply.status and result["msg"].endswith("The new account was deactivated.")
    assert server.writes == ["POST /users", "POST /users/u-gina/demote", "DELETE /users/u-gina"]


def test_a_member_that_is_left_over_is_told_of(run, server, guests, pauses):
    """The first thing that failed comes first; that nothing could be undone does not hide it."""
    account = guests.account
    refusals = {
        ("POST", "/users/u-gina/demote"): error(501, "api.team.demote_user_to_guest.license.error"),
        ("DELETE", "/users/u-gina"): error(403, "api.context.permissions.app_error"),
    }
    server.routes[("POST", "/users")] = lambda request: (
        account(**request.json),
        server.routes.update(refusals),
    )[0]
    result = run(**NEW)
    assert (result["status"], result["error_id"]) == (501, "api.team.demote_user_to_guest.license.error")
    assert result["msg"].startswith("Cannot make gina a guest: HTTP 501")
    assert (
        "The new account gina is an ordinary member, and could not be deactivated either; do that by hand."
        in result["msg"]
    )
    assert "Cannot deactivate the new account gina: HTTP 403" in result["msg"]


def test_channels_are_checked_first(run, server, guests):
    result = run(**NEW, channels=["ops:none"])
    assert "There is no channel none in the team ops" in result["msg"] and not server.writes
    assert "write it as TEAM:CHANNEL" in run(**NEW, channels=["plans"])["msg"]
    predicted = run(check=True, **NEW, channels=["ops:none"])
    assert predicted["changed"] and "An earlier task may create it" in predicted["text"]
    server.routes[("GET", "/teams/t-ops/channels/name/none")] = error(403, "api.context.permissions.app_error")
    assert run(check=True, **NEW, channels=["ops:none"])["status"] == 403


def test_not_allowed(run, server, guests):
    guests.account()
    server.routes[("POST", "/users/u-gina/demote")] = error(403, "api.context.permissions.app_error")
    assert "Cannot make gina a guest: HTTP 403" in run()["msg"]
    assert "needs the permission demote_to_guest" in run()["msg"]


def test_server_goes_down_in_the_middle(run, server, guests, pauses):
    guests.account()
    guests.put("u-gina", "t-ops", "c-ops-news")
    server.routes[("DELETE", "/teams/t-ops/members/u-gina")] = Reply(503, b"")
    assert "Cannot remove gina from the team ops: HTTP 503" in run(channels=["intel:news"])["msg"]

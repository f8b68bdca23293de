# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import Reply, error


class Bots:
    """At most one bot, two persons, and a server that lets bots be created."""

    def __init__(self, fake, **bot):
        self.bot = {"user_id": "b1", "username": "alerts", "owner_id": "u1", "delete_at": 0, **bot} if bot else {}
        routes = fake.routes
        routes[("GET", "/config/client")] = {"EnableBotAccountCreation": "true"}
        routes[("GET", "/users/username/alerts")] = lambda request: self.account()
        routes[("GET", "/bots/b1")] = lambda request: dict(self.bot)
        routes[("POST", "/bots")] = self.create
        routes[("PUT", "/bots/b1")] = self.change
        routes[("POST", "/bots/b1/enable")] = lambda request: self.bot.update(delete_at=0) or self.bot
        routes[("POST", "/bots/b1/disable")] = lambda request: self.bot.update(delete_at=9) or self.bot
        routes[("GET", "/users/com.example.calls")] = error(400, "api.context.invalid_url_param.app_error")
        for number, name in (("u1", "sysadmin"), ("u2", "ann")):
            person = {"id": number, "username": name}
            routes[("GET", f"/users/{number}")] = routes[("GET", f"/users/username/{name}")] = person
            routes[("POST", f"/bots/b1/assign/{number}")] = lambda request, to=number: (
                self.bot.update(owner_id=to) or self.bot
            )

    def account(self):
        if not self.bot:
            return error(404, "app.user.get_by_username.app_error")
        return {"id": "b1", "username": "alerts", "is_bot": True}

    def create(self, request):
        self.bot = {"user_id": "b1", "owner_id": "u1", "delete_at": 0, **request.json}
        return Reply(201, self.bot)

    def change(self, request):
        """What is empty the server leaves out of its answers."""
        self.bot.update(request.json)
        self.bot = {name: value for name, value in self.bot.items() if value != ""}
        return self.bot


@pytest.fixture
def run(run_module, fake_url):
    def call(**args):
        return run_module("bot", url=fake_url.url, token="the-token", **{"username": "alerts", **args})

    return call


def test_create(run, fake_url):
    Bots(fake_url)
    wanted = {"username": "Alerts", "display_name": "Alerts", "owner": "Ann"}
    predicted = run(check=True, **wanted)
    assert predicted["changed"] and predicted["bot"]["owner"] == "ann" and not fake_url.writes
    result = run(**wanted)
    assert result["changed"] and fake_url.writes == ["POST /bots", "POST /bots/b1/assign/u2"]
    assert result["bot"] == {
        "id": "b1",
        "username": "alerts",
        "display_name": "Alerts",
        "description": "",
        "owner": "ann",
        "active": True,
    }
    assert not run(**wanted)["changed"] and len(fake_url.writes) == 2


def test_owner_is_who_creates(run, fake_url):
    Bots(fake_url)
    assert run()["bot"]["owner"] == "sysadmin" and fake_url.writes == ["POST /bots"]


@pytest.mark.parametrize(
    ("change", "writes"),
    [
        ({"description": "Tells"}, ["PUT /bots/b1"]),
        ({"display_name": ""}, ["PUT /bots/b1"]),
        ({"owner": "ann"}, ["POST /bots/b1/assign/u2"]),
        ({"display_name": "Alerts", "description": "", "owner": "sysadmin"}, []),
    ],
)
def test_change(run, fake_url, change, writes):
    Bots(fake_url, display_name="Alerts")
    assert run(check=True, **change)["changed"] is bool(writes) and not fake_url.writes
    result = run(**change)
    assert (result["changed"], fake_url.writes) == (bool(writes), writes)
    assert result["diff"]["after"] == result["bot"]
    assert not run(**change)["changed"]


def test_disable_and_enable(run, fake_url):
    Bots(fake_url, display_name="Alerts")
    assert run(check=True, state="absent")["bot"]["active"] is False and not fake_url.writes
    assert run(state="absent")["bot"]["active"] is False
    assert not run(state="absent")["changed"]
    assert run()["bot"]["active"] is True
    assert fake_url.writes == ["POST /bots/b1/disable", "POST /bots/b1/enable"]
    assert "include_deleted=true" in fake_url.asked("GET", "/bots/b1")[0].query


def test_absent_that_never_was(run, fake_url):
    Bots(fake_url)
    assert run(state="absent")["bot"] == {}


def test_bot_of_a_plugin(run, fake_url):
    Bots(fake_url, owner_id="com.example.calls")
    assert run()["bot"]["owner"] == "com.example.calls"
    fake_url.routes[("GET", "/users/com.example.calls")] = error(403, "api.context.permissions.app_error")
    assert run()["status"] == 403


def test_not_to_be_created_here(run, run_module, fake, fake_url):
    Bots(fake)
    for check in (True, False):
        result = run_module("bot", check=check, socket_path=fake.socket_path, username="alerts")
        assert "the local socket has no route for that. Use url" in result["msg"]
    Bots(fake_url)
    fake_url.routes[("GET", "/config/client")] = {"EnableBotAccountCreation": "false"}
    for check in (True, False):
        result = run(check=check)
        assert result["error_id"] == "api.bot.create_disabled" and "EnableBotAccountCreation to true" in result["msg"]
    assert not fake.writes and not fake_url.writes


def test_changed_over_the_socket(run_module, fake):
    Bots(fake, display_name="Alerts")
    result = run_module("bot", socket_path=fake.socket_path, username="alerts", description="Tells")
    assert result["changed"] and result["bot"]["description"] == "Tells"


def test_name_of_a_person(run, fake_url):
    Bots(fake_url)
    assert "a person has this user name" in run(username="ann")["msg"]
    assert "names consist of letters" in run(username="a b")["msg"]


def test_bot_that_is_hidden(run, fake_url):
    Bots(fake_url, display_name="Alerts")
    fake_url.routes[("GET", "/bots/b1")] = error(404, "store.sql_bot.get.missing.app_error")
    assert "the account may not see it" in run()["msg"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (error(403, "api.context.permissions.app_error"), "needs the permission create_bot"),
        (error(400, "app.user.save.username_exists.app_error"), "Cannot create the bot alerts: HTTP 400"),
        (lambda request: None, "Cannot create the bot alerts: the connection"),
    ],
)
def test_refused(run, fake_url, reply, words):
    Bots(fake_url)
    fake_url.routes[("POST", "/bots")] = reply
    assert words in run()["msg"]

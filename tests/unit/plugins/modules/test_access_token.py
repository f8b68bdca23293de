# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import Reply, error


class Tokens:
    """The tokens of one account; the token itself is told once."""

    def __init__(self, fake, *descriptions, active=True):
        self.tokens = []
        for description in descriptions:
            self.add(description, is_active=active)
        routes = fake.routes
        routes[("GET", "/users/username/ann")] = {"id": "u1", "username": "ann"}
        routes[("GET", "/users/username/none")] = error(404, "app.user.get_by_username.app_error")
        routes[("GET", "/users/u1/tokens")] = self.listed
        routes[("POST", "/users/u1/tokens")] = lambda request: {**self.add(**request.json), "token": "told-once"}
        routes[("POST", "/users/tokens/enable")] = lambda request: self.find(request).update(is_active=True) or {}
        routes[("POST", "/users/tokens/revoke")] = lambda request: self.tokens.remove(self.find(request)) or {}

    def add(self, description, **more):
        number = len(self.tokens)
        token = {"id": f"k{number:03}", "user_id": "u1", "description": description, "is_active": True, **more}
        self.tokens.append(token)
        return token

    def find(self, request):
        return next(token for token in self.tokens if token["id"] == request.json["token_id"])

    def listed(self, request):
        asked = parse_qs(request.query)
        page, size = int(asked["page"][0]), int(asked["per_page"][0])
        return self.tokens[page * size : (page + 1) * size]


@pytest.fixture
def run(run_module, fake):
    def call(**args):
        return run_module(
            "access_token", socket_path=fake.socket_path, **{"username": "Ann", "description": "script", **args}
        )

    return call


def test_create(run, fake):
    Tokens(fake, "other")
    predicted = run(check=True)
    assert predicted["changed"] and "token" not in predicted["access_token"] and not fake.writes
    result = run()
    shown = {"id": "k001", "username": "ann", "description": "script", "enabled": True}
    assert result["changed"] and result["access_token"] == {**shown, "token": "told-once"}
    assert result["diff"] == {"before": {}, "after": shown} and result["text"].count("told-once") == 1
    again = run()
    assert not again["changed"] and again["access_token"] == shown and "told-once" not in again["text"]


def test_found_on_the_last_page(run, fake):
    Tokens(fake, *[f"t{number}" for number in range(300)], "script")
    assert run()["access_token"]["id"] == "k300" and not fake.writes


def test_enabled_again(run, fake):
    Tokens(fake, "script", active=False)
    assert run(check=True)["changed"] and not fake.writes
    result = run()
    assert result["changed"] and result["access_token"]["enabled"] and fake.writes == ["POST /users/tokens/enable"]
    assert not run()["changed"]


def test_one_of_several_works(run, fake):
    tokens = Tokens(fake, "script", "script")
    tokens.tokens[0]["is_active"] = False
    assert not run()["changed"]


def test_revoke_all(run, fake):
    tokens = Tokens(fake, "script", "other", "script")
    tokens.tokens[0]["is_active"] = False
    assert run(check=True, state="absent")["changed"] and not fake.writes
    result = run(state="absent")
    assert result["changed"] and result["access_token"] == {}
    assert [token["description"] for token in tokens.tokens] == ["other"]
    assert not run(state="absent")["changed"]


def test_account_that_is_not_there(run, fake):
    Tokens(fake)
    assert "There is no account none" in run(username="none")["msg"]
    assert not run(username="none", state="absent")["changed"]
    predicted = run(username="none", check=True)
    assert predicted["changed"] and "An earlier task may create it" in predicted["text"]
    fake.routes[("GET", "/users/username/none")] = error(403, "api.context.permissions.app_error")
    assert run(username="none", state="absent")["status"] == 403


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (error(501, "app.user_access_token.disabled"), "EnableUserAccessTokens to true"),
        (error(403, "api.context.permissions.app_error"), "needs the permission create_user_access_token"),
        (Reply(503, b"starting"), "Cannot create the access token script of ann: HTTP 503, starting"),
        (lambda request: None, "Cannot create the access token script of ann: the connection to the socket"),
    ],
)
def test_refused(run, fake, reply, words):
    Tokens(fake)
    fake.routes[("POST", "/users/u1/tokens")] = reply
    assert words in run()["msg"]


def test_enabling_has_no_route_on_the_socket(run, fake):
    Tokens(fake, "script", active=False)
    del fake.routes[("POST", "/users/tokens/enable")]
    assert "Routes that need a session are missing on the local socket (use url)" in run()["msg"]

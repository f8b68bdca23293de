# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_places import Places
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import error


@pytest.fixture
def places(fake):
    found = Places(fake)
    for name in ("ann", "bob", "eve"):
        found.user(name)
    found.user("guest:of", remote_id="r1")
    found.absent("/teams/name/new")
    found.absent("/users/username/nobody")
    return found


@pytest.fixture
def run(run_module, fake):
    def call(name="ops", **args):
        return run_module("team", socket_path=fake.socket_path, name=name, **args)

    return call


def test_create(run, fake, places):
    wanted = {"name": "new", "display_name": "New ", "type": "open", "allowed_domains": ["@B.test", "a.test"]}
    predicted = run(check=True, **wanted, members=["Ann"])
    assert predicted["changed"] and predicted["team"]["members"] == ["ann"] and not fake.writes
    result = run(**wanted, members=["Ann"])
    assert result["changed"] and fake.writes == ["POST /teams", "POST /teams/t-new/members"]
    assert fake.asked("POST", "/teams")[0].json == {
        "name": "new",
        "display_name": "New",
        "description": "",
        "type": "O",
        "allow_open_invite": True,
        "allowed_domains": "a.test, b.test",
    }
    assert result["team"] == {
        "id": "t-new",
        "name": "new",
        "display_name": "New",
        "description": "",
        "type": "open",
        "allowed_domains": ["a.test", "b.test"],
        "active": True,
        "members": ["ann"],
    }
    assert not run(**wanted, members=["Ann"])["changed"] and len(fake.writes) == 2


@pytest.mark.parametrize(
    ("change", "writes"),
    [
        ({"description": "All"}, ["PUT /teams/t-ops/patch"]),
        ({"type": "open"}, ["PUT /teams/t-ops/privacy"]),
        ({"allowed_domains": ["a.test"]}, ["PUT /teams/t-ops/patch"]),
        ({"members": ["ann", "bob"]}, ["POST /teams/t-ops/members"]),
        (
            {"members": ["bob"], "members_exclusive": True},
            ["POST /teams/t-ops/members", "DELETE /teams/t-ops/members/u-ann"],
        ),
        ({"members": ["ann"], "members_exclusive": True}, []),
        ({"members": []}, []),
        ({"display_name": "ops", "type": "invite", "allowed_domains": []}, []),
        ({}, []),
    ],
)
def test_change(run, fake, places, change, writes):
    places.team("ops")
    places.members["t-ops"] += ["u-ann", "u-guest:of"]
    assert run(check=True, **change)["changed"] is bool(writes)
    assert not fake.writes
    result = run(**change)
    assert (result["changed"], fake.writes) == (bool(writes), writes)
    assert result["diff"]["after"] == result["team"]
    assert ("members" in result["team"]) is ("members" in change)
    assert "u-guest:of" in places.members["t-ops"]
    assert not run(**change)["changed"]


def test_open_only_if_people_can_join(run, fake, places):
    places.team("ops", type="O", allow_open_invite=False)
    assert not run(type="invite")["changed"]
    assert run(type="open")["team"]["type"] == "open"


def test_archive_and_restore(run, fake, places):
    places.team("ops")
    predicted = run(check=True, state="absent")
    assert predicted["changed"] and predicted["team"]["active"] is False and not fake.writes
    assert run(state="absent")["team"]["active"] is False
    again = run(state="absent")
    assert not again["changed"] and again["team"]["active"] is False
    assert run(description="Back")["team"]["active"] is True
    assert fake.writes == ["DELETE /teams/t-ops", "POST /teams/t-ops/restore", "PUT /teams/t-ops/patch"]


def test_absent_that_never_was(run, fake, places):
    result = run("new", state="absent")
    assert (result["changed"], result["team"]) == (False, {})


def test_all_pages_of_members(run, fake, places):
    """More than the server gives at once; none of them is added again, and the first one that is too much goes."""
    places.team("ops")
    names = [f"m{number:03}" for number in range(401)]
    for name in names:
        places.members["t-ops"].append(places.user(name)["id"])
    result = run(members=names, members_exclusive=True)
    assert not result["changed"] and len(result["team"]["members"]) == 401
    assert len(fake.asked("GET", "/users")) == 3


def test_members_are_checked_first(run, fake, places):
    result = run("new", members=["ann", "nobody"])
    assert "There is no account nobody on the server" in result["msg"] and not fake.writes
    predicted = run("new", check=True, members=["ann", "nobody"])
    assert predicted["changed"] and "An earlier task may create it" in predicted["text"]
    fake.routes[("GET", "/users/username/nobody")] = error(403, "api.context.permissions.app_error")
    assert run("new", check=True, members=["nobody"])["status"] == 403


@pytest.mark.parametrize("name", ["Ops", "o", "-ops", "ops-", "o_s", "x" * 65, "a/b"])
def test_names(run, fake, name):
    assert "names are 2 to 64 lower-case letters" in run(name)["msg"] and not fake.requests


@pytest.mark.parametrize(
    ("route", "reply", "change", "words"),
    [
        (
            ("POST", "/teams"),
            error(400, "store.sql_team.save_team.existing.app_error"),
            {"name": "new"},
            "Cannot create the team new",
        ),
        (
            ("POST", "/teams"),
            error(403, "api.team.is_team_creation_allowed.disabled.app_error"),
            {"name": "new"},
            "needs the permission create_team",
        ),
        (
            ("PUT", "/teams/t-ops/patch"),
            error(403, "api.context.permissions.app_error"),
            {"description": "x"},
            "needs the permission manage_team",
        ),
        (
            ("GET", "/teams/name/ops"),
            error(401, "api.context.session_expired.app_error"),
            {},
            "The token is wrong, has expired, or was revoked",
        ),
        (
            ("POST", "/teams/t-ops/members"),
            error(400, "api.team.join_user_to_team.allowed_domains.app_error"),
            {"members": ["eve"]},
            "Cannot add eve to the team ops",
        ),
        (("PUT", "/teams/t-ops/privacy"), None, {"type": "open"}, "the connection to the socket"),
    ],
)
def test_refused(run, fake, places, pauses, route, reply, change, words):
    places.team("ops")
    fake.routes[route] = (lambda request: None) if reply is None else reply
    result = run(**change)
    assert result["failed"] and words in result["msg"]
    assert result["error_id"] == (reply and reply.body["id"])

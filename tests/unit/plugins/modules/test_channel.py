# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_places import Places
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import error


@pytest.fixture
def places(fake):
    found = Places(fake)
    for name in ("ann", "bob"):
        found.user(name)
    found.user("carol:of", remote_id="r1")
    found.team("ops")
    found.absent("/teams/name/none")
    return found


@pytest.fixture
def run(run_module, fake):
    def call(name="joint", team="ops", **args):
        return run_module("channel", socket_path=fake.socket_path, name=name, team=team, **args)

    return call


def test_create(run, fake, places):
    wanted = {"name": "new", "purpose": "Plan", "type": "public", "members": ["ann"]}
    predicted = run(check=True, **wanted)
    assert predicted["changed"] and predicted["channel"]["type"] == "public" and not fake.writes
    result = run(**wanted)
    assert result["changed"] and fake.writes == ["POST /channels", "POST /channels/c-new/members"]
    assert fake.asked("POST", "/channels")[0].json == {
        "team_id": "t-ops",
        "name": "new",
        "display_name": "new",
        "purpose": "Plan",
        "header": "",
        "type": "O",
    }
    assert result["channel"] == {
        "id": "c-new",
        "team": "ops",
        "name": "new",
        "display_name": "new",
        "purpose": "Plan",
        "header": "",
        "type": "public",
        "shared": False,
        "active": True,
        "members": ["ann"],
    }
    assert not run(**wanted)["changed"] and len(fake.writes) == 2


def test_private_unless_asked_otherwise(run, fake, places):
    assert run("new")["channel"]["type"] == "private"


@pytest.mark.parametrize(
    ("change", "writes"),
    [
        ({"display_name": "Joint operations"}, ["PUT /channels/c-joint/patch"]),
        ({"header": "", "purpose": "", "type": "private"}, []),
        ({"type": "public"}, ["PUT /channels/c-joint/privacy"]),
        ({"members": ["bob"]}, ["POST /channels/c-joint/members"]),
        (
            {"members": ["bob"], "members_exclusive": True},
            ["POST /channels/c-joint/members", "DELETE /channels/c-joint/members/u-ann"],
        ),
        ({"members": ["ann"], "members_exclusive": True}, []),
    ],
)
def test_change(run, fake, places, change, writes):
    places.channel("joint", team_id="t-ops", shared=True)
    places.members["c-joint"] += ["u-ann", "u-carol:of"]
    assert run(check=True, **change)["changed"] is bool(writes)
    assert not fake.writes
    result = run(**change)
    assert (result["changed"], fake.writes) == (bool(writes), writes)
    assert result["diff"]["after"] == result["channel"] and result["channel"]["shared"]
    assert "u-carol:of" in places.members["c-joint"]


def test_archive_and_restore(run, fake, places):
    """The name of an archived channel stays taken, so that one is brought back."""
    places.channel("joint", team_id="t-ops")
    assert run(check=True, state="absent")["channel"]["active"] is False and not fake.writes
    assert run(state="absent")["channel"]["active"] is False
    assert not run(state="absent")["changed"]
    result = run(purpose="Again", type="public")
    assert result["channel"]["active"] and result["channel"]["id"] == "c-joint"
    path = "/channels/c-joint"
    assert fake.writes == [f"DELETE {path}", f"POST {path}/restore", f"PUT {path}/patch", f"PUT {path}/privacy"]
    assert "include_deleted=true" in fake.asked("GET", "/teams/t-ops/channels/name/joint")[0].query


def test_team_that_is_not_there(run, fake, places):
    assert "There is no team none on the server" in run("new", team="none")["msg"]
    assert run("new", team="none", check=True)["changed"]
    result = run("new", team="none", state="absent")
    assert (result["changed"], result["channel"]) == (False, {})
    fake.routes[("GET", "/teams/name/none")] = error(403, "api.context.permissions.app_error")
    assert run("new", team="none", state="absent")["status"] == 403


def test_account_that_is_not_there(run, fake, places):
    places.absent("/users/username/nobody")
    assert "There is no account nobody" in run("new", members=["nobody"])["msg"] and not fake.writes
    assert run("new", members=["nobody"], check=True)["warnings"]


@pytest.mark.parametrize("name", ["Joint", "-joint", "joint-", "x" * 65, "a b", ""])
def test_names(run, fake, name):
    assert "names are up to 64 lower-case letters" in run(name)["msg"] and not fake.requests


@pytest.mark.parametrize(
    ("route", "reply", "change", "words"),
    [
        (
            ("POST", "/channels"),
            error(403, "api.context.permissions.app_error"),
            {"name": "new"},
            "create_private_channel",
        ),
        (
            ("POST", "/channels"),
            error(400, "store.sql_channel.save_channel.exists.app_error"),
            {"name": "new"},
            "Cannot create the channel new in the team ops",
        ),
        (
            ("POST", "/channels/c-joint/members"),
            error(404, "app.team.get_member.missing.app_error"),
            {"members": ["bob"]},
            "Cannot add bob to the channel joint in the team ops: HTTP 404, No (app.team.get_member.missing.app_error). "
            "Only members of the team can be in its channels. Add it to the team first.",
        ),
        (
            ("DELETE", "/channels/c-joint"),
            error(400, "api.channel.delete_channel.cannot.app_error"),
            {"state": "absent"},
            "everybody of the team is in this channel",
        ),
        (
            ("PUT", "/channels/c-joint/privacy"),
            error(403, "api.context.permissions.app_error"),
            {"type": "public"},
            "convert_private_channel_to_public",
        ),
        (("POST", "/channels/c-joint/members"), None, {"members": ["bob"]}, "the connection to the socket"),
    ],
)
def test_refused(run, fake, places, pauses, route, reply, change, words):
    places.channel("joint", team_id="t-ops")
    fake.routes[route] = (lambda request: None) if reply is None else reply
    result = run(**change)
    assert result["failed"] and words in result["msg"]

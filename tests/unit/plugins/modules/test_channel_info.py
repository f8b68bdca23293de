# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_places import Places
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import error


@pytest.fixture
def places(fake):
    found = Places(fake)
    found.team("ops")
    found.channel("joint", team_id="t-ops")
    return found


@pytest.fixture
def run(run_module, fake):
    def call(*channels, **args):
        rows = [dict(zip(("team", "name"), channel.split(":"))) for channel in channels]
        return run_module("channel_info", socket_path=fake.socket_path, channels=rows, **args)

    return call


def test_what_a_channel_is_like(run, fake, places):
    places.channel("policy", team_id="t-ops", policy_enforced=True, shared=True, type="O")
    result = run("Ops:joint", "ops:policy", check=True)
    assert result["changed"] is False and not fake.writes
    assert result["channels"] == [
        {
            "team": "ops",
            "name": "joint",
            "id": "c-joint",
            "display_name": "joint",
            "type": "private",
            "active": True,
            "shared": False,
            "default": False,
            "group_constrained": False,
            "policy_enforced": False,
        },
        {**result["channels"][0], "name": "policy", "id": "c-policy", "display_name": "policy"}
        | {"type": "public", "shared": True, "policy_enforced": True},
    ]
    assert len(fake.asked("GET", "/teams/name/ops")) == 1


def test_channels_that_everybody_is_in_or_groups_decide_about(run, places):
    places.channel("town-square", team_id="t-ops")
    places.channel("groups", team_id="t-ops", group_constrained=True)
    square, groups = run("ops:town-square", "ops:groups")["channels"]
    assert (square["default"], square["group_constrained"]) == (True, False)
    assert (groups["default"], groups["group_constrained"]) == (False, True)


def test_an_archived_channel_keeps_its_name(run, fake, places):
    places.channel("old", team_id="t-ops", delete_at=1)
    assert [(row["name"], row["active"]) for row in run("ops:old")["channels"]] == [("old", False)]
    assert "include_deleted=true" in fake.asked("GET", "/teams/t-ops/channels/name/old")[0].query


def test_what_is_not_there_is_left_out(run, fake, places):
    places.absent("/teams/name/none")
    assert [row["name"] for row in run("ops:new", "none:joint", "none:other", "ops:joint")["channels"]] == ["joint"]
    assert len(fake.asked("GET", "/teams/name/none")) == 1
    assert run()["channels"] == []


def test_refusals_are_told(run, fake, places):
    fake.routes[("GET", "/teams/name/ops")] = error(403, "api.context.permissions.app_error")
    result = run("ops:joint")
    assert result["status"] == 403 and result["msg"].startswith("Cannot look for the team ops: HTTP 403")

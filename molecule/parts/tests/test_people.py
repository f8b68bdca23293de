# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Who is let in to what: a guest, people with an attribute, and for how long it is kept what they write."""

from __future__ import annotations

import pytest
from conftest import SITE, Person, Refused, person


@pytest.fixture(scope="module")
def guest() -> Person:
    return Person(SITE, "liaison", "rehearsal-Guest-liaison")


def test_a_guest_is_in_the_channel_it_was_let_into_and_in_no_other(operator, team, guest):
    assert operator.ask("GET", f"/users/{guest.id}")["roles"] == "system_guest"
    mine = guest.ask("GET", f"/users/me/teams/{team}/channels")
    assert {channel["name"] for channel in mine if channel["type"] != "D"} == {"joint-ops"}
    channel = next(channel["id"] for channel in mine if channel["name"] == "joint-ops")
    guest.ask("POST", "/posts", {"channel_id": channel, "message": "a guest may write here"})
    square = operator.ask("GET", f"/teams/{team}/channels/name/town-square")
    with pytest.raises(Refused) as no:
        guest.ask("GET", f"/channels/{square['id']}/posts")
    assert no.value.status in (403, 404)


def test_a_guest_does_not_see_who_is_not_in_its_channels(operator, guest):
    elsewhere = person(operator, "elsewhere")
    with pytest.raises(Refused) as no:
        guest.ask("GET", f"/users/{elsewhere.id}")
    assert no.value.status in (403, 404)


def test_the_attribute_is_there_with_its_value_and_people_cannot_give_it_to_themselves(operator):
    field = next(row for row in operator.ask("GET", "/custom_profile_attributes/fields") if row["name"] == "clearance")
    options = {option["name"]: option["id"] for option in field["attrs"]["options"]}
    assert set(options) == {"restricted", "secret"}
    values = operator.ask("GET", f"/users/{operator.id}/custom_profile_attributes")
    assert values[field["id"]] == options["secret"]
    ann = person(operator, "ann")
    with pytest.raises(Refused) as no:
        ann.ask("PATCH", "/custom_profile_attributes/values", {field["id"]: options["secret"]})
    assert no.value.status == 403


def test_the_policy_is_there(operator):
    found = operator.ask("POST", "/access_control_policies/search", {"term": "Cleared", "type": "parent", "limit": 10})
    policy = next(row for row in found["policies"] if row["name"] == "Cleared")
    assert [rule["expression"] for rule in policy["rules"]] == ['user.attributes.clearance == "secret"']


def test_the_retention_policy_is_there_with_its_team(operator, team):
    found = operator.ask("GET", "/data_retention/policies?per_page=50")["policies"]
    policy = next(row for row in found if row["display_name"] == "Operations")
    assert (policy["post_duration"], policy["team_count"], policy["channel_count"]) == (90, 1, 0)
    teams = operator.ask("GET", f"/data_retention/policies/{policy['id']}/teams?per_page=50")["teams"]
    assert [row["id"] for row in teams] == [team]

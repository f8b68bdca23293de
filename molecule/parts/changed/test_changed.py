# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The operator changes his mind: another key, another translator, boards, a channel under the policy, a guest who leaves. One run settles all."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from conftest import ADDRESSES, GIVEN, SECRETS, SITE, WORK, Person, Refused, ask, local, person, played, said

FRESH = {name: f"rehearsal-new-{secrets.token_hex(16)}" for name in ("calls", "translator")}
CHANGES: dict[str, Any] = {
    "mattermost_calls_auth_key": FRESH["calls"],
    "mission_partner_boards_enabled": True,
    "mission_partner_guests": [{"username": "liaison", "state": "absent"}],
    "mission_partner_policies": [
        {**GIVEN["mission_partner_policies"][0], "channels": ["operations:cleared"], "sync": True}
    ],
    "mission_partner_push_contents": "generic_no_channel",
    "mission_partner_retention_policies": [{"display_name": "Operations", "post_duration": 30, "teams": []}],
    "mission_partner_translation_provider": "libretranslate",
    "mission_partner_translation_url": "http://10.91.81.2:8080",
    "mission_partner_translation_api_key": FRESH["translator"],
}


@pytest.fixture(scope="module")
def channel(operator: Person, team: str) -> str:
    """A private channel of the site's own, with somebody in it who has no clearance."""
    new = {"team_id": team, "name": "cleared", "display_name": "Cleared", "type": "P"}
    found: str = operator.ask("POST", "/channels", new)["id"]
    person(operator, "ann", "cleared")
    return found


@pytest.fixture(scope="module")
def output(channel: str) -> str:
    """What a run says that is asked to say all."""
    file = WORK / "changes.json"
    file.write_text(json.dumps(CHANGES))
    status, told = played("-vvv", "--diff", "-e", f"@{file}", "fieldops.mattermost.mission_partner")
    assert status == 0, told[-4000:]
    return told


def test_a_run_says_no_secret(output):
    told = [line[:300] for line in output.splitlines() if any(one in line for one in (*SECRETS, *FRESH.values()))]
    assert told == []


@pytest.mark.parametrize("port", [8045, 4545])
def test_the_new_key_opens_and_the_old_one_no_longer(output, port):
    where = f"{ADDRESSES['alpha-media']}:{port}"
    keys = {"new": FRESH["calls"], "old": GIVEN["mattermost_calls_auth_key"]}
    answers = {
        name: ask("alpha-host", where, "POST", "/login", {"clientID": "mattermost", "authKey": key})[0]
        for name, key in keys.items()
    }
    assert answers == {"new": 200, "old": 400}


def test_the_running_server_has_the_new_key(output):
    environment = said(
        "alpha-host", "sh", "-c", "tr '\\0' '\\n' < /proc/$(systemctl show -P MainPID mattermost)/environ"
    )
    assert f"MM_CALLS_RTCD_AUTH_KEY={FRESH['calls']}" in environment.splitlines()


def test_who_lacks_the_attribute_is_out_of_the_channel(output, operator, channel):
    members = operator.ask("GET", f"/channels/{channel}/members")
    assert [member["user_id"] for member in members] == [operator.id]
    ann = operator.ask("GET", "/users/username/ann")
    with pytest.raises(Refused) as no:
        operator.ask("POST", f"/channels/{channel}/members", {"user_id": ann["id"]})
    assert no.value.status in (400, 403)


def test_the_guest_who_left_does_not_get_in(output):
    with pytest.raises(Refused) as no:
        Person(SITE, "liaison", "rehearsal-Guest-liaison")
    assert no.value.status == 401


def test_the_new_settings_are_in_force(output, operator):
    assert "focalboard" in {
        row["id"] for row in local("/plugins")["active"]
    }  # which the release brings, and a start unpacks
    config = local("/config")
    assert config["EmailSettings"]["PushNotificationContents"] == "generic_no_channel"
    translation = config["AutoTranslationSettings"]
    assert (translation["Enable"], translation["Provider"]) == (True, "libretranslate")
    assert translation["LibreTranslate"]["APIKey"] == FRESH["translator"]
    policies = operator.ask("GET", "/data_retention/policies?per_page=50")["policies"]
    assert [(row["display_name"], row["post_duration"], row["team_count"]) for row in policies] == [
        ("Operations", 30, 0)
    ]

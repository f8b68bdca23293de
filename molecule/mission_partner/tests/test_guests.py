# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""A guest sees what a guest may: the channels it was let into, shared ones among them, and nothing else."""

from __future__ import annotations

import uuid

import pytest
from conftest import HERE, Person, Refused, needs_licence, until
from sites import playbook

pytestmark = needs_licence
PASSWORD = "rehearsal-Guest-2026"


@pytest.fixture(scope="module")
def guest(alpha) -> Person:
    """Made by the collection's own module, as an operator would."""
    done = playbook(HERE, str(HERE / "guest.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    return Person(alpha.site, "alpha-guest", PASSWORD)


def test_a_guest_is_one(alpha, guest):
    assert alpha.operator.ask("GET", f"/users/{guest.id}")["roles"] == "system_guest"


def test_a_guest_reads_and_writes_where_it_was_let_in(alpha, bravo, guest):
    channel = alpha.channel("joint-ops")
    text = f"from a guest {uuid.uuid4()}"
    guest.ask("POST", "/posts", {"channel_id": channel["id"], "message": text})
    until(lambda: bravo.sees("joint-ops", text), what="the guest's post at bravo")


def test_a_guest_sees_no_other_channel(alpha, guest):
    mine = guest.ask("GET", f"/users/me/teams/{alpha.team['id']}/channels")
    assert {channel["name"] for channel in mine if channel["type"] != "D"} == {"joint-ops"}
    other = alpha.channel("alpha-bravo")
    with pytest.raises(Refused) as no:
        guest.ask("GET", f"/channels/{other['id']}/posts")
    assert no.value.status in (403, 404)


def test_a_guest_makes_nothing_and_lists_no_public_channel(alpha, guest):
    new = {"team_id": alpha.team["id"], "name": "by-a-guest", "display_name": "By a guest", "type": "O"}
    for path, body in (
        ("/channels", new),
        ("/teams", {"name": "by-a-guest", "display_name": "By a guest", "type": "O"}),
    ):
        with pytest.raises(Refused) as no:
            guest.ask("POST", path, body)
        assert no.value.status == 403
    with pytest.raises(Refused):
        guest.ask("GET", f"/teams/{alpha.team['id']}/channels")

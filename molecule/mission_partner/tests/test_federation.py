# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What is written at one partner is read at those it is shared with, and nowhere else."""

from __future__ import annotations

import uuid

import pytest
from conftest import Partner, Refused, needs_licence, until

pytestmark = needs_licence


def crossed(partner: Partner, channel: str, text: str) -> dict:
    return until(lambda: partner.sees(channel, text), what=f"{text} in {channel} at {partner.name}")


def words(what: str) -> str:
    return f"{what} {uuid.uuid4()}"


@pytest.mark.parametrize(
    ("writer", "channel", "readers", "others"),
    [
        ("alpha", "joint-ops", ["bravo", "charlie"], []),
        ("bravo", "joint-ops", ["alpha", "charlie"], []),  # by way of alpha, the channel's home
        ("charlie", "joint-ops", ["alpha", "bravo"], []),
        ("alpha", "alpha-bravo", ["bravo"], ["charlie"]),
        ("bravo", "alpha-bravo", ["alpha"], ["charlie"]),
        ("bravo", "bulletins", ["alpha"], ["charlie"]),
    ],
)
def test_a_post_crosses_in_each_declared_direction_and_nowhere_else(request, writer, channel, readers, others):
    text = words("post")
    request.getfixturevalue(writer).post(channel, text)
    for name in readers:
        crossed(request.getfixturevalue(name), channel, text)
    for name in others:
        partner = request.getfixturevalue(name)
        assert partner.channel(channel) is None
        found = partner.operator.ask(
            "POST", f"/teams/{partner.team['id']}/posts/search", {"terms": text, "is_or_search": False}
        )
        assert not found["order"]


def test_a_channel_that_is_not_shared_stays_at_home(alpha, bravo, charlie):
    new = {"team_id": alpha.team["id"], "name": "home-only", "display_name": "Home only", "type": "P"}
    alpha.channel("home-only") or alpha.operator.ask("POST", "/channels", new)
    text = words("secret")
    alpha.post("home-only", text)
    marker = words("marker")  # written later; what is to cross in between has crossed when it has
    alpha.post("joint-ops", marker)
    for partner in (bravo, charlie):
        crossed(partner, "joint-ops", marker)
        assert partner.channel("home-only") is None


def test_a_thread_crosses(alpha, bravo):
    root, answer = words("question"), words("answer")
    first = alpha.post("joint-ops", root)
    there = crossed(bravo, "joint-ops", root)
    bravo.post("joint-ops", answer, root_id=there["id"])
    back = crossed(alpha, "joint-ops", answer)
    assert back["root_id"] == first["id"]


def test_a_reaction_crosses(alpha, bravo):
    text = words("thumbs")
    post = alpha.post("joint-ops", text)
    there = crossed(bravo, "joint-ops", text)
    reaction = {"user_id": bravo.person.id, "post_id": there["id"], "emoji_name": "thumbsup"}
    bravo.join("joint-ops", bravo.person.id)
    bravo.person.ask("POST", "/reactions", reaction)
    found = until(lambda: alpha.operator.ask("GET", f"/posts/{post['id']}/reactions"), what="the reaction at alpha")
    assert [one["emoji_name"] for one in found] == ["thumbsup"]


def test_an_edit_and_a_deletion_cross(alpha, bravo):
    text, better = words("draft"), words("better")
    post = alpha.post("joint-ops", text)
    crossed(bravo, "joint-ops", text)
    alpha.person.ask("PUT", f"/posts/{post['id']}/patch", {"message": better})
    crossed(bravo, "joint-ops", better)
    alpha.person.ask("DELETE", f"/posts/{post['id']}")
    until(lambda: not bravo.sees("joint-ops", better), what="the deletion at bravo")


def test_a_file_crosses_unchanged(alpha, bravo):
    content = uuid.uuid4().bytes * 40_000
    channel = alpha.channel("joint-ops")
    alpha.join("joint-ops", alpha.person.id)
    file_id = alpha.person.upload(channel["id"], "map.bin", content)
    text = words("map")
    alpha.post("joint-ops", text, file_ids=[file_id])

    def arrived() -> dict | None:
        post = bravo.sees("joint-ops", text)
        return post if post and post.get("file_ids") else None

    post = until(arrived, what="the file at bravo")
    assert bravo.operator.ask("GET", f"/files/{post['file_ids'][0]}") == content


def test_a_read_only_share_cannot_be_written_at_its_receiver(alpha, bravo):
    text = words("for reading")
    bravo.post("bulletins", text)
    crossed(alpha, "bulletins", text)
    shared = alpha.operator.ask("GET", f"/sharedchannels/{alpha.team['id']}")
    assert {one["name"]: one["readonly"] for one in shared}["bulletins"] is True
    with pytest.raises(Refused) as no:
        alpha.post("bulletins", words("objection"))
    assert no.value.status in (400, 403)


def test_people_of_partners_are_shadows_that_cannot_log_in(alpha, bravo):
    text = words("who am I")
    bravo.post("joint-ops", text)
    post = crossed(alpha, "joint-ops", text)
    shadow = alpha.operator.ask("GET", f"/users/{post['user_id']}")
    assert shadow["remote_id"]
    assert shadow["username"].startswith("bravo-ann:")
    with pytest.raises(Refused):
        alpha.operator.ask(
            "POST", "/users/login", {"login_id": shadow["username"], "password": "rehearsal-Person-bravo-ann"}
        )

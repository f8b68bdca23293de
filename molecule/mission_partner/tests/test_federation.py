# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What is written at one partner is read at those it is shared with, and nowhere else."""

from __future__ import annotations

import uuid

import pytest
from conftest import Partner, Refused, needs_licence, until

pytestmark = needs_licence
# joint-ops is shared with all. What bravo and charlie write goes to one another by way of alpha, the channel's home.
every_way = pytest.mark.parametrize(
    ("writer", "reader"),
    [
        ("alpha", "bravo"),
        ("bravo", "alpha"),
        ("alpha", "charlie"),
        ("charlie", "alpha"),
        ("bravo", "charlie"),
        ("charlie", "bravo"),
    ],
    indirect=True,
)


@pytest.fixture
def writer(request) -> Partner:
    return request.getfixturevalue(request.param)


@pytest.fixture
def reader(request) -> Partner:
    return request.getfixturevalue(request.param)


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
    indirect=["writer"],
)
def test_a_post_crosses_in_each_declared_direction_and_nowhere_else(request, writer, channel, readers, others):
    text = words("post")
    writer.post(channel, text)
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


@every_way
def test_a_thread_crosses(writer, reader):
    root, answer = words("question"), words("answer")
    first = writer.post("joint-ops", root)
    there = crossed(reader, "joint-ops", root)
    reader.post("joint-ops", answer, root_id=there["id"])
    back = crossed(writer, "joint-ops", answer)
    assert back["root_id"] == first["id"]


@every_way
def test_a_reaction_crosses(writer, reader):
    """From who reads to who wrote."""
    text = words("thumbs")
    post = writer.post("joint-ops", text)
    there = crossed(reader, "joint-ops", text)
    reaction = {"user_id": reader.person.id, "post_id": there["id"], "emoji_name": "thumbsup"}
    reader.join("joint-ops", reader.person.id)
    reader.person.ask("POST", "/reactions", reaction)
    found = until(lambda: writer.operator.ask("GET", f"/posts/{post['id']}/reactions"), what="the reaction")
    assert [one["emoji_name"] for one in found] == ["thumbsup"]


def test_an_edit_and_a_deletion_cross(alpha, bravo):
    text, better = words("draft"), words("better")
    post = alpha.post("joint-ops", text)
    crossed(bravo, "joint-ops", text)
    alpha.person.ask("PUT", f"/posts/{post['id']}/patch", {"message": better})
    crossed(bravo, "joint-ops", better)
    alpha.person.ask("DELETE", f"/posts/{post['id']}")
    until(lambda: not bravo.sees("joint-ops", better), what="the deletion at bravo")


@every_way
def test_a_file_crosses_unchanged(writer, reader):
    content = uuid.uuid4().bytes * 40_000
    channel = writer.channel("joint-ops")
    writer.join("joint-ops", writer.person.id)
    file_id = writer.person.upload(channel["id"], "map.bin", content)
    text = words("map")
    writer.post("joint-ops", text, file_ids=[file_id])

    def arrived() -> dict | None:
        post = reader.sees("joint-ops", text)
        return post if post and post.get("file_ids") else None

    post = until(arrived, what=f"the file at {reader.name}")
    assert reader.operator.ask("GET", f"/files/{post['file_ids'][0]}") == content


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

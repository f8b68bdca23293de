# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import Reply, error
from ansible_collections.fieldops.mattermost.tests.unit.plugins.modules._fake_partners import (
    NO_SERVICE,
    ROOT,
    SECRET,
    Sharing,
)

POST = ("POST", "/posts")
REFUSAL = error(403, "api.context.permissions.app_error")


class Posting(Sharing):
    """Takes one message, and hands it over to the connections in `crosses`."""

    def __init__(self, fake):
        super().__init__(fake)
        self.crosses = {"bravo", "charlie"}
        self.posts = {}
        self.time = 1000
        self.changed_later = False
        self.joint = self.channel("joint")
        self.share(self.joint)
        fake.routes[POST] = lambda request: self.post(**request.json)
        fake.routes[("DELETE", "/posts/post1")] = lambda request: self.posts.clear() or {"status": "OK"}
        posts = {"order": [], "posts": self.posts}
        fake.routes[("GET", "/channels/channel-joint/posts")] = posts

    def partner(self, name, **fields):
        row = self.row(name, **fields)
        return self.link(row, self.joint)

    def post(self, channel_id, message):
        self.time += 1
        post = {"id": "post1", "create_at": self.time, "channel_id": channel_id, "message": message}
        self.posts["post1"] = post
        self.hand_over()
        return Reply(201, post)

    def hand_over(self):
        names = {row["remote_id"]: row["name"] for row in self.rows}
        for link in self.links:
            if names[link["remote_id"]] in self.crosses:
                created = (900, "older") if self.changed_later else (self.time, "post1")
                link.update(last_post_create_at=created[0], last_post_create_id=created[1])
                link.update(last_post_update_at=self.time, last_post_id="post1")


@pytest.fixture
def server(fake_url):
    return Posting(fake_url)


@pytest.fixture
def run(run_module, fake_url, server, pauses):
    def call(**args):
        args = {"team": "operations", "channel": "Joint", **args}
        result = run_module("shared_channel_probe", url=fake_url.url, token="the-token", **args)
        assert SECRET not in result["text"] and not server.posts
        return result

    return call


@pytest.fixture
def clock(monkeypatch):
    """Five seconds pass each time that somebody looks."""
    times = iter(range(0, 100000, 5))
    monkeypatch.setattr("time.monotonic", lambda: next(times))


def test_crosses(run, fake_url, server, clock):
    server.partner("bravo")
    server.partner("charlie")
    server.row("delta")
    predicted = run(check=True)
    assert not predicted["changed"] and not fake_url.writes
    assert (predicted["crossed"], predicted["failed_connections"]) == ({}, {})
    result = run()
    assert not result["changed"] and result["failed_connections"] == {}
    assert result["crossed"] == {"bravo": 5, "charlie": 10}
    assert fake_url.asked(*POST)[0].json == {"channel_id": "channel-joint", "message": result["marker"]}
    assert fake_url.writes == ["POST /posts", "DELETE /posts/post1"]
    assert list(run(connections=["Bravo", "bravo"])["crossed"]) == ["bravo"]


def test_waits(run, server, monkeypatch):
    server.partner("bravo")
    server.crosses = set()
    steps = iter([lambda: None, lambda: server.crosses.add("bravo") or server.hand_over()])
    monkeypatch.setattr("time.sleep", lambda seconds: next(steps)())
    assert list(run()["crossed"]) == ["bravo"]


def test_earlier_messages_do_not_count(run, server, clock):
    server.partner("bravo").update(last_post_create_at=1000, last_post_create_id="post0")
    server.crosses = set()
    assert "bravo: It has not crossed within 60 s." in run()["msg"]


def test_crosses_in_part(run, fake_url, server, clock):
    for name in ("bravo", "charlie"):
        server.partner(name)
    server.crosses = {"bravo"}
    result = run(wait_timeout=12)
    assert result["msg"] == (
        "A message in the channel joint does not cross. charlie: It has not crossed within 12 s. See the log of this "
        "server."
    )
    assert list(result["crossed"]) == ["bravo"] and list(result["failed_connections"]) == ["charlie"]
    assert fake_url.writes[-1] == "DELETE /posts/post1"


def test_cannot_cross(run, fake_url, server):
    server.partner("bravo", last_ping_at=1)
    server.partner("charlie").update(is_invite_confirmed=False)
    server.row("delta")
    wanted = {"connections": ["bravo", "charlie", "delta", "echo"]}
    predicted = run(check=True, **wanted)
    assert predicted["failed_connections"] == {
        "bravo": "The server at https://chat.bravo.example does not answer.",
        "charlie": "The other server has not taken the channel.",
        "delta": "The channel joint is not shared over this connection.",
        "echo": "There is no such connection.",
    }
    result = run(**wanted)
    assert "charlie: The other server has not taken the channel. delta: The channel" in result["msg"]
    assert result["failed_connections"] == predicted["failed_connections"] and not fake_url.writes


def test_link_ends(run, server):
    server.partner("bravo")
    server.crosses = set()
    post = server.post

    def unlinked(**args):
        server.links.clear()
        return post(**args)

    server.post = unlinked
    assert "bravo: The link ended while it was watched." in run()["msg"]


def test_not_shared(run, fake_url, server):
    server.row("bravo")
    assert "The channel joint is not shared, so that there is nothing to probe." in run()["msg"]
    assert not fake_url.writes


def test_answer_gets_lost(run, fake_url, server):
    """The message is there all the same, and is taken away."""
    server.partner("bravo")
    server.fake.routes[POST] = lambda request: server.post(**request.json) and None
    assert "Cannot post a message in the channel joint: the connection to" in run()["msg"]
    assert fake_url.writes[-1] == "DELETE /posts/post1"


def test_was_not_posted(run, fake_url, server):
    server.partner("bravo")
    server.fake.routes[POST] = REFUSAL
    assert "The account needs the permission create_post in the channel." in run()["msg"]
    assert fake_url.writes == ["POST /posts"]


def test_breaks_while_it_is_watched(run, fake_url, server):
    server.partner("bravo")
    path = ("GET", f"{ROOT}/remote0/sharedchannelremotes")
    links = server.fake.routes[path]
    server.fake.routes[path] = lambda request: NO_SERVICE if server.posts else links(request)
    assert "set ConnectedWorkspacesSettings.EnableSharedChannels" in run()["msg"]
    assert fake_url.writes[-1] == "DELETE /posts/post1"


def test_an_older_message_that_changes_at_the_same_time_takes_the_cursor_back(run, server):
    """As when two partners probe one channel: the cursor of new messages falls behind ours, that of changes does not."""
    server.partner("bravo")
    server.changed_later = True
    assert list(run()["crossed"]) == ["bravo"]


def test_a_link_that_was_ahead_and_does_not_move_has_not_passed_it(run, server, clock):
    """A partner whose clock is ahead has left a later time in the cursor."""
    link = server.partner("bravo")
    link.update(last_post_update_at=9000, last_post_id="theirs")
    server.crosses = set()
    assert "has not crossed" in run(wait_timeout=5)["msg"]


def test_cannot_be_removed(run, fake_url, server):
    server.partner("bravo")
    path = ("DELETE", "/posts/post1")
    server.fake.routes[path] = lambda request: server.posts.clear() or REFUSAL
    assert "Cannot remove the message of the probe from the channel joint" in run()["msg"]
    server.fake.routes[path] = lambda request: server.posts.clear() or error(404, "app.post.get.app_error")
    assert list(run()["crossed"]) == ["bravo"]


@pytest.mark.parametrize(
    ("route", "reply", "words"),
    [
        (("GET", ROOT), REFUSAL, "Cannot list the secure connections"),
        (("GET", ROOT), NO_SERVICE, "The server is licensed, so set ConnectedWorkspacesSettings"),
        (("GET", "/config/client"), {"Version": "9.11.0"}, "needs 10.2 or newer"),
        (
            ("GET", "/teams/team1/channels/name/joint"),
            error(404, "x.y.app_error"),
            "There is no channel joint in the team",
        ),
    ],
)
def test_refused(run, fake_url, server, route, reply, words):
    server.partner("bravo")
    server.fake.routes[route] = reply
    assert words in run()["msg"] and not fake_url.writes

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
    """Takes one message in each channel, and hands it over to the connections in `crosses`."""

    def __init__(self, fake):
        super().__init__(fake)
        self.crosses = {"bravo", "charlie"}
        self.posts = {}
        self.time = 1000
        self.changed_later = False
        fake.routes[POST] = lambda request: self.post(**request.json)
        self.joint = self.add("joint")

    def add(self, name, **fields):
        """One more channel that is shared; its message is `post-NAME`."""
        channel = self.channel(name, **fields)
        self.share(channel)
        routes, post_id = self.fake.routes, f"post-{name}"
        routes[("DELETE", f"/posts/{post_id}")] = lambda request: self.posts.pop(post_id, None) and {"status": "OK"}
        routes[("GET", f"/channels/{channel['id']}/posts")] = {"order": [], "posts": self.posts}
        return channel

    def partner(self, name, channel=None, **fields):
        row = self.row(name, **fields)
        return self.link(row, channel or self.joint)

    def post(self, channel_id, message):
        self.time += 1
        post = {"id": channel_id.replace("channel", "post"), "create_at": self.time, "message": message}
        self.posts[post["id"]] = post
        self.hand_over(channel_id)
        return Reply(201, post)

    def hand_over(self, channel_id="channel-joint"):
        names = {row["remote_id"]: row["name"] for row in self.rows}
        for link in self.links:
            if names[link["remote_id"]] in self.crosses and link["channel_id"] == channel_id:
                post_id = channel_id.replace("channel", "post")
                created = (900, "older") if self.changed_later else (self.time, post_id)
                link.update(last_post_create_at=created[0], last_post_create_id=created[1])
                link.update(last_post_update_at=self.time, last_post_id=post_id)


@pytest.fixture
def server(fake_url):
    return Posting(fake_url)


@pytest.fixture
def run(run_module, fake_url, server, pauses):
    def call(channels=None, *, left=False, **args):
        given = [{"team": "Operations", "channel": "Joint", **one} for one in channels or [{}]]
        result = run_module("shared_channel_probe", url=fake_url.url, token="the-token", channels=given, **args)
        assert SECRET not in result["text"] and bool(server.posts) == left
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
    nothing = {"team": "operations", "channel": "joint", "crossed": {}, "failed_connections": {}, "problems": []}
    assert not predicted["changed"] and not fake_url.writes
    assert predicted["channels"] == [{**nothing, "marker": predicted["channels"][0]["marker"]}]
    result = run()
    (found,) = result["channels"]
    assert not result["changed"] and found["failed_connections"] == {} and found["problems"] == []
    assert found["crossed"] == {"bravo": 5, "charlie": 5}
    assert fake_url.asked(*POST)[0].json == {"channel_id": "channel-joint", "message": found["marker"]}
    assert fake_url.writes == ["POST /posts", "DELETE /posts/post-joint"]
    assert list(run([{"connections": ["Bravo", "bravo"]}])["channels"][0]["crossed"]) == ["bravo"]


def test_many_channels_are_watched_together(run, fake_url, server, monkeypatch):
    """All are posted before anybody waits; each goes when it has crossed, while others are still under way."""
    server.partner("bravo")
    bravo = server.rows[0]
    for name in ("news", "plans"):
        server.link(bravo, server.add(name, team="board"))
    server.crosses = set()
    steps = iter(["channel-news", "channel-plans", "channel-joint"])

    def pass_on(seconds):
        server.crosses = {"bravo"}
        server.hand_over(next(steps))

    monkeypatch.setattr("time.sleep", pass_on)
    result = run([{}, *({"team": "board", "channel": name} for name in ("news", "plans"))])
    assert [list(one["crossed"]) for one in result["channels"]] == [["bravo"]] * 3
    deleted = [f"DELETE /posts/post-{name}" for name in ("news", "plans", "joint")]
    assert fake_url.writes == ["POST /posts"] * 3 + deleted
    # Before, and once for each look: what one connection has is asked for once for all channels.
    assert len(fake_url.asked("GET", f"{ROOT}/remote0/sharedchannelremotes")) == 1 + 4


def test_waits(run, server, monkeypatch):
    server.partner("bravo")
    server.crosses = set()
    steps = iter([lambda: None, lambda: server.crosses.add("bravo") or server.hand_over()])
    monkeypatch.setattr("time.sleep", lambda seconds: next(steps)())
    assert list(run()["channels"][0]["crossed"]) == ["bravo"]


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
        "A message in the channel operations:joint does not cross. charlie: It has not crossed within 12 s. See the log of "
        "this server."
    )
    (found,) = result["channels"]
    assert list(found["crossed"]) == ["bravo"] and list(found["failed_connections"]) == ["charlie"]
    assert fake_url.writes[-1] == "DELETE /posts/post-joint"


def test_cannot_cross(run, fake_url, server):
    server.partner("bravo", last_ping_at=1)
    server.partner("charlie").update(is_invite_confirmed=False)
    server.row("delta")
    wanted = [{"connections": ["bravo", "charlie", "delta", "echo"]}]
    predicted = run(wanted, check=True)["channels"][0]["failed_connections"]
    assert predicted == {
        "bravo": "The server at https://chat.bravo.example does not answer.",
        "charlie": "The other server has not taken the channel.",
        "delta": "The channel joint is not shared over this connection.",
        "echo": "There is no such connection.",
    }
    result = run(wanted)
    assert "charlie: The other server has not taken the channel. delta: The channel" in result["msg"]
    assert result["channels"][0]["failed_connections"] == predicted and not fake_url.writes


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


@pytest.mark.parametrize("connections", [None, ["Bravo"]])
def test_no_such_channel(run, fake_url, server, connections):
    """The others are probed all the same."""
    server.partner("bravo")
    server.fake.routes[("GET", "/teams/team1/channels/name/gone")] = error(404, "x.y.app_error")
    result = run([{"channel": "gone", "connections": connections}, {}])
    why = "There is no channel gone in the team operations on the server"
    gone, joint = result["channels"]
    assert why in result["msg"] and list(joint["crossed"]) == ["bravo"]
    assert why in (gone["failed_connections"]["bravo"] if connections else gone["problems"][0])


def test_answer_gets_lost(run, fake_url, server):
    """The message is there all the same, and is taken away."""
    server.partner("bravo")
    server.fake.routes[POST] = lambda request: server.post(**request.json) and None
    assert "Cannot post a message in the channel joint: the connection to" in run()["msg"]
    assert fake_url.writes[-1] == "DELETE /posts/post-joint"


def test_was_not_posted(run, fake_url, server):
    server.partner("bravo")
    server.fake.routes[POST] = REFUSAL
    result = run()
    assert "The account needs the permission create_post in the channel." in result["msg"]
    assert list(result["channels"][0]["failed_connections"]) == ["bravo"]
    assert fake_url.writes == ["POST /posts"]


def test_breaks_while_it_is_watched(run, fake_url, server):
    server.partner("bravo")
    path = ("GET", f"{ROOT}/remote0/sharedchannelremotes")
    links = server.fake.routes[path]
    server.fake.routes[path] = lambda request: NO_SERVICE if server.posts else links(request)
    assert "set ConnectedWorkspacesSettings.EnableSharedChannels" in run()["msg"]
    assert fake_url.writes[-1] == "DELETE /posts/post-joint"


def test_breaks_after_some_have_crossed(run, fake_url, server, monkeypatch):
    """Each message is taken away once."""
    server.partner("bravo")
    server.link(server.rows[0], server.add("news"))
    server.crosses = set()
    broken = {("GET", f"{ROOT}/remote0/sharedchannelremotes"): REFUSAL}
    steps = iter([lambda: server.hand_over("channel-news"), lambda: server.fake.routes.update(broken)])

    def step(seconds):
        server.crosses = {"bravo"}
        next(steps)()

    monkeypatch.setattr("time.sleep", step)
    message = run([{"channel": "news"}, {}])["msg"]
    assert message.startswith("Cannot list the channels that are shared over the connection bravo: HTTP 403")
    assert fake_url.writes[2:] == ["DELETE /posts/post-news", "DELETE /posts/post-joint"]


def test_an_older_message_that_changes_at_the_same_time_takes_the_cursor_back(run, server):
    """As when two partners probe one channel: the cursor of new messages falls behind ours, that of changes does not."""
    server.partner("bravo")
    server.changed_later = True
    assert list(run()["channels"][0]["crossed"]) == ["bravo"]


def test_a_link_that_was_ahead_and_does_not_move_has_not_passed_it(run, server, clock):
    """A partner whose clock is ahead has left a later time in the cursor."""
    link = server.partner("bravo")
    link.update(last_post_update_at=9000, last_post_id="theirs")
    server.crosses = set()
    assert "has not crossed" in run(wait_timeout=5)["msg"]


LEFT = "is left in the channel operations:joint; delete it there."


def test_cannot_be_removed(run, fake_url, server):
    """It crossed; what is left over is an error all the same, and says where it is."""
    server.partner("bravo")
    path = ("DELETE", "/posts/post-joint")
    server.fake.routes[path] = REFUSAL
    result = run(left=True)
    (found,) = result["channels"]
    assert "Cannot remove the message of the probe from the channel joint: HTTP 403" in result["msg"]
    assert f"The message post-joint ({found['marker']}) {LEFT}" in result["msg"]
    assert list(found["crossed"]) == ["bravo"] and found["problems"] == [result["msg"]]
    server.fake.routes[path] = lambda request: server.posts.clear() or error(404, "app.post.get.app_error")
    assert list(run()["channels"][0]["crossed"]) == ["bravo"]


def test_breaks_and_cannot_be_removed(run, fake_url, server):
    """Neither hides the other; where nobody answers any more, that is not tried again for each channel."""
    server.partner("bravo")
    server.link(server.rows[0], server.add("news"))
    path = ("GET", f"{ROOT}/remote0/sharedchannelremotes")
    links = server.fake.routes[path]
    server.fake.routes[path] = lambda request: REFUSAL if server.posts else links(request)
    server.fake.routes[("DELETE", "/posts/post-joint")] = server.fake.routes[("DELETE", "/posts/post-news")] = None
    message = run([{}, {"channel": "news"}], left=True)["msg"]
    assert message.startswith("Cannot list the channels that are shared over the connection bravo: HTTP 403")
    assert LEFT in message and "The message post-news" in message
    assert "DELETE /posts/post-joint" in fake_url.writes and "DELETE /posts/post-news" not in fake_url.writes


def test_an_interruption_hides_nothing(run, server, monkeypatch):
    server.partner("bravo")
    server.crosses = set()
    server.fake.routes[("DELETE", "/posts/post-joint")] = REFUSAL

    def interrupted(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupted)
    message = run(left=True)["msg"]
    assert message.startswith("The probe broke off: KeyboardInterrupt().") and message.endswith(LEFT)


def test_nobody_knows_whether_it_was_posted(run, server):
    server.partner("bravo")
    server.fake.routes[POST] = None
    server.fake.routes[("GET", "/channels/channel-joint/posts")] = REFUSAL
    message = run()["msg"]
    assert message.startswith("Cannot post a message in the channel joint: the connection to")
    assert "If it was posted, the message (fieldops.mattermost probe " in message
    assert message.endswith("is left in the channel operations:joint; look for it, and delete it there.")


@pytest.mark.parametrize(
    ("route", "reply", "words"),
    [
        (("GET", ROOT), REFUSAL, "Cannot list the secure connections"),
        (("GET", ROOT), NO_SERVICE, "The server is licensed, so set ConnectedWorkspacesSettings"),
        (("GET", "/config/client"), {"Version": "9.11.0"}, "needs 10.2 or newer"),
        (
            ("GET", "/teams/team1/channels/name/joint"),
            REFUSAL,
            "Cannot look for the channel joint in the team operations",
        ),
    ],
)
def test_refused(run, fake_url, server, route, reply, words):
    server.partner("bravo")
    server.fake.routes[route] = reply
    assert words in run()["msg"] and not fake_url.writes

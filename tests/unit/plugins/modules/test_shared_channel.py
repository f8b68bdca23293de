# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import error
from ansible_collections.fieldops.mattermost.tests.unit.plugins.modules._fake_partners import (
    NO_SERVICE,
    ROOT,
    SECRET,
    Sharing,
    now,
)

PATH = f"{ROOT}/remote0/channels/channel-joint"


@pytest.fixture
def server(fake_url):
    server = Sharing(fake_url)
    server.row("bravo")
    server.channel("joint")
    return server


@pytest.fixture
def channel(server):
    return server.channels["channel-joint"]


@pytest.fixture
def run(run_module, fake_url, server, pauses):
    def call(**args):
        args = {"team": "Operations", "channel": "joint", "connection": "bravo", "wait_timeout": 0, **args}
        result = run_module("shared_channel", url=fake_url.url, token="the-token", **args)
        assert SECRET not in result["text"]
        return result

    return call


def test_life(run, fake_url, server):
    server.shared += [
        {"id": f"c{n}", "team_id": "team1", "home": True, "readonly": False, "name": "c"} for n in range(250)
    ]
    server.links += [{**server.link(server.rows[0], {"id": f"c{n}"}), "id": f"filler{n}"} for n in range(210)]
    predicted = run(check=True)
    assert predicted["changed"] and not fake_url.writes
    assert predicted["shared_channel"] == {
        "channel_id": "channel-joint",
        "team": "operations",
        "channel": "joint",
        "connection": "bravo",
        "home": True,
        "confirmed": False,
        "read_only": False,
    }
    result = run(connection="Bravo", wait_timeout=30)
    shown = result["shared_channel"]
    assert result["changed"] and result["diff"]["before"] == {} and result["diff"]["after"] == shown
    assert (shown["home"], shown["confirmed"], shown["read_only"], shown["last_post_at"]) == (True, True, False, 0)
    assert shown["create_at"] > 0 and fake_url.writes == [f"POST {PATH}/invite"]
    assert not run()["changed"] and not run(read_only=False)["changed"] and len(fake_url.writes) == 1

    assert run(check=True, state="absent")["changed"] and len(fake_url.writes) == 1
    result = run(state="absent")
    assert result["changed"] and (result["shared_channel"], result["diff"]["after"]) == ({}, {})
    assert fake_url.writes[1:] == [f"POST {PATH}/uninvite"] and not server.is_shared(server.channels["channel-joint"])
    result = run(state="absent")
    assert not result["changed"] and len(fake_url.writes) == 2


def test_two_partners(run, server, channel):
    server.row("charlie")
    assert run()["changed"] and run(connection="charlie")["changed"]
    assert run(state="absent")["changed"] and server.is_shared(channel)
    assert run(connection="charlie", state="absent")["changed"] and not server.is_shared(channel)
    assert not server.commands


def test_read_only(run, server, channel):
    result = run(read_only=True)
    assert result["changed"] and result["shared_channel"]["read_only"]
    assert server.commands == ["/share-channel share --readonly Y"]
    assert not run(read_only=True)["changed"] and not run()["changed"]
    # Another connection gets it as it is, and cannot get it otherwise.
    server.row("charlie")
    assert run(connection="charlie")["shared_channel"]["read_only"]
    for args in ({}, {"connection": "charlie"}):
        assert "joint is shared as read-only, and cannot be writable for one" in run(read_only=False, **args)["msg"]
    run(state="absent")
    run(state="absent", connection="charlie")
    run()
    assert "joint is shared as writable, and cannot be read-only for one" in run(read_only=True)["msg"]


def test_read_only_did_not_come_about(run, server):
    """The command answers 200 whatever happened, in the language of the account."""
    said = {"response_type": "ephemeral", "text": "##### Ungültiger Wert.\n##### Einladung gesendet."}
    server.fake.routes[("POST", "/commands/execute")] = said
    message = run(read_only=True)["msg"]
    assert message == (
        "The server did not share the channel joint as read-only. It said: Ungültiger Wert. Einladung gesendet."
    )


def test_read_only_may_not_post(run, server):
    server.fake.routes[("POST", "/commands/execute")] = error(403, "api.context.permissions.app_error")
    assert "The account needs the permission create_post in the channel." in run(read_only=True)["msg"]


def test_waits(run, server, monkeypatch):
    server.answer = "will take"
    monkeypatch.setattr("time.sleep", lambda seconds: server.links[0].update(is_invite_confirmed=True))
    assert run(wait_timeout=30)["shared_channel"]["confirmed"]
    server.links[0]["is_invite_confirmed"] = False
    assert not run(check=True, wait_timeout=30)["shared_channel"]["confirmed"]
    result = run(wait_timeout=30)
    assert (result["changed"], result["shared_channel"]["confirmed"]) == (False, True)
    assert result["diff"]["before"] == result["diff"]["after"]


@pytest.mark.parametrize("answer", ["refuses", "will take"])
def test_not_taken(run, server, monkeypatch, answer):
    """A refusal leaves nothing that this server could be asked for."""
    server.answer = answer
    clock = iter(range(0, 1000, 5))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    message = run(wait_timeout=7)["msg"]
    assert message.startswith(
        "The server of the connection bravo has not taken the channel joint within 7 s, though it is online."
    )
    result = run()
    assert (result["changed"], result["shared_channel"]["confirmed"]) == (answer == "refuses", False)


@pytest.mark.parametrize("fields", [{"last_ping_at": 1}, {"site_url": "pending_1"}], ids=["offline", "pending"])
def test_offline(run, server, monkeypatch, fields):
    server.answer = "will take"
    server.rows[0].update(fields)
    clock = iter(range(0, 1000, 5))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    result = run(wait_timeout=7)
    assert result["changed"] and not result["shared_channel"]["confirmed"]
    assert "has not taken the channel joint: it is offline. It is invited as soon as it answers" in result["text"]
    # Nothing is made anew as long as it is offline.
    server.links[0]["create_at"] -= 3600 * 1000
    assert not run()["changed"] and "warnings" not in run()


def test_stuck(run, fake_url, server, channel):
    server.share(channel, readonly=True)
    link = server.link(server.rows[0], channel, is_invite_confirmed=False, create_at=now() - 60 * 1000)
    assert not run()["changed"]
    link["create_at"] -= 2 * 60 * 1000
    assert run(check=True)["changed"] and not fake_url.writes
    result = run()
    assert result["changed"] and result["shared_channel"]["confirmed"] and result["shared_channel"]["read_only"]
    assert fake_url.writes == [f"POST {PATH}/uninvite", "POST /commands/execute", f"POST {PATH}/invite"]


@pytest.mark.parametrize("wanted", [True, None])
def test_stuck_read_only_stays_so_though_a_replica_lags(run, server, channel, wanted):
    """The mark goes with the last link, but is still shown: whoever believes that shares the channel as writable."""
    server.share(channel, readonly=True)
    server.link(server.rows[0], channel, is_invite_confirmed=False, create_at=now() - 3 * 60 * 1000)
    server.lag = 4
    shown = run(read_only=wanted)["shared_channel"]
    assert shown["read_only"] and server.is_shared(channel)["readonly"] and server.links


def test_stuck_for_one_of_two(run, fake_url, server, channel):
    """The mark stays with the other one, and nobody waits for it to go."""
    server.share(channel, readonly=True)
    server.link(server.row("charlie"), channel)
    server.link(server.rows[0], channel, is_invite_confirmed=False, create_at=now() - 3 * 60 * 1000)
    assert run(read_only=True)["shared_channel"]["read_only"] and len(server.links) == 2
    assert "POST /commands/execute" in fake_url.writes


@pytest.mark.parametrize("comes", [True, False])
@pytest.mark.parametrize("read_only", [True, False])
def test_somebody_was_quicker(run, fake_url, server, channel, monkeypatch, read_only, comes):
    """What is shared otherwise than asked for is taken back, even if the link comes into being late, or not at all."""
    invite = server.invite
    server.answer = "refuses"

    def other(row, channel_id):
        server.shared.clear()
        server.share(channel, readonly=not read_only)
        reply = invite(row, channel_id)
        monkeypatch.setattr("time.sleep", lambda seconds: server.links or not comes or server.link(row, channel))
        return reply

    server.invite = other
    asked, became = ("read-only", "writable") if read_only else ("writable", "read-only")
    message = run(read_only=read_only)["msg"]
    assert message.startswith(
        f"The channel joint was to be shared as {asked} over the connection bravo, but is shared as {became}:"
    )
    assert fake_url.writes[-1] == f"POST {PATH}/uninvite" and not server.links
    assert "It was taken back from this connection." in message


def test_somebody_was_quicker_and_nothing_can_be_taken_back(run, server, channel):
    invite = server.invite

    def other(row, channel_id):
        server.share(channel)
        return invite(row, channel_id)

    server.invite = other
    server.share(channel, readonly=True)
    server.shown = lambda: server.shared[-1:]
    server.fake.routes[("POST", f"{PATH}/uninvite")] = REFUSAL
    message = run(read_only=True)["msg"]
    assert message.startswith(
        "The channel joint was to be shared as read-only over the connection bravo, but is shared as writable:"
    )
    assert "It could not be taken back from this connection: Cannot end the sharing" in message


def test_arrived(run, fake_url, server, channel):
    """Where the channel is not at home, it is only looked at, or taken leave of."""
    server.share(channel, home=False, remote_id="remote0")
    server.link(server.rows[0], channel)
    result = run()
    assert (result["changed"], result["shared_channel"]["home"], result["shared_channel"]["confirmed"]) == (
        False,
        False,
        True,
    )
    server.row("charlie")
    message = run(connection="charlie")["msg"]
    assert message == (
        "The channel joint is at home at https://chat.bravo.example. Only that server shares it with others."
    )
    assert run(state="absent")["changed"] and fake_url.writes == [f"POST {PATH}/uninvite"]
    assert not server.is_shared(channel)


@pytest.mark.parametrize("home", [True, False])
def test_left_over(run, fake_url, server, channel, home):
    """A removed connection takes its links with it, and leaves the channel marked as shared."""
    server.share(channel, home=home, remote_id="" if home else "gone", readonly=True)
    server.row("charlie")
    if home:
        assert run(check=True, read_only=False)["changed"]
    else:
        assert "came over a connection that was removed. Run this with state=absent" in run()["msg"]
    assert run(check=True, state="absent", connection="gone")["changed"] and not fake_url.writes
    result = run(state="absent", connection="gone")
    assert result["changed"] and server.commands == ["/share-channel unshare"] and not server.shared
    assert not run(state="absent", connection="gone")["changed"]


def test_left_over_is_shared_anew(run, server, channel):
    server.share(channel)
    assert run(read_only=True)["shared_channel"]["read_only"]
    assert [command.split()[1] for command in server.commands] == ["unshare", "share"]


def test_left_over_that_stays_is_not_shared_otherwise_than_asked(run, fake_url, server, channel):
    server.share(channel)
    server.fake.routes[("POST", "/commands/execute")] = {"response_type": "ephemeral", "text": "No."}
    assert run(read_only=True)["msg"] == "The server did not unshare the channel joint. It said: No."
    assert fake_url.writes == ["POST /commands/execute"] and not server.links


def test_a_plugin_keeps_what_it_shares(run, fake_url, server, channel):
    """A bridge has a connection of its own, and goes on when the last partner has left."""
    bridge = server.row("bridge", plugin_id="com.example", site_url="plugin_com.example")
    server.share(channel)
    server.unshares = False
    kept = server.link(bridge, channel)
    server.link(server.rows[0], channel)
    assert run(state="absent")["changed"] and server.links == [kept] and server.is_shared(channel)
    assert not run(state="absent")["changed"] and not server.commands
    assert "is shared as writable, and cannot be read-only" in run(read_only=True)["msg"]
    assert fake_url.writes == [f"POST {PATH}/uninvite"]


def test_left_over_by_the_last_link(run, server, channel):
    """Older servers leave the mark when the last link ends."""
    run()
    server.unshares = False
    assert run(state="absent")["changed"] and not server.is_shared(channel)
    server.share(channel)
    server.fake.routes[("POST", "/commands/execute")] = {"response_type": "ephemeral", "text": "No."}
    assert "The server did not unshare the channel joint. It said: No." in run(state="absent")["msg"]


def test_absent_of_what_is_not_there(run, fake_url, server, channel):
    missing = error(404, "app.channel.get_by_name.missing.app_error")
    server.fake.routes[("GET", "/teams/team1/channels/name/gone")] = missing
    server.fake.routes[("GET", "/teams/name/gone")] = error(404, "app.team.get_by_name.missing.app_error")
    for args in ({"channel": "gone"}, {"team": "gone"}, {"connection": "gone"}):
        assert not run(state="absent", **args)["changed"]
    for args in ({"channel": "gone"}, {"team": "gone"}, {"connection": "gone"}):
        assert "There is no" in run(**args)["msg"]
        foreseen = run(check=True, **args)
        assert foreseen["changed"] and "An earlier task may create it, so the check goes on." in foreseen["text"]
    assert not fake_url.writes


def test_archived(run, fake_url, server, channel):
    """The link of an archived channel can be ended; its mark as shared stays, since no command runs there."""
    server.share(channel)
    server.link(server.rows[0], channel)
    server.unshares = False
    channel["delete_at"] = 1
    assert run(state="absent")["changed"] and not server.links
    assert not run(state="absent")["changed"] and not server.commands
    assert all("include_deleted=true" in one.query for one in fake_url.asked("GET", "/teams/team1/channels/name/joint"))


@pytest.mark.parametrize("linked", [True, False])
def test_archived_channels_are_not_shared(run, fake_url, server, channel, linked):
    """In check mode an earlier task may restore it, and a link that it has is then there again."""
    if linked:
        server.share(channel)
        server.link(server.rows[0], channel)
    channel["delete_at"] = 1
    says = "The channel joint in the team Operations is archived. Restore it with the module channel."
    assert run()["msg"] == says
    foreseen = run(check=True)
    assert foreseen["changed"] == (not linked)
    assert f"{says} An earlier task may do that, so the check goes on." in foreseen["text"] and not fake_url.writes


def test_default_channels(run, fake_url):
    assert "every team has one of its own" in run(channel="Town-Square")["msg"]
    assert not fake_url.writes


def test_several_connections(run, fake_url, server):
    server.row("bravo", site_url="https://other.example")
    for state in ("present", "absent"):
        assert "There are several secure connections bravo" in run(state=state)["msg"]


REFUSAL = error(403, "api.context.permissions.app_error")


@pytest.mark.parametrize(
    ("route", "reply", "args", "words"),
    [
        (("GET", ROOT), REFUSAL, {}, "the permission manage_secure_connections or manage_shared_channels."),
        (("GET", ROOT), error(401, "api.context.session_expired.app_error"), {}, "has expired, or was revoked"),
        (("GET", ROOT), NO_SERVICE, {}, "The server is licensed, so set ConnectedWorkspacesSettings"),
        (("GET", "/sharedchannels/team1"), REFUSAL, {}, "The account needs the permission view_team."),
        (("GET", f"{ROOT}/remote0/sharedchannelremotes"), REFUSAL, {}, "shared over the connection bravo"),
        (("POST", f"{PATH}/invite"), REFUSAL, {}, "The account needs the permission manage_shared_channels."),
        (("POST", f"{PATH}/invite"), error(500, "api.command_share.channel_invite.error"), {}, "See the server's log."),
        (("POST", f"{PATH}/invite"), error(400, "api.command_share.service_disabled"), {}, "EnableSharedChannels"),
        (("POST", f"{PATH}/invite"), None, {}, "the connection to http://127.0.0.1"),
    ],
)
def test_refused(run, fake_url, server, route, reply, args, words):
    server.fake.routes[route] = lambda request: reply
    assert words in run(**args)["msg"]
    assert len(fake_url.writes) == (1 if route[0] == "POST" else 0)


def test_end_is_refused(run, server, channel):
    run()
    server.fake.routes[("POST", f"{PATH}/uninvite")] = REFUSAL
    assert "Cannot end the sharing of the channel joint over the connection bravo" in run(state="absent")["msg"]

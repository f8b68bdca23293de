# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import Reply, error
from ansible_collections.fieldops.mattermost.tests.unit.plugins.modules._fake_partners import (
    HOUR,
    NO_SERVICE,
    ROOT,
    SECRET,
    Partners,
    now,
)

PASSWORD = "correct-horse"
INVITE = {"team": "operations", "issue_invitation": True, "password": PASSWORD}
ACCEPT = {"team": "operations", "invitation": "from-bravo", "password": PASSWORD}


@pytest.fixture
def server(fake_url):
    return Partners(fake_url)


@pytest.fixture
def run(run_module, fake_url, server, pauses):
    def call(**args):
        result = run_module("secure_connection", url=fake_url.url, token="the-token", **{"name": "bravo", **args})
        assert SECRET not in result["text"]
        return result

    return call


def bodies(fake, method, path):
    return [request.json for request in fake.asked(method, path)]


def test_invite(run, fake_url, server):
    predicted = run(check=True, **INVITE)
    assert predicted["changed"] and "invitation" not in predicted and not fake_url.writes
    assert predicted["secure_connection"] == {
        "name": "bravo",
        "display_name": "bravo",
        "site_url": "",
        "team": "operations",
        "state": "pending",
    }
    result = run(name="Bravo", **INVITE)
    shown = result["secure_connection"]
    assert result["changed"] and (result["diff"]["before"], result["diff"]["after"]["state"]) == ({}, "pending")
    assert (shown["name"], shown["state"], shown["site_url"], shown["online"]) == ("bravo", "pending", "", False)
    assert shown["invitation_expires_at"] == shown["create_at"] + 48 * HOUR
    body = {"name": "bravo", "display_name": "bravo", "default_team_id": "team1", "password": PASSWORD}
    assert bodies(fake_url, "POST", ROOT) == [body]

    again = run(**INVITE)
    assert not again["changed"] and server.fake.writes[-1] == "POST /remotecluster/remote0/generate_invite"
    assert not run(check=True, **INVITE)["changed"] and len(server.rows) == 1
    # The invitation is not part of what differs; it comes only when it is asked for, and as long as it is of use.
    assert "invitation" not in result["diff"]["after"] and "invitation" not in run()
    server.rows[0]["site_url"] = "https://chat.bravo.example"
    result = run(**INVITE)
    assert (result["changed"], "invitation" in result) == (False, False)
    assert "invitation_expires_at" not in result["secure_connection"]


def test_invitations_are_returned(run_module, fake_url, server, pauses):
    """The password is no part of the output, so that one is used here that is not in the invitation."""
    server.fake.routes[("POST", ROOT)] = lambda request: Reply(
        201, {"remote_cluster": server.blank(server.row("bravo", site_url="pending_1")), "invite": "INVITE1"}
    )
    args = {"url": fake_url.url, "token": "the-token", "name": "bravo", **INVITE}
    assert run_module("secure_connection", **args)["invitation"] == "INVITE1"
    server.fake.routes[("POST", f"{ROOT}/remote0/generate_invite")] = Reply(201, "INVITE2")
    assert run_module("secure_connection", **args)["invitation"] == "INVITE2"


@pytest.mark.parametrize(
    ("age", "args", "changed"),
    [(46, INVITE, False), (47.5, INVITE, True), (49, INVITE, True), (49, {}, False)],
    ids=["valid", "nearly over", "over", "over, but nobody asks"],
)
def test_invitations_end(run, fake_url, server, age, args, changed):
    old = server.row("bravo", display_name="Bravo Force", site_url="pending_1", last_ping_at=0, default_team_id="team2")
    old["create_at"] = int(now() - age * HOUR)
    args = {key: value for key, value in args.items() if key != "team"}
    predicted = run(check=True, **args)
    assert predicted["changed"] == changed and not fake_url.writes
    result = run(**args)
    assert result["changed"] == changed and len(server.rows) == 1
    # What was not given is kept.
    for shown in (predicted["secure_connection"], result["secure_connection"]):
        assert (shown["display_name"], shown["team"], shown["state"]) == ("Bravo Force", "board", "pending")
    if changed:
        assert fake_url.writes == ["POST /remotecluster", "DELETE /remotecluster/remote0"]
        assert result["diff"]["before"]["id"] == "remote0" and result["secure_connection"]["id"] != "remote0"


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "give the invitation of the other server, or issue_invitation, so that there is one for it."),
        ({"invitation": "", "password": PASSWORD}, "give the invitation of the other server, or issue_invitation"),
        ({**INVITE, "password": ""}, "give the invitation's password."),
        ({**ACCEPT, "password": ""}, "give the invitation's password."),
    ],
)
def test_nothing_is_made_that_nobody_can_accept(run, fake_url, check, args, words):
    """A registered invitation that is empty must not leave a pending connection behind."""
    assert words in run(check=check, **{"team": "operations", **args})["msg"] and not fake_url.writes


def test_accept(run, fake_url, server):
    predicted = run(check=True, site_url="https://chat.bravo.example", **ACCEPT)
    assert predicted["secure_connection"]["state"] == "confirmed" and not fake_url.writes
    result = run(display_name="Bravo Force", site_url="https://chat.bravo.example/", **ACCEPT)
    shown = result["secure_connection"]
    assert result["changed"] and (shown["state"], shown["site_url"]) == ("confirmed", "https://chat.bravo.example")
    assert bodies(fake_url, "POST", f"{ROOT}/accept_invite")[0]["invite"] == "from-bravo"
    result = run(**ACCEPT)
    assert not result["changed"] and len(fake_url.writes) == 1
    assert "from-bravo" not in result["text"] and PASSWORD not in result["text"]


def test_accept_instead_of_an_own_invitation(run, fake_url, server):
    server.row("bravo", site_url="pending_1")
    accept = server.fake.routes.pop(("POST", f"{ROOT}/accept_invite"))
    server.fake.routes[("POST", f"{ROOT}/accept_invite")] = error(400, "api.remote_cluster.invite_decrypt_error")
    assert "Cannot accept" in run(**ACCEPT)["msg"] and len(server.rows) == 1
    server.fake.routes[("POST", f"{ROOT}/accept_invite")] = accept
    assert run(**ACCEPT)["changed"]
    assert fake_url.writes[1:] == [f"POST {ROOT}/accept_invite", "DELETE /remotecluster/remote0"]


def test_accept_from_somewhere_else(run, fake_url, server):
    server.inviter = "https://chat.mallory.example"
    message = run(site_url="https://chat.bravo.example", **ACCEPT)["msg"]
    assert "was issued by https://chat.mallory.example, not by https://chat.bravo.example" in message
    assert server.rows == []


def test_change(run, fake_url, server):
    row = server.row("bravo")
    wanted = {"display_name": "Bravo Force", "team": "Board"}
    assert run(check=True, **wanted)["changed"] and not fake_url.writes
    result = run(**wanted)
    assert result["changed"] and (row["display_name"], row["default_team_id"]) == ("Bravo Force", "team2")
    assert result["diff"]["before"]["team"] == "operations" and result["diff"]["after"]["team"] == "board"
    assert not run(**wanted)["changed"] and not run()["changed"] and len(fake_url.writes) == 1
    assert run(display_name="Bravo")["changed"]
    assert bodies(fake_url, "PATCH", f"{ROOT}/remote0")[-1] == {"display_name": "Bravo"}
    assert run(team="operations")["changed"]
    assert bodies(fake_url, "PATCH", f"{ROOT}/remote0")[-1] == {"default_team_id": "team1"}
    row["default_team_id"] = "gone"
    server.fake.routes[("GET", "/teams/gone")] = error(404, "app.team.get.find.app_error")
    assert run()["secure_connection"]["team"] == ""


def test_absent(run, fake_url, server):
    server.rows += [{**server.row(f"filler{n}"), "name": f"filler{n}"} for n in range(250)]
    server.row("bravo")
    server.row("bravo", site_url="pending_1")
    assert run(check=True, state="absent")["changed"] and not fake_url.writes
    result = run(state="absent", site_url="https://elsewhere.example")
    assert result["changed"] and (result["secure_connection"], result["diff"]["after"]) == ({}, {})
    assert not [row for row in server.rows if row["name"] == "bravo"] and len(fake_url.writes) == 2
    assert not run(state="absent")["changed"]


def test_gone_meanwhile(run, fake_url, server):
    """A removal whose answer got lost is sent again, and finds nothing."""
    row = server.row("bravo")
    answers = itertools.chain([None], itertools.repeat(error(404, "api.remote_cluster.get.not_found")))
    server.fake.routes[("DELETE", f"{ROOT}/{row['remote_id']}")] = lambda request: next(answers)
    assert run(state="absent")["changed"]


def test_not_ours(run, fake_url, server):
    server.row("bravo", site_url="plugin_com.example", plugin_id="com.example")
    server.row("bravo", site_url="plugin_com.example")
    server.row("bravo", delete_at=1)
    assert not run(state="absent")["changed"]
    assert run(**INVITE)["changed"]


def test_conflicts(run, fake_url, server):
    server.row("charlie")
    message = run(site_url="https://chat.charlie.example", **INVITE)["msg"]
    assert "the connection charlie leads to https://chat.charlie.example already" in message
    server.row("bravo")
    assert not run(site_url="https://CHAT.bravo.example/")["changed"]
    message = run(site_url="https://bravo.example", display_name="B")["msg"]
    assert "bravo leads to https://chat.bravo.example, not to https://bravo.example" in message
    server.row("bravo", site_url="https://old.example")
    assert (
        "several secure connections bravo on the server, to https://chat.bravo.example, https://old.example"
        in (run(display_name="B", site_url="https://chat.bravo.example")["msg"])
    )
    assert not fake_url.writes


def test_confirmed_goes_before_pending(run, fake_url, server):
    server.row("bravo", site_url="pending_1", create_at=now() + 9)
    row = server.row("bravo")
    assert run()["secure_connection"]["id"] == row["remote_id"]


def test_wait(run, fake_url, server, monkeypatch):
    row = server.row("bravo", site_url="pending_1", last_ping_at=0)
    steps = iter([{"site_url": "https://chat.bravo.example"}, {"last_ping_at": now()}])
    monkeypatch.setattr("time.sleep", lambda seconds: row.update(next(steps)))
    shown = run(wait_timeout=60)["secure_connection"]
    assert shown["online"] and shown["state"] == "confirmed" and not fake_url.writes


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"site_url": "pending_1"}, "Nobody accepted the invitation to the secure connection bravo within 7 s."),
        (
            {"last_ping_at": 1},
            "The server at https://chat.bravo.example did not answer the pings of this one within 7 s.",
        ),
    ],
)
def test_wait_too_long(run, fake_url, server, monkeypatch, fields, words):
    server.row("bravo", **fields)
    clock = iter(range(0, 1000, 5))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    assert run(check=True, wait_timeout=7)["secure_connection"]
    assert words in run(wait_timeout=7)["msg"]


TAKEN = (
    "was accepted by https://chat.mallory.example, not by https://chat.bravo.example. The connection was removed again"
)
MEANT = {"wait_timeout": 60, "site_url": "https://chat.bravo.example"}


@pytest.mark.parametrize("there", [True, False])
def test_an_invitation_that_another_server_accepts_is_void(run, fake_url, server, monkeypatch, there):
    """Whether it was issued now or before; the connection goes at once, and not when the patience ends."""
    if there:
        server.row("bravo", site_url="pending_1", last_ping_at=0)
    accepts = {"site_url": "https://chat.mallory.example"}
    monkeypatch.setattr("time.sleep", lambda seconds: server.rows[0].update(accepts))
    assert TAKEN in run(**INVITE, **MEANT)["msg"]
    assert server.rows == [] and fake_url.writes[-1] == f"DELETE {ROOT}/remote0"


def test_an_invitation_that_another_server_accepts_between_two_looks(run, server):
    """The change of the name shows it first."""
    row = server.row("bravo", site_url="pending_1")
    server.fake.routes[("PATCH", f"{ROOT}/remote0")] = lambda request: (
        row.update(site_url="https://chat.mallory.example") or row
    )
    assert TAKEN in run(display_name="B", **MEANT)["msg"] and server.rows == []


@pytest.mark.parametrize("args", [{**INVITE, **MEANT}, {**ACCEPT, **MEANT}])
def test_what_cannot_be_removed_again_is_told_of(run, server, monkeypatch, args):
    """After what was wrong in the first place."""
    server.inviter = "https://chat.mallory.example"
    monkeypatch.setattr("time.sleep", lambda seconds: server.rows[0].update(site_url=server.inviter))
    row = server.row

    def kept(name, **fields):
        made = row(name, **fields)
        refusal = error(403, "api.context.permissions.app_error")
        server.fake.routes[("DELETE", f"{ROOT}/{made['remote_id']}")] = refusal
        return made

    server.row = kept
    message = run(**args)["msg"]
    assert message.startswith("The invitation to the secure connection bravo was ")
    assert (
        "by https://chat.mallory.example, not by https://chat.bravo.example. The connection is still there" in message
    )
    assert "Cannot remove the secure connection bravo: HTTP 403" in message


def test_a_connection_that_led_elsewhere_before_is_left_alone(run, fake_url, server):
    server.row("bravo", site_url="https://chat.mallory.example")
    assert "leads to https://chat.mallory.example, not to https://chat.bravo.example" in run(**INVITE, **MEANT)["msg"]
    assert len(server.rows) == 1 and not fake_url.writes


def test_removed_while_it_is_waited_for(run, server, monkeypatch):
    row = server.row("bravo", site_url="pending_1")
    monkeypatch.setattr("time.sleep", lambda seconds: row.update(delete_at=1))
    assert "bravo was removed while it was waited for" in run(wait_timeout=60)["msg"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"name": "a b"}, "a name has 1 to 64 letters, digits"),
        ({"name": "x" * 65}, "a name has 1 to 64 letters, digits"),
        ({**INVITE, "invitation": "x"}, "Cannot both issue and accept an invitation"),
        ({"issue_invitation": True}, "issue_invitation is True but all of the following are missing: password"),
        ({"invitation": "x"}, "missing parameter(s) required by 'invitation': password"),
        ({**INVITE, "team": None}, "give its team, where channels of the other server arrive"),
        ({**INVITE, "team": "gone"}, "There is no team gone on the server"),
    ],
)
def test_arguments(run, fake_url, server, args, words):
    server.fake.routes[("GET", "/teams/name/gone")] = error(404, "app.team.get_by_name.missing.app_error")
    assert words in run(**args)["msg"]
    assert not fake_url.writes


@pytest.mark.parametrize(
    ("route", "reply", "args", "words"),
    [
        (("GET", ROOT), error(403, "api.context.permissions.app_error"), {}, "the permission manage_secure_conn"),
        (("GET", ROOT), error(401, "api.context.session_expired.app_error"), {}, "has expired, or was revoked"),
        (("GET", ROOT), NO_SERVICE, {}, "is licensed, so set ConnectedWorkspacesSettings.EnableSharedChannels"),
        (("GET", "/config/client"), {"Version": "9.11.0"}, {}, "has the release 9.11.0. This needs 10.2 or newer."),
        (("POST", ROOT), error(403, "api.context.permissions.app_error"), INVITE, "the permission manage_secure_conn"),
        (("POST", ROOT), error(422, "api.get_site_url_error"), INVITE, "Set ServiceSettings.SiteURL"),
        (("POST", ROOT), error(500, "api.remote_cluster.save.app_error"), INVITE, "See the server's log."),
        (("POST", ROOT), None, INVITE, "the connection to http://127.0.0.1"),
        (
            ("POST", f"{ROOT}/accept_invite"),
            error(500, "api.remote_cluster.accept_invitation_error"),
            ACCEPT,
            "An invitation can be tried once. Have the connection removed there, and another invitation issued.",
        ),
        (
            ("POST", f"{ROOT}/accept_invite"),
            error(400, "api.remote_cluster.invite_decrypt_error"),
            ACCEPT,
            "The password is not the one that the invitation was issued with",
        ),
        (
            ("POST", f"{ROOT}/accept_invite"),
            error(400, "api.remote_cluster.base64_decode_error"),
            ACCEPT,
            "The invitation is not complete.",
        ),
    ],
)
def test_refused(run, fake_url, server, route, reply, args, words):
    server.fake.routes[route] = lambda request: reply
    result = run(**args)
    assert words in result["msg"] and PASSWORD not in result["text"]
    assert len(fake_url.writes) == (1 if route[0] == "POST" else 0)


def test_delete_and_change_are_refused(run, fake_url, server):
    server.row("bravo")
    refusal = error(403, "api.context.permissions.app_error")
    server.fake.routes[("DELETE", f"{ROOT}/remote0")] = server.fake.routes[("PATCH", f"{ROOT}/remote0")] = refusal
    for args in ({"state": "absent"}, {"display_name": "B"}):
        assert "The account needs the permission manage_secure_connections." in run(**args)["msg"]


def test_without_licence(run, fake_url, server):
    server.fake.routes[("GET", ROOT)] = NO_SERVICE
    server.fake.routes[("GET", "/license/client")] = {"IsLicensed": "false"}
    result = run()
    assert (
        "(api.remote_cluster.service_not_enabled.app_error). It needs a licence: Enterprise or higher." in result["msg"]
    )
    assert (result["status"], result["error_id"]) == (501, "api.remote_cluster.service_not_enabled.app_error")


def test_not_over_the_socket(run_module, fake):
    assert "Give url with token" in run_module("secure_connection", socket_path=fake.socket_path, name="b")["msg"]

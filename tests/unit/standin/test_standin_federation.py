# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Connected workspaces of the stand-in: connections between two of them, from the invitation to the end."""

from __future__ import annotations

import time
from typing import Any, Callable

import pytest
from federation_sites import PASSWORD, connect, new_channel, peer_call, team_of, wait
from launcher import Server

Site = Callable[..., Server]
DAYS = 86400


def refused(answer: Any) -> tuple[int, str]:
    status, body = answer
    return status, body.get("id", "")


def call(site: Server, method: str, path: str, body: Any = None) -> Any:
    return site.call(method, path, body, token=site.token)


def invited(site: Server, **fields: str) -> Any:
    wanted = {"name": "bravo", "default_team_id": team_of(site), "password": PASSWORD, **fields}
    return site.admin("POST", "/remotecluster", wanted)


def accepting(site: Server, invite: str, **fields: str) -> Any:
    wanted = {"name": "alpha", "default_team_id": team_of(site), "password": PASSWORD, "invite": invite, **fields}
    return call(site, "POST", "/remotecluster/accept_invite", wanted)


@pytest.mark.parametrize("versions", [("11.6.0", "11.6.0"), ("9.11.0", "9.11.0"), ("9.11.0", "11.6.0")])
def test_two_servers_connect_and_see_each_other_online(site: Site, versions: tuple[str, str]) -> None:
    alpha, bravo = site("alpha", versions[0]), site("bravo", versions[1])
    remote_id = connect(alpha, bravo, "Bravo", "alpha")
    [at_alpha], [at_bravo] = alpha.admin("GET", "/remotecluster"), bravo.admin("GET", "/remotecluster")
    assert (at_alpha["name"], at_alpha["display_name"], at_alpha["site_url"]) == ("bravo", "Bravo", bravo.base)
    assert (at_bravo["name"], at_bravo["site_url"], at_bravo["remote_id"]) == ("alpha", alpha.base, remote_id)
    assert at_alpha["token"] == at_alpha["remote_token"] == ""


def test_an_old_release_cannot_read_an_invitation_of_a_new_one(site: Site) -> None:
    alpha, bravo = site("alpha", "11.6.0"), site("bravo", "9.11.0")
    assert refused(accepting(bravo, invited(alpha)["invite"])) == (400, "api.remote_cluster.invite_decrypt_error")


def test_tokens_cross_and_only_a_patch_shows_them(site: Site) -> None:
    alpha, bravo = site("alpha"), site("bravo")
    remote_id = connect(alpha, bravo, "bravo", "alpha")
    mine = alpha.admin("PATCH", f"/remotecluster/{remote_id}", {"display_name": "Bravo Force"})
    theirs = bravo.admin("PATCH", f"/remotecluster/{remote_id}", {})
    assert mine["display_name"] == "Bravo Force"
    assert mine["token"] == theirs["remote_token"] != ""
    assert mine["remote_token"] == theirs["token"] != ""


def test_a_pending_connection(site: Site) -> None:
    alpha = site("alpha")
    made = invited(alpha, name="Bravo", password="")
    row = made["remote_cluster"]
    assert row["site_url"].startswith("pending_") and row["name"] == "bravo" and len(made["password"]) == 16
    assert [one["remote_id"] for one in alpha.admin("GET", "/remotecluster?only_confirmed=true")] == [row["remote_id"]]
    assert alpha.admin("GET", "/remotecluster?exclude_offline=true") == []
    again = alpha.admin("POST", f"/remotecluster/{row['remote_id']}/generate_invite", {"password": "other"})
    assert isinstance(again, str) and again != made["invite"]
    bravo = site("bravo")
    assert accepting(bravo, again, password="other")[0] == 201
    answer = call(alpha, "POST", f"/remotecluster/{row['remote_id']}/generate_invite", {"password": "other"})
    assert refused(answer) == (400, "api.remote_cluster.generate_invite_cluster_is_confirmed")


def test_the_team_of_an_inviter_is_not_looked_up(site: Site) -> None:
    alpha, bravo = site("alpha"), site("bravo")
    nowhere = "z" * 26
    assert invited(alpha, default_team_id=nowhere)["remote_cluster"]["default_team_id"] == nowhere
    wanted = {"name": "bravo", "password": PASSWORD}
    empty = refused(call(alpha, "POST", "/remotecluster", wanted))
    unknown = refused(accepting(bravo, invited(alpha)["invite"], default_team_id=nowhere))
    assert empty == unknown == (400, "api.context.invalid_body_param.app_error")


@pytest.mark.parametrize("name", ["two words", "", "x" * 65])
def test_names_with_other_characters_are_refused(site: Site, name: str) -> None:
    alpha = site("alpha")
    wanted = {"name": name, "default_team_id": team_of(alpha), "password": PASSWORD}
    assert refused(call(alpha, "POST", "/remotecluster", wanted)) == (500, "api.remote_cluster.save.app_error")
    answer = accepting(alpha, invited(alpha)["invite"], name=name)
    assert refused(answer) == (400, "model.cluster.is_valid.name.app_error")


def test_names_are_not_unique_but_an_invitation_is_taken_once_under_a_name(site: Site) -> None:
    alpha, bravo = site("alpha"), site("bravo")
    invited(alpha)
    invite = invited(alpha)["invite"]
    assert len(alpha.admin("GET", "/remotecluster")) == 2
    alpha.admin("PUT", "/config/patch", {"ServiceSettings": {"SiteURL": "http://127.0.0.1:9"}})
    unreachable = invited(alpha)["invite"]
    failed = (500, "api.remote_cluster.accept_invitation_error")
    assert refused(accepting(bravo, unreachable)) == failed
    [left] = bravo.admin("GET", "/remotecluster?include_deleted=true")
    assert left["delete_at"] and bravo.admin("GET", f"/remotecluster/{left['remote_id']}")["delete_at"]
    assert refused(accepting(bravo, unreachable)) == failed  # the deleted row has the key
    assert accepting(bravo, invite)[0] == 201


def test_wrong_passwords_and_texts(site: Site) -> None:
    alpha = site("alpha")
    invite = invited(alpha)["invite"]
    answer = accepting(alpha, invite, password="wrong")
    assert refused(answer) == (400, "api.remote_cluster.invite_decrypt_error")
    assert refused(accepting(alpha, "%")) == (400, "api.remote_cluster.base64_decode_error")


def test_an_invitation_is_good_for_48_hours_from_the_creation_of_the_row(site: Site) -> None:
    alpha, bravo = site("alpha"), site("bravo")
    made = invited(alpha)
    alpha.env["STANDIN_CLOCK_SHIFT"] = str(2 * DAYS + 60)
    alpha.restart()
    path = f"/remotecluster/{made['remote_cluster']['remote_id']}/generate_invite"
    renewed = alpha.admin("POST", path, {"password": PASSWORD})
    assert accepting(bravo, renewed)[0] == 500
    remote_id = made["remote_cluster"]["remote_id"]
    assert alpha.admin("GET", f"/remotecluster/{remote_id}")["site_url"].startswith("pending_")
    assert "unexpected response: 400" in bravo.log()
    alpha.env["STANDIN_CLOCK_SHIFT"] = str(2 * DAYS - 600)
    alpha.restart()
    assert accepting(bravo, renewed, name="alpha2")[0] == 201


def test_a_confirmation_is_taken_once(site: Site) -> None:
    alpha, bravo = site("alpha"), site("bravo")
    remote_id = connect(alpha, bravo, "bravo", "alpha")
    token = alpha.admin("PATCH", f"/remotecluster/{remote_id}", {})["token"]
    payload = {"remote_id": remote_id, "site_url": "http://other", "token": "x", "version": 3}
    answer = peer_call(alpha, "confirm_invite", remote_id, token, payload, "invitation")
    assert refused(answer) == (500, "api.command_remote.confirm_invitation.error")
    assert alpha.admin("GET", f"/remotecluster/{remote_id}")["site_url"] == bravo.base


def test_who_calls_has_to_show_identifier_and_token(site: Site) -> None:
    alpha = site("alpha")
    remote_id = invited(alpha)["remote_cluster"]["remote_id"]
    token = alpha.admin("PATCH", f"/remotecluster/{remote_id}", {})["token"]
    sent = {"sent_at": 7, "recv_at": 0}
    status, answer = peer_call(alpha, "ping", remote_id, token, sent)
    assert status == 200 and answer["sent_at"] == 7 and answer["recv_at"] > 7
    assert alpha.admin("GET", f"/remotecluster/{remote_id}")["last_ping_at"] == 0
    assert refused(peer_call(alpha, "ping", remote_id, "wrong", sent)) == (401, "api.context.invalid_token.error")
    assert refused(peer_call(alpha, "ping", "", token, sent)) == (401, "api.context.remote_id_missing.app_error")
    assert refused(peer_call(alpha, "ping", remote_id, "", sent)) == (401, "api.context.session_expired.app_error")
    assert refused(peer_call(alpha, "msg", remote_id, token, 1, "")) == (
        400,
        "api.remote_cluster.invalid_topic.app_error",
    )
    headers = {"X-RemoteCluster-Id": remote_id, "X-RemoteCluster-Token": token}
    body = b'{"remote_id": "%s", "msg": {"id": "%s", "topic": "ping", "payload": {}}}' % (b"q" * 26, b"m" * 26)
    answer = alpha.call("POST", "/remotecluster/ping", headers=headers, raw=body)
    assert refused(answer) == (400, "api.context.remote_id_invalid.app_error")
    assert alpha.call("POST", "/remotecluster/ping", headers=headers, raw=b"{")[1]["id"] == "api.unmarshal_error"


def test_a_deleted_connection_is_kept_here_and_not_told_to_the_other_side(site: Site) -> None:
    alpha, bravo = site("alpha"), site("bravo")
    remote_id = connect(alpha, bravo, "bravo", "alpha")
    assert call(alpha, "DELETE", f"/remotecluster/{remote_id}") == (200, {"status": "OK"})
    assert refused(call(alpha, "DELETE", f"/remotecluster/{remote_id}")) == (404, "api.remote_cluster.get.not_found")
    assert alpha.admin("GET", "/remotecluster") == []
    assert alpha.admin("GET", f"/remotecluster/{remote_id}")["delete_at"]
    last = bravo.admin("GET", f"/remotecluster/{remote_id}")["last_ping_at"]
    wait(lambda: "unexpected response: 401" in bravo.log())
    time.sleep(1.5)
    row = bravo.admin("GET", f"/remotecluster/{remote_id}")
    assert row["delete_at"] == 0 and row["last_ping_at"] - last < 1500


def test_permission_comes_before_the_service_and_the_service_runs_from_a_start(licensed: Any) -> None:
    plain = licensed("11.6.0")
    plain.admin("POST", "/users", {"username": "anna", "email": "anna@example.test", "password": "Anna-pass-2026"})
    anna = plain.login("anna", "Anna-pass-2026")
    assert refused(plain.call("GET", "/remotecluster", token=anna)) == (403, "api.context.permissions.app_error")
    off = (501, "api.remote_cluster.service_not_enabled.app_error")
    assert refused(call(plain, "GET", "/remotecluster")) == off
    on = {"EnableSharedChannels": True, "EnableRemoteClusterService": True}
    plain.admin("PUT", "/config/patch", {"ConnectedWorkspacesSettings": on})
    assert refused(call(plain, "GET", "/remotecluster")) == off
    plain.restart()
    assert call(plain, "GET", "/remotecluster") == (200, [])
    wanted = {"name": "bravo", "default_team_id": team_of(plain), "password": PASSWORD}
    answer = refused(call(plain, "POST", "/remotecluster", wanted))
    assert answer == (422, "api.get_site_url_error")


def test_pages_and_filters(site: Site) -> None:
    alpha = site("alpha")
    for name in ("delta", "bravo", "charlie"):
        invited(alpha, name=name)
    names = [row["name"] for row in alpha.admin("GET", "/remotecluster?per_page=2")]
    assert names == ["bravo", "charlie"]
    assert [row["name"] for row in alpha.admin("GET", "/remotecluster?per_page=2&page=1")] == ["delta"]
    assert alpha.admin("GET", "/remotecluster?only_plugins=true") == []
    assert len(alpha.admin("GET", "/remotecluster?exclude_plugins=true")) == 3
    assert len(alpha.admin("GET", f"/remotecluster?not_in_channel={new_channel(alpha, 'ops')}")) == 3
    assert alpha.admin("GET", f"/remotecluster?creator_id={'z' * 26}") == []


def test_the_oldest_release_keeps_no_deleted_rows_and_no_two_to_one_site(site: Site) -> None:
    alpha, bravo = site("alpha", "9.11.0"), site("bravo", "9.11.0")
    remote_id = connect(alpha, bravo, "bravo", "alpha")
    again = invited(alpha)["invite"]
    assert refused(accepting(bravo, again)) == (500, "api.remote_cluster.accept_invitation_error")
    row = alpha.admin("GET", f"/remotecluster/{remote_id}")
    assert "default_team_id" not in row and "delete_at" not in row
    alpha.admin("DELETE", f"/remotecluster/{remote_id}")
    assert refused(call(alpha, "GET", f"/remotecluster/{remote_id}")) == (404, "api.remote_cluster.get.not_found")
    path = f"/remotecluster/{remote_id}/sharedchannelremotes"
    assert refused(call(alpha, "GET", path)) == (404, "api.context.404.app_error")

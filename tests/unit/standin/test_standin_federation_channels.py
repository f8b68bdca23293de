# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Channels that stand-ins share: what crosses, in which direction, when, and what ends it."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from federation_sites import connect, link, messages, new_channel, post, share, team_of, wait
from launcher import Server

Site = Callable[..., Server]


def pair(site: Site, **options: str) -> tuple[Server, Server, str]:
    alpha, bravo = site("alpha"), site("bravo", **options)
    return alpha, bravo, connect(alpha, bravo, "bravo", "alpha")


def shared_pair(site: Site, **options: str) -> tuple[Server, Server, str, str]:
    alpha, bravo, remote_id = pair(site, **options)
    channel_id = new_channel(alpha, "ops")
    share(alpha, channel_id, remote_id, bravo)
    return alpha, bravo, remote_id, channel_id


def join(server: Server, channel_id: str, name: str) -> str:
    """A new member of the channel, with a session."""
    user = {"username": name, "email": f"{name}@example.test", "password": f"{name.title()}-pass-2026"}
    user_id = server.admin("POST", "/users", user)["id"]
    team_id = server.admin("GET", f"/channels/{channel_id}")["team_id"]
    server.admin("POST", f"/teams/{team_id}/members", {"team_id": team_id, "user_id": user_id})
    server.admin("POST", f"/channels/{channel_id}/members", {"user_id": user_id})
    return server.login(name, user["password"])


def arrived(server: Server, channel_id: str, message: str) -> Any:
    found = server.admin("GET", f"/channels/{channel_id}/posts?per_page=200")["posts"].values()
    return next((one for one in found if one["message"] == message), None)


def test_a_channel_arrives_in_the_team_of_the_connection_and_posts_cross_both_ways(site: Site) -> None:
    alpha, bravo, remote_id = pair(site)
    channel_id = new_channel(alpha, "ops")
    post(alpha, channel_id, "before")
    share(alpha, channel_id, remote_id, bravo)
    there = bravo.admin("GET", f"/channels/{channel_id}")
    assert (there["name"], there["type"], there["team_id"]) == ("ops", "P", team_of(bravo))
    assert there["shared"] is alpha.admin("GET", f"/channels/{channel_id}")["shared"] is True
    post(alpha, channel_id, "from alpha")
    post(bravo, channel_id, "from bravo")
    wait(lambda: sorted(messages(bravo, channel_id)) == ["from alpha", "from bravo"])
    wait(lambda: sorted(messages(alpha, channel_id)) == ["before", "from alpha", "from bravo"])
    [here] = alpha.admin("GET", f"/sharedchannels/{team_of(alpha)}")
    [other] = bravo.admin("GET", f"/sharedchannels/{team_of(bravo)}")
    assert (here["home"], other["home"], other["remote_id"]) == (True, False, remote_id)


def test_authors_are_shadow_accounts(site: Site) -> None:
    alpha, bravo, remote_id, channel_id = shared_pair(site)
    post(alpha, channel_id, "hello")
    found = wait(lambda: arrived(bravo, channel_id, "hello"))
    author = bravo.admin("GET", f"/users/{found['user_id']}")
    assert author["username"] == "sysadmin:alpha" and author["roles"] == "system_user"
    assert author["remote_id"] == found["remote_id"] == remote_id
    assert "@" not in author["email"] and author["props"]["RemoteUsername"] == "sysadmin"
    status, _body = bravo.call("POST", "/users/login", {"login_id": "sysadmin:alpha", "password": "x"})
    assert status == 401
    mine = alpha.admin("GET", "/users/me")["id"]
    assert author["id"] == mine
    alpha.admin("PUT", f"/users/{mine}/patch", {"nickname": "Boss"})
    wait(lambda: bravo.admin("GET", f"/users/{mine}")["nickname"] == "Boss")


def test_edits_deletions_threads_and_reactions_cross(site: Site) -> None:
    alpha, bravo, _remote_id, channel_id = shared_pair(site)
    first, second = post(alpha, channel_id, "first"), post(alpha, channel_id, "second")
    reply = post(alpha, channel_id, "reply", root_id=first["id"])
    assert wait(lambda: arrived(bravo, channel_id, "reply"))["root_id"] == first["id"]
    alpha.admin("PUT", f"/posts/{first['id']}/patch", {"message": "first, changed"})
    alpha.admin("DELETE", f"/posts/{second['id']}")
    wait(lambda: messages(bravo, channel_id) == ["first, changed", "reply"])
    mine = bravo.admin("GET", "/users/me")["id"]
    reaction = {"user_id": mine, "post_id": reply["id"], "emoji_name": "thumbsup"}
    bravo.admin("POST", "/reactions", reaction)
    [seen] = wait(lambda: alpha.admin("GET", f"/posts/{reply['id']}/reactions"))
    assert (seen["user_id"], seen["emoji_name"]) == (mine, "thumbsup")
    bravo.admin("DELETE", f"/users/{mine}/posts/{reply['id']}/reactions/thumbsup")
    wait(lambda: not alpha.admin("GET", f"/posts/{reply['id']}/reactions"))


def test_files_cross_unless_the_receiver_takes_none_so_large(site: Site) -> None:
    alpha, bravo, _remote_id, channel_id = shared_pair(site)
    for name, content in (("plan.txt", b"at dawn"), ("big.bin", bytes(5000))):
        if name == "big.bin":
            bravo.admin("PUT", "/config/patch", {"FileSettings": {"MaxFileSize": 4000}})
        path = f"/files?channel_id={channel_id}&filename={name}"
        _status, made = alpha.call("POST", path, raw=content, token=alpha.token)
        post(alpha, channel_id, name, file_ids=[made["file_infos"][0]["id"]])
        wait(lambda name=name: arrived(bravo, channel_id, name))  # type: ignore[misc]
    [file_id] = arrived(bravo, channel_id, "plan.txt")["file_ids"]
    assert bravo.send("GET", f"/files/{file_id}", token=bravo.token)[1] == b"at dawn"
    assert bravo.admin("GET", f"/files/{file_id}/info")["name"] == "plan.txt"
    assert not arrived(bravo, channel_id, "big.bin")["file_ids"]


def test_the_cursor_of_a_link_moves_when_the_other_side_has_answered(site: Site) -> None:
    alpha, bravo, remote_id, channel_id = shared_pair(site)
    before = link(alpha, remote_id, channel_id)
    bravo.stop()
    made = post(alpha, channel_id, "while bravo is away")
    wait(lambda: "Remote Cluster send message failed" in alpha.log() or "offline" in alpha.log())
    assert link(alpha, remote_id, channel_id)["last_post_create_at"] == before["last_post_create_at"]
    wait(lambda: alpha.admin("GET", "/remotecluster?exclude_offline=true") == [])
    bravo.start()
    wait(lambda: arrived(bravo, channel_id, "while bravo is away"))
    after = wait(lambda: link(alpha, remote_id, channel_id))
    assert (after["last_post_create_at"], after["last_post_create_id"]) == (made["create_at"], made["id"])


def test_more_posts_than_go_in_one_batch_catch_up_after_an_outage(site: Site) -> None:
    alpha, bravo, remote_id, channel_id = shared_pair(site)
    bravo.stop()
    wait(lambda: alpha.admin("GET", "/remotecluster?exclude_offline=true") == [])
    texts = [f"number {number}" for number in range(70)]
    for text in texts:
        post(alpha, channel_id, text)
    bravo.start()
    wait(lambda: messages(bravo, channel_id) == texts, 30)
    assert link(alpha, remote_id, channel_id)["last_post_create_id"] == arrived(bravo, channel_id, "number 69")["id"]


def test_an_invitation_waits_for_a_connection_that_is_offline(site: Site) -> None:
    alpha, bravo, remote_id = pair(site)
    bravo.stop()
    wait(lambda: alpha.admin("GET", "/remotecluster?exclude_offline=true") == [])
    channel_id = new_channel(alpha, "ops")
    path = f"/remotecluster/{remote_id}/channels/{channel_id}/invite"
    assert alpha.admin("POST", path) == alpha.admin("POST", path) == {"status": "OK"}
    assert link(alpha, remote_id, channel_id) == {}
    [waiting] = alpha.admin("GET", f"/remotecluster/{remote_id}/sharedchannelremotes?include_unconfirmed=true")
    assert (waiting["is_invite_confirmed"], waiting["is_invite_accepted"]) == (False, True)
    bravo.start()
    wait(lambda: link(alpha, remote_id, channel_id).get("is_invite_confirmed"))
    assert bravo.admin("GET", f"/channels/{channel_id}")["name"] == "ops"


def test_a_name_that_is_taken_at_the_other_side_leaves_no_link(site: Site) -> None:
    alpha, bravo, remote_id = pair(site)
    new_channel(bravo, "ops")
    channel_id = new_channel(alpha, "ops")
    alpha.admin("POST", f"/remotecluster/{remote_id}/channels/{channel_id}/invite")
    wait(lambda: "A channel with that name already exists" in alpha.log())
    assert link(alpha, remote_id, channel_id) == {}


def test_an_uninvited_partner_is_told_when_it_next_sends(site: Site) -> None:
    alpha, bravo, remote_id, channel_id = shared_pair(site)
    path = f"/remotecluster/{remote_id}/channels/{channel_id}"
    assert alpha.admin("POST", path + "/uninvite") == {"status": "OK"}
    assert alpha.call("POST", path + "/uninvite", token=alpha.token)[0] == 204
    assert alpha.admin("GET", f"/channels/{channel_id}")["shared"] is False
    assert alpha.admin("GET", f"/sharedchannels/{team_of(alpha)}") == []
    assert link(bravo, remote_id, channel_id)
    post(bravo, channel_id, "anyone there?")
    told = wait(lambda: arrived(bravo, channel_id, "This channel is no longer shared."))
    assert told["type"] == "system_generic"
    wait(lambda: not link(bravo, remote_id, channel_id))
    wait(lambda: bravo.admin("GET", f"/channels/{channel_id}")["shared"] is False)
    assert arrived(alpha, channel_id, "anyone there?") is None
    share(alpha, channel_id, remote_id, bravo)
    post(bravo, channel_id, "here again")
    wait(lambda: arrived(alpha, channel_id, "here again"))


def test_what_a_deleted_connection_sends_is_refused(site: Site) -> None:
    alpha, bravo, remote_id, channel_id = shared_pair(site)
    alpha.admin("DELETE", f"/remotecluster/{remote_id}")
    post(bravo, channel_id, "lost")
    wait(lambda: "unexpected response: 401" in bravo.log())
    assert arrived(alpha, channel_id, "lost") is None
    assert alpha.admin("GET", f"/channels/{channel_id}")["shared"] is True  # as a real server up to 11.6


def test_the_home_passes_on_what_one_partner_writes_and_nothing_goes_in_circles(site: Site) -> None:
    hub, bravo, charlie = site("hub"), site("bravo"), site("charlie")
    to_bravo, to_charlie = connect(hub, bravo, "bravo", "hub"), connect(hub, charlie, "charlie", "hub")
    channel_id = new_channel(hub, "ops")
    share(hub, channel_id, to_bravo, bravo)
    share(hub, channel_id, to_charlie, charlie)
    post(bravo, channel_id, "from bravo")
    found = wait(lambda: arrived(charlie, channel_id, "from bravo"))
    assert charlie.admin("GET", f"/users/{found['user_id']}")["username"] == "sysadmin:bravo"
    post(charlie, channel_id, "from charlie")
    wait(lambda: arrived(bravo, channel_id, "from charlie"))
    for server in (hub, bravo, charlie):
        assert messages(server, channel_id) == ["from bravo", "from charlie"]
    answer = bravo.call("GET", f"/users/{found['user_id']}", token=bravo.token)
    assert answer[1]["username"] == "sysadmin" and answer[1]["remote_id"] == ""
    other = new_channel(hub, "private")
    share(hub, other, to_bravo, bravo)
    assert charlie.call("GET", f"/channels/{other}", token=charlie.token)[0] == 404


def test_a_channel_from_elsewhere_cannot_be_shared_on(site: Site) -> None:
    hub, bravo, charlie = site("hub"), site("bravo"), site("charlie")
    to_bravo, onward = connect(hub, bravo, "bravo", "hub"), connect(bravo, charlie, "charlie", "bravo")
    channel_id = new_channel(hub, "ops")
    share(hub, channel_id, to_bravo, bravo)
    answer = bravo.call("POST", f"/remotecluster/{onward}/channels/{channel_id}/invite", token=bravo.token)
    assert (answer[0], answer[1]["id"]) == (400, "api.command_share.channel_invite_not_home.error")


def test_direct_channels_and_unknown_things_are_refused(site: Site) -> None:
    alpha, _bravo, remote_id = pair(site)
    mine = alpha.admin("GET", "/users/me")["id"]
    direct = alpha.admin("POST", "/channels/direct", [mine, mine])["id"]

    def invite(remote: str, channel: str) -> Any:
        status, body = alpha.call("POST", f"/remotecluster/{remote}/channels/{channel}/invite", token=alpha.token)
        return status, body["id"]

    assert invite(remote_id, direct) == (400, "api.command_share.share_channel.error")
    assert invite("z" * 26, direct) == (400, "api.context.remote_id_invalid.app_error")
    assert invite(remote_id, "z" * 26) == (400, "api.context.invalid_url_param.app_error")


def test_members_see_the_connection_of_their_channel(site: Site) -> None:
    alpha, bravo, remote_id, channel_id = shared_pair(site)
    anna = join(alpha, channel_id, "anna")
    status, info = alpha.call("GET", f"/sharedchannels/remote_info/{remote_id}", token=anna)
    assert (status, info["name"]) == (200, "bravo") and set(info) == {
        "name",
        "display_name",
        "create_at",
        "delete_at",
        "last_ping_at",
    }
    status, [row] = alpha.call("GET", f"/sharedchannels/{channel_id}/remotes", token=anna)
    assert (status, row["name"], row["display_name"]) == (200, channel_id, "bravo")
    assert alpha.call("GET", "/remotecluster", token=anna)[0] == 403
    outsider = {"username": "otto", "email": "otto@example.test", "password": "Otto-pass-2026"}
    alpha.admin("POST", "/users", outsider)
    otto = alpha.login("otto", outsider["password"])
    status, body = alpha.call("GET", f"/sharedchannels/remote_info/{remote_id}", token=otto)
    assert (status, body["id"]) == (404, "api.context.remote_id_invalid.app_error")
    post(bravo, channel_id, "hi")
    shadow = wait(lambda: arrived(alpha, channel_id, "hi"))["user_id"]
    mine = alpha.admin("GET", "/users/me")["id"]
    assert alpha.admin("GET", f"/sharedchannels/users/{mine}/can_dm/{shadow}") == {"can_dm": True}


def test_mentions_name_the_shadow_at_the_other_side(site: Site) -> None:
    alpha, bravo, _remote_id, channel_id = shared_pair(site)
    join(alpha, channel_id, "anna")
    post(alpha, channel_id, "ask @anna about it")
    wait(lambda: arrived(bravo, channel_id, "ask @anna:alpha about it"))
    post(bravo, channel_id, "@anna:alpha, are you there?")
    wait(lambda: arrived(alpha, channel_id, "@anna, are you there?"))


def test_a_restriction_of_addresses_shuts_shadow_accounts_out_of_the_team(site: Site) -> None:
    alpha, bravo, _remote_id, channel_id = shared_pair(site)
    bravo.admin("PUT", "/config/patch", {"TeamSettings": {"RestrictCreationToDomains": "example.test"}})
    post(alpha, channel_id, "hello")
    wait(lambda: "the address is of no allowed domain" in bravo.log())
    mine = alpha.admin("GET", "/users/me")["id"]
    assert bravo.call("GET", f"/teams/{team_of(bravo)}/members/{mine}", token=bravo.token)[0] == 404


@pytest.mark.parametrize("setting", ["EnableSharedChannels"])
def test_without_shared_channels_connections_work_and_channels_do_not(site: Site, setting: str) -> None:
    alpha = site("alpha", **{f"MM_CONNECTEDWORKSPACESSETTINGS_{setting.upper()}": "false"})
    bravo = site("bravo")
    remote_id = connect(alpha, bravo, "bravo", "alpha")
    path = f"/remotecluster/{remote_id}/channels/{new_channel(alpha, 'ops')}/invite"
    status, body = alpha.call("POST", path, token=alpha.token)
    assert (status, body["id"]) == (400, "api.command_share.service_disabled")

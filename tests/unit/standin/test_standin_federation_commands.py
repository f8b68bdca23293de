# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Slash commands of connected workspaces, and channels that are read-only at the other side."""

from __future__ import annotations

import re
from typing import Any, Callable

from federation_sites import PASSWORD, connect, link, messages, new_channel, post, team_of, wait
from launcher import Server
from test_standin_federation_channels import join

Site = Callable[..., Server]


def run(server: Server, channel_id: str, command: str, token: str = "") -> str:
    """The text that a command answers."""
    body = {"channel_id": channel_id, "command": command}
    status, answer = server.call("POST", "/commands/execute", body, token=token or server.token)
    assert status == 200 and answer["response_type"] == "ephemeral", answer
    text: str = answer["text"]
    return text


def town(server: Server) -> str:
    found: str = server.admin("GET", f"/teams/{team_of(server)}/channels/name/town-square")["id"]
    return found


def test_a_connection_by_commands(site: Site) -> None:
    alpha, bravo = site("alpha"), site("bravo")
    here, there = town(alpha), town(bravo)
    text = run(alpha, here, f"/secure-connection create --name Bravo --password {PASSWORD}")
    assert text.startswith("##### Invitation created.") and text.endswith(f"via** {alpha.base}")
    invite = re.findall(r"```\n(\S+)\n```", text)[0]
    wrong = run(bravo, there, f"/secure-connection accept --name alpha --password no --invite {invite}")
    assert wrong.startswith("Could not decode invitation: ")
    text = run(bravo, there, f"/secure-connection accept --name alpha --password {PASSWORD} --invite {invite}")
    assert text == f"##### Invitation accepted and confirmed.\nSiteURL: {alpha.base}"
    [row] = bravo.admin("GET", "/remotecluster")
    assert row["default_team_id"] == ""
    lines = run(alpha, here, "/secure-connection status").splitlines()
    assert lines[2].startswith(f"| bravo | Bravo | {row['remote_id']} | {bravo.base} |  | True | ")
    assert run(alpha, here, f"/secure-connection remove --connectionID {row['remote_id']}").endswith(" removed.")
    assert run(alpha, here, "/secure-connection status").splitlines()[2].endswith("| True |")


def test_what_commands_say_of_mistakes(site: Site) -> None:
    alpha = site("alpha")
    here = town(alpha)
    told = {
        "/secure-connection": "Missing command. Available actions: create, accept, remove, status",
        "/secure-connection dance": "Unknown action `dance`",
        "/secure-connection create --name x": "Missing or empty `password`",
        "/secure-connection create --password x": "Missing or empty `name`",
        "/secure-connection status": "** No secure connections found. **",
        "/share-channel": "Missing action. Available actions: invite, uninvite, unshare, status",
        "/share-channel invite": "Must specify a valid secure connection ID to invite.",
        "/share-channel uninvite": "Must specify a valid secure connection ID to uninvite",
        "/share-channel unshare": "Cannot unshare a channel that is not shared.",
    }
    assert {command: run(alpha, here, command) for command in told} == told
    alpha.admin("POST", "/users", {"username": "anna", "email": "anna@example.test", "password": "Anna-pass-2026"})
    team_id, anna = team_of(alpha), alpha.admin("GET", "/users/username/anna")["id"]
    alpha.admin("POST", f"/teams/{team_id}/members", {"team_id": team_id, "user_id": anna})
    token = alpha.login("anna", "Anna-pass-2026")
    assert run(alpha, here, "/secure-connection status", token).startswith("You require `manage_secure_connections`")
    assert run(alpha, here, "/share-channel status", token).startswith("You require `manage_shared_channels`")
    body: Any = {"channel_id": here, "command": "/nothing"}
    status, answer = alpha.call("POST", "/commands/execute", body, token=alpha.token)
    assert (status, answer["id"]) == (404, "api.command.execute_command.not_found.app_error")


def test_without_a_licence_a_connection_can_be_created_and_no_more(server: Callable[..., Server]) -> None:
    plain = server("11.6.0").start().make_admin()
    plain.admin("PUT", "/config/patch", {"ServiceSettings": {"SiteURL": plain.base}})
    here = town(plain)
    for _time in range(2):
        text = run(plain, here, f"/secure-connection create --name bravo --password {PASSWORD}")
        assert text.startswith("##### Invitation created.")
    invite = re.findall(r"```\n(\S+)\n```", text)[0]
    accept = f"/secure-connection accept --name bravo --password {PASSWORD} --invite {invite}"
    assert run(plain, here, accept) == "Secure Connection Service not enabled."
    assert run(plain, here, "/share-channel status") == "Shared Channels Service is disabled."


def test_a_read_only_channel_takes_posts_from_home_alone(site: Site) -> None:
    alpha, bravo = site("alpha"), site("bravo")
    remote_id = connect(alpha, bravo, "bravo", "alpha")
    channel_id = new_channel(alpha, "orders")
    text = run(alpha, channel_id, f"/share-channel invite --connectionID {remote_id} --readonly Y")
    sent = f"##### Shared channel invitation has been sent to `bravo {bravo.base}`."
    assert text == "##### This channel is now shared.\n" + sent
    wait(lambda: link(alpha, remote_id, channel_id))
    again = run(alpha, channel_id, f"/share-channel invite --connectionID {remote_id} --readonly Y")
    assert again == "The secure connection has already been invited."
    [row] = bravo.admin("GET", f"/sharedchannels/{team_of(bravo)}")
    assert row["readonly"] is True
    anna = join(bravo, channel_id, "anna")
    body = {"channel_id": channel_id, "message": "may I?"}
    assert bravo.call("POST", "/posts", body, token=anna)[0] == 403
    made = post(alpha, channel_id, "an order")
    wait(lambda: messages(bravo, channel_id) == ["an order"])
    user_id = bravo.admin("GET", "/users/username/anna")["id"]
    reaction = {"user_id": user_id, "post_id": made["id"], "emoji_name": "eyes"}
    assert bravo.call("POST", "/reactions", reaction, token=anna)[0] == 403
    lines = run(alpha, channel_id, "/share-channel status").splitlines()
    assert lines[0] == f"Status for channel ID `{channel_id}`"
    assert lines[4] == f"| bravo | {bravo.base} | True | True | True | -- |"


def test_the_switch_read_only_needs_a_value(site: Site) -> None:
    """Without one a real server complains, and shares the channel for writing all the same."""
    alpha, bravo = site("alpha"), site("bravo")
    remote_id = connect(alpha, bravo, "bravo", "alpha")
    channel_id = new_channel(alpha, "orders")
    text = run(alpha, channel_id, f"/share-channel invite --connectionID {remote_id} --readonly")
    assert text.startswith(
        "Invalid value for 'readonly': cannot parse '' as a boolean\n##### Shared channel invitation"
    )
    [row] = alpha.admin("GET", f"/sharedchannels/{team_of(alpha)}")
    assert row["readonly"] is False


def test_unsharing_takes_every_link(site: Site) -> None:
    alpha, bravo = site("alpha"), site("bravo")
    remote_id = connect(alpha, bravo, "bravo", "alpha")
    channel_id = new_channel(alpha, "ops")
    run(alpha, channel_id, f"/share-channel invite --connectionID {remote_id}")
    wait(lambda: link(alpha, remote_id, channel_id))
    assert run(alpha, channel_id, f"/share-channel uninvite --connectionID {'z' * 26}").endswith(
        "does not exist for this channel."
    )
    assert run(alpha, channel_id, "/share-channel unshare") == "##### This channel is no longer shared."
    assert link(alpha, remote_id, channel_id) == {}
    run(alpha, channel_id, f"/share-channel invite --connectionID {remote_id}")
    wait(lambda: link(alpha, remote_id, channel_id))
    uninvited = run(alpha, channel_id, f"/share-channel uninvite --connectionID {remote_id}")
    assert uninvited == f"##### Secure connection `{remote_id}` uninvited."
    assert run(alpha, channel_id, "/share-channel status").startswith("Could not fetch status")

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Sites for the tests of connected workspaces: licensed stand-ins with the services on, and what is done with them."""

from __future__ import annotations

import json
import time
from typing import Any, Callable, Dict, List, Tuple

from launcher import Server

PASSWORD = "Invite-pass-2026"
FAST = {"STANDIN_PING_SECONDS": "1"}  # offline after 5 seconds then
FACTOR = {"EnableMultifactorAuthentication": True, "EnforceMultifactorAuthentication": True}


def settings(version: str) -> Dict[str, str]:
    section = "CONNECTEDWORKSPACESSETTINGS" if int(version.split(".")[0]) >= 11 else "EXPERIMENTALSETTINGS"
    return {f"MM_{section}_ENABLESHAREDCHANNELS": "true", f"MM_{section}_ENABLEREMOTECLUSTERSERVICE": "true"}


def announce(site: Server) -> None:
    """Give a site that was started its own address as site URL; it needs one before it invites."""
    site.admin("PUT", "/config/patch", {"ServiceSettings": {"SiteURL": site.base}})


def admin_bot(site: Server, name: str = "federation") -> str:
    """The token of a new bot that is a system administrator."""
    site.admin("PUT", "/config/patch", {"ServiceSettings": {"EnableBotAccountCreation": True}})
    bot = site.admin("POST", "/bots", {"username": name})["user_id"]
    site.admin("PUT", f"/users/{bot}/roles", {"roles": "system_user system_admin"})
    token: str = site.admin("POST", f"/users/{bot}/tokens", {"description": "federation"})["token"]
    return token


def team_of(site: Server, name: str = "operations") -> str:
    """The identifier of a team, which is made where it is not there."""
    status, found = site.call("GET", f"/teams/name/{name}", token=site.token)
    if status == 404:
        found = site.admin("POST", "/teams", {"name": name, "display_name": name.title(), "type": "I"})
    team_id: str = found["id"]
    return team_id


def connect(inviter: Server, acceptor: Server, name: str, back: str) -> str:
    """A confirmed connection: `name` at the inviter, `back` at the acceptor. Answers the identifier both have."""
    wanted = {"name": name, "default_team_id": team_of(inviter), "password": PASSWORD}
    made = inviter.admin("POST", "/remotecluster", wanted)
    wanted = {"name": back, "default_team_id": team_of(acceptor), "password": PASSWORD, "invite": made["invite"]}
    remote_id: str = acceptor.admin("POST", "/remotecluster/accept_invite", wanted)["remote_id"]
    assert remote_id == made["remote_cluster"]["remote_id"]
    for site in (inviter, acceptor):
        wait(lambda site=site: site.admin("GET", f"/remotecluster/{remote_id}")["last_ping_at"])  # type: ignore[misc]
    return remote_id


def wait(condition: Callable[[], Any], limit: float = 20) -> Any:
    """What `condition` answers as soon as that is true."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {limit} seconds")


def new_channel(site: Server, name: str, kind: str = "P") -> str:
    wanted = {"team_id": team_of(site), "name": name, "display_name": name.title(), "type": kind}
    channel_id: str = site.admin("POST", "/channels", wanted)["id"]
    return channel_id


def share(home: Server, channel_id: str, remote_id: str, guest: Server) -> None:
    """Share a channel over a connection, until it has arrived."""
    home.admin("POST", f"/remotecluster/{remote_id}/channels/{channel_id}/invite")
    wait(lambda: guest.call("GET", f"/channels/{channel_id}", token=guest.token)[0] == 200)
    wait(lambda: link(home, remote_id, channel_id))


def link(site: Server, remote_id: str, channel_id: str) -> Dict[str, Any]:
    found = site.admin("GET", f"/remotecluster/{remote_id}/sharedchannelremotes")
    return next((one for one in found if one["channel_id"] == channel_id), {})


def post(site: Server, channel_id: str, message: str, **fields: Any) -> Dict[str, Any]:
    made: Dict[str, Any] = site.admin("POST", "/posts", {"channel_id": channel_id, "message": message, **fields})
    return made


def messages(site: Server, channel_id: str) -> List[str]:
    """The messages that people wrote, oldest first."""
    found = site.admin("GET", f"/channels/{channel_id}/posts?per_page=200")
    posts = [found["posts"][post_id] for post_id in reversed(found["order"])]
    return [one["message"] for one in posts if not one["type"]]


def peer_call(
    site: Server, path: str, remote_id: str, token: str, payload: Any, topic: str = "ping"
) -> Tuple[int, Dict[str, Any]]:
    """A call of another server, made by hand."""
    message = {"id": "m" * 26, "topic": topic, "create_at": 1, "payload": payload}
    body = json.dumps({"remote_id": remote_id, "msg": message}).encode()
    headers = {"X-RemoteCluster-Id": remote_id, "X-RemoteCluster-Token": token}
    return site.call("POST", f"/remotecluster/{path}", headers=headers, raw=body)

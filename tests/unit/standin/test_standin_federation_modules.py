# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The collection's modules for connected workspaces between two stand-ins: what one server is told, the other one shows."""

from __future__ import annotations

import time
from typing import Any, Callable

import pytest
from launcher import Server

Run = Callable[..., "dict[str, Any]"]
PASSWORD = "between-the-two-2026"
JOINT = [{"team": "ops", "channel": "joint"}]


class Site:
    """One server, with a team and channels, and the modules pointed at it."""

    def __init__(self, target: Server, run: Run) -> None:
        self.target = target
        self._run = run
        self.team = target.admin("POST", "/teams", {"name": "ops", "display_name": "Ops", "type": "O"})["id"]

    def channel(self, name: str) -> str:
        body = {"team_id": self.team, "name": name, "display_name": name, "type": "P"}
        return str(self.target.admin("POST", "/channels", body)["id"])

    def try_to(self, module: str, **args: Any) -> dict[str, Any]:
        return self._run(module, url=self.target.base, token=self.target.token, **args)

    def run(self, module: str, **args: Any) -> dict[str, Any]:
        result = self.try_to(module, **args)
        assert not result.get("failed"), result["msg"]
        return result

    def once(self, module: str, **args: Any) -> dict[str, Any]:
        """In check mode, for real, and again; gives the second of these results."""
        assert self.run(module, check=True, **args)["changed"], "check mode foresees the change"
        result = self.run(module, **args)
        assert result["changed"]
        assert not self.run(module, **args)["changed"]
        return result

    def share(self, channel: str, connection: str, **args: Any) -> dict[str, Any]:
        return self.once("shared_channel", team="ops", channel=channel, connection=connection, **args)

    def info(self) -> list[dict[str, Any]]:
        return list(self.run("secure_connection_info")["secure_connections"])

    def posts(self, channel_id: str) -> list[str]:
        found = self.target.admin("GET", f"/channels/{channel_id}/posts")["posts"].values()
        return [one["message"] for one in found]


@pytest.fixture
def alpha(site: Callable[..., Server], run_module: Run) -> Site:
    return Site(site("alpha"), run_module)


@pytest.fixture
def bravo(site: Callable[..., Server], run_module: Run) -> Site:
    return Site(site("bravo"), run_module)


def connect(alpha: Site, bravo: Site) -> None:
    """Alpha invites, bravo accepts, and both wait until the other one answers."""
    issue = {"name": "bravo", "team": "ops", "issue_invitation": True, "password": PASSWORD}
    invited = alpha.once("secure_connection", **issue)
    assert invited["secure_connection"]["state"] == "pending"
    accept = {"name": "alpha", "team": "ops", "site_url": alpha.target.base, "password": PASSWORD}
    accepted = bravo.once("secure_connection", invitation=invited["invitation"], wait_timeout=30, **accept)
    assert (accepted["secure_connection"]["site_url"], accepted["secure_connection"]["online"]) == (
        alpha.target.base,
        True,
    )
    again = alpha.run("secure_connection", wait_timeout=30, site_url=bravo.target.base, **issue)
    assert (again["changed"], again["secure_connection"]["state"], again["secure_connection"]["online"]) == (
        False,
        "confirmed",
        True,
    )
    assert "invitation" not in again


def until(holds: Callable[[], Any]) -> None:
    """What servers do by themselves takes a moment."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_connection_and_what_goes_over_it(alpha: Site, bravo: Site) -> None:
    connect(alpha, bravo)
    channel_id = alpha.channel("joint")
    assert alpha.share("joint", "bravo")["shared_channel"]["confirmed"]
    arrived = bravo.run("shared_channel", team="ops", channel="joint", connection="alpha")
    assert (arrived["changed"], arrived["shared_channel"]["home"]) == (False, False)
    assert arrived["shared_channel"]["channel_id"] == channel_id

    for here, there in ((alpha, "bravo"), (bravo, "alpha")):
        (probed,) = here.run("shared_channel_probe", channels=JOINT, wait_timeout=30)["channels"]
        assert list(probed["crossed"]) == [there] and probed["failed_connections"] == {}
        assert probed["marker"] not in here.posts(channel_id)
    message = {"channel_id": channel_id, "message": "Good morning, bravo"}
    alpha.target.admin("POST", "/posts", message)
    until(lambda: "Good morning, bravo" in bravo.posts(channel_id))

    (seen,) = alpha.info()
    assert (seen["healthy"], seen["reasons"]) == (True, [])
    assert [(one["channel"], one["home"], one["confirmed"]) for one in seen["channels"]] == [("joint", True, True)]
    ended = {"team": "ops", "channel": "joint", "state": "absent"}
    alpha.once("shared_channel", connection="bravo", **ended)
    bravo.run("shared_channel", connection="alpha", **ended)  # unless alpha's server has told it already
    assert not bravo.run("shared_channel", connection="alpha", **ended)["changed"]
    assert not bravo.target.admin("GET", f"/channels/{channel_id}")["shared"]
    alpha.once("secure_connection", name="bravo", state="absent")
    bravo.once("secure_connection", name="alpha", state="absent")
    assert alpha.info() == bravo.info() == []


def test_a_partner_that_is_away(alpha: Site, bravo: Site) -> None:
    connect(alpha, bravo)
    alpha.channel("joint")
    alpha.share("joint", "bravo")
    bravo.target.stop()
    args = {"channels": JOINT, "wait_timeout": 3}
    probed = alpha.try_to("shared_channel_probe", **args)
    (found,) = probed["channels"]
    assert probed["failed"] and list(found["failed_connections"]) == ["bravo"] and found["crossed"] == {}
    bravo.target.start()
    until(lambda: not alpha.try_to("shared_channel_probe", **args).get("failed"))


def test_an_acceptance_that_fails_spends_the_invitation(alpha: Site, bravo: Site) -> None:
    issue = {"name": "bravo", "team": "ops", "issue_invitation": True, "password": PASSWORD}
    accept = {"name": "alpha", "team": "ops"}
    spent = alpha.run("secure_connection", **issue)["invitation"]
    wrong = bravo.try_to("secure_connection", invitation=spent, password="wrong", **accept)
    assert wrong["failed"] and "The password is not the one" in wrong["msg"]
    alpha.target.stop()
    for _attempt in range(2):
        failed = bravo.try_to("secure_connection", invitation=spent, password=PASSWORD, **accept)
        assert failed["failed"] and "An invitation can be tried once." in failed["msg"]
        if alpha.target.process is None:
            alpha.target.start()
    assert bravo.info() == []
    alpha.once("secure_connection", name="bravo", state="absent")
    connect(alpha, bravo)


def test_a_channel_does_not_come_twice(alpha: Site, bravo: Site) -> None:
    """A server does not take a channel that it had over an earlier connection, until it is deleted there for good."""
    connect(alpha, bravo)
    alpha.channel("joint")
    alpha.share("joint", "bravo")
    for here, there in ((alpha, "bravo"), (bravo, "alpha")):
        here.once("secure_connection", name=there, state="absent")
    connect(alpha, bravo)
    again = alpha.try_to("shared_channel", team="ops", channel="joint", connection="bravo", wait_timeout=5)
    assert again["failed"] and "or when it has had this channel over an earlier connection" in again["msg"]


def test_a_server_without_connected_workspaces(licensed: Callable[..., Server], run_module: Run) -> None:
    plain = Site(licensed(name="plain"), run_module)
    told = plain.run("secure_connection_info")
    assert (told["licensed"], told["enabled"], told["secure_connections"]) == (True, False, [])
    refused = plain.try_to("secure_connection", name="bravo", state="absent")
    assert refused["failed"] and "set ConnectedWorkspacesSettings.EnableSharedChannels" in refused["msg"]


def test_a_server_that_is_too_old(site: Callable[..., Server], run_module: Run) -> None:
    old = Site(site("old", "9.11.0"), run_module)
    assert "the server has the release 9.11.0. This needs 10.2" in old.try_to("secure_connection", name="b")["msg"]


def test_read_only_and_taking_leave(alpha: Site, bravo: Site) -> None:
    connect(alpha, bravo)
    channel_id = alpha.channel("reports")
    assert alpha.share("reports", "bravo", read_only=True)["shared_channel"]["read_only"]
    refused = alpha.try_to("shared_channel", team="ops", channel="reports", connection="bravo", read_only=False)
    assert refused["failed"] and "is shared as read-only" in refused["msg"]
    assert bravo.info()[0]["channels"][0]["read_only"]
    bravo.once("shared_channel", team="ops", channel="reports", connection="alpha", state="absent")
    # Its home learns of it by the next message.
    alpha.target.admin("POST", "/posts", {"channel_id": channel_id, "message": "Is anybody there?"})
    until(lambda: alpha.info()[0]["channels"] == [])


def test_what_a_removed_connection_leaves(alpha: Site, bravo: Site) -> None:
    """The channel stays marked as shared, and is made one of that server."""
    connect(alpha, bravo)
    channel_id = alpha.channel("joint")
    alpha.share("joint", "bravo")
    for here, there in ((alpha, "bravo"), (bravo, "alpha")):
        here.once("secure_connection", name=there, state="absent")
    assert bravo.target.admin("GET", f"/channels/{channel_id}")["shared"]
    bravo.once("shared_channel", team="ops", channel="joint", connection="alpha", state="absent")
    assert not bravo.target.admin("GET", f"/channels/{channel_id}")["shared"]

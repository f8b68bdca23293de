# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The collection's modules for what a licence opens find in the stand-in what they find in a server: they change once."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from launcher import Server

Run = Callable[..., "dict[str, Any]"]
RULES = [{"expression": 'user.attributes.clearance == "secret"'}]


class Twice:
    """Runs a module in check mode, for real, and again; gives the second of these results."""

    def __init__(self, run: Run, **connection: str) -> None:
        self._run, self._connection = run, connection

    def __call__(self, module: str, **args: Any) -> dict[str, Any]:
        given = {**args, **self._connection}
        assert self._run(module, check=True, **given)["changed"], "check mode foresees the change"
        result = self._run(module, **given)
        assert result.get("changed"), result
        again = self._run(module, **given)
        assert not again.get("failed") and not again["changed"], again
        return result


@pytest.fixture(params=["url", "socket"])
def site(request: Any, licensed: Callable[..., Server], run_module: Run) -> tuple[Server, Twice, Run]:
    config = {"AccessControlSettings": {"EnableAttributeBasedAccessControl": True}}
    target = licensed(sku="advanced", config=config)
    team = target.admin("POST", "/teams", {"name": "ops", "display_name": "Ops", "type": "O"})["id"]
    target.admin("POST", "/channels", {"team_id": team, "name": "plans", "display_name": "Plans", "type": "P"})
    connection = {"socket_path": target.socket}
    if request.param == "url":
        connection = {"url": target.base, "token": target.token}
    for name in ("ada", "ben"):
        user = {"username": name, "email": f"{name}@example.com", "password": "User-pass-2026!"}
        user_id = target.admin("POST", "/users", user)["id"]
        target.admin("POST", f"/teams/{team}/members", {"team_id": team, "user_id": user_id})
    return target, Twice(run_module, **connection), lambda module, **args: run_module(module, **args, **connection)


def test_attributes_and_who_gets_into_a_channel(site: tuple[Server, Twice, Run]) -> None:
    target, twice, _run = site
    options = [{"name": "restricted"}, {"name": "secret", "color": "#c4161c"}]
    attribute = {"name": "clearance", "type": "select", "managed": "admin"}
    twice("user_attribute", **attribute, options=options, values={"ada": "secret", "ben": "restricted"})
    twice("user_attribute", **attribute, options=[*options, {"name": "open"}])
    policy = {"name": "Secret", "rules": RULES, "channels": ["ops:plans"], "active": True}
    twice("access_policy", **policy, sync=True)
    channel = target.admin("GET", "/teams/name/ops/channels/name/plans")
    ada = target.admin("GET", "/users/username/ada")["id"]
    members = {row["user_id"] for row in target.admin("GET", f"/channels/{channel['id']}/members")}
    assert (channel["policy_enforced"], channel["policy_is_active"], members) == (True, True, {ada})
    twice("access_policy", channel="ops:plans", rules=[{"expression": 'user.attributes.clearance != "open"'}])
    twice("access_policy", channel="ops:plans", state="absent")
    twice("access_policy", name="Secret", state="absent")
    twice("user_attribute", name="clearance", state="absent")
    assert target.admin("GET", "/custom_profile_attributes/fields") == []


def test_what_an_access_policy_cannot_do(site: tuple[Server, Twice, Run]) -> None:
    _target, _twice, run = site
    wrong = run("access_policy", name="Secret", rules=RULES)
    assert wrong["failed"] and "undefined field 'clearance'" in wrong["msg"]


def test_jobs(site: tuple[Server, Twice, Run]) -> None:
    _target, twice, run = site
    assert twice("job", type="data_retention")["job"]["status"] == "success"
    stuck = run("job", type="message_export", wait_timeout=1)
    assert stuck["failed"], "its worker is off until exports are switched on"


def test_retention_policies(licensed: Callable[..., Server], run_module: Run) -> None:
    target = licensed()
    target.admin("POST", "/teams", {"name": "ops", "display_name": "Ops", "type": "O"})
    twice = Twice(run_module, url=target.base, token=target.token)
    twice("retention_policy", display_name="Month", post_duration=30, teams=["ops"])
    twice("retention_policy", display_name="Month", post_duration=60, teams=[], channels=["ops:town-square"])
    twice("retention_policy", display_name="Month", state="absent")


def test_refusals_name_the_licence(licensed: Callable[..., Server], run_module: Run) -> None:
    target = licensed(sku="professional")
    connection = {"url": target.base, "token": target.token}
    for module, args in [
        ("user_attribute", {"name": "unit", "type": "text"}),
        ("access_policy", {"name": "Secret", "rules": RULES}),
        ("retention_policy", {"display_name": "Month", "post_duration": 30}),
        ("job", {"type": "data_retention"}),
    ]:
        refused = run_module(module, **args, **connection)
        assert refused["failed"] and "licen" in refused["msg"].lower(), refused["msg"]

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Access policies of the stand-in: kept, assigned, and really enforced on memberships."""

from __future__ import annotations

import json
import time
from typing import Any, Callable

import pytest
from launcher import Server

POLICIES = "/access_control_policies"
ON = {"AccessControlSettings": {"EnableAttributeBasedAccessControl": True}}
ALPHA = 'user.attributes.Unit == "alpha"'


class Site:
    """A team with a private channel, the attribute Unit, and accounts that have a value of it or none."""

    def __init__(self, target: Server) -> None:
        self.target = target
        self.field = target.admin("POST", "/custom_profile_attributes/fields", {"name": "Unit", "type": "text"})["id"]
        self.team = target.admin("POST", "/teams", {"name": "force", "display_name": "Force", "type": "O"})["id"]
        self.channel = self.place("joint", "P")
        self.users = {name: self.account(name, unit) for name, unit in (("al", "alpha"), ("bo", "bravo"), ("cy", ""))}

    def place(self, name: str, kind: str) -> str:
        wanted = {"team_id": self.team, "name": name, "display_name": name, "type": kind}
        return str(self.target.admin("POST", "/channels", wanted)["id"])

    def account(self, name: str, unit: str) -> str:
        body = {"username": name, "email": f"{name}@example.com", "password": "User-pass-2026!"}
        user = str(self.target.admin("POST", "/users", body)["id"])
        self.target.admin("POST", f"/teams/{self.team}/members", {"team_id": self.team, "user_id": user})
        if unit:
            self.target.admin("PATCH", f"/users/{user}/custom_profile_attributes", {self.field: unit})
        return user

    def join(self, name: str) -> tuple[int, Any]:
        body = {"user_id": self.users[name]}
        return self.target.call("POST", f"/channels/{self.channel}/members", body, token=self.target.token)

    def members(self) -> set[str]:
        names = {user: name for name, user in self.users.items()}
        rows = self.target.admin("GET", f"/channels/{self.channel}/members")
        return {names[row["user_id"]] for row in rows if row["user_id"] in names}

    def save(self, **fields: Any) -> dict[str, Any]:
        policy = {"type": "parent", "version": "v0.2", "name": "Alpha only", "imports": [], "active": False}
        policy["rules"] = [{"actions": ["*"], "expression": ALPHA}]
        found: dict[str, Any] = self.target.admin("PUT", POLICIES, {**policy, **fields})
        return found

    def sync(self, **given: str) -> dict[str, Any]:
        job = self.target.admin("POST", "/jobs", {"type": "access_control_sync", "data": given})
        assert job["status"] == "pending"
        done = finished(self.target, job["id"])
        assert done["status"] == "success", done
        found: dict[str, Any] = json.loads(done["data"]["sync_results"])
        return found


def finished(target: Server, job_id: str) -> dict[str, Any]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        job: dict[str, Any] = target.admin("GET", f"/jobs/{job_id}")
        if job["status"] not in ("pending", "in_progress"):
            return job
        time.sleep(0.02)
    raise AssertionError("the job does not end")


@pytest.fixture
def site(licensed: Callable[..., Server]) -> Site:
    return Site(licensed(sku="advanced", config=ON))


def test_a_policy_is_enforced(site: Site) -> None:
    target, path = site.target, f"/channels/{site.channel}"
    assert site.join("bo")[0] == 201
    parent = site.save()
    assert (parent["revision"], parent["rules"][0]["expression"]) == (1, ALPHA)
    assert (
        target.call("POST", f"{POLICIES}/{parent['id']}/assign", {"channel_ids": [site.channel]}, local=True)[0] == 200
    )
    assert (target.admin("GET", path)["policy_enforced"], target.admin("GET", path)["policy_is_active"]) == (
        True,
        False,
    )
    status, answer = site.join("cy")
    assert (status, answer["id"]) == (403, "api.channel.add_user.to.channel.rejected")
    assert site.members() == {"bo"}, "memberships change by the job"
    admin = target.admin("GET", "/users/me")["id"]
    results = site.sync(policy_id=parent["id"])[site.channel]
    assert (set(results["MembersRemoved"]), results["MembersAdded"]) == ({site.users["bo"], admin}, [])
    target.admin("PUT", f"{POLICIES}/activate", {"entries": [{"id": site.channel, "active": True}]})
    assert target.admin("GET", path)["policy_is_active"] is True
    assert site.sync()[site.channel]["MembersAdded"] == [site.users["al"]]
    assert site.members() == {"al"}
    target.admin("PATCH", f"/users/{site.users['al']}/custom_profile_attributes", {site.field: "bravo"})
    site.sync(policy_id=site.channel)
    assert site.members() == set()
    assert (
        target.call("DELETE", f"{POLICIES}/{parent['id']}/unassign", {"channel_ids": [site.channel]}, local=True)[0]
        == 200
    )
    assert target.admin("GET", path)["policy_enforced"] is False and site.join("bo")[0] == 201


def test_policies_are_found_changed_and_removed(site: Site) -> None:
    target = site.target
    parent = site.save()
    again = site.save(id=parent["id"], name="Alphas")
    assert (again["revision"], again["name"]) == (1, "Alphas"), "a new name is no new revision"
    changed = site.save(id=parent["id"], rules=[{"actions": ["*"], "expression": 'user.attributes.Unit != "bravo"'}])
    assert changed["revision"] == 2
    target.call("POST", f"{POLICIES}/{parent['id']}/assign", {"channel_ids": [site.channel]}, token=target.token)
    own = site.save(id=site.channel, type="channel", name="joint", imports=[parent["id"]])
    found = target.admin("POST", f"{POLICIES}/search", {"type": "parent", "include_children": True})
    assert (found["total"], found["policies"][0]["props"]["child_ids"]) == (1, [site.channel])
    children = target.admin("POST", f"{POLICIES}/search", {"type": "channel", "parent_id": parent["id"]})["policies"]
    assert children[0]["rules"][0]["expression"] == f'user.attributes.id_{site.field} == "alpha"'
    assert target.admin("GET", f"{POLICIES}/{site.channel}")["rules"] == own["rules"]
    assert site.join("cy")[0] == 403 and site.join("al")[0] == 201
    rows = target.admin("GET", f"{POLICIES}/{parent['id']}/resources/channels?limit=10")
    assert (rows["total_count"], rows["channels"][0]["team_name"]) == (1, "force")
    assert target.admin("POST", f"{POLICIES}/search", {"term": "nothing"}) == {"policies": [], "total": 0}
    assert target.call("DELETE", f"{POLICIES}/{parent['id']}", token=target.token)[0] == 200
    assert target.call("GET", f"{POLICIES}/{parent['id']}", token=target.token)[0] == 404


def test_expressions_are_checked_and_tried(site: Site) -> None:
    target = site.target
    check = f"{POLICIES}/cel/check"
    assert target.admin("POST", check, {"expression": ALPHA}) == []
    assert target.admin("POST", check, {"expression": 'user.attributes.Lost == "x"'}) == [
        {"line": 1, "column": 17, "message": "undefined field 'Lost'"}
    ]
    found = target.admin("POST", f"{POLICIES}/cel/test", {"expression": ALPHA, "limit": 10})
    assert ([user["username"] for user in found["users"]], found["total"]) == (["al"], 1)
    assert target.admin("POST", f"{POLICIES}/cel/validate_requester", {"expression": ALPHA}) == {
        "requester_matches": False
    }
    assert target.admin("GET", f"{POLICIES}/cel/autocomplete/fields?limit=5")[0]["name"] == "Unit"
    rules = [{"actions": ["*"], "expression": "nonsense"}]
    body = {"type": "parent", "version": "v0.2", "name": "X", "rules": rules}
    assert target.call("PUT", POLICIES, body, token=target.token)[0] == 400


def test_channels_and_policies_that_do_not_fit(site: Site) -> None:
    target, parent = site.target, site.save()
    public = site.place("open", "O")
    status, answer = target.call(
        "POST", f"{POLICIES}/{parent['id']}/assign", {"channel_ids": [public]}, token=target.token
    )
    assert (status, answer["detailed_error"]) == (400, "Channel is not of type private")
    target.admin("PUT", f"/channels/{site.channel}/patch", {"group_constrained": True})
    body = {"channel_ids": [site.channel]}
    assert target.call("POST", f"{POLICIES}/{parent['id']}/assign", body, token=target.token)[0] == 400
    assert site.join("al")[1]["id"] == "api.channel.add_members.user_denied"
    target.admin("PUT", f"/channels/{site.channel}/patch", {"group_constrained": False})
    for fields, reason in [
        ({"name": ""}, "is_valid.name"),
        ({"version": "v0.9"}, "is_valid.version"),
        ({"rules": []}, "is_valid.rules"),
        ({"imports": ["a" * 26]}, "is_valid.imports"),
        ({"type": "channel", "id": site.channel, "rules": []}, "is_valid.rules_imports"),
    ]:
        body = {**parent, "id": "", "name": "Other", **fields}
        status, answer = target.call("PUT", POLICIES, body, token=target.token)
        assert (status, answer["id"]) == (400, f"model.access_policy.{reason}.app_error")
    status, answer = target.call("PUT", POLICIES, {**parent, "id": ""}, token=target.token)
    assert answer["id"] == "app.pap.save_policy.name_exists.app_error"


@pytest.mark.parametrize(("sku", "edition"), [("enterprise", "enterprise"), ("advanced", "team")])
def test_refused_without_the_licence_or_the_release(licensed: Callable[..., Server], sku: str, edition: str) -> None:
    target = licensed(sku=sku, edition=edition)
    status, answer = target.call("POST", f"{POLICIES}/search", {"term": ""}, token=target.token)
    assert (status, answer["id"]) == (501, "app.pap.search_access_control_policies.app_error")
    status, answer = target.call("POST", "/jobs", {"type": "access_control_sync"}, token=target.token)
    assert (status, answer["id"]) == (400, "model.job.is_valid.type.app_error")

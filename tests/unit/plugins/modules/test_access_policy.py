# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils._access import ineligible, same_rules
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import Reply, Turns, error

POLICIES = "/access_control_policies"
SEARCH, CHECK, ACTIVATE = (
    ("POST", POLICIES + "/search"),
    ("POST", POLICIES + "/cel/check"),
    ("PUT", POLICIES + "/activate"),
)
EMPTY = Reply(200, b"")
RULE = {"expression": 'user.attributes.clearance == "secret"'}
SHOWN = {"actions": ["membership"], **RULE}
PRIVATE = {"type": "P", "delete_at": 0, "group_constrained": None, "shared": None, "team_id": "team1"}


class Policies:
    """The policies of the fake server: parents by made-up ids, policies of channels by the channel's id."""

    def __init__(self, fake):
        self.fake = fake
        self.policies = {}
        self.channels = {}
        self.problems = []
        self.order = []
        fake.routes[("GET", "/config/client")] = {"Version": "11.6.0"}
        fake.routes[SEARCH] = lambda request: self.search(**request.json)
        fake.routes[CHECK] = lambda request: self.problems
        fake.routes[ACTIVATE] = lambda request: self.activate(request.json["entries"])
        fake.routes[("PUT", POLICIES)] = lambda request: self.save(request.json)
        fake.routes[("GET", "/teams/name/ops")] = {"id": "team1", "name": "ops"}
        for name in ("planning", "pilots", "board"):
            self.channel(name)

    def channel(self, name, **fields):
        channel = {"id": f"id-{name}", "name": name, "display_name": name.title(), **PRIVATE, **fields}
        self.channels[channel["id"]] = channel
        for path in (f"/teams/name/ops/channels/name/{name}", f"/teams/team1/channels/name/{name}"):
            self.fake.routes[("GET", path)] = channel
        self.fake.routes[("GET", f"{POLICIES}/{channel['id']}")] = error(404, "app.pap.get_policy.app_error")

    def search(self, limit, cursor, type, parent_id=""):
        assert limit == 1000
        found = [
            policy
            for policy in self.policies.values()
            if policy["type"] == type and parent_id in ("", *policy["imports"]) and policy["id"] > cursor["id"]
        ]
        return {"policies": sorted(found, key=lambda policy: policy["id"])[:limit], "total": len(found)}

    def activate(self, entries):
        for entry in entries:
            self.policies[entry["id"]]["active"] = entry["active"]
        return [self.policies[entry["id"]] for entry in entries]

    def save(self, policy):
        assert policy["version"] == "v0.2" and all(rule["actions"] == ["*"] for rule in policy["rules"])
        policy = {"id": f"policy{len(self.policies)}", "revision": 1, **policy}
        path = f"{POLICIES}/{policy['id']}"
        self.policies[policy["id"]] = policy
        self.fake.routes[("GET", path)] = lambda request: self.policies.get(
            policy["id"], error(404, "app.pap.get_policy.app_error")
        )
        self.fake.routes[("DELETE", path)] = lambda request: self.policies.pop(policy["id"]) and EMPTY
        self.fake.routes[("POST", path + "/assign")] = lambda request: self.assign(policy["id"], request.json)
        self.fake.routes[("DELETE", path + "/unassign")] = lambda request: self.unassign(policy["id"], request.json)
        self.fake.routes[("GET", path + "/resources/channels")] = lambda request: self.resources(policy["id"], request)
        return policy

    def assign(self, parent, body):
        for channel_id in body["channel_ids"]:
            fresh = {"type": "channel", "version": "v0.2", "rules": [], "imports": [], "active": False, "name": ""}
            child = self.policies.get(channel_id) or self.save({"id": channel_id, **fresh})
            assert parent not in child["imports"]
            child["imports"].append(parent)
            child["active"] = self.policies[parent]["active"]
        return EMPTY

    def unassign(self, parent, body):
        for channel_id in body["channel_ids"]:
            child = self.policies[channel_id]
            child["imports"].remove(parent)
            if not child["imports"] and not child["rules"]:
                del self.policies[channel_id]
        return EMPTY

    def resources(self, parent, request):
        assert "limit=1000" in request.query
        ids = [one for one, policy in self.policies.items() if parent in policy["imports"]]
        return {"channels": [self.named(one) for one in ids], "total_count": len(ids)}

    def named(self, channel_id):
        return {"id": channel_id, "name": self.channels[channel_id]["name"], "team_name": "ops"}


@pytest.fixture
def server(fake):
    return Policies(fake)


@pytest.fixture
def run(run_module, fake, server, pauses):
    def call(**args):
        return run_module("access_policy", socket_path=fake.socket_path, **args)

    return call


def changes(fake):
    """Writes but for questions that are asked with POST."""
    return [write for write in fake.writes if not re.search("/(search|check)$", write)]


def test_life_of_a_named_policy(run, fake, server):
    wanted = {"name": "Secret", "rules": [RULE], "channels": ["Ops:planning", "ops:pilots"], "active": True}
    predicted = run(check=True, **wanted)
    assert predicted["changed"] and not changes(fake) and fake.asked(*CHECK)
    shown = run(**wanted)["access_policy"]
    names = ["ops:pilots", "ops:planning"]
    assert shown == {"id": "policy0", "name": "Secret", "active": True, "rules": [SHOWN], "channels": names}
    assert all(server.policies[one]["active"] for one in ("policy0", "id-planning", "id-pilots"))
    assert changes(fake) == [
        f"PUT {POLICIES}",
        f"POST {POLICIES}/policy0/assign",
        f"PUT {POLICIES}/activate",
    ]
    same = [{"expression": RULE["expression"].replace(" ", "\n ")}]
    asked = len(fake.asked(*CHECK))
    assert not run(**{**wanted, "rules": same})["changed"] and not run(name="Secret")["changed"]
    assert len(fake.asked(*CHECK)) == asked

    server.policies["id-pilots"]["active"] = False
    result = run(**wanted)
    assert result["changed"] and result["diff"]["before"]["active"] is None and server.policies["id-pilots"]["active"]

    fake.requests.clear()
    assert run(name="Secret", channels=["ops:pilots", "ops:board"])["access_policy"]["channels"][0] == "ops:board"
    assert changes(fake) == [f"DELETE {POLICIES}/policy0/unassign", f"POST {POLICIES}/policy0/assign"]
    assert fake.asked("DELETE", f"{POLICIES}/policy0/unassign")[0].json == {"channel_ids": ["id-planning"]}

    assert run(name="Secret", channels=["ops:board"])["access_policy"]["channels"] == ["ops:board"]

    result = run(name="Secret", rules=[{"expression": 'user.attributes.clearance == "top"'}])
    assert result["changed"] and server.policies["policy0"]["active"] and not run(name="Secret", active=True)["changed"]
    assert run(name="Secret", active=False)["access_policy"]["active"] is False

    assert run(check=True, name="Secret", state="absent")["changed"] and server.policies
    assert run(name="Secret", state="absent")["changed"] and not server.policies
    result = run(name="Secret", state="absent")
    assert (result["changed"], result["access_policy"]) == (False, {})


def test_life_of_a_policy_of_a_channel(run, fake, server):
    run(name="Secret", rules=[RULE], channels=["ops:pilots"])
    own = {"channel": "ops:pilots", "rules": [{"expression": 'user.attributes.trade == "pilot"'}]}
    assert run(check=True, **own)["changed"] and not server.policies["id-pilots"]["rules"]
    shown = run(active=True, **own)["access_policy"]
    assert (shown["id"], shown["channel"], shown["active"]) == ("id-pilots", "ops:pilots", True)
    assert server.policies["id-pilots"]["imports"] == ["policy0"] and not run(**own)["changed"]
    assert run(channel="ops:pilots", active=False)["access_policy"]["active"] is False

    assert run(channel="ops:pilots", state="absent")["changed"]
    assert (server.policies["id-pilots"]["rules"], server.policies["id-pilots"]["imports"]) == ([], ["policy0"])
    assert not run(channel="ops:pilots", state="absent")["changed"]

    run(channel="ops:board", rules=[RULE])
    assert server.policies["id-board"]["name"] == "Board"
    assert run(channel="ops:board", state="absent")["changed"] and "id-board" not in server.policies
    assert not run(channel="ops:board", state="absent")["changed"]


def test_attributes_by_name(run, fake, server):
    """Where the server gives an expression back as it keeps it."""
    run(channel="ops:board", rules=[RULE])
    one, other = "a" * 26, "b" * 26
    fake.routes[("GET", "/custom_profile_attributes/fields")] = [{"id": one, "name": "clearance"}]
    stored = server.policies["id-board"]["rules"][0]
    stored["expression"] = f'user.attributes.id_{one} == "secret"'
    assert not run(channel="ops:board", rules=[RULE])["changed"]
    stored["expression"] = f'user.attributes.id_{other} == "secret"'
    assert other in run(channel="ops:board")["access_policy"]["rules"][0]["expression"]


@pytest.mark.parametrize(
    ("fields", "version", "reason"),
    [
        ({}, [11, 6, 0], None),
        ({"type": "O"}, [11, 7, 9], "it is public, which servers before 11.8 do not allow"),
        ({"type": "O"}, [11, 8, 0], None),
        ({"type": "D"}, [11, 8, 0], "direct and group messages have none"),
        ({"name": "town-square", "type": "O"}, [11, 8, 0], "everybody of the team is in this channel"),
        ({"group_constrained": True}, [11, 6, 0], "groups decide who is in it"),
        ({"shared": True}, [11, 6, 0], "it is shared with other servers, whose accounts have no attributes here"),
        ({"delete_at": 1}, [11, 6, 0], "it is archived"),
    ],
)
def test_which_channels(fields, version, reason):
    assert ineligible({"name": "x", **PRIVATE, **fields}, version) == reason


def test_channels_are_refused_before_anything_is_changed(run, fake, server):
    server.channel("open", type="O")
    server.channel("joint", shared=True)
    message = run(name="Secret", rules=[RULE], channels=["ops:open", "ops:joint", "ops:pilots"])["msg"]
    assert "Cannot apply the access policy Secret to these channels: open: it is public" in message
    assert "joint: it is shared with other servers" in message and "pilots" not in message
    assert "Cannot apply the access policy of the channel ops:joint" in run(channel="ops:joint", rules=[RULE])["msg"]
    assert not changes(fake)


@pytest.mark.parametrize("args", [{"name": "Secret"}, {"channel": "ops:board"}], ids=["named", "of a channel"])
def test_expressions_are_refused_before_anything_is_changed(run, fake, server, args):
    server.problems = [{"line": 1, "column": 4, "message": "undeclared reference to 'usr'"}]
    for check in (True, False):
        message = run(check=check, rules=[{"expression": "usr.x"}], **args)["msg"]
        assert "does not understand the expression usr.x (line 1, column 4: undeclared reference to 'usr')" in message
    assert not changes(fake)


def test_rules_are_needed(run, fake, server):
    assert "Cannot create the access policy Secret: give its rules." in run(name="Secret")["msg"]
    assert "give its rules" in run(channel="ops:board", rules=[])["msg"] and not fake.asked("PUT", POLICIES)


def test_same_rules():
    one = [{"actions": ["*"], "expression": """ a  == "b  c" && d in ['e']"""}]
    assert same_rules(one, [{"actions": ["membership"], "expression": """a == "b  c"&&d in ['e']"""}])
    assert not same_rules(one, [{"actions": ["membership"], "expression": """a == "b c" && d in ['e']"""}])
    assert not same_rules(one, [])


def test_many(run, fake, server):
    """More policies and channels than the server gives at once."""
    names = [f"c{number:04d}" for number in range(1001)]
    for name in names:
        server.channel(name)
    pages = []

    def resources(request):
        pages.append(request.query)
        ids = sorted(one for one, policy in server.policies.items() if "policy0" in policy["imports"])
        first = 0 if len(pages) % 2 else 1000
        return {"channels": [server.named(one) for one in ids[first : first + 1000]]}

    run(name="Secret", rules=[RULE])
    fake.routes[("GET", f"{POLICIES}/policy0/resources/channels")] = resources
    server.assign("policy0", {"channel_ids": [f"id-{name}" for name in names]})
    fake.routes[("GET", f"{POLICIES}/policy0/resources/channels")] = resources
    assert len(run(name="Secret")["access_policy"]["channels"]) == 1001
    assert pages == ["limit=1000", "limit=1000&after=id-c0999"]


def test_sync(run, fake, server):
    job = {"id": "job1", "type": "access_control_sync", "progress": 0, "create_at": 1, "start_at": 1}
    job = {**job, "last_activity_at": 1, "data": {"policy_id": "policy0"}}
    fake.routes[("POST", "/jobs")] = {**job, "status": "pending"}
    fake.routes[("GET", "/jobs/job1")] = Turns([{**job, "status": "in_progress"}, {**job, "status": "success"}])
    wanted = {"name": "Secret", "rules": [RULE], "channels": ["ops:pilots"], "sync": True}
    assert "sync_job" not in run(check=True, **wanted)
    assert run(**wanted)["sync_job"]["status"] == "success"
    assert fake.asked("POST", "/jobs")[0].json == {"type": "access_control_sync", "data": {"policy_id": "policy0"}}
    assert "sync_job" not in run(**wanted) and "sync_job" not in run(**{**wanted, "state": "absent"})


def test_newer_servers(run, fake, server):
    """Public channels may have policies there, and rules say what they are about."""
    fake.routes[("GET", "/config/client")] = {"Version": "11.8.0"}
    server.channel("open", type="O")
    saved = []
    fake.routes[("PUT", POLICIES)] = lambda request: saved.append(request.json) or request.json
    fake.routes[("GET", f"{POLICIES}/id-open")] = Turns(
        [error(404, "app.pap.get_policy.app_error"), {"id": "id-open", "active": False, "rules": [SHOWN]}]
    )
    actions = ["membership", "download_file_attachment"]
    assert run(channel="ops:open", rules=[{**RULE, "actions": actions}])["changed"]
    assert saved[0]["version"] == "v0.3" and saved[0]["rules"][0]["actions"] == ["*", "download_file_attachment"]


@pytest.mark.parametrize(
    ("route", "reply", "words"),
    [
        (SEARCH, error(501, "app.pap.search_access_control_policies.app_error"), "Enterprise Advanced or higher"),
        (SEARCH, error(403, "api.context.permissions.app_error"), "needs the permission manage_system"),
        (CHECK, error(501, "app.pap.check_expression.app_error"), "Enterprise Advanced or higher"),
        (("PUT", POLICIES), error(400, "app.pap.save_policy.name_exists.app_error"), "Another access policy has this"),
        (("PUT", POLICIES), None, "Cannot save the access policy Secret: the connection to the socket"),
        (("POST", f"{POLICIES}/policy0/assign"), None, "Cannot apply the access policy Secret to channels: the conn"),
        (ACTIVATE, None, "Cannot activate the access policy Secret: the connection to the socket"),
    ],
    ids=[
        "no licence",
        "no permission",
        "no licence to check",
        "conflict",
        "dies saving",
        "dies assigning",
        "activating",
    ],
)
def test_server_refuses(run, fake, server, route, reply, words):
    save = server.save

    def keep(policy):
        saved = save(policy)
        fake.routes[route] = lambda request: reply
        return saved

    server.save = keep
    if route[1] != f"{POLICIES}/policy0/assign":
        fake.routes[route] = lambda request: reply
    assert words in run(name="Secret", rules=[RULE], channels=["ops:pilots"], active=True)["msg"]

# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import error

FIELDS = "/custom_profile_attributes/fields"
USERS = {"jdoe": "j" * 26, "asmith": "s" * 26, "boss": "b" * 26}
EMPTY = {"visibility": "when_set", "sort_order": 0, "value_type": "", "ldap": "", "saml": "", "managed": ""}
CLEARANCE = {
    "name": "clearance",
    "type": "select",
    "options": [{"name": "restricted"}, {"name": "secret", "color": "#c4161c"}],
    "managed": "admin",
}


class Attributes:
    """The attributes and values of the fake server: a patch replaces `attrs` whole, options get their ids from it."""

    def __init__(self, fake):
        self.fake = fake
        self.fields = []
        self.values = {user_id: {} for user_id in USERS.values()}
        self.ids = (f"{number:026d}" for number in itertools.count(1))
        fake.routes[("GET", FIELDS)] = lambda request: self.fields
        fake.routes[("POST", FIELDS)] = lambda request: self.add(**request.json)
        for username, user_id in USERS.items():
            fake.routes[("GET", f"/users/username/{username}")] = {"id": user_id, "username": username}
            fake.routes[("GET", f"/users/{user_id}")] = {"id": user_id, "username": username}
            path = f"/users/{user_id}/custom_profile_attributes"
            fake.routes[("GET", path)] = self.values[user_id]
            fake.routes[("PATCH", path)] = lambda request, user_id=user_id: self.set(user_id, request.json)

    def add(self, name, type, attrs):
        field = {"id": next(self.ids), "name": name, "type": type}
        self.fields.append(field)
        path = f"{FIELDS}/{field['id']}"
        self.fake.routes[("PATCH", path)] = lambda request: self.patch(field, request.json["attrs"])
        self.fake.routes[("DELETE", path)] = lambda request: self.fields.remove(field) or {"status": "OK"}
        return self.patch(field, attrs)

    def patch(self, field, attrs):
        field["attrs"] = {**EMPTY, "options": None, "access_mode": "", **attrs}
        for option in field["attrs"]["options"] or []:
            option.setdefault("id", next(self.ids))
        return field

    def set(self, user_id, values):
        self.values[user_id].update(values)
        return values


@pytest.fixture
def server(fake):
    return Attributes(fake)


@pytest.fixture
def run(run_module, fake, server, pauses):
    def call(**args):
        return run_module("user_attribute", socket_path=fake.socket_path, **args)

    return call


def test_life(run, fake, server):
    values = {"jdoe": "secret", "asmith": "restricted"}
    wanted = {**CLEARANCE, "values": values}
    predicted = run(check=True, **wanted)
    assert predicted["changed"] and not fake.writes and predicted["user_attribute"]["values"] == values
    result = run(**wanted)
    shown = result["user_attribute"]
    restricted, secret = server.fields[0]["attrs"]["options"]
    assert shown["options"] == [{"name": "restricted", "color": ""}, {"name": "secret", "color": "#c4161c"}]
    assert (shown["values"], shown["managed"], shown["visibility"]) == (values, "admin", "when_set")
    assert server.values[USERS["jdoe"]] == {shown["id"]: secret["id"]}
    assert not run(**wanted)["changed"] and not run(name="clearance")["changed"]

    writes = len(fake.writes)
    more = [{"name": "secret"}, {"name": "top secret"}, {"name": "restricted"}]
    predicted = run(check=True, name="clearance", options=more, values={"jdoe": "top secret"})
    assert predicted["diff"]["after"]["values"] == {"jdoe": "top secret"} and len(fake.writes) == writes
    assert run(name="clearance", options=more, values={"jdoe": "top secret", "asmith": "restricted"})["changed"]
    assert [path for path in fake.writes if "/users/" in path][2:] == [
        f"PATCH /users/{USERS['jdoe']}/custom_profile_attributes"
    ]
    attrs = server.fields[0]["attrs"]
    assert [option["name"] for option in attrs["options"]] == ["secret", "top secret", "restricted"]
    assert (attrs["options"][0], attrs["options"][2]) == (secret, restricted) and attrs["managed"] == "admin"
    assert not run(name="clearance", options=more, values={"asmith": "restricted"})["changed"]
    assert run(name="clearance", options=more[::-1])["changed"]

    result = run(name="clearance", values={"jdoe": "", "asmith": None})
    assert result["user_attribute"]["values"] == {"jdoe": "", "asmith": ""}
    assert server.values[USERS["jdoe"]] == {shown["id"]: ""}

    predicted = run(check=True, name="clearance", state="absent")
    assert predicted["changed"] and server.fields
    assert run(name="clearance", state="absent")["changed"] and not server.fields
    result = run(name="clearance", state="absent")
    assert (result["changed"], result["user_attribute"]) == (False, {})


@pytest.mark.parametrize(
    ("args", "value", "stored"),
    [
        ({"type": "text", "value_type": "email"}, "a@example.org", "a@example.org"),
        ({"type": "text"}, 7, "7"),
        ({"type": "date"}, "2026-01-01", "2026-01-01"),
        ({"type": "user"}, "boss", USERS["boss"]),
        ({"type": "multiuser"}, ["boss", "asmith", "boss"], [USERS["asmith"], USERS["boss"]]),
        ({"type": "multiselect", "options": [{"name": "b"}, {"name": "a"}]}, "a", ["0" * 25 + "3"]),
    ],
    ids=["email", "number", "date", "user", "multiuser", "multiselect"],
)
def test_kinds(run, server, args, value, stored):
    wanted = {"name": "kind", **args, "values": {"jdoe": value}}
    assert run(**wanted)["changed"]
    assert list(server.values[USERS["jdoe"]].values()) == [stored]
    assert not run(**wanted)["changed"]
    empty = [] if isinstance(stored, list) else ""
    assert run(name="kind", values={"jdoe": empty})["user_attribute"]["values"] == {"jdoe": empty}


def test_values_that_are_no_options_any_more(run, server):
    """What an account had of an option that was removed is shown by its id, and can be replaced."""
    run(**CLEARANCE, values={"jdoe": "secret"})
    gone = server.fields[0]["attrs"]["options"].pop()
    result = run(check=True, name="clearance", values={"jdoe": "restricted"})
    assert result["diff"]["before"]["values"] == {"jdoe": gone["id"]}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"name": "new"}, "it does not exist, so give its type"),
        ({"name": "clearance", "type": "text"}, "it has the type select, and another one deletes the values"),
        ({"name": "new", "type": "select"}, "the type select needs options"),
        ({"name": "clearance", "options": []}, "the type select needs options"),
        ({"name": "new", "type": "text", "options": [{"name": "a"}]}, "the type text has no options"),
        ({"name": "clearance", "options": [{"name": "a"}, {"name": "a"}]}, "the option a is there twice"),
        ({"name": "clearance", "ldap": "c"}, "only attributes of the type text can be synchronised"),
        ({"name": "new", "type": "text", "saml": "c", "managed": "admin"}, "administrators manage cannot be"),
        ({"name": "synced", "values": {"jdoe": "x"}}, "its values come from LDAP or SAML"),
        ({"name": "clearance", "values": {"jdoe": "x"}}, "option x, which is not one of restricted, secret."),
        ({"name": "clearance", "values": {"jdoe": ["secret", "restricted"]}}, "is to have 2 values"),
        ({"name": "twice"}, "the server has 2 of that name"),
    ],
    ids=lambda value: None if isinstance(value, dict) else value[:20],
)
@pytest.mark.parametrize("check", [True, False], ids=["check", "run"])
def test_refused_before_anything_is_changed(run, fake, server, args, words, check):
    server.add("clearance", "select", {"options": [{"name": "restricted", "color": ""}, {"name": "secret"}]})
    server.add("synced", "text", {"ldap": "c"})
    server.add("twice", "text", {})
    server.add("twice", "text", {})
    assert words in run(check=check, **args)["msg"] and not fake.writes


@pytest.mark.parametrize(
    ("route", "reply", "words"),
    [
        (("GET", FIELDS), error(403, "api.custom_profile_attributes.license_error"), "a licence: Enterprise or higher"),
        (("GET", FIELDS), error(403, "app.property.license_error"), "a licence: Enterprise or higher"),
        (("GET", FIELDS), error(404, "api.context.404.app_error"), "This server has no such route"),
        (("POST", FIELDS), error(403, "api.context.permissions.app_error"), "needs the permission manage_system"),
        (("POST", FIELDS), error(422, "app.custom_profile_attributes.limit_reached.app_error"), "at most 20 user"),
        (("POST", FIELDS), None, "Cannot create the user attribute clearance: the connection to the socket"),
        (
            ("PATCH", f"/users/{USERS['jdoe']}/custom_profile_attributes"),
            error(400, "app.custom_profile_attributes.validate_value.app_error"),
            "does not fit the type of the attribute",
        ),
    ],
)
def test_server_refuses(run, fake, server, route, reply, words):
    fake.routes[route] = lambda request: reply
    assert words in run(**CLEARANCE, values={"jdoe": "secret"})["msg"]


def test_nobody_of_that_name(run, fake, server):
    fake.routes[("GET", "/users/username/ghost")] = error(404, "app.user.get_by_username.app_error")
    server.add("text", "text", {})
    assert "ghost" in run(name="text", values={"ghost": "x"})["msg"] and not fake.writes

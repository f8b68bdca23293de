# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Custom profile attributes of the stand-in: fields, values, who may set them, and their limits."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from launcher import Server

FIELDS = "/custom_profile_attributes/fields"
PASSWORD = "User-pass-2026!"
CLEARANCE = {"options": [{"name": "SECRET", "color": "red"}, {"name": "OPEN", "color": ""}], "managed": "admin"}


def field(target: Server, name: str, kind: str = "text", **attrs: Any) -> dict[str, Any]:
    found: dict[str, Any] = target.admin("POST", FIELDS, {"name": name, "type": kind, "attrs": attrs})
    return found


def account(target: Server, name: str) -> str:
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    return str(target.admin("POST", "/users", body)["id"])


def test_fields_are_made_changed_and_removed(licensed: Callable[..., Server]) -> None:
    target = licensed()
    unit = field(target, " Unit ", sort_order=2)
    clearance = field(target, "Clearance", "select", sort_order=1, **CLEARANCE)
    assert (unit["name"], unit["attrs"]["visibility"], unit["attrs"]["options"]) == ("Unit", "when_set", None)
    assert all(len(option["id"]) == 26 for option in clearance["attrs"]["options"])
    assert [row["name"] for row in target.admin("GET", FIELDS)] == ["Clearance", "Unit"]
    path = f"{FIELDS}/{clearance['id']}"
    kept = clearance["attrs"]["options"][0]
    patched = target.admin("PATCH", path, {"name": "Level", "attrs": {"options": [kept, {"name": "TOP"}]}})
    assert (patched["name"], patched["attrs"]["options"][0]) == ("Level", kept)
    assert patched["attrs"]["managed"] == "", "a patch replaces the attributes whole"
    assert target.call("GET", FIELDS, local=True)[1] == target.admin("GET", FIELDS)
    assert target.admin("GET", "/custom_profile_attributes/group") == {"id": unit["group_id"]}
    target.admin("DELETE", path)
    assert [row["name"] for row in target.admin("GET", FIELDS)] == ["Unit"]
    assert target.call("DELETE", path, token=target.token)[0] == 404


def test_values_and_who_may_set_them(licensed: Callable[..., Server]) -> None:
    target = licensed()
    unit, synced = field(target, "Unit"), field(target, "Rank", ldap="rank")
    clearance = field(target, "Clearance", "select", **CLEARANCE)
    several = field(target, "Nations", "multiselect", options=[{"name": "AA"}, {"name": "BB"}])
    user = account(target, "una")
    path, token = f"/users/{user}/custom_profile_attributes", target.login("una", PASSWORD)
    secret = clearance["attrs"]["options"][0]["id"]
    nations = [option["id"] for option in several["attrs"]["options"]]
    wanted = {unit["id"]: " alpha ", clearance["id"]: secret, several["id"]: nations}
    assert target.admin("PATCH", path, wanted) == {**wanted, unit["id"]: "alpha"}
    assert target.call("GET", path, token=token)[1] == {**wanted, unit["id"]: "alpha"}
    own = "/custom_profile_attributes/values"
    assert target.call("PATCH", own, {unit["id"]: "bravo"}, token=token) == (200, {unit["id"]: "bravo"})
    for body, reason in [
        ({clearance["id"]: secret}, "property_field_is_managed"),
        ({synced["id"]: "x"}, "property_field_is_synced"),
        ({unit["id"]: "x" * 65}, "validate_value"),
        ({unit["id"]: 7}, "validate_value"),
        ({several["id"]: ["nothing"]}, "validate_value"),
        ({"a" * 26: "x"}, "property_field_not_found"),
    ]:
        answer = target.call("PATCH", own, body, token=token)[1]
        assert answer["id"] == f"app.custom_profile_attributes.{reason}.app_error", body
    other = account(target, "oscar")
    assert target.call("PATCH", f"/users/{other}/custom_profile_attributes", {unit["id"]: "x"}, token=token)[0] == 403
    assert target.call("POST", FIELDS, {"name": "Mine", "type": "text"}, token=token)[0] == 403
    target.admin("PATCH", f"{FIELDS}/{several['id']}", {"type": "text", "attrs": {}})
    assert several["id"] not in target.admin("GET", path), "values do not outlive the type of their field"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "", "type": "text"}, 400),
        ({"name": "X", "type": "number"}, 400),
        ({"name": "X", "type": "select"}, 422),
        ({"name": "X", "type": "select", "attrs": {"options": [{"name": "A"}, {"name": "A"}]}}, 422),
        ({"name": "X", "type": "text", "attrs": {"visibility": "never"}}, 422),
        ({"name": "X", "type": "text", "attrs": {"value_type": "number"}}, 422),
        ({"name": "X", "type": "text", "attrs": {"managed": "me"}}, 400),
        ({"name": "X", "type": "text", "attrs": {"access_mode": "source_only"}}, 500),
    ],
)
def test_fields_that_are_refused(licensed: Callable[..., Server], body: dict[str, Any], status: int) -> None:
    target = licensed()
    assert target.call("POST", FIELDS, body, token=target.token)[0] == status
    assert target.admin("GET", FIELDS) == []


def test_names_are_unique_and_there_are_at_most_twenty(licensed: Callable[..., Server]) -> None:
    target = licensed()
    for number in range(20):
        field(target, f"F{number}")
    first = target.admin("GET", FIELDS)[0]
    assert target.call("PATCH", f"{FIELDS}/{first['id']}", {"name": "F7"}, token=target.token)[0] == 500
    status, answer = target.call("POST", FIELDS, {"name": "G", "type": "text"}, token=target.token)
    assert (status, answer["id"]) == (422, "app.custom_profile_attributes.limit_reached.app_error")
    target.admin("DELETE", f"{FIELDS}/{first['id']}")
    assert target.call("POST", FIELDS, {"name": "F1", "type": "text"}, token=target.token)[0] == 500
    field(target, "F0")


def test_refused_where_a_real_server_would(licensed: Callable[..., Server]) -> None:
    target = licensed(sku="professional")
    status, answer = target.call("GET", FIELDS, token=target.token)
    assert (status, answer["id"]) == (403, "api.custom_profile_attributes.license_error")
    assert licensed("9.11.0", name="b").call("GET", FIELDS, local=True)[0] == 404

# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import error


class Roles:
    """One role."""

    def __init__(self, fake, name="system_user", *permissions):
        self.role = {"id": "r1", "name": name, "display_name": "User", "scheme_managed": True, "built_in": True}
        self.role["permissions"] = list(permissions)
        fake.routes[("GET", f"/roles/name/{name}")] = lambda request: self.role
        fake.routes[("GET", "/roles/name/none")] = error(404, "app.role.get_by_name.app_error")
        fake.routes[("PUT", "/roles/r1/patch")] = lambda request: self.role.update(request.json) or {}
        fake.routes[("GET", "/license/client")] = {"IsLicensed": "false"}


@pytest.fixture
def run(run_module, fake):
    def call(**args):
        return run_module("role", socket_path=fake.socket_path, **{"name": "system_user", **args})

    return call


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"permissions": ["c", "a"]}, ["a", "c"]),
        ({"permissions": []}, []),
        ({"add_permissions": ["c", "a"]}, ["a", "b", "c"]),
        ({"remove_permissions": ["b", "x"]}, ["a"]),
        ({"add_permissions": ["c"], "remove_permissions": ["a"]}, ["b", "c"]),
        ({"permissions": ["a", "b", "a"]}, None),
        ({"add_permissions": ["b"]}, None),
        ({"remove_permissions": ["x"]}, None),
    ],
)
def test_change(run, fake, change, left):
    roles = Roles(fake, "system_user", "b", "a")
    predicted = run(check=True, **change)
    assert predicted["changed"] is (left is not None) and not fake.writes
    result = run(**change)
    assert result["changed"] is (left is not None)
    assert (
        result["role"]["permissions"] == predicted["role"]["permissions"] == (left if left is not None else ["a", "b"])
    )
    assert result["role"]["display_name"] == "User"
    assert len(fake.writes) == result["changed"]
    assert not run(**change)["changed"] and len(roles.role["permissions"]) == len(result["role"]["permissions"])


def test_what_no_server_lets_be_changed(run, fake):
    Roles(fake, "system_user", "a", "manage_roles")
    for check in (True, False):
        result = run(check=check, permissions=["a", "manage_system"])
        assert "no server lets manage_roles, manage_system be given to a role or taken from it" in result["msg"]
    assert not run(permissions=["a", "manage_roles"])["changed"] and not fake.writes


@pytest.mark.parametrize(
    "licence", [{"IsLicensed": "false"}, {"IsLicensed": "true", "GuestAccountsPermissions": "false"}]
)
def test_roles_of_guests_need_a_licence(run, fake, licence):
    Roles(fake, "team_guest", "a")
    fake.routes[("GET", "/license/client")] = licence
    for check in (True, False):
        result = run(check=check, name="team_guest", add_permissions=["b"])
        assert result["status"] == 501 and "It needs a licence: Professional or higher." in result["msg"]
    assert not run(name="team_guest", add_permissions=["a"])["changed"] and not fake.writes
    fake.routes[("GET", "/license/client")] = {"IsLicensed": "true"}
    assert run(name="team_guest", add_permissions=["b"])["changed"]


def test_the_server_keeps_something_else(run, fake):
    roles = Roles(fake, "system_user", "a")
    fake.routes[("PUT", "/roles/r1/patch")] = lambda request: roles.role.update(permissions=["a", "x"]) or {}
    assert "The server did not take all permissions of the role system_user (b, x)" in run(add_permissions=["b"])["msg"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "one of the following is required"),
        ({"permissions": ["a"], "add_permissions": ["b"]}, "mutually exclusive"),
        (
            {"add_permissions": ["a"], "remove_permissions": ["a", "b"]},
            "a is in add_permissions and in remove_permissions",
        ),
        ({"name": "none", "permissions": []}, "There is no role none on the server. Roles cannot be created"),
    ],
)
def test_wrong_arguments(run, fake, arguments, words):
    Roles(fake)
    assert words in run(**arguments)["msg"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (error(403, "api.context.permissions.app_error"), "sysconsole_write_user_management_permissions"),
        (error(501, "api.roles.patch_roles.not_allowed_permission.error"), "Some permissions cannot be given or taken"),
        (error(400, "app.role.save.invalid_role.app_error"), "Cannot change the permissions of the role system_user"),
        (lambda request: None, "the connection to the socket"),
    ],
)
def test_refused(run, fake, pauses, reply, words):
    Roles(fake)
    fake.routes[("PUT", "/roles/r1/patch")] = reply
    assert words in run(add_permissions=["b"])["msg"]

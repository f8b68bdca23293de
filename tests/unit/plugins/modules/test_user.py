# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import error

NEW = {"username": "ann", "email": "ann@example.org", "password": "Ann-pass-2026"}


class Accounts:
    """One account on the fake server, as the routes of real ones keep it."""

    def __init__(self, fake, **account):
        self.account = account
        self.passwords = []
        fake.routes[("POST", "/users")] = self.create
        for name in ("ann", "bob"):
            fake.routes[("GET", f"/users/username/{name}")] = lambda request: self.shown()
        fake.routes[("PUT", "/users/1")] = lambda request: self.account.update(request.json) or {}
        fake.routes[("PUT", "/users/1/roles")] = lambda request: self.account.update(request.json) or {}
        fake.routes[("PUT", "/users/1/active")] = lambda request: self.account.update(delete_at=0) or {}
        fake.routes[("PUT", "/users/1/password")] = lambda request: self.passwords.append(request.json) or {}
        fake.routes[("DELETE", "/users/1")] = lambda request: self.account.update(delete_at=5) or {}

    def shown(self):
        if not self.account:
            return error(404, "app.user.get_by_username.app_error")
        return {"auth_data": "hash", "auth_service": "", "locale": "en", "delete_at": 0, "id": "1", **self.account}

    def create(self, request):
        self.account.update({**request.json, "roles": "system_admin system_user"})
        self.passwords.append(self.account.pop("password"))
        return {}


@pytest.fixture
def run(run_module, fake):
    def call(**args):
        return run_module("user", socket_path=fake.socket_path, **args)

    return call


def test_first_administrator(run, fake):
    accounts = Accounts(fake)
    wanted = {**NEW, "username": "Ann", "roles": ["system_user", "system_admin"], "first_name": "Ann"}
    predicted = run(check=True, **wanted)
    assert predicted["changed"] and predicted["user"]["email"] == "ann@example.org" and not fake.writes
    result = run(**wanted)
    assert result["changed"] and fake.writes == ["POST /users"]
    assert accounts.account["email_verified"] and accounts.passwords == ["Ann-pass-2026"]
    assert result["user"] == {
        "id": "1",
        "username": "ann",
        "email": "ann@example.org",
        "first_name": "Ann",
        "last_name": "",
        "nickname": "",
        "position": "",
        "locale": "en",
        "auth_service": "",
        "roles": ["system_admin", "system_user"],
        "active": True,
    }
    again = run(**wanted)
    assert not again["changed"] and len(fake.writes) == 1
    for text in (predicted["text"], result["text"], again["text"]):
        assert "Ann-pass-2026" not in text and "hash" not in text


def test_first_account_that_is_to_be_no_administrator(run, fake):
    Accounts(fake)
    assert run(**NEW, roles=["system_user"])["user"]["roles"] == ["system_user"]
    assert fake.writes == ["POST /users", "PUT /users/1/roles"]


def test_roles_left_to_the_server(run, fake):
    Accounts(fake)
    assert run(**NEW)["changed"] and fake.writes == ["POST /users"]


@pytest.mark.parametrize(
    ("change", "writes"),
    [
        ({"nickname": "annie"}, ["PUT /users/1"]),
        ({"roles": ["system_user", "system_admin"]}, ["PUT /users/1/roles"]),
        ({"roles": ["system_user"]}, []),
        ({"email": "ann@example.org"}, []),
        ({"nickname": ""}, []),
    ],
)
def test_change(run, fake, change, writes):
    accounts = Accounts(fake, username="ann", email="ann@example.org", roles="system_user", props={"kept": "1"})
    assert run(check=True, username="ann", **change)["changed"] is bool(writes)
    assert not fake.writes
    result = run(username="ann", **change)
    assert (result["changed"], fake.writes) == (bool(writes), writes)
    assert result["diff"]["before"]["nickname"] == ""
    assert result["diff"]["after"] == result["user"]
    assert accounts.account["props"] == {"kept": "1"}


def test_deactivate_and_bring_back(run, fake):
    Accounts(fake, username="ann", email="a", roles="system_user")
    assert run(check=True, username="ann", state="absent")["changed"] and not fake.writes
    result = run(username="ann", state="absent")
    assert result["changed"] and not result["user"]["active"]
    result = run(username="ann", state="absent")
    assert not result["changed"] and not result["user"]["active"]
    result = run(username="ann")
    assert result["changed"] and result["user"]["active"]
    assert fake.writes == ["DELETE /users/1", "PUT /users/1/active"]


def test_absent_that_never_was(run, fake):
    Accounts(fake)
    result = run(username="bob", state="absent")
    assert (result["changed"], result["user"]) == (False, {})


def test_password(run, fake):
    accounts = Accounts(fake, username="ann", email="a", roles="system_user")
    assert not run(username="ann", password="New-pass-2026")["changed"]
    always = {"username": "ann", "password": "New-pass-2026", "update_password": "always"}
    assert run(check=True, **always)["changed"] and not fake.writes
    result = run(**always)
    assert result["changed"] and accounts.passwords == [{"new_password": "New-pass-2026"}]
    assert (result["diff"]["before"]["password"], result["diff"]["after"]["password"]) == (
        "********",
        "******** (new value)",
    )
    assert "New-pass-2026" not in result["text"]


def test_second_factor_is_taken_away(run, fake):
    accounts = Accounts(fake, username="ann", email="a", roles="system_user", mfa_active=True)
    fake.routes[("PUT", "/users/1/mfa")] = lambda request: (
        accounts.account.update(mfa_active=request.json["activate"]) or {}
    )
    assert run(check=True, username="ann", mfa_active=False)["changed"] and not fake.writes
    result = run(username="ann", mfa_active=False)
    assert result["changed"] and result["user"]["mfa_active"] is False and fake.writes == ["PUT /users/1/mfa"]
    assert not run(username="ann", mfa_active=False)["changed"]
    assert "mfa_active" not in run(username="ann")["user"]
    assert "must be one of" in run(username="ann", mfa_active=True)["msg"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"username": "b b"}, "names consist of letters"),
        ({"username": "bob"}, "Cannot create the account bob: give its email and password."),
        (
            {"username": "bob", "update_password": "always"},
            "update_password is always but all of the following are missing",
        ),
    ],
)
def test_wrong_arguments(run, fake, arguments, words):
    Accounts(fake)
    assert words in run(**arguments)["msg"]
    assert not fake.writes


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (error(400, "app.user.save.email_exists.app_error", "An account with that email already exists."), "exists"),
        (error(403, "api.user.create_user.no_open_server"), "Use socket_path, or log in as an administrator"),
        (error(400, "api.user.check_user_password.invalid.app_error"), "does not meet PasswordSettings"),
        (error(501, "api.user.create_user.signup_email_disabled.app_error"), "EnableSignUpWithEmail"),
    ],
)
def test_refused(run, fake, reply, words):
    Accounts(fake)
    fake.routes[("POST", "/users")] = reply
    result = run(**NEW)
    assert result["status"] == reply.status and words in result["msg"]
    assert "Ann-pass-2026" not in result["text"]


@pytest.mark.parametrize(
    ("route", "arguments", "permission"),
    [
        (("PUT", "/users/1"), {"first_name": "Anna"}, "edit_other_users"),
        (("PUT", "/users/1/roles"), {"roles": ["system_user", "system_admin"]}, "manage_roles"),
        (("PUT", "/users/1/password"), {"password": "New-pass-2026", "update_password": "always"}, "sysconsole_write"),
        (("DELETE", "/users/1"), {"state": "absent"}, "sysconsole_write"),
    ],
)
def test_no_permission(run, fake, route, arguments, permission):
    Accounts(fake, username="ann", email="ann@example.org", roles="system_user", first_name="Ann")
    fake.routes[route] = error(403, "api.context.permissions.app_error")
    result = run(username="ann", **arguments)
    assert result["status"] == 403 and f"The account needs the permission {permission}" in result["msg"]
    assert "New-pass-2026" not in result["text"]


def test_server_goes_down_in_the_middle(run, fake, pauses):
    Accounts(fake)
    fake.routes[("POST", "/users")] = lambda request: None
    result = run(**NEW)
    assert "Cannot create the account" in result["msg"] and "the connection to the socket" in result["msg"]
    assert "Ann-pass-2026" not in result["text"]

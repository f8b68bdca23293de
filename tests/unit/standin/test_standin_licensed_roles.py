# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What a licence opens of roles and schemes, and that the permissions of roles are honoured."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from launcher import Server

PASSWORD = "User-pass-2026!"


def account(target: Server, name: str) -> dict[str, Any]:
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    found: dict[str, Any] = target.admin("POST", "/users", body)
    return found


def change(target: Server, role: str, *, add: tuple[str, ...] = (), drop: tuple[str, ...] = ()) -> tuple[int, Any]:
    found = target.admin("GET", f"/roles/name/{role}")
    wanted = [name for name in found["permissions"] if name not in drop] + list(add)
    return target.call("PUT", f"/roles/{found['id']}/patch", {"permissions": wanted}, token=target.token)


def team_of(target: Server, *users: dict[str, Any]) -> dict[str, Any]:
    team: dict[str, Any] = target.admin("POST", "/teams", {"name": "force", "display_name": "Force", "type": "O"})
    for user in users:
        target.admin("POST", f"/teams/{team['id']}/members", {"team_id": team["id"], "user_id": user["id"]})
    return team


def make_channel(target: Server, team: dict[str, Any], name: str, token: str) -> tuple[int, Any]:
    wanted = {"team_id": team["id"], "name": name, "display_name": name, "type": "O"}
    return target.call("POST", "/channels", wanted, token=token)


@pytest.mark.parametrize("version", ["9.11.0", "11.6.0"])
def test_roles_are_changed_with_a_licence_and_mean_something(licensed: Callable[..., Server], version: str) -> None:
    target = licensed(version, sku="professional")
    user = account(target, "una")
    team = team_of(target, user)
    token = target.login("una", PASSWORD)
    assert make_channel(target, team, "one", token)[0] == 201
    assert change(target, "team_user", drop=("create_public_channel",))[0] == 200
    assert make_channel(target, team, "two", token)[0] == 403
    assert target.call("GET", "/roles", token=token)[0] == 403
    for name in ("manage_system", "manage_roles"):
        status, answer = change(target, "system_user", add=(name,))
        assert (status, answer["id"]) == (501, "api.roles.patch_roles.not_allowed_permission.error")
        assert answer["detailed_error"] == f"Cannot add or remove permission: {name}"
    assert change(target, "channel_guest", drop=("create_post",))[0] == 200


def test_without_a_licence_the_roles_of_guests_stay(server: Callable[..., Server]) -> None:
    """As a real 9.11 does: everybody else's can be changed."""
    target = server("9.11.0").start().make_admin()
    assert change(target, "team_user", drop=("create_private_channel",))[0] == 200
    assert change(target, "channel_user", drop=("create_post",))[0] == 200
    status, answer = change(target, "channel_guest", drop=("create_post",))
    assert (status, answer["id"]) == (501, "api.roles.patch_roles.license.error")


def test_a_role_of_the_system_is_given_and_honoured(licensed: Callable[..., Server]) -> None:
    target = licensed()
    user = account(target, "una")
    path = f"/users/{user['id']}/roles"
    target.admin("PUT", path, {"roles": "system_user system_manager"})
    token = target.login("una", PASSWORD)
    schemes, scheme = "/schemes", {"display_name": "S", "scope": "team", "name": "own"}
    assert target.call("GET", schemes, token=token)[0] == 200
    assert target.call("POST", schemes, scheme, token=token)[0] == 201
    target.admin("PUT", path, {"roles": "system_user"})
    assert target.call("GET", schemes, token=token)[0] == 403
    assert target.call("POST", schemes, scheme, token=token)[0] == 403


def test_a_scheme_of_a_team(licensed: Callable[..., Server]) -> None:
    target = licensed()
    user = account(target, "una")
    team = team_of(target, user)
    scheme = target.admin("POST", "/schemes", {"name": "strict", "display_name": "Strict", "scope": "team"})
    assert len({value for key, value in scheme.items() if key.endswith("_role")}) == 10
    assert target.admin("GET", f"/schemes/{scheme['id']}") == scheme
    assert (
        target.admin("GET", "/schemes?scope=team") == [scheme] and target.admin("GET", "/schemes?scope=channel") == []
    )
    target.admin("PUT", f"/teams/{team['id']}/scheme", {"scheme_id": scheme["id"]})
    assert target.admin("GET", f"/teams/{team['id']}")["scheme_id"] == scheme["id"]
    assert [row["id"] for row in target.admin("GET", f"/schemes/{scheme['id']}/teams")] == [team["id"]]
    role = scheme["default_team_user_role"]
    assert target.admin("GET", f"/teams/{team['id']}/members/{user['id']}")["roles"] == role
    token = target.login("una", PASSWORD)
    assert make_channel(target, team, "one", token)[0] == 201
    assert change(target, role, drop=("create_public_channel",))[0] == 200
    assert make_channel(target, team, "two", token)[0] == 403
    patched = target.admin("PUT", f"/schemes/{scheme['id']}/patch", {"display_name": "Stricter"})
    assert (patched["display_name"], patched["name"]) == ("Stricter", "strict")
    target.admin("DELETE", f"/schemes/{scheme['id']}")
    assert target.admin("GET", "/schemes") == []
    assert target.admin("GET", f"/teams/{team['id']}")["scheme_id"] is None
    assert make_channel(target, team, "two", token)[0] == 201


def test_a_scheme_of_a_channel_takes_away_and_never_gives(licensed: Callable[..., Server]) -> None:
    target = licensed()
    user = account(target, "una")
    team = team_of(target, user)
    token = target.login("una", PASSWORD)
    square = target.admin("GET", f"/teams/{team['id']}/channels/name/town-square")
    scheme = target.admin("POST", "/schemes", {"name": "mute", "display_name": "Mute", "scope": "channel"})
    target.admin("PUT", f"/channels/{square['id']}/scheme", {"scheme_id": scheme["id"]})
    post = {"channel_id": square["id"], "message": "hello"}
    assert target.call("POST", "/posts", post, token=token)[0] == 201
    assert change(target, scheme["default_channel_user_role"], drop=("create_post",))[0] == 200
    assert target.call("POST", "/posts", post, token=token)[0] == 403
    status, answer = target.call("PUT", f"/teams/{team['id']}/scheme", {"scheme_id": scheme["id"]}, token=target.token)
    assert (status, answer["id"]) == (400, "api.team.update_team_scheme.scheme_scope.error")
    for wrong in ({"scope": "world"}, {"display_name": ""}, {"name": "No Spaces"}):
        wanted = {"name": "ok", "display_name": "Ok", "scope": "team", **wrong}
        status, answer = target.call("POST", "/schemes", wanted, token=target.token)
        assert (status, answer["id"]) == (400, "app.scheme.save.invalid_scheme.app_error")


def test_schemes_are_refused_without_a_licence(server: Callable[..., Server]) -> None:
    target = server("11.6.0", edition="enterprise").start().make_admin()
    team = team_of(target)
    for method, path, body in [
        ("POST", "/schemes", {"name": "s", "display_name": "S", "scope": "team"}),
        ("DELETE", "/schemes/abc", None),
        ("PUT", "/schemes/abc/patch", {"name": "s"}),
        ("PUT", f"/teams/{team['id']}/scheme", {"scheme_id": ""}),
    ]:
        path = path.replace("abc", "a" * 26)
        status, answer = target.call(method, path, body, token=target.token)
        assert (status, answer["id"].rsplit(".", 2)[1]) == (501, "license"), path

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The stand-in under a client that nobody here wrote: it is generated from the official API description.

The client raises on a status that the description does not have. Its models take any value, so what they were given
is held to their annotations here. STANDIN_TARGET=<release tarball of 9.11> drives a real server.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
import types
import typing
from pathlib import Path
from typing import Any, Callable

import pytest
from launcher import ADMIN, Server
from mattermost_api_reference_client import AuthenticatedClient, Client, models
from mattermost_api_reference_client.errors import UnexpectedStatus
from mattermost_api_reference_client.types import UNSET, File, Unset
from story import plugin_bundle

# Where real servers answer otherwise than their description says (see tests/fixtures/recorded).
DESCRIBED_WRONGLY = ("timezone.use_automatic_timezone",)
# Statuses that the description does not have, and the real servers do.
UNDESCRIBED = {
    ("users.login", 200): models.User,
    ("users.login", 401): models.AppError,
    ("users.create_user_access_token", 200): models.UserAccessToken,
    ("reactions.save_reaction", 200): models.Reaction,
}
TARGET = os.environ.get("STANDIN_TARGET", "")
MODELS = {**vars(models), "Unset": Unset, "File": File}


class Driver:
    """Calls operations of the client by name: driver("teams.create_team", body={...})."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self, operation: str, *arguments: str, body: Any = None, **options: Any) -> Any:
        module = importlib.import_module("mattermost_api_reference_client.api." + operation)
        if isinstance(body, dict):
            body = self._body_model(module).from_dict(body)
        if body is not None:
            options["body"] = body
        try:
            parsed = module.sync(*arguments, client=self._client, **options)
        except UnexpectedStatus as error:
            model = UNDESCRIBED.get((operation, error.status_code))
            if model is None:
                raise
            parsed = model.from_dict(json.loads(error.content))
        assert parsed is not None, operation
        problems = list(mistyped(parsed, operation))
        assert not problems, "\n".join(problems)
        return parsed

    @staticmethod
    def _body_model(module: Any) -> Any:
        hints = typing.get_type_hints(module.sync_detailed)
        choices = typing.get_args(hints["body"]) or (hints["body"],)
        return next(choice for choice in choices if choice is not Unset)


def mistyped(value: Any, where: str) -> typing.Iterator[str]:
    """Values of a model that do not fit its annotations. Real servers give null for many an optional value."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from mistyped(item, f"{where}[{index}]")
    elif type(value).__module__.startswith("mattermost_api_reference_client.models"):
        names = {**MODELS, **vars(sys.modules[type(value).__module__])}
        for name, hint in typing.get_type_hints(type(value), globalns=names).items():
            here = f"{where}.{name}"
            found = getattr(value, name)
            if found is not None and not fits(found, hint) and not here.endswith(DESCRIBED_WRONGLY):
                yield f"{here}: {found!r} is not {hint}"
            yield from mistyped(found, here)


def fits(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, choice) for choice in typing.get_args(hint))
    if origin is list:
        return isinstance(value, list) and all(fits(item, typing.get_args(hint)[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict)
    if hint in (int, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, hint)


@pytest.fixture(params=["9.11.0", "11.6.0"])
def driver(request: pytest.FixtureRequest, server: Callable[..., Server]) -> Driver:
    if TARGET and not request.param.startswith("9.11"):
        pytest.skip("the real release is a 9.11")
    archive = Path(TARGET) if TARGET else None
    started = server(request.param, archive=archive).start().make_admin()
    return Driver(AuthenticatedClient(base_url=started.base, token=started.token, raise_on_unexpected_status=True))


def test_the_check_of_types_has_teeth() -> None:
    assert list(mistyped(models.Team.from_dict({"id": 5}), "team"))
    assert not list(mistyped(models.Team.from_dict({"id": "a", "create_at": 1, "scheme_id": None}), "team"))


def test_health_and_first_account(server: Callable[..., Server]) -> None:
    started = server().start()
    anyone = Driver(Client(base_url=started.base, raise_on_unexpected_status=True))
    assert anyone("system.get_ping", get_server_status=True).status == "OK"
    made = anyone("users.create_user", body=dict(ADMIN))
    assert made.roles == "system_admin system_user"
    logged_in = anyone("users.login", body={"login_id": ADMIN["username"], "password": ADMIN["password"]})
    assert logged_in.id == made.id
    refused = anyone("users.login", body={"login_id": ADMIN["username"], "password": "wrong"})
    assert isinstance(refused, models.AppError)


def test_teams_channels_posts_and_files(driver: Driver) -> None:
    team = driver("teams.create_team", body={"name": "alpha", "display_name": "Alpha", "type": "O"})
    assert driver("teams.get_team_by_name", "alpha").id == team.id
    assert [item.name for item in driver("teams.get_all_teams")] == ["alpha"]
    user = driver("users.create_user", body={"username": "maria", "email": "m@example.com", "password": "Maria-2026"})
    assert driver("teams.add_team_member", team.id, body={"team_id": team.id, "user_id": user.id}).user_id == user.id
    assert len(driver("teams.get_team_members", team.id)) == 2
    assert driver("teams.get_team_stats", team.id).total_member_count == 2
    channel = driver(
        "channels.create_channel", body={"team_id": team.id, "name": "ops", "display_name": "Ops", "type": "P"}
    )
    driver("channels.add_channel_member", channel.id, body={"user_id": user.id})
    assert len(driver("channels.get_channel_members", channel.id)) == 2
    assert driver("channels.patch_channel", channel.id, body={"header": "hello"}).header == "hello"
    assert driver("channels.get_channel_by_name_for_team_name", "alpha", "ops").id == channel.id
    assert {item.name for item in driver("channels.get_public_channels_for_team", team.id)} == {
        "off-topic",
        "town-square",
    }
    upload = models.UploadFileBody(
        files=File(payload=io.BytesIO(b"file body"), file_name="a.txt"), channel_id=channel.id
    )
    [info] = driver("files.upload_file", body=upload).file_infos
    assert driver("files.get_file_info", info.id).size == 9
    post = driver("posts.create_post", body={"channel_id": channel.id, "message": "hello", "file_ids": [info.id]})
    reply = driver("posts.create_post", body={"channel_id": channel.id, "message": "again", "root_id": post.id})
    assert driver("posts.get_post_thread", post.id).order == [post.id, reply.id]
    assert reply.id in driver("posts.get_posts_for_channel", channel.id).order
    me = driver("users.get_user", "me")
    reaction = {"user_id": me.id, "post_id": post.id, "emoji_name": "tada"}
    assert driver("reactions.save_reaction", body=reaction).emoji_name == "tada"
    assert [item.emoji_name for item in driver("reactions.get_reactions", post.id)] == ["tada"]
    assert driver("channels.get_channel_stats", channel.id).member_count == 2


def test_accounts_tokens_bots_and_roles(driver: Driver) -> None:
    settings = {"ServiceSettings": {"EnableUserAccessTokens": True, "EnableBotAccountCreation": True}}
    changed = driver("system.patch_config", body=settings)
    assert changed.service_settings["EnableUserAccessTokens"] is True
    me = driver("users.get_user", "me")
    assert driver("users.patch_user", me.id, body={"nickname": "Boss"}).nickname == "Boss"
    token = driver("users.create_user_access_token", me.id, body={"description": "ci"})
    assert token.token is not UNSET
    assert [item.id for item in driver("users.get_user_access_tokens_for_user", me.id)] == [token.id]
    bot = driver("bots.create_bot", body={"username": "watch", "display_name": "Watch"})
    assert [item.username for item in driver("bots.get_bots")] == ["watch"]
    assert driver("bots.disable_bot", bot.user_id).delete_at > 0
    assert driver("users.get_sessions", me.id)
    assert "manage_system" in driver("roles.get_role_by_name", "system_admin").permissions
    assert len(driver("users.get_users")) == 2
    if not TARGET:  # a real server has none in its first half minute, and then answers null
        assert driver("jobs.get_jobs")[0].type_ == "migrations"


def test_configuration_and_plugins(driver: Driver) -> None:
    assert driver("system.get_config").service_settings.listen_address
    refused = driver("system.patch_config", body={"PluginSettings": {"EnableUploads": True}})
    assert isinstance(refused, models.AppError)
    body = models.UploadPluginBody(plugin=File(payload=io.BytesIO(plugin_bundle("a.plugin", "1.0.0")), file_name="p"))
    assert driver("plugins.upload_plugin", body=body).status_code == 501
    assert driver("plugins.get_plugin_statuses") == []


def test_refusals_are_errors_the_description_knows(driver: Driver) -> None:
    driver("teams.create_team", body={"name": "alpha", "display_name": "Alpha", "type": "O"})
    again = driver("teams.create_team", body={"name": "alpha", "display_name": "Alpha", "type": "O"})
    assert again.id == "store.sql_team.save_team.existing.app_error"
    assert driver("teams.get_team_by_name", "nosuch").status_code == 404
    assert driver("users.get_user", "a" * 26).status_code == 404
    assert driver("roles.get_role_by_name", "nosuch").status_code == 404

# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import json
import os
import stat
from typing import Any, Dict

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils import _settings_door
from ansible_collections.fieldops.mattermost.plugins.module_utils._masking import SERVER_MASK
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import Reply, error

STORED: Dict[str, Any] = {
    "ServiceSettings": {"SiteURL": "https://old", "ListenAddress": ":8065", "TrustedProxyIPHeader": []},
    "TeamSettings": {"SiteName": "Mattermost", "MaxUsersPerTeam": 50},
    "EmailSettings": {"SMTPPassword": "stored-smtp", "SMTPPort": "10025"},
    "SqlSettings": {"DataSource": "postgres://stock"},
    "LocalizationSettings": {"DefaultServerLocale": "en"},
    "FeatureFlags": {"TestFeature": "off"},
    "PluginSettings": {"Plugins": {"a.b": {"Key": 1}}, "PluginStates": {"a.b": {"Enable": True}}},
}


class Config:
    """The configuration of the fake server: masks, ignores and replaces as real ones do."""

    def __init__(self, fake, *, masks=True, hides_plugins=False):
        self.stored = copy.deepcopy(STORED)
        self.environment: Dict[str, Any] = {}
        self.masks = masks
        self.hides_plugins = hides_plugins
        self.patches = []
        self.file = None
        fake.routes[("GET", "/config")] = lambda request: self.shown()
        fake.routes[("PUT", "/config/patch")] = self.patch
        fake.routes[("GET", "/config/environment")] = lambda request: {
            section: dict.fromkeys(keys, True) for section, keys in self.environment.items()
        }
        fake.routes[("GET", "/config/client")] = {"Version": "10.11.0" if hides_plugins else "9.11.0"}

    def shown(self):
        config = copy.deepcopy(self.stored)
        for section, keys in self.environment.items():
            config[section].update(keys)
        if self.masks:
            config["EmailSettings"]["SMTPPassword"] = SERVER_MASK
            config["SqlSettings"]["DataSource"] = SERVER_MASK
        if self.hides_plugins:
            config["PluginSettings"]["Plugins"] = {}
        return config

    def patch(self, request):
        self.patches.append(request.json)
        for section, keys in request.json.items():
            for key, value in keys.items():
                if key in self.stored.get(section, {}) and key not in self.environment.get(section, {}):
                    self.stored[section][key] = "en" if value == "xx" else value
        if self.file:
            self.file.write_text(json.dumps(self.stored))
        return self.shown()


@pytest.fixture
def config(fake):
    return Config(fake)


@pytest.fixture
def run(run_module, fake, monkeypatch):
    """Over the socket of the fake server, whose process has no MM_ variables."""
    environment: Dict[str, str] = {}
    monkeypatch.setattr(_settings_door, "of_listener", lambda path: dict(environment))

    def call(**args):
        return run_module("settings", **{"socket_path": fake.socket_path, **args})

    call.environment = environment
    return call


def test_change_and_no_change(run, config):
    wanted = {"TeamSettings": {"SiteName": "Lab", "MaxUsersPerTeam": 50}, "ServiceSettings": {"ListenAddress": ":1"}}
    predicted = run(check=True, settings=wanted)
    assert config.patches == []
    result = run(settings=wanted)
    assert config.patches == [{"ServiceSettings": {"ListenAddress": ":1"}, "TeamSettings": {"SiteName": "Lab"}}]
    assert result["changed"] and result["via"] == "api"
    assert result["settings"]["before"] == {
        "ServiceSettings": {"ListenAddress": ":8065"},
        "TeamSettings": {"SiteName": "Mattermost"},
    }
    assert result["settings"]["after"] == config.patches[0]
    assert result["diff"] == {**result["settings"], "before_header": "configuration (api)"}
    assert (result["restart_required"], result["restart_keys"]) == (True, ["ServiceSettings.ListenAddress"])
    assert {**predicted, "text": ""} == {**result, "text": ""}
    again = run(settings=wanted)
    assert (again["changed"], again["restart_required"], len(config.patches)) == (False, False, 1)


def test_everything_wrong_is_said_at_once_and_nothing_sent(run, config):
    run.environment["MM_SERVICESETTINGS_SITEURL"] = "https://env"
    result = run(
        settings={
            "TeamSettings": {"SitName": "x", "MaxUsersPerTeam": "60"},
            "ServiceSettings": {"SiteURL": "https://new"},
            "FeatureFlags": {"TestFeature": "on"},
        }
    )
    assert result["msg"] == (
        "Cannot set the configuration: FeatureFlags.TestFeature can only be set by the environment variable "
        "MM_FEATUREFLAGS_TESTFEATURE; ServiceSettings.SiteURL is set to something else by the environment variable "
        "MM_SERVICESETTINGS_SITEURL, which always wins; TeamSettings.MaxUsersPerTeam takes a number, not str; "
        "TeamSettings.SitName is not a key this server knows (did you mean SiteName?)."
    )
    assert config.patches == []


def test_overridden_to_the_same_value(run, config):
    run.environment["MM_SQLSETTINGS_DATASOURCE"] = "postgres://real"
    run.environment["MM_SERVICESETTINGS_SITEURL"] = "https://env"
    result = run(
        settings={"ServiceSettings": {"SiteURL": "https://env/"}},
        secret_settings={"SqlSettings": {"DataSource": "postgres://real"}},
    )
    assert not result["changed"]
    assert result["overridden"] == [
        {"key": "ServiceSettings.SiteURL", "variable": "MM_SERVICESETTINGS_SITEURL", "matches": True},
        {"key": "SqlSettings.DataSource", "variable": "MM_SQLSETTINGS_DATASOURCE", "matches": True},
    ]


def test_override_as_a_warning(run, config):
    run.environment["MM_SERVICESETTINGS_SITEURL"] = "https://env"
    result = run(settings={"ServiceSettings": {"SiteURL": "https://new"}}, environment_override="warn")
    assert not result["changed"] and not result["overridden"][0]["matches"]
    assert "MM_SERVICESETTINGS_SITEURL, which always wins" in result["text"]


def test_environment_file_where_the_process_cannot_be_read(run, config, monkeypatch, tmp_path):
    monkeypatch.setattr(_settings_door, "of_listener", lambda path: None)
    file = tmp_path / "environment"
    file.write_text("MM_TEAMSETTINGS_SITENAME=Env\n")
    result = run(settings={"TeamSettings": {"SiteName": "Lab"}}, environment_file=str(file))
    assert "MM_TEAMSETTINGS_SITENAME" in result["msg"]


def test_value_that_the_server_replaces(run, config):
    result = run(settings={"LocalizationSettings": {"DefaultServerLocale": "xx"}})
    assert result["msg"].startswith(
        "The server did not take all settings: LocalizationSettings.DefaultServerLocale (asked for "
        '"xx", the server keeps "en").'
    )


def test_secret_that_the_server_does_not_take_is_not_shown(run, config, fake):
    config.masks = False
    fake.routes[("PUT", "/config/patch")] = {}
    result = run(secret_settings={"EmailSettings": {"SMTPPassword": "hush-hush"}})
    assert "EmailSettings.SMTPPassword (asked for a value that is not shown)" in result["msg"]
    assert "hush-hush" not in result["text"] and "stored-smtp" not in result["text"]


def test_key_that_vanishes(run, config, fake):
    def forget(request):
        del config.stored["TeamSettings"]["SiteName"]

    fake.routes[("PUT", "/config/patch")] = lambda request: forget(request) or Reply(200, {})
    assert "the server keeps nothing" in run(settings={"TeamSettings": {"SiteName": "x"}})["msg"]


@pytest.mark.parametrize("option", ["settings", "secret_settings"])
def test_secrets_are_compared_with_the_file_and_never_shown(run, config, tmp_path, option):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(STORED))
    config.file = file
    where: Dict[str, Any] = {"config_path": str(file)}
    same = run(**{option: {"EmailSettings": {"SMTPPassword": "stored-smtp"}}}, **where)
    assert not same["changed"]
    new = run(**{option: {"EmailSettings": {"SMTPPassword": "new-secret"}}}, **where)
    assert new["changed"] and config.stored["EmailSettings"]["SMTPPassword"] == "new-secret"
    assert new["settings"] == {
        "before": {"EmailSettings": {"SMTPPassword": "********"}},
        "after": {"EmailSettings": {"SMTPPassword": "******** (new value)"}},
    }
    for result in (same, new):
        assert "new-secret" not in result["text"] and "stored-smtp" not in result["text"]


def test_file_that_is_not_the_servers(run, config, tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(STORED))
    result = run(secret_settings={"EmailSettings": {"SMTPPassword": "new-secret"}}, config_path=str(file))
    assert "or config_path is not the file it uses" in result["msg"] and "new-secret" not in result["text"]


@pytest.mark.parametrize(("policy", "changed"), [("always", True), ("on_create", False)])
@pytest.mark.parametrize("known", ["no file", "unreadable", "in the database"])
def test_secrets_that_cannot_be_compared(run, config, tmp_path, policy, changed, known):
    where = {}
    if known != "no file":
        where["config_path"] = str(tmp_path / "config.json")
        (tmp_path / "config.json").write_text("{bad" if known == "unreadable" else json.dumps(STORED))
    if known == "in the database":
        run.environment["MM_CONFIG"] = "postgres://u:p@h/d"
    result = run(secret_settings={"EmailSettings": {"SMTPPassword": "stored-smtp"}}, update_secrets=policy, **where)
    assert result["changed"] is changed


def test_secrets_in_clear_are_compared(run, fake):
    Config(fake, masks=False)
    assert not run(secret_settings={"EmailSettings": {"SMTPPassword": "stored-smtp"}})["changed"]


def test_plugin_maps_are_merged_and_sent_whole(run, config):
    wanted = {"Plugins": {"a.b": {"key": 2}, "c.d": {"new": [1]}}, "PluginStates": {"c.d": {"Enable": False}}}
    assert run(settings={"PluginSettings": wanted})["changed"]
    assert config.patches == [
        {
            "PluginSettings": {
                "Plugins": {"a.b": {"Key": 2}, "c.d": {"new": [1]}},
                "PluginStates": {"a.b": {"Enable": True}, "c.d": {"Enable": False}},
            }
        }
    ]
    assert not run(settings={"PluginSettings": wanted})["changed"]


def test_plugin_maps_with_a_file(run, config, tmp_path):
    config.file = tmp_path / "config.json"
    config.file.write_text(json.dumps(STORED))
    assert run(settings={"PluginSettings": {"Plugins": {"c.d": {"x": 1}}}}, config_path=str(config.file))["changed"]
    assert config.stored["PluginSettings"]["Plugins"] == {"a.b": {"Key": 1}, "c.d": {"x": 1}}


def test_same_key_in_both(run, config):
    wanted = {"TeamSettings": {"SiteName": "x"}}
    result = run(settings=wanted, secret_settings=wanted)
    assert result["msg"] == "Cannot tell what to set: TeamSettings.SiteName is in settings and in secret_settings."


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (error(403, "api.context.permissions.app_error"), "The account needs the permission sysconsole_write_"),
        (error(403, "ent.cluster.save_config.error"), "Give config_path"),
        (
            error(400, "model.config.is_valid.max_users.app_error", "Must be positive."),
            "change TeamSettings.MaxUsersPer",
        ),
        (error(500, "x"), "See the server's log"),
    ],
)
def test_refused(run, config, fake, reply, words, pauses):
    fake.routes[("PUT", "/config/patch")] = reply
    result = run(settings={"TeamSettings": {"MaxUsersPerTeam": 60}})
    assert (result["status"], result["failed"]) == (reply.status, True)
    assert words in result["msg"]


def test_server_goes_down_in_the_middle(run, config, fake, pauses):
    fake.routes[("PUT", "/config/patch")] = lambda request: None
    result = run(
        settings={"TeamSettings": {"SiteName": "Lab"}}, secret_settings={"EmailSettings": {"SMTPPassword": "new-smtp"}}
    )
    assert "Cannot change" in result["msg"] and "the connection to the socket" in result["msg"]
    assert "new-smtp" not in result["text"]


def test_read_only_in_a_cluster_goes_through_the_file(run, config, fake, tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(STORED))
    fake.routes[("PUT", "/config/patch")] = error(403, "ent.cluster.save_config.error")

    def load(request):
        config.stored = json.loads(file.read_text())
        return {}

    fake.routes[("POST", "/config/reload")] = load
    result = run(settings={"TeamSettings": {"SiteName": "Lab"}}, config_path=str(file))
    assert result["changed"] and config.stored["TeamSettings"]["SiteName"] == "Lab"


# Over the network.


def test_url_flags(run_module, fake_url):
    config = Config(fake_url)
    config.environment = {"TeamSettings": {"SiteName": "Env"}, "SqlSettings": {"DataSource": "x"}}
    there = {"url": fake_url.url, "token": "the-token"}
    result = run_module("settings", **there, settings={"TeamSettings": {"SiteName": "Lab"}})
    assert "MM_TEAMSETTINGS_SITENAME, which always wins" in result["msg"]
    result = run_module(
        "settings",
        **there,
        settings={"TeamSettings": {"SiteName": "Env"}},
        secret_settings={"SqlSettings": {"DataSource": "postgres://y"}},
    )
    assert not result["changed"]
    assert [entry["matches"] for entry in result["overridden"]] == [None, True]
    assert "cannot be seen" in result["text"] and "the-token" not in result["text"]


def test_url_plugins_of_older_servers(run_module, fake_url):
    config = Config(fake_url)
    wanted = {"PluginSettings": {"Plugins": {"c.d": {"x": 1}}}}
    assert run_module("settings", url=fake_url.url, token="the-token", settings=wanted)["changed"]
    assert config.stored["PluginSettings"]["Plugins"] == {"a.b": {"Key": 1}, "c.d": {"x": 1}}


def test_a_plugin_that_is_switched_on_asks_for_a_restart(run, config):
    states = {"PluginSettings": {"PluginStates": {"c.d": {"Enable": True}}}}
    assert run(settings=states)["restart_keys"] == ["PluginSettings.PluginStates.c.d.Enable"]
    assert run(settings=states)["restart_keys"] == []


def test_url_plugins_of_newer_servers_are_not_lost(run_module, fake_url, tmp_path):
    config = Config(fake_url, hides_plugins=True)
    there = {"url": fake_url.url, "token": "the-token"}
    wanted = {"PluginSettings": {"Plugins": {"c.d": {"x": 1}}}}
    assert "so they would be lost" in run_module("settings", **there, settings=wanted)["msg"]
    assert config.patches == []
    states = {"PluginSettings": {"PluginStates": {"c.d": {"Enable": True}}}}
    assert run_module("settings", **there, settings=states)["changed"]
    file = tmp_path / "config.json"
    file.write_text(json.dumps(STORED))
    assert run_module("settings", **there, config_path=str(file), settings=wanted)["changed"]
    assert config.stored["PluginSettings"]["Plugins"] == {"a.b": {"Key": 1}, "c.d": {"x": 1}}


def test_url_down_is_no_reason_to_write_the_file(run_module, tmp_path, pauses):
    file = tmp_path / "config.json"
    result = run_module("settings", url="http://127.0.0.1:1", config_path=str(file))
    assert "nobody answers at http://127.0.0.1:1" in result["msg"] and not file.exists()


# The file.


@pytest.mark.parametrize("socket", [{}, {"socket_path": "/nonexistent/s.socket"}])
def test_new_file(run_module, tmp_path, socket):
    file = tmp_path / "config.json"
    args = {**socket, "config_path": str(file), "settings": {"ServiceSettings": {"SiteURL": "https://h"}}}
    predicted = run_module("settings", check=True, **args)
    assert predicted["changed"] and not file.exists()
    result = run_module("settings", **args)
    assert (result["changed"], result["via"], result["restart_required"]) == (True, "file", True)
    assert result["settings"] == predicted["settings"]
    written = json.loads(file.read_text())
    assert written["ServiceSettings"]["SiteURL"] == "https://h"
    assert written["ServiceSettings"]["SessionLengthWebInDays"] == 30, "what an old installation would get"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = run_module("settings", **args)
    assert (again["changed"], again["restart_required"]) == (False, False)


def test_socket_down_without_a_file(run_module, pauses):
    result = run_module("settings", socket_path="/nonexistent/s.socket", settings={})
    assert "nobody answers at the socket /nonexistent/s.socket" in result["msg"]


def test_file_from_the_release_with_nothing_to_change(run_module, tmp_path):
    file, initial = tmp_path / "config.json", tmp_path / "shipped.json"
    initial.write_text(json.dumps(STORED))
    args = {
        "config_path": str(file),
        "initial_path": str(initial),
        "settings": {"TeamSettings": {"MaxUsersPerTeam": 50}},
    }
    assert run_module("settings", **args)["changed"]
    assert json.loads(file.read_text()) == STORED
    assert not run_module("settings", **args)["changed"]


def test_file_and_environment(run_module, tmp_path):
    file, environment = tmp_path / "config.json", tmp_path / "environment"
    file.write_text(json.dumps(STORED))
    environment.write_text("MM_TEAMSETTINGS_MAXUSERSPERTEAM=500\nMM_TEAMSETTINGS_SITENAME=Env\n")
    args = {"config_path": str(file), "environment_file": str(environment)}
    result = run_module("settings", **args, settings={"TeamSettings": {"MaxUsersPerTeam": 500}})
    assert not result["changed"] and result["overridden"][0]["matches"]
    result = run_module("settings", **args, settings={"TeamSettings": {"SiteName": "Lab"}})
    assert "MM_TEAMSETTINGS_SITENAME" in result["msg"]
    assert json.loads(file.read_text()) == STORED


def test_file_attributes(run_module, tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(STORED))
    os.chmod(file, 0o644)
    result = run_module("settings", config_path=str(file), mode="0600", _ansible_diff=True)
    assert result["changed"] and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not result["restart_required"]


def test_file_keys_that_need_a_type(run_module, tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(STORED))
    result = run_module("settings", config_path=str(file), settings={"EmailSettings": {"SMTPPort": 25}})
    assert result["msg"] == "Cannot set the configuration: EmailSettings.SMTPPort takes a text, not int."

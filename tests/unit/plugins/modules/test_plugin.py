# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import json
import tarfile

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import error

FAILED = {
    "timestamp": "9999-01-01 00:00:00.000 Z",
    "msg": "Unable to activate plugin",
    "plugin_id": "a.b",
    "error": "bo\nom",
}


def bundle(path, version, *, name="a.b", folder="a.b/", content=None):
    text = json.dumps({"id": name.upper(), "name": "A", "version": version}) if content is None else content
    with tarfile.open(path, "w:gz") as archive:
        for member in ("webapp/deep/plugin.json", "plugin.json"):
            info = tarfile.TarInfo(folder + member)
            data = b"{}" if "deep" in member else text.encode()
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return str(path)


class Plugins:
    """The plugins of the fake server."""

    def __init__(self, fake, *, version=None, enabled=False, crashes=False, log=()):
        self.version = version
        self.enabled = enabled
        self.crashes = crashes
        self.settings = {"Enable": True, "EnableUploads": True, "RequirePluginSignature": False}
        self.own = {}
        self.slow = 0
        fake.routes[("GET", "/config")] = lambda request: {
            "PluginSettings": {
                **self.settings,
                "PluginStates": {"a.b": {"Enable": self.enabled}} if self.version else None,
                "Plugins": self.own,
            }
        }
        fake.routes[("PUT", "/config/patch")] = self.patch
        fake.routes[("GET", "/plugins")] = lambda request: self.listed()
        fake.routes[("POST", "/plugins")] = self.upload
        fake.routes[("POST", "/plugins/a.b/enable")] = lambda request: self.switch(True)
        fake.routes[("POST", "/plugins/a.b/disable")] = lambda request: self.switch(False)
        fake.routes[("DELETE", "/plugins/a.b")] = lambda request: setattr(self, "version", None) or {}
        fake.routes[("GET", "/logs")] = [*log]

    def listed(self):
        other = {"id": "other", "version": "0"}
        if not self.version:
            return {"active": [other], "inactive": []}
        entry = {"id": "a.b", "name": "A", "version": self.version}
        self.slow -= 1
        runs = self.enabled and not self.crashes and self.slow < 0
        return {"active": [other, entry], "inactive": []} if runs else {"active": [], "inactive": [entry]}

    def upload(self, request):
        assert b'name="force"\r\n\r\ntrue' in request.body
        with open(self.next, "rb") as file:
            assert file.read() in request.body
        self.version = self.next_version
        return {}

    def patch(self, request):
        self.own = request.json["PluginSettings"]["Plugins"]
        return {}

    def switch(self, enabled):
        self.enabled = enabled
        return {}


@pytest.fixture
def run(run_module, fake, pauses):
    def call(**args):
        return run_module("plugin", socket_path=fake.socket_path, **args)

    return call


def test_life(run, fake, tmp_path):
    plugins = Plugins(fake)
    plugins.next, plugins.next_version = bundle(tmp_path / "1.tgz", "1.0.0"), "1.0.0"
    first = {"path": plugins.next, "enabled": True}
    predicted = run(check=True, **first)
    assert predicted["changed"] and not fake.writes
    plugins.slow = 4
    result = run(**first)
    assert result["plugin"] == {"id": "a.b", "name": "A", "version": "1.0.0", "enabled": True, "running": True}
    assert fake.writes == ["POST /plugins", "POST /plugins/a.b/enable"]
    assert not run(**first)["changed"] and not run(id="A.B")["changed"]

    plugins.next, plugins.next_version = bundle(tmp_path / "2.tgz", "2.0.0", folder=""), "2.0.0"
    predicted = run(check=True, path=plugins.next)
    assert (predicted["diff"]["before"]["version"], predicted["diff"]["after"]["version"]) == ("1.0.0", "2.0.0")
    assert run(path=plugins.next)["plugin"]["running"]
    assert run(path=plugins.next, force=True, check=True)["changed"]
    assert run(path=plugins.next, force=True)["changed"]
    assert fake.writes[2:] == ["POST /plugins", "POST /plugins"]

    result = run(id="a.b", enabled=False)
    assert result["changed"] and not result["plugin"]["running"]
    assert not run(id="a.b", enabled=False)["changed"]
    assert run(check=True, id="a.b", state="absent")["changed"]
    assert run(id="a.b", path="/not/needed", state="absent")["changed"]
    result = run(path=plugins.next, state="absent")
    assert (result["changed"], result["plugin"]) == (False, {})
    assert fake.writes[4:] == ["POST /plugins/a.b/disable", "DELETE /plugins/a.b"]


@pytest.mark.parametrize(
    ("log", "why"),
    [
        ([json.dumps(FAILED), json.dumps({**FAILED, "msg": "x"}), "3", "plain text"], "it failed to start (bo om)."),
        ([json.dumps({**FAILED, "error": "x" * 300})], "it failed to start (" + "x" * 200 + "...)."),
        ([json.dumps({**FAILED, "timestamp": "2001-01-01 00:00:00.000 Z"})], "it failed to start (bo om)."),
        (
            [json.dumps({**FAILED, "error": ""}), json.dumps({**FAILED, "plugin_id": "c.d"})],
            "it did not run within 0 s.",
        ),
        ([], "it did not run within 0 s."),
        (None, "it did not run within 0 s."),
    ],
)
def test_crash_over_the_socket(run, fake, log, why):
    Plugins(fake, version="1", crashes=True, log=log or [])
    if log is None:
        fake.routes[("GET", "/logs")] = error(501, "x")
    result = run(id="a.b", enabled=True, wait_timeout=0)
    assert result["msg"].startswith("The plugin a.b is installed, but does not run: " + why)


def test_crash_is_told_at_once(run, fake, pauses):
    Plugins(fake, version="1", enabled=True, crashes=True, log=[json.dumps(FAILED)])
    assert "it failed to start" in run(id="a.b", enabled=True)["msg"]
    assert not pauses and not fake.writes


@pytest.mark.parametrize(
    ("statuses", "why"),
    [
        ([{"plugin_id": "a.b", "state": 3, "error": "no licence"}], "it failed to start (no licence)"),
        ([{"plugin_id": "c.d", "state": 3}, {"plugin_id": "a.b", "state": 4}], "it does not stay running."),
        ([{"plugin_id": "a.b", "state": 1}], "it did not run within 0 s"),
    ],
)
def test_crash_over_url(run_module, fake_url, pauses, statuses, why):
    Plugins(fake_url, version="1", crashes=True)
    fake_url.routes[("GET", "/plugins/statuses")] = statuses
    result = run_module("plugin", url=fake_url.url, token="the-token", id="a.b", enabled=True, wait_timeout=0)
    assert why in result["msg"]


def test_does_not_stop(run, fake):
    plugins = Plugins(fake, version="1", enabled=True)
    fake.routes[("POST", "/plugins/a.b/disable")] = {}
    assert "does not stop: it did not stop within 0 s" in run(id="a.b", enabled=False, wait_timeout=0)["msg"]
    assert plugins.enabled


@pytest.mark.parametrize(
    "setting",
    [{"Enable": False}, {"EnableUploads": False}, {"RequirePluginSignature": True}],
    ids=lambda one: next(iter(one)),
)
def test_uploads_are_off(run, fake, tmp_path, setting):
    Plugins(fake).settings.update(setting)
    result = run(path=bundle(tmp_path / "1.tgz", "1.0.0"))
    assert "Uploads need PluginSettings.Enable and EnableUploads true" in result["msg"] and not fake.writes


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (error(403, "api.context.permissions.app_error"), "The account needs the permission sysconsole_write_plugins."),
        (None, "the connection to the socket"),
    ],
    ids=["no permission", "dies in the middle"],
)
@pytest.mark.parametrize("verb", ["upload", "enable", "remove"])
def test_refused(run, fake, tmp_path, reply, words, verb):
    plugins = Plugins(fake, version="1.0.0")
    plugins.next = bundle(tmp_path / "1.tgz", "2.0.0")
    args = {"upload": {"path": plugins.next}, "enable": {"id": "a.b", "enabled": True}}
    for route in (("POST", "/plugins"), ("POST", "/plugins/a.b/enable"), ("DELETE", "/plugins/a.b")):
        fake.routes[route] = lambda request: reply
    message = run(**args.get(verb, {"id": "a.b", "state": "absent"}))["msg"]
    assert message.startswith(f"Cannot {verb} the plugin a.b: ") and words in message


def test_plugins_are_off(run, fake):
    Plugins(fake)
    fake.routes[("GET", "/plugins")] = error(501, "app.plugin.disabled.app_error", "Plugins have been disabled.")
    assert "Set PluginSettings.Enable to true" in run(id="a.b", state="absent")["msg"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{}", "'id'"),
        ("[1]", "The file is not a plugin bundle"),
        ("not json", "The file is not a plugin bundle"),
        ('{"id": 1}', "The file is not a plugin bundle"),
    ],
)
def test_bad_manifest(run, fake, tmp_path, content, words):
    path = bundle(tmp_path / "1.tgz", "1.0.0", content=content)
    assert words in run(path=path)["msg"]


def test_bad_bundles(run, fake, tmp_path):
    good = bundle(tmp_path / "1.tgz", "1.0.0")
    assert run(path=good, id="c.d")["msg"] == f"The bundle {good} holds the plugin a.b, not c.d."
    with open(good, "rb") as file:
        start = file.read()[:100]
    cut = tmp_path / "cut.tgz"
    cut.write_bytes(start)
    text = tmp_path / "text"
    text.write_text("hello")
    empty = tmp_path / "empty.tgz"
    tarfile.open(empty, "w:gz").close()
    folder = tmp_path / "folder.tgz"
    with tarfile.open(folder, "w:gz") as archive:
        info = tarfile.TarInfo("plugin.json")
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
    assert "No such file or directory" in run(path=str(tmp_path / "none"))["msg"]
    for path in (cut, text, folder):
        assert f"Cannot read the plugin bundle {path}: " in run(path=str(path))["msg"]
    assert run(path=str(empty))["msg"] == f"Cannot read the plugin bundle {empty}: it has no plugin.json."


def test_not_installed(run, fake):
    Plugins(fake)
    assert run(id="a.b", enabled=True)["msg"].endswith("it is not installed. Give its bundle as path.")


def test_settings(run, fake, tmp_path):
    """Merged by name whatever the spelling, sent with everybody else's, before the plugin is switched on."""
    plugins = Plugins(fake)
    plugins.next, plugins.next_version = bundle(tmp_path / "1.tgz", "1.0.0"), "1.0.0"
    plugins.own = {"a.b": {"defaultenabled": False, "other": 1}, "c.d": {"x": "y"}}
    args = {
        "path": plugins.next,
        "enabled": True,
        "settings": {"DefaultEnabled": True, "Config": {"services": [{"name": "model", "apiKey": "open-sesame"}]}},
        "secret_settings": {"turn": "tin-opener"},
    }
    predicted = run(check=True, **args)
    assert predicted["changed"] and not fake.writes
    result = run(**args)
    assert fake.writes == ["POST /plugins", "PUT /config/patch", "POST /plugins/a.b/enable"]
    config = {"services": [{"name": "model", "apiKey": "open-sesame"}]}
    own = {"defaultenabled": True, "other": 1, "Config": config, "turn": "tin-opener"}
    assert plugins.own == {"a.b": own, "c.d": {"x": "y"}}
    new = "******** (new value)"
    for each in (result, predicted):
        assert each["settings"]["before"] == {"DefaultEnabled": False, "Config": None, "turn": None}
        assert each["settings"]["after"] == {"DefaultEnabled": True, "Config": new, "turn": new}
        assert "settings" not in each["plugin"] and each["diff"]["after"]["settings"] == each["settings"]["after"]
        assert "open-sesame" not in each["text"] and "tin-opener" not in each["text"]
    again = run(**args)
    assert (again["changed"], again["settings"]) == (False, {}) and len(fake.writes) == 3

    result = run(id="a.b", secret_settings={"turn": "can-opener"})
    assert (result["settings"]["before"], result["settings"]["after"]) == ({"turn": "********"}, {"turn": new})
    assert result["diff"]["before"]["settings"] == {"turn": "********"} and result["plugin"]["running"]
    assert not run(id="a.b", state="absent", settings={"x": 1})["settings"]


def test_settings_over_url(run_module, fake_url, pauses, tmp_path):
    """Newer servers hide the settings of plugins that are not installed, and would lose them."""
    plugins = Plugins(fake_url, version="1.0.0", enabled=True)
    fake_url.routes[("GET", "/config/client")] = {"Version": "11.6.0"}
    fake_url.routes[("GET", "/config/environment")] = {}
    args = {"url": fake_url.url, "token": "the-token", "id": "a.b", "settings": {"x": "new"}}
    assert "Use socket_path on the server host, or give config_path" in run_module("plugin", **args)["msg"]
    stored = {"PluginSettings": {"Plugins": {"a.b": {"x": "old"}, "hidden": {"key": "kept"}}}}
    config = tmp_path / "config.json"
    config.write_text(json.dumps(stored))
    plugins.own = {"a.b": {"x": "*" * 32}}
    assert run_module("plugin", config_path=str(config), **args)["settings"]["before"] == {"x": "old"}
    assert plugins.own == {"a.b": {"x": "new"}, "hidden": {"key": "kept"}}


def test_settings_that_cannot_be_compared(run, fake):
    plugins = Plugins(fake, version="1.0.0", enabled=True)
    plugins.own = {"a.b": {"secret": "*" * 32}}
    args = {"id": "a.b", "secret_settings": {"secret": "new"}}
    assert not run(update_secrets="on_create", **args)["changed"]
    assert run(**args)["changed"] and plugins.own == {"a.b": {"secret": "new"}}


def test_secrets_stay_hidden_when_it_fails_early(run, fake):
    """A failure shows the arguments."""
    Plugins(fake)
    args = {"settings": {"config": {"apiKey": "open-sesame"}}, "secret_settings": {"turn": "tin-opener"}}
    for more, words in (({"id": "a.b"}, "it is not installed"), ({"path": "/none.tgz"}, "Cannot read the plugin")):
        result = run(**args, **more)
        assert words in result["msg"] and "open-sesame" not in result["text"] and "tin-opener" not in result["text"]


def test_settings_are_refused(run, fake):
    plugins = Plugins(fake, version="1.0.0", enabled=True)
    result = run(id="a.b", settings={"x": 1}, secret_settings={"x": 2})
    assert "PluginSettings.Plugins.a.b.x is in settings and in secret_settings" in result["msg"]
    assert "has no value" in run(id="a.b", settings={"x": None})["msg"]
    fake.routes[("PUT", "/config/patch")] = error(403, "api.context.permissions.app_error")
    assert "needs the permission sysconsole_write_*" in run(id="a.b", settings={"x": 1})["msg"]
    assert plugins.own == {}

# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils import _settings as settings
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._settings import MISSING

P = settings.PLUGINS
S = settings.STATES


def path(key):
    return tuple(key.split("."))


def test_flatten():
    assert settings.flatten(
        {
            "TeamSettings": {"SiteName": "Lab", "ExperimentalDefaultChannels": []},
            "MessageExportSettings": {"GlobalRelaySettings": {"CustomerType": "A10"}},
            "LogSettings": {"AdvancedLoggingJSON": {"file": {"type": "file"}}},
            "PluginSettings": {
                "Plugins": {"a.b": {"config": {"deep": {"er": 1}}}, "c.d": {}},
                "PluginStates": {"a.b": {"Enable": True}},
            },
            "EmptySettings": {},
            "OddSettings": {"Map": {}},
        }
    ) == {
        path("TeamSettings.SiteName"): "Lab",
        path("TeamSettings.ExperimentalDefaultChannels"): [],
        path("MessageExportSettings.GlobalRelaySettings.CustomerType"): "A10",
        path("LogSettings.AdvancedLoggingJSON"): {"file": {"type": "file"}},
        (*P, "a.b", "config"): {"deep": {"er": 1}},
        (*S, "a.b", "Enable"): True,
        path("OddSettings.Map"): {},
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"TeamSettings": "Lab"}, 'settings.TeamSettings must be a section with keys, not "Lab"'),
        ({"TeamSettings": {"SiteName": None}}, "settings.TeamSettings.SiteName has no value"),
    ],
)
def test_not_settings(given, words):
    with pytest.raises(MattermostError, match=words):
        settings.flatten(given)


def test_look_up_and_put():
    tree = {"PluginSettings": {"Plugins": {"a.b": {"SomeKey": 1}}}, "TeamSettings": {"SiteName": "x"}, "Odd": 3}
    assert settings.look_up(tree, (*P, "a.b", "somekey")) == 1
    assert settings.look_up(tree, path("TeamSettings.sitename")) is MISSING
    assert settings.look_up(tree, path("Odd.Key")) is MISSING
    assert not MISSING and repr(MISSING) == "MISSING"
    settings.put(tree, (*P, "a.b", "SOMEKEY"), [2])
    settings.put(tree, (*P, "c.d", "New"), 3)
    settings.put(tree, path("Odd.Key"), 4)
    assert tree["PluginSettings"]["Plugins"] == {"a.b": {"SomeKey": [2]}, "c.d": {"New": 3}}
    assert tree["Odd"] == {"Key": 4}


# What a server does to values by itself, from its source and from trying it.
@pytest.mark.parametrize(
    ("key", "wanted", "current", "same"),
    [
        ("ServiceSettings.SiteURL", "https://h/", "https://h", True),
        ("FileSettings.Directory", "./data", "./data/", True),
        ("EmailSettings.ConnectionSecurity", "PLAIN", "", True),
        ("LocalizationSettings.AvailableLocales", "de,en", "en,de", True),
        ("LogSettings.AdvancedLoggingJSON", '{"a": 1}', {"a": 1}, True),
        ("LogSettings.AdvancedLoggingJSON", "", {}, True),
        ("LogSettings.AdvancedLoggingJSON", "{", {}, False),
        ("TeamSettings.SiteName", "a/", "a", False),
        ("TeamSettings.EnableX", True, 1, False),
        ("TeamSettings.EnableX", 1, True, False),
        ("TeamSettings.EnableX", True, True, True),
        ("TeamSettings.N", 1, 1.0, True),
        ("TeamSettings.L", ["a"], ["a", "b"], False),
        ("TeamSettings.L", ["a", 1], ["a", True], False),
        ("TeamSettings.M", {"a": [1]}, {"a": [1]}, True),
        ("TeamSettings.M", {"a": 1}, {"b": 1}, False),
        ("TeamSettings.M", {"a": 1}, MISSING, False),
    ],
)
def test_same(key, wanted, current, same):
    assert settings.same(path(key), wanted, current) is same


@pytest.mark.parametrize(
    ("key", "wanted", "current", "words"),
    [
        ("A.B", "60", 50, "A.B takes a number, not str"),
        ("A.B", True, 50, "A.B takes a number, not bool"),
        ("A.B", "true", False, "A.B takes true or false, not str"),
        ("A.B", 25, "25", "A.B takes a text, not int"),
        ("A.B", "a", ["a"], "A.B takes a list, not str"),
        ("A.B", "a", {}, "A.B takes a mapping, not str"),
        ("A.B", 1.5, 50, None),
        ("A.B", "a", "b", None),
        ("A.B", "a", None, None),
        ("A.B", "a", MISSING, None),
        ("A.B", "a", object(), None),
        ("A.AdvancedLoggingJSON", "a", {}, None),
        ("PluginSettings.Plugins.x.key", "a", 1, None),
    ],
)
def test_wrong_type(key, wanted, current, words):
    assert settings.wrong_type(path(key), wanted, current) == words


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("TeamSettings.SiteName", None),
        ("TeamSettings.SitName", "TeamSettings.SitName is not a key this server knows (did you mean SiteName?)"),
        ("TeamSetings.SiteName", "TeamSetings.SiteName is not a key this server knows (did you mean TeamSettings?)"),
        ("TeamSettings.Nothing", "TeamSettings.Nothing is not a key this server knows"),
        ("TeamSettings.SiteName.Deeper", "TeamSettings.SiteName.Deeper is not a key this server knows"),
        ("PluginSettings.Plugins.new.key", None),
        ("PluginSettings.PluginStates.new.Enable", None),
    ],
)
def test_unknown(key, words):
    assert settings.unknown(path(key), {"TeamSettings": {"SiteName": "x"}, "PluginSettings": {}}) == words


@pytest.mark.parametrize(
    ("key", "before", "after", "restart"),
    [
        ("ServiceSettings.ListenAddress", ":1", ":2", True),
        ("SqlSettings.MaxOpenConns", 1, 2, True),
        ("FileSettings.ExportAmazonS3Bucket", "a", "b", True),
        ("FileSettings.MaxFileSize", 1, 2, False),
        ("TeamSettings.SiteName", "a", "b", False),
        ("ServiceSettings.SiteURL", "http://a", "https://b/", False),
        ("ServiceSettings.SiteURL", MISSING, "https://b", False),
        ("ServiceSettings.SiteURL", "https://b", "https://b/chat", True),
    ],
)
def test_needs_restart(key, before, after, restart):
    assert settings.needs_restart(path(key), before, after) is restart

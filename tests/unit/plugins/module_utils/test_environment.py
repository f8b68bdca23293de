# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils._environment import of_file, of_listener, override
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._settings import MISSING

SITE = ("TeamSettings", "SiteName")
CALLS = ("PluginSettings", "PluginStates", "com.mattermost.calls", "Enable")


# As systemd reads EnvironmentFile=.
@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("MM_A=plain", "plain"),
        ("MM_A=", ""),
        ("  MM_A = spaced out  ", "spaced out"),
        ("MM_A=postgres://u:p@h/d?a=1&b=2", "postgres://u:p@h/d?a=1&b=2"),
        ('MM_A="double quoted "', "double quoted "),
        ("MM_A='single \\ \"quoted\"'", 'single \\ "quoted"'),
        ('MM_A="es\\"caped\\$ \\n"', 'es"caped$ \\n'),
        ("MM_A=un\\ quoted\\\\", "un quoted\\"),
        ('MM_A=a"b c"d', "ab cd"),
        ("MM_A=con\\\ntinued", "continued"),
        ("mm_a=lower", "lower"),
        ("# MM_A=comment\n;MM_A=comment\nMM_A=last", "last"),
    ],
)
def test_file(tmp_path, line, value):
    file = tmp_path / "environment"
    file.write_text(f"OTHER=1\nno assignment\n{line}\n")
    assert of_file(str(file)) == {"MM_A": value}


def test_no_file(tmp_path):
    assert of_file(str(tmp_path / "none")) == {}
    with pytest.raises(MattermostError, match="Cannot read environment_file"):
        of_file(str(tmp_path))


def test_listener(fake, monkeypatch, tmp_path):
    # The listener is this very process; what the kernel shows is the environment it was started with.
    found = of_listener(fake.socket_path)
    with open("/proc/self/environ", "rb") as file:
        started_with = [entry.partition("=")[::2] for entry in os.fsdecode(file.read()).split("\0")]
    assert found == {name.upper(): value for name, value in started_with if name.upper().startswith("MM_")}
    assert of_listener(str(tmp_path / "none")) is None


@pytest.mark.parametrize(
    ("text", "like", "value"),
    [
        ("Lab", "x", "Lab"),
        ("true", False, True),
        ("F", True, False),
        ("yes", True, MISSING),
        ("12", 1, 12),
        ("many", 1, MISSING),
        ("a b", ["x"], ["a", "b"]),
        ('{"a": 1}', {"b": 1}, {"a": 1}),
        ("{", {"b": 1}, MISSING),
    ],
)
def test_values(text, like, value):
    found = override(SITE, {"MM_TEAMSETTINGS_SITENAME": text})
    assert found.variable == "MM_TEAMSETTINGS_SITENAME"
    assert found.value(SITE, like=like) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"com.mattermost.calls": {"Enable": true}}', True),
        ('{"playbooks": {"Enable": true}}', MISSING),
        ("{", MISSING),
    ],
)
def test_map(text, value):
    found = override(CALLS, {"MM_PLUGINSETTINGS_PLUGINSTATES": text})
    assert found.value(CALLS, like=True) == value


def test_no_override():
    assert override(SITE, {"MM_TEAMSETTINGS": "x", "MM_CONFIG": "y"}) is None

# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time
from typing import Any, Dict

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils import _checks_server
from ansible_collections.fieldops.mattermost.plugins.module_utils._checks_base import ERROR, FAIL, NOT_APPLICABLE, PASS
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import FakeServer
from ansible_collections.fieldops.mattermost.tests.unit.plugins.module_utils.fake_host import NOW, FakeHost, verdict

CALLS = ["PluginSettings", "Plugins", "com.mattermost.calls", "iceserversconfigs"]
CONFIG: Dict[str, Any] = {
    "ServiceSettings": {"EnableLinkPreviews": False, "EnableGifPicker": True, "SplitKey": "*" * 32},
    "SupportSettings": {"HelpLink": "https://help.example.mil/"},
    "SqlSettings": {"DataSource": "postgres://mmuser:s3cret@db/mm"},
    "PluginSettings": {"Plugins": {"com.mattermost.calls": {"ICEServersConfigs": "[ ]"}}, "PluginStates": {}},
}


@pytest.fixture
def host(fake: FakeServer) -> FakeHost:
    fake.routes["GET", "/config"] = CONFIG
    fake.routes["GET", "/config/client"] = {"Version": "11.6.0"}
    fake.routes["GET", "/plugins"] = {"active": [{"id": "com.mattermost.calls"}], "inactive": []}
    return FakeHost(socket_path=fake.socket_path)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"key": "ServiceSettings.EnableLinkPreviews", "value": False}, (PASS, "false", "false")),
        ({"key": "ServiceSettings.EnableGifPicker", "value": False}, (FAIL, "false", "true")),
        ({"key": "ServiceSettings.New", "value": False}, (FAIL, "false", "not set")),
        (
            {"key": "SupportSettings.HelpLink", "value": "", "accept": "example"},
            (PASS, "empty or a value of the site's own", '"https://help.example.mil/"'),
        ),
        (
            {"key": "SupportSettings.HelpLink", "value": "", "accept": "nowhere"},
            (FAIL, "empty or a value of the site's own", '"https://help.example.mil/"'),
        ),
        (
            {"key": "ServiceSettings.EnableGifPicker", "value": False, "accept": "true"},
            (FAIL, "false or a value of the site's own", "true"),
        ),
        ({"key": "calls", "path": CALLS, "value": "[]"}, (PASS, '"[]"', '"[ ]"')),
        ({"key": "calls", "path": CALLS, "value": "[1]"}, (FAIL, '"[1]"', '"[ ]"')),
        ({"key": "calls", "path": CALLS, "value": "no json"}, (FAIL, '"no json"', '"[ ]"')),
        ({"key": "calls", "path": CALLS, "value": 1}, (FAIL, "1", '"[ ]"')),
    ],
)
def test_setting(host: FakeHost, given: Dict[str, Any], expected: Any) -> None:
    found = verdict(host, "setting", **given)
    assert (found.verdict, found.expected, found.found) == expected
    assert found.evidence[0].startswith("server 11.6.0, read over")


def test_secrets_are_compared_and_not_shown(host: FakeHost) -> None:
    found = verdict(host, "setting", key="SqlSettings.DataSource", value="postgres://mmuser:other@db/mm")
    assert (found.verdict, found.expected, found.found) == (FAIL, "(hidden)", "(hidden)")


def test_what_the_server_masks_cannot_be_checked(host: FakeHost) -> None:
    found = verdict(host, "setting", key="ServiceSettings.SplitKey", value="")
    assert (found.verdict, found.found) == (ERROR, "The server does not show ServiceSettings.SplitKey.")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"since": "11.7"}, "The server is 11.6.0; ServiceSettings.X came with 11.7."),
        ({"until": "11.6"}, "The server is 11.6.0; ServiceSettings.X went with 11.6."),
        ({"path": ["PluginSettings", "PluginStates", "nps", "Enable"]}, "The plugin nps is not installed."),
    ],
)
def test_keys_that_this_server_does_not_have(host: FakeHost, more: Any, reason: str) -> None:
    found = verdict(host, "setting", key="ServiceSettings.X", value=False, **more)
    assert (found.verdict, found.found) == (NOT_APPLICABLE, reason)


def test_an_exception_is_told(host: FakeHost) -> None:
    found = verdict(
        host,
        "setting",
        key="ServiceSettings.EnableGifPicker",
        value=True,
        since="9.0",
        until="12",
        exception="an own proxy",
    )
    assert found.verdict == PASS
    assert "exception of the site: an own proxy" in found.evidence


def test_a_server_that_is_down_is_an_error(tmp_path: Any, pauses: Any) -> None:
    found = verdict(FakeHost(socket_path=str(tmp_path / "none")), "setting", key="A.B", value=1)
    assert found.verdict == ERROR
    assert "nobody answers" in found.found


SETTINGS = [
    {"key": "ServiceSettings.EnableLinkPreviews", "value": False},
    {"key": "SupportSettings.HelpLink", "value": "", "accept": "example"},
]


@pytest.mark.parametrize(
    ("variables", "expected", "evidence"),
    [
        ({}, (PASS, "none does"), ()),
        ({"MM_SERVICESETTINGS_ENABLELINKPREVIEWS": "true"}, (FAIL, "MM_SERVICESETTINGS_ENABLELINKPREVIEWS"), ()),
        (
            {"MM_SERVICESETTINGS_ENABLELINKPREVIEWS": "no"},
            (FAIL, "MM_SERVICESETTINGS_ENABLELINKPREVIEWS (the server cannot read its value and ignores it)"),
            (),
        ),
        (
            {"MM_SERVICESETTINGS_ENABLELINKPREVIEWS": "false", "MM_SUPPORTSETTINGS_HELPLINK": "https://example.mil"},
            (PASS, "none does"),
            (
                "MM_SERVICESETTINGS_ENABLELINKPREVIEWS sets ServiceSettings.EnableLinkPreviews as it should be",
                "MM_SUPPORTSETTINGS_HELPLINK sets SupportSettings.HelpLink as it should be",
            ),
        ),
        (None, (ERROR, "Cannot read the environment of the process that listens on /s: is it running?"), ()),
    ],
)
def test_environment(monkeypatch: pytest.MonkeyPatch, variables: Any, expected: Any, evidence: Any) -> None:
    monkeypatch.setattr(_checks_server, "of_listener", lambda path: variables)
    found = verdict(FakeHost(socket_path="/s"), "environment", settings=SETTINGS)
    assert (found.verdict, found.found) == expected
    assert found.evidence == evidence


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"series": ["11.6"]}, (PASS, "one of the series 11.6")),
        ({"series": ["9.11", "11.7"]}, (FAIL, "one of the series 9.11, 11.7")),
        ({"min": "11.6"}, (PASS, "11.6 or newer")),
        ({"min": "11.7"}, (FAIL, "11.7 or newer")),
        ({}, (PASS, "any version")),
    ],
)
def test_server_version(host: FakeHost, params: Any, expected: Any) -> None:
    found = verdict(host, "server_version", **params)
    assert (found.verdict, found.expected, found.found) == (*expected, "11.6.0")


@pytest.mark.parametrize(
    ("state", "needed", "expected"),
    [
        ({"IsLicensed": "false"}, False, (PASS, "no licence")),
        ({"IsLicensed": "false"}, True, (FAIL, "no licence")),
        ({"IsLicensed": "true", "SkuShortName": "enterprise"}, True, (PASS, "licensed (enterprise)")),
        ({"IsLicensed": "true"}, False, (PASS, "licensed (unknown edition)")),
    ],
)
def test_licence(fake_url: FakeServer, state: Any, needed: bool, expected: Any) -> None:
    fake_url.routes["GET", "/license/client"] = state
    found = verdict(FakeHost(), "licence", url=fake_url.url, required=needed)
    assert (found.verdict, found.found) == expected


def test_plugins(host: FakeHost, fake: FakeServer) -> None:
    fake.routes["GET", "/plugins"] = {"active": [{"id": "a"}, {"id": "b"}], "inactive": [{"id": "c"}]}
    found = verdict(host, "plugins", running=["a", "b"])
    assert (found.verdict, found.expected, found.found) == (PASS, "running: a, b", "all run")
    found = verdict(host, "plugins", running=["a", "c", "d"])
    assert (found.verdict, found.found) == (FAIL, "c is installed and does not run; d is not installed")


def test_the_licence_of_a_server_that_is_down(pauses: Any) -> None:
    assert verdict(FakeHost(), "licence", url="http://127.0.0.1:9").verdict == ERROR


def line(hours_ago: float, level: str, text: str) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S.000 Z", time.gmtime(NOW - 3600 * hours_ago))
    return json.dumps({"timestamp": when, "level": level, "msg": text, "error": "dial tcp: no such host"}) + "\n"


NOTICES = "asking https://notices.mattermost.com/"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (line(1, "warn", NOTICES), (FAIL, "lines that match: 1")),
        (line(30, "warn", NOTICES), (PASS, "none")),
        (line(1, "info", NOTICES), (PASS, "none")),
        (line(1, "error", "License key from https://mattermost.com required"), (PASS, "none")),
        ("not json\n[]\n{}\n", (PASS, "none")),
    ],
)
def test_log(tmp_path: Any, text: str, expected: Any) -> None:
    host = FakeHost(root=str(tmp_path))
    host.put("/var/log/mattermost.log", text)
    patterns = ["of another kind", r"(?i)NOTICES\.mattermost\.com"]
    found = verdict(host, "log", path="/var/log/mattermost.log", patterns=patterns)
    assert (found.verdict, found.found) == expected


def test_log_shows_what_it_found_without_secrets(tmp_path: Any) -> None:
    host = FakeHost(root=str(tmp_path))
    host.put("/log", line(1, "error", NOTICES + " postgres://mmuser:s3cret@db/mm"))
    found = verdict(host, "log", path="/log", patterns=["notices"], hours=2)
    assert found.expected == "no warning or error that matches in the last 2 hours"
    assert found.evidence[0] == "1 lines of /log read"
    assert found.evidence[1].startswith("2027-01-15 07:00:00Z asking https://notices")
    assert "s3cret" not in found.evidence[1]


def test_a_log_that_is_not_there(tmp_path: Any) -> None:
    assert verdict(FakeHost(root=str(tmp_path)), "log", path="/log", patterns=["x"]).verdict == ERROR

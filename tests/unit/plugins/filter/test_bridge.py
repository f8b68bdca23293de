# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Bridges: every mistake has its sentence, no sentence holds a secret, and a registration claims the bridge's own names alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.fieldops.mattermost.plugins.filter.bridge import (
    FilterModule,
    bridge_problems,
    bridge_registration,
)

AS_TOKEN, HS_TOKEN, PASSWORD = "a" * 31 + "1", "h" * 31 + "2", "hunter2-hunter2"
LICENSED = {"version": "11.6.0", "site_url": "https://chat.example.org", "license": {"is_licensed": True}}


def given(**changes: Any) -> dict[str, Any]:
    return {
        "protocols": ["matrix", "xmpp"],
        "matrix_plugin": {"source": "/media/matrix.tar.gz", "sha256": "0" * 64},
        "matrix_server_url": "https://matrix.example.org",
        "matrix_server_name": "example.org",
        "matrix_as_token": AS_TOKEN,
        "matrix_hs_token": HS_TOKEN,
        "matrix_username_prefix": "matrix",
        "matrix_http_allowed": False,
        "matrix_registration_url": "",
        "matrix_registration_file": "",
        "registration_dir_exists": True,
        "homeserver_hosts": ["home"],
        "homeserver_registration_path": "/etc/matrix-synapse/mattermost-bridge.yaml",
        "homeserver_drop_in": "",
        "xmpp_plugin": {"source": "/media/xmpp.tar.gz", "signature": "/media/xmpp.tar.gz.sig"},
        "xmpp_server": "xmpp.example.org:5222",
        "xmpp_username": "bridge@xmpp.example.org",
        "xmpp_password": PASSWORD,
        "xmpp_username_prefix": "xmpp",
        "xmpp_resource": "mattermost-bridge",
        "server": LICENSED,
        "settings_differ": {},
        "installed": [],
        **changes,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"server": {}},
        {"protocols": ["matrix"], "xmpp_server": "", "xmpp_username": "", "xmpp_password": ""},
        {"protocols": ["xmpp"], "matrix_server_url": "", "matrix_as_token": "", "homeserver_hosts": []},
        {"matrix_server_url": "http://127.0.0.1:8008"},
        {"matrix_server_url": "http://localhost:8008"},
        {"matrix_server_url": "http://10.20.0.5:8008", "matrix_http_allowed": True},
        {"matrix_server_name": "", "matrix_registration_url": "https://chat.example.org/plugins/x"},
        {"homeserver_hosts": [], "matrix_registration_file": "/root/bridge.yaml"},
        {"matrix_plugin": {}, "xmpp_plugin": {}, "installed": ["matrix", "xmpp"]},
        {"installed": ["matrix", "xmpp"], "settings_differ": {"PluginSettings": {"EnableUploads": False}}},
        {"server": {**LICENSED, "version": "10.7.1"}},
    ],
)
def test_good_input_has_no_problem(changes: dict[str, Any]) -> None:
    assert bridge_problems(given(**changes)) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"protocols": []}, "protocols is empty"),
        (
            {"matrix_plugin": {"source": "/x.tar.gz", "sha256": "abc"}},
            "neither a sha256 of 64 hexadecimal digits nor a signature",
        ),
        ({"matrix_server_url": ""}, "matrix_server_url is ''"),
        ({"matrix_server_url": "matrix.example.org"}, "give an address such as https://"),
        ({"matrix_server_url": "https://matrix.example.org:port"}, "give an address such as https://"),
        ({"matrix_server_url": "https://me:secret@matrix.example.org"}, "has an account in it"),
        ({"matrix_server_url": "http://matrix.example.org"}, "would cross the network in clear"),
        ({"matrix_registration_url": "http://10.0.0.1:8065/plugins/x"}, "matrix_registration_url begins with http://"),
        ({"matrix_server_name": "https://example.org"}, "stands behind the colon"),
        ({"matrix_as_token": "short"}, "matrix_as_token must be 32 characters"),
        ({"matrix_hs_token": "with blank " * 4}, "matrix_hs_token must be 32 characters"),
        ({"matrix_hs_token": AS_TOKEN}, "are the same"),
        ({"homeserver_hosts": []}, "Nobody would bring the registration"),
        ({"matrix_registration_file": "bridge.yaml"}, "give a full path"),
        ({"homeserver_drop_in": "conf.d/bridge.yaml"}, "give a full path"),
        (
            {"matrix_registration_file": "/nowhere/x", "registration_dir_exists": False},
            "the control node does not have",
        ),
        ({"xmpp_server": "xmpp.example.org"}, "a name and a port"),
        ({"xmpp_server": "xmpp.example.org:70000"}, "a name and a port"),
        ({"xmpp_username": "bridge"}, "the account with its domain"),
        ({"xmpp_password": "hunter2"}, "xmpp_password must have 14 characters"),
        ({"xmpp_resource": "a/b"}, "without blanks"),
        ({"matrix_username_prefix": "Matrix:"}, "give up to 21 of a-z"),
        ({"matrix_username_prefix": "xmpp"}, "could pass for people of the other"),
        ({"server": {**LICENSED, "license": {"is_licensed": False}}}, "has no licence"),
        ({"server": {**LICENSED, "license": None}}, "has no licence"),
        ({"server": {**LICENSED, "version": "10.7.0"}}, "needs 10.7.1 or newer"),
        ({"server": {**LICENSED, "site_url": ""}}, "has no site address"),
        (
            {"settings_differ": {"ConnectedWorkspacesSettings": {"EnableSharedChannels": False}}},
            "EnableSharedChannels is off",
        ),
        (
            {"settings_differ": {"ConnectedWorkspacesSettings": {"EnableSharedChannels": None}}},
            "EnableSharedChannels is off",
        ),
        ({"settings_differ": {"PluginSettings": {"Enable": False}}}, "PluginSettings.Enable is off"),
        ({"settings_differ": {"PluginSettings": {"RequirePluginSignature": True}}}, "cannot be uploaded"),
        ({"matrix_plugin": {}}, "com.mattermost.plugin-matrix-bridge is not installed"),
    ],
)
def test_every_mistake_has_its_sentence(changes: dict[str, Any], said: str) -> None:
    problems = bridge_problems(given(**changes))
    assert [problem for problem in problems if said in problem], problems
    assert not [problem for problem in problems for secret in (AS_TOKEN, HS_TOKEN, PASSWORD) if secret in problem]
    assert all(problem.rstrip("`").endswith(".") for problem in problems)


def test_a_short_secret_is_not_repeated() -> None:
    problems = bridge_problems(given(matrix_as_token="hunter2", matrix_hs_token="hunter2", xmpp_password="hunter2"))
    assert len(problems) == 4
    assert "hunter2" not in " ".join(problems)


def registration(**changes: str) -> dict[str, Any]:
    return bridge_registration(
        {
            "url": "https://chat.example.org/plugins/com.mattermost.plugin-matrix-bridge/",
            "server_url": "https://matrix.example.org:8448",
            "server_name": "",
            "as_token": AS_TOKEN,
            "hs_token": HS_TOKEN,
            **changes,
        }
    )


def test_a_registration_claims_the_bridge_s_names_alone() -> None:
    made = registration()
    assert made["url"] == "https://chat.example.org/plugins/com.mattermost.plugin-matrix-bridge"
    users = made["namespaces"]["users"][0]["regex"]
    assert re.fullmatch(users, "@_mattermost_bridge:matrix.example.org")
    assert not re.fullmatch(users, "@_mattermost_bridge:matrix-example.org")
    assert not re.fullmatch(users, "@ann:matrix.example.org")
    assert made["namespaces"]["rooms"] == []
    assert re.fullmatch(users, f"@{made['sender_localpart']}:matrix.example.org")


def test_the_server_name_goes_before_the_host() -> None:
    users = registration(server_name="example.org")["namespaces"]["users"][0]["regex"]
    assert re.fullmatch(users, "@_mattermost_x:example.org")


def test_the_filters_are_offered() -> None:
    assert set(FilterModule().filters()) == {"bridge_problems", "bridge_registration"}

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.plugins.filter import server as filters

GOOD = {
    "version": "11.7.9",
    "artifact_url": "https://depot.example.com/mattermost.tar.gz",
    "artifact_path": "",
    "artifact_sha256": "a" * 64,
    "artifact_signature": "",
    "artifact_public_key": "",
    "site_url": "https://chat.example.com",
    "listen_address": ":8065",
    "tls_mode": "verify-full",
    "database_ca_given": True,
    "config_store": "file",
    "hosts": ["server1"],
    "this_host": "server1",
    "uid": 0,
    "admin_username": "admin",
    "admin_email": "admin@example.com",
    "admin_password_length": 14,
    "database_password_given": True,
    "settings": {"ServiceSettings": {"EnableLinkPreviews": False}},
    "secret_setting_names": [],
    "environment_names": ["HTTPS_PROXY"],
    "owned_keys": {"ServiceSettings.ListenAddress": "mattermost_server_listen_address"},
    "architecture": "x86_64",
}


def test_nothing_is_wrong_with_good_input() -> None:
    assert filters.server_problems(GOOD) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "11.7"}, "give the release's full number"),
        ({"artifact_path": "/srv/x.tar.gz"}, "Give exactly one of"),
        ({"artifact_url": ""}, "Give exactly one of"),
        ({"artifact_url": "ftp://depot/x"}, "must start with https://"),
        ({"artifact_sha256": "zz"}, "is not 64 hexadecimal digits"),
        ({"artifact_sha256": ""}, "nothing would vouch for the release"),
        ({"artifact_signature": "https://x.sig"}, "the publisher's key"),
        ({"site_url": "chat.example.com"}, "give the whole address"),
        ({"site_url": "https://example.com/chat"}, "has the path /chat"),
        ({"listen_address": ":443"}, "a port from 1024 to 65535"),
        ({"listen_address": "8065"}, "give ADDRESS:PORT or :PORT"),
        ({"database_ca_given": False}, "is verify-full, which needs"),
        ({"hosts": ["other"]}, "does not name this host, server1"),
        (
            {"hosts": ["server1", "server2"], "uid": 5},
            "put SqlSettings.AtRestEncryptKey and FileSettings.PublicLinkSalt",
        ),
        ({"hosts": ["server1", "server2"], "config_store": "database"}, "give mattermost_server_uid"),
        ({"admin_username": "Admin"}, "lower-case letters"),
        ({"admin_email": "admin"}, "is no e-mail address"),
        ({"admin_password_length": 8}, "shorter than 14"),
        ({"database_password_given": False}, "mattermost_server_database_password is empty"),
        ({"settings": {"ServiceSettings": True}}, "give the section as a mapping"),
        ({"settings": {"ServiceSettings": {"ListenAddress": ":1"}}}, "belongs to mattermost_server_listen_address"),
        ({"secret_setting_names": ["ServiceSettings.ListenAddress"]}, "belongs to mattermost_server_listen_address"),
        ({"environment_names": ["http_proxy"]}, "use capitals"),
        ({"architecture": "armv7l"}, "no Mattermost release for the architecture armv7l"),
    ],
)
def test_each_mistake_has_its_one_sentence(change: dict, said: str) -> None:
    problems = filters.server_problems({**GOOD, **change})
    assert len(problems) == 1, problems
    assert said in problems[0]


def test_names_of_settings_come_without_values() -> None:
    assert filters.setting_names({"B": {"y": 1, "x": 2}, "A": {"z": "secret"}, "C": 1}) == ["A.z", "B.x", "B.y"]
    assert filters.setting_names({}) == []


def test_the_filters_are_offered() -> None:
    assert set(filters.FilterModule().filters()) == {"server_problems", "setting_names"}

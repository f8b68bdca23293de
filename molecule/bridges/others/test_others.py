# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The homeserver is somebody else's, who has not read the registration: everything is ready, and nothing passes."""

from __future__ import annotations

import yaml
from conftest import SECRETS, WORK, Matrix, ask, plugin_settings, plugins_active, received


def test_the_registration_is_there_for_its_owner_alone():
    file = WORK / "mattermost-bridge.yaml"
    assert file.stat().st_mode & 0o777 == 0o600
    registration = yaml.safe_load(file.read_text())
    assert registration["as_token"] == SECRETS["matrix_as_token"]
    assert registration["hs_token"] == SECRETS["matrix_hs_token"]
    assert registration["url"].endswith("/plugins/com.mattermost.plugin-matrix-bridge")


def test_the_plugin_runs_with_its_settings_and_hands_nothing_on():
    assert "com.mattermost.plugin-matrix-bridge" in plugins_active()
    settings = plugin_settings("com.mattermost.plugin-matrix-bridge")
    assert settings["matrix_as_token"] == SECRETS["matrix_as_token"]
    assert settings["enable_sync"] is False


def test_the_homeserver_was_left_alone(chat):
    assert not chat.file("/etc/matrix-synapse/mattermost-bridge.yaml").exists
    status, _answer = ask("GET", Matrix.BASE + "/account/whoami", SECRETS["matrix_as_token"])
    assert status == 401


def test_nothing_was_sent_to_the_bridge():
    assert received() == []

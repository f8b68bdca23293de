# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the server holds for each part, as it tells over its local socket, and which plugins run."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import WORK, local

EXPECTED = {
    "guests": {
        "GuestAccountsSettings.Enable": True,
        "GuestAccountsSettings.RestrictCreationToDomains": "contractor.example",
        "GuestAccountsSettings.HideTags": False,
    },
    "attributes": {
        "AccessControlSettings.EnableAttributeBasedAccessControl": True,
        "AccessControlSettings.EnableUserManagedAttributes": False,
    },
    "retention": {
        "DataRetentionSettings.EnableMessageDeletion": True,
        "DataRetentionSettings.MessageRetentionHours": 8760,
        "DataRetentionSettings.DeletionJobStartTime": "03:00",
    },
    "compliance": {
        "MessageExportSettings.EnableExport": True,
        "MessageExportSettings.ExportFormat": "actiance",
        "ComplianceSettings.Enable": True,
        "ComplianceSettings.Directory": "/var/lib/mattermost/compliance/",
    },
    "calls": {"PluginSettings.PluginStates.com~mattermost~calls.Enable": True},
    "push": {
        "EmailSettings.SendPushNotifications": True,
        "EmailSettings.PushNotificationServer": "http://10.91.81.12:8066",
        "EmailSettings.PushNotificationContents": "id_loaded",
    },
    "entra": {
        "Office365Settings.Enable": True,
        "Office365Settings.DirectoryId": "00000000-0000-0000-0000-00000000000a",
        "Office365Settings.Secret": "rehearsal-Entra-secret",
        "Office365Settings.DiscoveryEndpoint": "https://login.microsoftonline.com/00000000-0000-0000-0000-00000000000a"
        "/v2.0/.well-known/openid-configuration",
    },
    "integrations": {"ServiceSettings.AllowedUntrustedInternalConnections": "10.91.81.2"},
    "contested": {"ServiceSettings.EnableSecurityFixAlert": False, "LogSettings.EnableDiagnostics": False},
}
PLUGINS = {
    "com.mattermost.calls": {
        "defaultenabled": True,
        "rtcdserviceurl": "http://10.91.81.12:8045",
        "jobserviceurl": "http://10.91.81.12:4545",
        "enablerecordings": True,
        "iceserversconfigs": "[]",
    },
    "com.mattermost.plugin-legal-hold": {"timeofday": "01:00"},
    "com.mattermost.ms-embedded": {
        "m365_tenant_id": "00000000-0000-0000-0000-00000000000a",
        "m365_client_id": "00000000-0000-0000-0000-00000000000c",
        "m365_client_secret": "rehearsal-Teams-secret",
        "national_cloud": "commercial",
    },
    "com.mattermost.plugin-matrix-bridge": {"matrix_server_url": "https://10.91.81.2:8448", "enable_sync": False},
    "com.mattermost.bridge-xmpp": {"xmppserverurl": "10.91.81.2:5222", "enablesync": True},
}


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    found: dict[str, Any] = local("/config")
    return found


def at(config: dict[str, Any], path: str) -> Any:
    value: Any = config
    for step in path.split("."):
        value = value[step.replace("~", ".")]
    return value


def plugin(config: dict[str, Any], name: str) -> dict[str, Any]:
    """A plugin's settings by lower-cased names, as the console and the server write them."""
    return {key.lower(): value for key, value in config["PluginSettings"]["Plugins"][name].items()}


@pytest.mark.parametrize("part", list(EXPECTED))
def test_the_settings_of_a_part(config, part):
    assert {path: at(config, path) for path in EXPECTED[part]} == EXPECTED[part]


@pytest.mark.parametrize("name", list(PLUGINS))
def test_the_settings_of_a_plugin(config, name):
    assert PLUGINS[name].items() <= plugin(config, name).items()


def test_agents_ask_the_site_s_own_language_model_and_nobody_else(config):
    found = plugin(config, "mattermost-ai")["config"]
    service = {"id": "site", "name": "site", "type": "openaicompatible", "apiURL": "http://10.91.81.2:8080/v1"}
    assert found["services"] == [{**service, "apiKey": "rehearsal-Language-model", "defaultModel": "rehearsal"}]
    assert (found["bots"][0]["name"], found["bots"][0]["serviceID"], found["defaultBotName"]) == (
        "clerk",
        "site",
        "clerk",
    )
    assert found["allowedUpstreamHostnames"] == "10.91.81.2"
    assert found["webSearch"] == {"enabled": False}


def test_the_agent_translates_into_the_partners_languages(config):
    found = plugin(config, "mattermost-channel-translations")["config"]
    assert found["enableTranslations"] is True
    assert (found["translationBotName"], found["translationLanguages"]) == ("clerk", "en,fr")


def test_the_record_goes_to_the_collector_too(config):
    audit = config["ExperimentalAuditSettings"]
    assert audit["FileEnabled"] is True
    collector = audit["AdvancedLoggingJSON"]["collector"]
    assert collector["options"] == {"host": "10.91.81.2", "port": 6514}


def test_the_plugins_of_the_parts_run():
    active = {row["id"] for row in local("/plugins")["active"]}
    assert active >= {
        *("com.mattermost.calls", "mattermost-ai", "playbooks"),  # which the release brings
        *("com.mattermost.plugin-legal-hold", "mattermost-channel-translations", "com.mattermost.ms-embedded"),
        *("com.mattermost.plugin-matrix-bridge", "com.mattermost.bridge-xmpp", "mil.example.rehearsal"),
    }
    assert "focalboard" not in active


def test_the_registration_waits_for_the_homeserver_s_operator():
    assert (WORK / "mattermost-bridge.yaml").stat().st_mode & 0o777 == 0o600


def test_the_invitation_waits_for_the_partner():
    file = next((WORK / "exchange").glob("alpha*bravo.invitation.json"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert "rehearsal-Invitation" not in file.read_text()

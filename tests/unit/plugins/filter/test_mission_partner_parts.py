# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Optional parts: each brings its settings alone, from the very files of the role, and every mistake has its sentence."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.fieldops.mattermost.plugins.filter.mission_partner_parts import (
    FilterModule,
    mission_partner_parts_problems,
)
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.parts import parts_settings, plugins_of, resolved

ROLES = Path(__file__).resolve().parents[4] / "roles"
SETTINGS = yaml.safe_load((ROLES / "mission_partner/vars/settings.yml").read_text())["__mission_partner_settings"]
AIR_GAP = yaml.safe_load((ROLES / "air_gapped/vars/settings.yml").read_text())["__air_gapped_settings"]
DEFAULTS = {
    name.partition("mission_partner_")[2]: value
    for name, value in yaml.safe_load((ROLES / "mission_partner/defaults/main.yml").read_text()).items()
}
PARTS = {
    name.rpartition("_")[0]: False
    for name, value in DEFAULTS.items()
    if name.endswith("_enabled")
    and value is False
    and name not in ("compliance_export_download_enabled", "calls_recordings_enabled")
}
PLUGIN = {"source": "/media/plugin.tar.gz", "sha256": "a" * 64}
GOOD = {
    **DEFAULTS,
    "calls_recordings_enabled": False,
    "calls_rtcd_url": "http://10.0.0.7:8045",
    "calls_offloader_url": "http://10.0.0.8:4545",
    "calls_auth_key": "hunter2",
    "matrix_homeserver_url": "https://matrix.example.org",
    "matrix_server_name": "example.org",
    "matrix_as_token": "one",
    "matrix_hs_token": "other",
    "xmpp_server": "xmpp.example.org:5222",
    "xmpp_username": "bridge@example.org",
    "xmpp_password": "hunter2",
    "agents_services": [
        {"name": "local", "type": "openaicompatible", "api_url": "http://llm.example.org:8000/v1", "api_key": "hunter2"}
    ],
    "agents_bots": [{"name": "scribe", "service": "local", "instructions": "Sum up."}],
    "translation_service": "scribe",
    "push_server": "http://10.0.0.9:8066",
    "push_contents": "generic_no_channel",
    "search_url": "https://search.example.org:9200",
    "search_password": "hunter2",
    "object_storage_endpoint": "s3.example.org",
    "object_storage_bucket": "files",
    "object_storage_access_key": "AK",
    "object_storage_secret_key": "hunter2",
    "cluster_name": "alpha",
    "entra_tenant_id": "t",
    "entra_discovery_url": "https://login.example.org/t/v2.0/.well-known/openid-configuration",
    "entra_client_id": "c",
    "entra_client_secret": "hunter2",
    "m365_client_id": "m",
    "m365_client_secret": "hunter2",
    "audit_targets": {"collector": {"type": "syslog", "options": {"host": "10.0.0.51", "port": 6514}}},
    "log_servers": ["10.0.0.51"],
    "identity_servers": ["10.0.0.40"],
    **{f"{part}_plugin": PLUGIN for part in ("matrix", "xmpp", "translation", "legal_hold", "m365")},
}
SECRET = "hunter2"
FACTOR = {"ServiceSettings": {"EnforceMultifactorAuthentication": True}}
MEMBERS = [
    {"address": "10.0.0.7", "components": ["mattermost_calls"], "ports": {"rtcd": 8045, "media": 8443}},
    {"address": "10.0.0.8", "components": ["mattermost_calls"], "ports": {"offloader": 4545}},
    {"address": "10.0.0.9", "components": ["mattermost_push_proxy"], "ports": {"push": 8066}},
]


def licence(tier: str) -> str:
    """A licence file as it is read: JSON, a signature behind it, in base64."""
    return base64.b64encode(json.dumps({"id": "x", "sku_short_name": tier}).encode() + b"s" * 256).decode()


def on(*parts: str) -> dict[str, bool]:
    return {**PARTS, **dict.fromkeys(parts, True)}


def given(*parts: str, **changes: Any) -> dict[str, Any]:
    known = ("version", "license", "links", "servers", "federation_enabled", "flows_extra", "members", "groups")
    return {
        "parts": on(*parts),
        "values": {**GOOD, **{name: value for name, value in changes.items() if name not in known}},
        "version": "11.7.9",
        "license": "",
        "links": {},
        "servers": 2,
        "federation_enabled": True,
        "members": MEMBERS,
        "groups": {"mattermost_proxy": ["gate"]},
        "flows_extra": [
            {
                "name": "services",
                "direction": "out",
                "ports": [443, 5222, 5000, "8000-9300"],
                "addresses": ["10.0.0.20"],
            }
        ],
        **{name: value for name, value in changes.items() if name in known},
    }


def told(*parts: str, version: str = "11.7.9", **changes: Any) -> dict[str, Any]:
    values = {**GOOD, **changes}
    entries = resolved(SETTINGS, on(*parts), values, AIR_GAP)
    return parts_settings(entries, version, [], on(*parts), values)


def test_the_data_is_in_form() -> None:
    keys = {"key", "path", "value", "accept", "why", "source", "since", "until"}
    keys |= {"part", "variable", "join", "optional", "only", "secret"}
    seen = set()
    for entry in SETTINGS:
        assert set(entry) <= keys and entry["why"].endswith(".") and entry["source"]
        assert ("value" in entry) != ("variable" in entry), entry["key"]
        assert entry.get("part", "guests") in PARTS, entry["key"]
        assert entry["key"] not in seen
        seen.add(entry["key"])
        variables = [entry.get("variable"), *entry.get("only", {})]
        for variable in filter(None, variables):
            assert variable in {*DEFAULTS, "agents_config", "translation_config"}, entry["key"]
    assert {entry["part"] for entry in SETTINGS if "part" in entry} == set(PARTS) - {"matrix", "xmpp", "contested"}


def test_without_parts_the_server_is_told_what_partners_need_and_nothing_else() -> None:
    result = told()
    assert result["secret_settings"] == {} and result["plugins"] == []
    assert result["settings"]["ConnectedWorkspacesSettings"] == {
        "EnableSharedChannels": True,
        "EnableRemoteClusterService": True,
        "DisableSharedChannelsStatusSync": False,
        "SyncUsersOnConnectionOpen": False,
    }
    assert result["settings"]["TeamSettings"]["RestrictCreationToDomains"] == ""
    assert result["settings"]["PluginSettings"] == {"Plugins": {"com.mattermost.calls": {"iceserversconfigs": "[]"}}}
    assert "GuestAccountsSettings" not in result["settings"]
    assert result["settings"]["EmailSettings"] == {"SendPushNotifications": False}  # releases bring it switched on


def test_an_old_server_is_told_by_the_old_names() -> None:
    settings = told(version="9.11.0")["settings"]
    assert settings["ExperimentalSettings"] == {"EnableSharedChannels": True, "EnableRemoteClusterService": True}
    assert "ConnectedWorkspacesSettings" not in settings


def test_no_secret_is_among_what_may_be_shown() -> None:
    parts = [part for part in PARTS if part != "contested"]
    result = told(*parts)
    assert SECRET not in json.dumps(result["settings"]) and SECRET in json.dumps(result["secret_settings"])
    assert result["secret_settings"]["Office365Settings"] == {"Secret": SECRET}


def test_parts_bring_their_settings() -> None:
    settings = told("guests", "retention", "search", guests_domains=["bravo.example", "charlie.example"])["settings"]
    assert settings["GuestAccountsSettings"]["RestrictCreationToDomains"] == "bravo.example charlie.example"
    assert settings["DataRetentionSettings"]["MessageRetentionHours"] == 8760
    assert settings["ElasticsearchSettings"]["EnableSearching"] is False
    assert "AmazonS3Bucket" not in settings["FileSettings"]


def test_what_is_empty_and_optional_is_left_alone() -> None:
    result = told("calls", "object_storage", calls_offloader_url="", object_storage_access_key="")
    assert "jobserviceurl" not in result["settings"]["PluginSettings"]["Plugins"]["com.mattermost.calls"]
    assert result["secret_settings"]["FileSettings"] == {"AmazonS3SecretAccessKey": SECRET}


def test_agents_get_language_models_and_hosts_they_may_ask() -> None:
    config = told("agents")["secret_settings"]["PluginSettings"]["Plugins"]["mattermost-ai"]["config"]
    assert config["services"][0]["apiURL"] == "http://llm.example.org:8000/v1"
    assert config["bots"] == [
        {
            "id": "scribe",
            "name": "scribe",
            "displayName": "scribe",
            "serviceID": "local",
            "customInstructions": "Sum up.",
        }
    ]
    assert config["allowedUpstreamHostnames"] == "llm.example.org" and config["webSearch"] == {"enabled": False}


@pytest.mark.parametrize(
    ("provider", "plugin", "section"),
    [("plugin", True, False), ("libretranslate", False, True), ("agents", False, True)],
)
def test_translation_is_by_plugin_or_built_in(provider: str, plugin: bool, section: bool) -> None:
    result = told("translation", translation_provider=provider, translation_url="http://lt.example.org")
    assert bool(result["plugins"]) is plugin
    assert ("AutoTranslationSettings" in result["settings"]) is section
    assert ("mattermost-channel-translations" in result["settings"]["PluginSettings"]["Plugins"]) is plugin


def test_contested_networks_borrow_from_the_air_gap_what_no_part_says_otherwise() -> None:
    settings = told("contested")["settings"]
    assert settings["EmailSettings"]["SendPushNotifications"] is False
    assert settings["AnnouncementSettings"]["AdminNoticesEnabled"] is False
    assert told("contested", "push")["settings"]["EmailSettings"]["SendPushNotifications"] is True


def test_plugins_that_no_release_brings() -> None:
    mine = [{"name": "own", **PLUGIN}]
    found = plugins_of(on("legal_hold", "m365", "integrations"), {**GOOD, "integrations_plugins": mine})
    assert [plugin["name"] for plugin in found] == [
        "mattermost-plugin-legal-hold",
        "mattermost-plugin-msteams-devsecops",
        "own",
    ]


@pytest.mark.parametrize("part", sorted(PARTS))
def test_a_part_with_its_values_has_no_problem(part: str) -> None:
    needs = {"m365": ["entra"], "translation": ["agents"]}.get(part, [])
    for tier in ("", "advanced"):
        assert mission_partner_parts_problems(given(part, *needs, license=licence(tier) if tier else "")) == []


@pytest.mark.parametrize(
    ("parts", "changes", "sentence"),
    [
        (["calls"], {"calls_rtcd_url": ""}, "calls_enabled is true, but mission_partner_calls_rtcd_url is empty."),
        (["calls"], {"calls_rtcd_url": "rtcd:8045"}, "calls_rtcd_url is 'rtcd:8045'; give an address with http"),
        (["calls"], {"calls_recordings_enabled": True, "calls_offloader_url": ""}, "nothing would record."),
        (["audit_targets"], {"audit_targets": {}}, "but mission_partner_audit_targets is empty."),
        (["legal_hold"], {"legal_hold_plugin": {}}, "mission_partner_legal_hold_plugin has no source"),
        (["matrix"], {"matrix_plugin": {"source": "x", "sha256": "1"}}, "matrix_plugin has no sha256 of 64"),
        (["matrix"], {"matrix_hs_token": "one"}, "matrix_as_token and mission_partner_matrix_hs_token are the same"),
        (["xmpp"], {"xmpp_server": "xmpp.example.org"}, "the plugin wants a name and a port"),
        (["compliance_export"], {"compliance_export_time": "25:00"}, "compliance_export_time is '25:00'; write hours"),
        (["retention"], {"retention_file_hours": 0}, "retention_file_hours is 0; give the hours"),
        (["legal_hold", "retention"], {"legal_hold_time": "04:00"}, "before the deletion begins."),
        (
            ["guests"],
            {"guests_mfa_enforced": True},
            "mission_partner_guests_mfa_enforced asks everybody for a second factor, so that the first administrator's password alone opens "
            "nothing any more: make a bot that is a system administrator, and give its token as mission_partner_admin_token.",
        ),
        (
            ["retention"],
            {"settings_extra": FACTOR},
            "mission_partner_settings_extra asks everybody for a second factor",
        ),
        (
            [],
            {"settings_extra": FACTOR, "links": {"topology": "mesh"}},
            "give its token as mission_partner_admin_token.",
        ),
        (["calls"], {"calls_auth_key": ""}, "calls_enabled is true, but mission_partner_calls_auth_key is empty."),
        (["calls"], {"members": MEMBERS[1:], "flows_extra": []}, "calls_rtcd_url is reached on port 8045 of 10.0.0.7"),
        (["calls"], {"calls_offloader_url": "http://10.0.0.8:4546", "flows_extra": []}, "port 4546 of 10.0.0.8"),
        (["push"], {"push_server": "https://push.example.org", "flows_extra": []}, "port 443 of push.example.org"),
        (
            ["entra"],
            {"identity_servers": [], "flows_extra": []},
            "entra_discovery_url is reached on port 443 of login.example.org, which the servers' firewall lets out to nobody: give the "
            "address in mission_partner_identity_servers.",
        ),
        (
            ["audit_targets"],
            {"log_servers": ["10.0.0.52"]},
            "audit_targets is reached on port 6514 of 10.0.0.51, which the servers' firewall lets out to nobody: give the address in "
            "mission_partner_log_servers.",
        ),
        (
            ["audit_targets"],
            {"audit_targets": {"collector": {"type": "tcp", "options": {"host": "10.0.0.51", "port": 9999}}}},
            "give the address in mission_partner_flows_extra.",
        ),
        (
            ["integrations"],
            {"integrations_hosts": ["10.0.0.0/28", "127.0.0.1"]},
            "integrations_hosts names 10.0.0.0/28, which the servers' firewall does not let them reach",
        ),
        (["integrations"], {"integrations_hosts": ["feeds.example.org"], "flows_extra": []}, "names feeds.example.org"),
        (
            ["matrix"],
            {"client_networks": ["10.0.8.0/24"]},
            "matrix_homeserver_addresses is empty, and matrix.example.org is no address in mission_partner_client_networks",
        ),
        (
            ["search"],
            {"search_url": "https://10.0.0.21:9200"},
            "search_url is reached on port 9200 of 10.0.0.21, which the servers' firewall lets out to nobody",
        ),
        (["m365"], {}, "mission_partner_m365_enabled needs mission_partner_entra_enabled"),
        (
            ["search"],
            {"flows_extra": []},
            "search_url is reached on port 9200 of search.example.org, which the servers' firewall lets out to nobody",
        ),
        (["xmpp"], {"flows_extra": [{"direction": "in"}]}, "give the address in mission_partner_flows_extra."),
        (["agents"], {"flows_extra": []}, "mission_partner_agents_services is reached on port 8000"),
        (["object_storage"], {"flows_extra": []}, "give the address in mission_partner_file_store_addresses."),
        (["cluster"], {"servers": 1}, "cluster_enabled is true, but the inventory has one server"),
        (["translation"], {}, "translation_provider is plugin, which needs mission_partner_agents_enabled."),
        (["translation", "agents"], {"translation_service": ""}, "mission_partner_translation_service is empty"),
        (["translation", "agents"], {"translation_languages": []}, "mission_partner_translation_languages is empty"),
        (["translation"], {"translation_provider": "libretranslate"}, "mission_partner_translation_url is empty"),
        (
            ["translation", "agents"],
            {"translation_provider": "agents", "version": "11.4.0"},
            "translation_provider is agents, which came with 11.5; this server is 11.4.0",
        ),
        (["push"], {"push_contents": "id_loaded"}, "PushNotificationContents is id_loaded, which an unlicensed"),
        (["push"], {"push_contents": "id_loaded", "license": licence("professional")}, "of the tier 'professional'"),
        (["retention"], {"license": licence("professional")}, "retention_enabled needs another licence than prof"),
        (["attributes"], {"license": licence("enterprise")}, "attributes_enabled needs another licence"),
        (["legal_hold"], {"license": licence("entry")}, "legal_hold_enabled needs another licence than entry"),
        (["guests"], {"license": "nonsense"}, "mission_partner_license cannot be read"),
        (
            ["attributes"],
            {
                "policies": [{"name": "cleared", "channels": ["ops:joint-ops", "ops:own"]}],
                "links": {"channels": [{"name": "joint-ops"}, {"name": "own", "state": "absent"}]},
            },
            "mission_partner_policies applies cleared to joint-ops, which is shared with partners",
        ),
    ],
)
def test_each_mistake_has_its_sentence(parts: list[str], changes: dict[str, Any], sentence: str) -> None:
    problems = mission_partner_parts_problems(given(*parts, **changes))
    assert len(problems) == 1 and sentence in problems[0], problems
    assert SECRET not in problems[0]


def test_a_second_factor_for_all_is_no_problem_with_a_token_or_nothing_to_do() -> None:
    enforced: dict[str, Any] = {"settings_extra": FACTOR}
    links = {"links": {"topology": "mesh"}}
    assert mission_partner_parts_problems(given("guests", guests_mfa_enforced=True, admin_token="t", **links)) == []
    assert mission_partner_parts_problems(given("attributes", admin_token="t", **enforced)) == []
    assert mission_partner_parts_problems(given("push", **enforced)) == []
    assert mission_partner_parts_problems(given(federation_enabled=False, **enforced, **links)) == []


def test_services_that_are_let_out_or_on_the_host_itself_are_no_problem() -> None:
    assert not mission_partner_parts_problems(
        given("object_storage", file_store_addresses=["10.0.0.30"], flows_extra=[])
    )
    assert not mission_partner_parts_problems(given("search", search_url="http://127.0.0.1:9200", flows_extra=[]))
    assert not mission_partner_parts_problems(given("search", flows_extra=[{"direction": "out", "ports": []}]))
    homeserver = {"matrix_homeserver_addresses": ["10.0.4.60"], "client_networks": ["10.0.8.0/24"], "flows_extra": []}
    assert not mission_partner_parts_problems(given("matrix", **homeserver))
    near = {"matrix_homeserver_url": "https://10.0.8.60", "client_networks": ["10.0.8.0/24"]}
    assert not mission_partner_parts_problems(given("matrix", **near, flows_extra=[{"direction": "out"}]))
    assert not mission_partner_parts_problems(given("matrix", client_networks=["10.0.8.0/24"], groups={}))
    feeds = {"integrations_hosts": ["10.0.0.16/28", "feeds.example.org", "localhost"]}
    assert not mission_partner_parts_problems(given("integrations", **feeds))


def test_parts_that_are_off_have_no_problem() -> None:
    assert mission_partner_parts_problems({**given(), "values": {}}) == []


def test_the_filters_have_their_names() -> None:
    assert set(FilterModule().filters()) == {
        "mission_partner_parts_problems",
        "mission_partner_settings",
        "mission_partner_settings_in_force",
    }

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import copy

import pytest
from ansible_collections.fieldops.mattermost.plugins.filter import air_gapped as filters

SETTINGS = [
    {
        "key": "ServiceSettings.EnableLinkPreviews",
        "value": False,
        "why": "a preview fetches the linked page",
        "source": "page",
    },
    {"key": "EmailSettings.SendEmailNotifications", "value": False, "why": "there is no mail server", "source": "page"},
    {"key": "Later.Key", "value": True, "why": "new", "source": "page", "since": "11.6"},
    {"key": "Gone.Key", "value": True, "why": "old", "source": "page", "until": "11.0"},
    {
        "key": "Plugin.x",
        "path": ["PluginSettings", "Plugins", "com.example.x", "key"],
        "value": "[]",
        "why": "y",
        "source": "page",
    },
]


def member(name: str, address: str, *components: str, release: str = "12") -> dict:
    return {
        "name": name,
        "address": address,
        "fqdn": f"{name}.example.com",
        "components": [f"mattermost_{component}" for component in components],
        "distribution": "Debian",
        "release": release,
    }


MEMBERS = [
    member("depot", "10.0.0.1", "depot"),
    member("database", "10.0.0.2", "database"),
    member("server1", "10.0.0.3", "server"),
    member("server2", "10.0.0.4", "server"),
    member("proxy", "10.0.0.5", "proxy"),
]
GOOD = {
    "hosts": [m["name"] for m in MEMBERS],
    "play_hosts": [m["name"] for m in MEMBERS],
    "members": MEMBERS,
    "groups": {
        "mattermost_depot": ["depot"],
        "mattermost_database": ["database"],
        "mattermost_server": ["server1", "server2"],
        "mattermost_proxy": ["proxy"],
    },
    "site_url": "https://chat.example.com",
    "media": ["/media/bundle"],
    "bundle_key": "key.asc",
    "bundle_key_exists": True,
    "release_url": "",
    "release_sha256": "",
    "version": "11.7.9",
    "database_host": "",
    "database_ca_given": False,
    "database_password_length": 20,
    "admin_password_length": 20,
    "passwords_differ": True,
    "load_balancers": [],
    "client_networks": ["10.0.0.0/16"],
    "management_sources": [],
    "servers_of": {"air_gapped_dns_servers": [], "air_gapped_ntp_servers": [], "air_gapped_log_servers": []},
    "own_pki": False,
    "hosts_without_tls": ["depot"],
    "uid": 2000,
    "depot_port": 443,
    "settings": SETTINGS,
    "settings_extra": {"air_gapped_settings_extra": {}, "mattermost_server_settings_extra": {}},
    "flows_extra": [],
    "exceptions": [],
}


def test_nothing_is_wrong_with_good_input() -> None:
    assert filters.air_gapped_problems(GOOD) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"groups": {**GOOD["groups"], "mattermost_server": []}}, "no host in the group mattermost_server"),
        ({"groups": {**GOOD["groups"], "mattermost_database": ["a", "b"]}}, "mattermost_database has 2 hosts (a, b)"),
        ({"groups": {**GOOD["groups"], "mattermost_database": []}}, "air_gapped_database_host is empty"),
        ({"database_host": "10.0.0.9", "database_ca_given": True}, "keep one of the two"),
        (
            {"groups": {**GOOD["groups"], "mattermost_database": []}, "database_host": "10.0.0.9"},
            "air_gapped_database_ca_certificate is empty",
        ),
        ({"groups": {**GOOD["groups"], "mattermost_proxy": []}}, "nobody could reach the servers"),
        ({"play_hosts": ["server1"]}, "does not run on depot, database, server2, proxy"),
        ({"groups": {**GOOD["groups"], "mattermost_proxy": ["depot"]}}, "give air_gapped_depot_port another"),
        ({"uid": 0}, "give air_gapped_uid"),
        ({"media": ["media/bundle"]}, "give an absolute path on the depot"),
        ({"bundle_key": ""}, "air_gapped_bundle_key is empty"),
        ({"bundle_key_exists": False}, "which is no file on this control node"),
        (
            {"groups": {**GOOD["groups"], "mattermost_depot": []}, "release_sha256": "a" * 64},
            "air_gapped_release_url is ''",
        ),
        (
            {
                "groups": {**GOOD["groups"], "mattermost_depot": []},
                "release_url": "https://10.9.0.3/x.tar.gz",
                "release_sha256": "12",
            },
            "air_gapped_release_sha256 must be the 64 hexadecimal digits",
        ),
        ({"version": "11.7"}, "give the release's full number"),
        ({"site_url": "http://chat.example.com"}, "give https:// and a host name"),
        ({"site_url": "https://chat.example.com/chat"}, "without a path"),
        ({"members": [member("server1", "server1.example.com", "server")]}, "firewalls know no names"),
        (
            {"members": [member("a", "10.0.0.1", "server"), member("b", "10.0.0.1", "proxy")]},
            "have the same address 10.0.0.1",
        ),
        (
            {"members": [member("old", "10.0.0.1", "server", release="10")]},
            "old runs Debian 10, which is not supported",
        ),
        (
            {"client_networks": ["10.0.0.1/16"]},
            "air_gapped_client_networks has '10.0.0.1/16', which has bits set beyond its prefix; write 10.0.0.0/16",
        ),
        ({"load_balancers": ["lb.example.com"]}, "air_gapped_load_balancer_addresses has 'lb.example.com'"),
        ({"admin_password_length": 8}, "air_gapped_admin_password is shorter than 14"),
        ({"database_password_length": 8}, "air_gapped_database_password is shorter than 14"),
        ({"passwords_differ": False}, "are the same; choose two"),
        ({"own_pki": True}, "depot has no air_gapped_tls_certificate"),
        (
            {"settings_extra": {"air_gapped_settings_extra": {"ServiceSettings": {"EnableLinkPreviews": True}}}},
            "air_gapped_settings_extra sets ServiceSettings.EnableLinkPreviews to True, which the air gap forbids (a preview fetches the linked page)",
        ),
        (
            {"exceptions": [{"key": "EmailSettings.SendEmailNotifications", "value": True}]},
            "air_gapped_exceptions[0] has no reason",
        ),
        (
            {"exceptions": [{"key": "No.Such", "value": True, "reason": "r"}]},
            "'No.Such', which is no setting of this scenario",
        ),
    ],
)
def test_each_mistake_has_its_one_sentence(change: dict, said: str) -> None:
    given = {**copy.deepcopy(GOOD), **change}
    problems = filters.air_gapped_problems(given)
    assert len(problems) == 1, problems
    assert said in problems[0]


def test_all_mistakes_come_at_once() -> None:
    given = {**copy.deepcopy(GOOD), "version": "x", "media": ["m"], "passwords_differ": False}
    assert len(filters.air_gapped_problems(given)) == 3


def test_same_value_as_ours_is_no_mistake() -> None:
    given = {**copy.deepcopy(GOOD), "settings_extra": {"ServiceSettings": {"EnableLinkPreviews": False}, "Odd": 1}}
    assert filters.air_gapped_problems(given) == []


@pytest.mark.parametrize(
    ("version", "missing", "present"), [("9.11.0", "Later", "Gone"), ("11.6.0+site2", "Gone", "Later")]
)
def test_settings_follow_the_version(version: str, missing: str, present: str) -> None:
    result = filters.settings_of(SETTINGS, version, [])
    assert missing not in result
    assert present in result
    assert result["PluginSettings"] == {"Plugins": {"com.example.x": {"key": "[]"}}}


def test_an_exception_replaces_the_value() -> None:
    exception = {"key": "EmailSettings.SendEmailNotifications", "value": True, "reason": "mail server inside"}
    assert filters.settings_of(SETTINGS, "11.7.9", [exception])["EmailSettings"] == {"SendEmailNotifications": True}


OPTIONS = {
    "client_networks": ["10.1.0.0/16"],
    "load_balancers": [],
    "depot_port": 443,
    "database_host": "",
    "database_port": 5432,
    "dns_servers": ["10.0.0.53"],
    "ntp_servers": ["10.0.0.123"],
    "log_servers": ["10.0.0.51"],
    "release_url": "",
}


def flows(host: str, **options: object) -> dict[str, dict]:
    return {flow["name"]: flow for flow in filters.air_gapped_flows(MEMBERS, host, {**OPTIONS, **options})}


def test_flows_of_the_depot() -> None:
    table = flows("depot")
    assert table["depot_in"]["addresses"] == ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.1.0.0/16"]
    assert "depot_out" not in table
    assert "database_in" not in table


def test_flows_of_the_database_let_in_the_servers_alone() -> None:
    table = flows("database")
    assert table["database_in"]["addresses"] == ["10.0.0.3", "10.0.0.4"]
    assert table["database_in"]["ports"] == [5432]
    assert {name for name, flow in table.items() if flow["direction"] == "in"} == {"database_in"}


def test_flows_of_a_server() -> None:
    table = flows("server1")
    assert table["server_in"]["addresses"] == ["10.0.0.5"]
    assert table["database_out"]["addresses"] == ["10.0.0.2"]
    assert table["cluster_in_tcp"]["addresses"] == ["10.0.0.4"]
    assert table["depot_out"]["addresses"] == ["10.0.0.1"]


def test_flows_of_the_proxy() -> None:
    table = flows("proxy")
    assert table["people_in"]["addresses"] == ["10.1.0.0/16"]
    assert table["server_out"]["addresses"] == ["10.0.0.3", "10.0.0.4"]


def test_every_outgoing_flow_names_its_addresses() -> None:
    for name in GOOD["hosts"]:
        assert all(flow["addresses"] for flow in flows(name).values() if flow["direction"] == "out")


def test_flows_to_what_stands_already() -> None:
    members = [member("server1", "10.0.0.3", "server")]
    options = {
        **OPTIONS,
        "database_host": "10.9.0.1",
        "load_balancers": ["10.9.0.2"],
        "release_url": "https://10.9.0.3/mattermost.tar.gz",
    }
    table = {flow["name"]: flow for flow in filters.air_gapped_flows(members, "server1", options)}
    assert table["database_out"]["addresses"] == ["10.9.0.1"]
    assert table["server_in"]["addresses"] == ["10.9.0.2"]
    assert table["mirror_out"]["addresses"] == ["10.9.0.3"]


def test_names_are_let_out_to_where_the_host_itself_takes_them() -> None:
    known = {"db.example.com": ["10.9.0.1", "10.9.0.2"], "mirror.example.com": ["10.9.0.3"]}
    members = [{**member("server1", "10.0.0.3", "server"), "addresses_of": known}]
    options = {
        **OPTIONS,
        "database_host": "db.example.com",
        "release_url": "http://mirror.example.com/mattermost.tar.gz",
    }
    table = {flow["name"]: flow for flow in filters.air_gapped_flows(members, "server1", options)}
    assert table["database_out"]["addresses"] == ["10.9.0.1", "10.9.0.2"]
    assert (table["mirror_out"]["addresses"], table["mirror_out"]["ports"]) == (["10.9.0.3"], [80])


def test_names_that_a_server_does_not_know_are_refused() -> None:
    known = {"db.example.com": ["10.9.0.1"], "mirror.example.com": ["10.9.0.3"]}
    members = [member("proxy", "10.0.0.5", "proxy"), {**member("server1", "10.0.0.3", "server"), "addresses_of": known}]
    given = {
        **GOOD,
        "hosts": ["proxy", "server1"],
        "members": members,
        "groups": {"mattermost_server": ["server1"], "mattermost_proxy": ["proxy"]},
        "database_host": "db.example.com",
        "database_ca_given": True,
        "release_url": "https://mirror.example.com/x.tar.gz",
        "release_sha256": "a" * 64,
    }
    assert filters.air_gapped_problems(given) == []
    known.clear()
    assert [problem.partition(":")[0] for problem in filters.air_gapped_problems(given)] == [
        "air_gapped_database_host names db.example.com, for which server1 finds no IPv4 address",
        "air_gapped_release_url names mirror.example.com, for which server1 finds no IPv4 address",
    ]


def test_one_server_serves_and_the_other_stands_by() -> None:
    assert filters.scenario.proxy_upstreams(MEMBERS, "proxy") == [
        {"address": "10.0.0.3", "port": 8065, "backup": False},
        {"address": "10.0.0.4", "port": 8065, "backup": True},
    ]


def test_on_one_host_the_proxy_asks_loopback() -> None:
    one = [member("host", "10.0.0.1", "depot", "database", "server", "proxy")]
    assert filters.scenario.proxy_upstreams(one, "host") == [{"address": "127.0.0.1", "port": 8065, "backup": False}]


def test_the_filters_are_offered() -> None:
    assert set(filters.FilterModule().filters()) == {
        "air_gapped_problems",
        "air_gapped_flows",
        "proxy_upstreams",
        "settings_of",
    }

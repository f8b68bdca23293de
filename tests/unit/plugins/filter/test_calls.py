# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The nodes of calls: every mistake has its sentence, secrets are not repeated, and the flows are closed unless servers are named."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.fieldops.mattermost.plugins.filter.calls import (
    FilterModule,
    calls_facts_problems,
    calls_flows,
    calls_problems,
    calls_subnets,
)
from ansible_collections.fieldops.mattermost.plugins.filter.flows import firewall_problems
from ansible_collections.fieldops.mattermost.tests.unit.firewall import firewall

KEY, ADMIN = "k" * 32, "a" * 32


def release(**changes: Any) -> dict[str, Any]:
    return {"version": "1.2.6", "source": "/media/rtcd", "sha256": "0" * 64, "port": 8045, **changes}


def given(**changes: Any) -> dict[str, Any]:
    return {
        "components": ["rtcd", "offloader"],
        "releases": {"rtcd": release(), "offloader": release(version="0.9.5", port=4545)},
        "architecture": "x86_64",
        "client_id": "mattermost",
        "auth_key": KEY,
        "admin_secret": ADMIN,
        "certificate_given": False,
        "private_key_given": False,
        "listen_address": "",
        "media_port": 8443,
        "media_addresses": [],
        "ice_servers": [],
        "jobs": 2,
        "failed_jobs_retention": "30d",
        **changes,
    }


def releases(**changes: Any) -> dict[str, Any]:
    return {"releases": {"rtcd": release(**changes), "offloader": release(port=4545)}}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"components": ["rtcd"], "releases": {"rtcd": release()}},
        {"certificate_given": True, "private_key_given": True, "listen_address": "[fd00::1]"},
        {"media_addresses": ["10.20.0.9"], "ice_servers": [{"urls": ["stun:10.0.0.1:3478", "turns:turn.example.org"]}]},
        {"components": ["rtcd"], "jobs": 0, "failed_jobs_retention": "?"},
        {"failed_jobs_retention": "0d"},
    ],
)
def test_good_input_has_no_problem(changes: dict[str, Any]) -> None:
    assert calls_problems(given(**changes)) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"components": []}, "mattermost_calls_components is []; give rtcd, offloader or both, each once."),
        ({"components": ["recorder"]}, "mattermost_calls_components is ['recorder']"),
        ({"components": ["rtcd", "rtcd"]}, "mattermost_calls_components is ['rtcd', 'rtcd']"),
        (releases(version="1.2"), "mattermost_calls_rtcd_version is '1.2'; give the release's full number"),
        (releases(source=""), "mattermost_calls_rtcd_artifact_url and mattermost_calls_rtcd_artifact_path are empty"),
        (releases(sha256="abc"), "mattermost_calls_rtcd_artifact_sha256 must be the 64 hexadecimal digits"),
        (releases(port=0), "mattermost_calls_rtcd_port is 0, which is outside 1 to 65535."),
        (releases(port=4545), "Two services of this host have the same port"),
        (releases(port=8443), "Two services of this host have the same port"),
        ({"architecture": "riscv64"}, "There are releases for x86_64 and aarch64, not for riscv64."),
        ({"client_id": "a:b"}, "mattermost_calls_client_id must be letters"),
        ({"auth_key": "k" * 31}, "mattermost_calls_auth_key must have at least 32 characters"),
        ({"admin_secret": ""}, "mattermost_calls_admin_secret must have at least 32 characters"),
        ({"admin_secret": KEY}, "mattermost_calls_auth_key and mattermost_calls_admin_secret are the same"),
        ({"certificate_given": True}, "One of mattermost_calls_tls_certificate and mattermost_calls_tls_private_key"),
        ({"listen_address": "rtcd.example.org"}, "mattermost_calls_listen_address is 'rtcd.example.org'"),
        ({"media_addresses": ["10.20.0.0/24"]}, "mattermost_calls_media_addresses has '10.20.0.0/24'"),
        ({"media_port": 50000}, "mattermost_calls_media_port is 50000; rtcd takes 80 to 49151."),
        ({"ice_servers": [{"urls": []}]}, "mattermost_calls_ice_servers: number 1 needs urls"),
        ({"ice_servers": [{"urls": ["http://10.0.0.1"]}]}, "mattermost_calls_ice_servers: number 1 needs urls"),
        ({"ice_servers": ["stun:10.0.0.1"]}, "mattermost_calls_ice_servers: number 1 needs urls"),
        ({"jobs": 0}, "mattermost_calls_jobs is 0; give at least 1."),
        ({"failed_jobs_retention": "a month"}, "mattermost_calls_failed_jobs_retention is 'a month'"),
    ],
)
def test_a_mistake_has_its_sentence(changes: dict[str, Any], sentence: str) -> None:
    problems = calls_problems(given(**changes))
    assert len(problems) == 1
    assert sentence in problems[0]


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({}, []),
        ({"offloader_url": "https://rec.example.org:4545", "recordings_enabled": True}, []),
        ({"rtcd_url": "", "auth_key": ""}, []),
        ({"rtcd_url": "rtcd.example.org:8045"}, ["mattermost_calls_rtcd_url must be http:// or https://"]),
        ({"rtcd_url": "http://rtcd.example.org/ws"}, ["mattermost_calls_rtcd_url must be http:// or https://"]),
        (
            {"rtcd_url": "http://mattermost:hunter2@rtcd.example.org"},
            ["mattermost_calls_rtcd_url has credentials in it"],
        ),
        ({"recordings_enabled": True}, ["mattermost_calls_recordings_enabled needs mattermost_calls_offloader_url"]),
        ({"auth_key": "short"}, ["mattermost_calls_auth_key must have at least 32 characters."]),
    ],
)
def test_what_servers_are_told(changes: dict[str, Any], sentences: list[str]) -> None:
    told = {
        "rtcd_url": "http://rtcd.example.org:8045",
        "offloader_url": "",
        "recordings_enabled": False,
        "auth_key": KEY,
        **changes,
    }
    problems = calls_facts_problems(told)
    assert [problem[: len(sentence)] for sentence, problem in zip(sentences, problems)] == sentences
    assert len(problems) == len(sentences)
    assert "hunter2" not in "".join(problems)


def test_secrets_are_not_repeated() -> None:
    assert "hunter2" not in "".join(calls_problems(given(auth_key="hunter2", admin_secret="hunter2")))


def flows(**changes: Any) -> list[dict[str, Any]]:
    return calls_flows(
        {
            "components": ["rtcd", "offloader"],
            "rtcd_port": 8045,
            "offloader_port": 4545,
            "media_port": 8443,
            "server_addresses": ["10.20.0.11"],
            "client_networks": ["10.20.0.0/16"],
            **changes,
        }
    )


def test_the_flows_suit_the_firewall() -> None:
    found = flows()
    assert [(f["name"], f["protocol"], f["ports"], f["addresses"]) for f in found] == [
        ("calls_rtcd", "tcp", [8045], ["10.20.0.11"]),
        ("calls_offloader", "tcp", [4545], ["10.20.0.11"]),
        ("calls_udp", "udp", [8443], ["10.20.0.0/16"]),
        ("calls_tcp", "tcp", [8443], ["10.20.0.0/16"]),
    ]
    assert firewall_problems(firewall(*found)) == []


def test_without_servers_nobody_reaches_the_services() -> None:
    assert [f["name"] for f in flows(server_addresses=[], client_networks=[])] == ["calls_udp", "calls_tcp"]
    assert flows(components=["offloader"], server_addresses=[]) == []


def test_recorders_are_in_the_networks_of_the_runtime() -> None:
    networks = [
        {"Name": "bridge", "IPAM": {"Config": [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}]}},
        {"Name": "recorders", "IPAM": {"Config": [{"Subnet": "10.89.0.0/24"}, {"Subnet": "fd00:1::/64"}]}},
        {"Name": "host", "IPAM": {"Config": None}},
        {"Name": "by-hand", "IPAM": {"Config": [{"Gateway": "10.0.0.1"}]}},
    ]
    assert calls_subnets(networks) == ["172.17.0.0/16"]
    assert calls_subnets(networks, "recorders") == ["10.89.0.0/24", "fd00:1::/64"]
    assert calls_subnets(networks, "host") == calls_subnets(networks, "by-hand") == calls_subnets(networks, "no") == []


def test_the_filters_have_names() -> None:
    assert set(FilterModule().filters()) == {"calls_problems", "calls_facts_problems", "calls_flows", "calls_subnets"}

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The push proxy: every mistake has its sentence, the configuration names files of keys, and notifications keep to what is licensed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.fieldops.mattermost.plugins.filter.push_proxy import (
    FilterModule,
    push_contents_problems,
    push_proxy_platforms,
    push_proxy_problems,
)

KEY = "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n" + KEY
ACCOUNT = {"project_id": "chat", "client_email": "push@chat.example.org", "private_key": KEY}


def apple(**changes: Any) -> dict[str, Any]:
    return {"topic": "org.example.chat", "key": KEY, "key_id": "K1", "team_id": "T1", **changes}


def android(**changes: Any) -> dict[str, Any]:
    return {"service_account": json.dumps(ACCOUNT), **changes}


def given(**changes: Any) -> dict[str, Any]:
    return {
        "version": "6.5.0",
        "source": "/media/push.tar.gz",
        "sha256": "0" * 64,
        "architecture": "x86_64",
        "apple": [apple()],
        "android": [android()],
        "listen_address": ":8066",
        "send_timeout": 30,
        "retry_timeout": 8,
        "per_second": 300,
        "outgoing_proxy": "",
        **changes,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"android": []},
        {"apple": [], "android": [android(service_account=ACCOUNT)]},
        {"apple": [apple(), apple(type="apple", development=True)]},
        {"apple": [{"topic": "org.example.chat", "certificate": CERTIFICATE, "certificate_password": "hunter2"}]},
        {"listen_address": "[fd00::1]:8066", "outgoing_proxy": "http://proxy.example.org:3128"},
    ],
)
def test_good_input_has_no_problem(changes: dict[str, Any]) -> None:
    assert push_proxy_problems(given(**changes)) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"version": "6.5"}, "mattermost_push_proxy_version is '6.5'; give the release's full number"),
        ({"source": ""}, "mattermost_push_proxy_artifact_url and mattermost_push_proxy_artifact_path are empty"),
        ({"sha256": "abc"}, "mattermost_push_proxy_artifact_sha256 must be the 64 hexadecimal digits"),
        ({"architecture": "riscv64"}, "There are releases for x86_64 and aarch64, not for riscv64."),
        ({"apple": [], "android": []}, "so that it could send to nobody"),
        ({"apple": [apple(type="ios")]}, "apple, number 1, has the type 'ios'; give one of apple, apple_rn."),
        ({"apple": [apple(), apple()]}, "apple, number 2, has the type apple_rn, which another one has"),
        ({"apple": [apple(topic="")]}, "apple, number 1, has no topic"),
        ({"apple": [apple(bundle="x")]}, "apple, number 1, has the unknown key bundle."),
        ({"apple": [apple(key="")]}, "apple, number 1, needs a key or a certificate, and not both."),
        ({"apple": [apple(certificate=CERTIFICATE)]}, "needs a key or a certificate, and not both."),
        ({"apple": [apple(key="hunter2")]}, "has a key that is not the text of a .p8 file."),
        ({"apple": [apple(key_id="", team_id="")]}, "has no key_id and no team_id, which Apple asks for with the key."),
        ({"apple": [{"topic": "a", "certificate": KEY}]}, "has a certificate that is not the text of a .pem file"),
        ({"android": [android(type="ios")]}, "android, number 1, has the type 'ios'; give one of android, android_rn."),
        ({"android": [android(key="x")]}, "android, number 1, has the unknown key key."),
        ({"android": [android(service_account="hunter2")]}, "not the text of Firebase's service file (JSON)."),
        ({"android": [android(service_account="[]")]}, "not the text of Firebase's service file (JSON)."),
        ({"android": [{}]}, "not the text of Firebase's service file (JSON)."),
        ({"android": [android(service_account='{"project_id": "p"}')]}, "without client_email, private_key."),
        ({"listen_address": "8066"}, "mattermost_push_proxy_listen_address is '8066'; give :8066"),
        (
            {"listen_address": "push.example.org:8066"},
            "mattermost_push_proxy_listen_address is 'push.example.org:8066'",
        ),
        ({"listen_address": ":0"}, "mattermost_push_proxy_listen_address is ':0'"),
        ({"retry_timeout": 31}, "mattermost_push_proxy_retry_timeout is 31"),
        ({"per_second": 0}, "mattermost_push_proxy_per_second is 0; give at least 1."),
        ({"outgoing_proxy": "proxy.example.org"}, "mattermost_push_proxy_outgoing_proxy must be the URL of a proxy"),
        ({"outgoing_proxy": "http://a b"}, "mattermost_push_proxy_outgoing_proxy must be the URL of a proxy"),
    ],
)
def test_a_mistake_has_its_sentence(changes: dict[str, Any], sentence: str) -> None:
    problems = push_proxy_problems(given(**changes))
    assert len(problems) == 1
    assert sentence in problems[0]
    assert "hunter2" not in problems[0]


def test_the_configuration_names_files() -> None:
    certificate = {"type": "apple", "topic": "org.example.old", "certificate": CERTIFICATE, "certificate_password": "p"}
    found = push_proxy_platforms([apple(), certificate], [android()], "/etc/push")
    assert found["apple"] == [
        {
            "Type": "apple_rn",
            "ApplePushUseDevelopment": False,
            "ApplePushCertPrivate": "",
            "ApplePushCertPassword": "",
            "ApplePushTopic": "org.example.chat",
            "AppleAuthKeyFile": "/etc/push/apple_rn.pem",
            "AppleAuthKeyID": "K1",
            "AppleTeamID": "T1",
        },
        {
            "Type": "apple",
            "ApplePushUseDevelopment": False,
            "ApplePushCertPrivate": "/etc/push/apple.pem",
            "ApplePushCertPassword": "p",
            "ApplePushTopic": "org.example.old",
            "AppleAuthKeyFile": "",
            "AppleAuthKeyID": "",
            "AppleTeamID": "",
        },
    ]
    assert found["android"] == [{"Type": "android_rn", "ServiceFileLocation": "/etc/push/android_rn.json"}]
    assert [f["path"] for f in found["files"]] == [
        "/etc/push/apple_rn.pem",
        "/etc/push/apple.pem",
        "/etc/push/android_rn.json",
    ]
    assert found["files"][0]["content"] == KEY
    assert json.loads(found["files"][2]["content"]) == ACCOUNT


def licence(tier: str) -> str:
    text = json.dumps({"id": "a" * 26, "sku_short_name": tier, "expires_at": 0}).encode()
    return base64.b64encode(text + b"s" * 256).decode() + "\n"


def installed(tier: str) -> dict[str, Any]:
    return {"is_licensed": True, "id": "", "sku_short_name": tier, "expires_at": 0}


@pytest.mark.parametrize("tier", ["enterprise", "advanced", "E20"])
def test_what_is_licensed_is_kept_to(tier: str) -> None:
    assert push_contents_problems("id_loaded", licence(tier)) == []
    assert push_contents_problems("id_loaded", installed(tier)) == []


@pytest.mark.parametrize("contents", ["full", "generic", "generic_no_channel"])
@pytest.mark.parametrize("given_licence", [None, "", installed("professional")])
def test_the_others_need_no_licence(contents: str, given_licence: Any) -> None:
    assert push_contents_problems(contents, given_licence) == []


@pytest.mark.parametrize(
    ("given_licence", "words"),
    [
        (None, "the server does not tell its licence"),
        ("", "which an unlicensed server does not have"),
        ({"is_licensed": False, "sku_short_name": ""}, "which an unlicensed server does not have"),
        (installed("professional"), "a licence of the tier 'professional' is not known to have"),
        (licence("professional"), "a licence of the tier 'professional' is not known to have"),
        (installed("entry"), "a licence of the tier 'entry' is not known to have"),
        (installed(""), "a licence of the tier 'unknown' is not known to have"),
        ("no licence file", "whether it is licensed cannot be told: Cannot read the licence"),
    ],
)
def test_what_would_be_sent_otherwise(given_licence: Any, words: str) -> None:
    (problem,) = push_contents_problems("id_loaded", given_licence)
    assert problem.startswith("PushNotificationContents is id_loaded, ")
    assert words in problem


def test_a_value_that_is_none() -> None:
    (problem,) = push_contents_problems("ids", "")
    assert problem == "PushNotificationContents is 'ids'; give one of full, generic, generic_no_channel, id_loaded."


def test_the_filters_have_names() -> None:
    assert set(FilterModule().filters()) == {"push_proxy_problems", "push_proxy_platforms", "push_contents_problems"}

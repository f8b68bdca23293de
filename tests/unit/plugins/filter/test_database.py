# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The input of mattermost_database: every mistake has its sentence, and no sentence has the password."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.fieldops.mattermost.plugins.filter import database
from ansible_collections.fieldops.mattermost.plugins.filter.database import FilterModule, database_problems, networks


def given(**changes: Any) -> dict[str, Any]:
    return {
        "system": "Debian_12",
        "version": 15,
        "minimum_version": 14,
        "cluster_paths": ["/etc/postgresql/15/main"],
        "configuration": "/etc/postgresql/15/main",
        "name": "mattermost",
        "user": "mmuser",
        "password": "kTv9-zq2L-mm41",
        "port": 5432,
        "is_remote": False,
        "listen_addresses": ["localhost"],
        "allowed_addresses": [],
        "tls_enabled": True,
        "tls_certificate": "",
        "tls_private_key": "",
        "memory_mib": 2048,
        "locales": ["en_US.UTF-8", "C.UTF-8"],
        **changes,
    }


REMOTE = {"is_remote": True, "listen_addresses": ["*"], "allowed_addresses": ["10.0.5.0/24"]}


def test_good_input_has_no_problem() -> None:
    assert database_problems(given()) == []
    assert database_problems(given(**REMOTE, tls_enabled=False)) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"version": 0, "system": "Fedora_41"}, "It is not known which PostgreSQL Fedora_41 has"),
        ({"version": 13}, "PostgreSQL 13 is too old"),
        ({"version": 17, "configuration": "/etc/postgresql/17/main"}, "has a PostgreSQL cluster of version 15"),
        ({"name": "Chat-DB"}, "mattermost_database_name is 'Chat-DB'"),
        ({"user": "1user"}, "mattermost_database_user is '1user'"),
        ({"user": "postgres"}, "mattermost_database_user is postgres"),
        ({"password": "kTv9-zq2L"}, "mattermost_database_password is shorter than 12 characters"),
        ({"password": "aaaaaaaaaaaaaaaa"}, "mattermost_database_password is easy to guess"),
        ({"password": "chatdatabase", "name": "chatdatabase"}, "mattermost_database_password is easy to guess"),
        ({"port": 0}, "mattermost_database_port is 0, which is outside 1 to 65535."),
        ({"listen_addresses": []}, "mattermost_database_listen_addresses is empty"),
        ({**REMOTE, "tls_enabled": False, "allowed_addresses": ["app1"]}, "has 'app1', which is a host name"),
        ({**REMOTE, "tls_enabled": False, "allowed_addresses": []}, "names none: give the addresses"),
        ({"allowed_addresses": ["10.0.5.1"]}, "PostgreSQL listens only on the host itself"),
        (REMOTE, "give mattermost_database_tls_certificate and mattermost_database_tls_private_key."),
        ({"tls_certificate": "x"}, "go together; give both or none."),
        ({"tls_certificate": "x", "tls_private_key": "y"}, "mattermost_database_tls_certificate is no certificate"),
        ({"memory_mib": 128}, "mattermost_database_memory_mib is 128"),
        ({"locales": ["latin1", "latin1"]}, "The locale 'latin1' is not one in UTF-8"),
    ],
)
def test_a_mistake_has_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    problems = database_problems(given(**changes))
    assert len(problems) == 1
    assert sentence in problems[0]


def test_the_password_is_in_no_sentence() -> None:
    broken = given(password="aaaaabbbbbccc", version=13, name="", user="", port=0, listen_addresses=[])
    assert not any("aaaaabbbbbccc" in problem for problem in database_problems(broken))


def test_networks_have_a_prefix_and_occur_once() -> None:
    assert networks(["10.0.5.20", "10.0.5.20/32", "fd00::1", "10.0.6.0/24"]) == [
        "10.0.5.20/32",
        "10.0.6.0/24",
        "fd00::1/128",
    ]


def test_the_filters_have_names() -> None:
    assert FilterModule().filters() == {"database_problems": database_problems, "networks": database.networks}

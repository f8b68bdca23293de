# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The input of mattermost_proxy: every mistake has its sentence, and every server its directive."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.fieldops.mattermost.plugins.filter import proxy
from ansible_collections.fieldops.mattermost.plugins.filter.proxy import FilterModule, proxy_problems, upstream_servers


def given(**changes: Any) -> dict[str, Any]:
    return {
        "names": ["chat.example.com", "chat"],
        "upstreams": [{"address": "10.0.5.20", "port": 8065, "backup": False}, {"address": "app2.example.com"}],
        "balance": "least_conn",
        "http_port": 80,
        "https_port": 443,
        "tls_enabled": False,
        "tls_certificate": "",
        "tls_private_key": "",
        "trusted_proxies": ["10.0.4.1"],
        "allowed_sources": ["10.0.0.0/8"],
        "federation_sources": ["10.99.0.2"],
        "max_body_size_mib": 100,
        "access_log": "off",
        "error_log": "/var/log/nginx/error.log",
        **changes,
    }


def test_good_input_has_no_problem() -> None:
    assert proxy_problems(given()) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"names": ["https://chat.example.com"]}, "'https://chat.example.com' is no host name"),
        ({"names": ["10.0.0"]}, "'10.0.0' is no host name"),
        ({"upstreams": []}, "mattermost_proxy_upstreams is empty"),
        ({"upstreams": [{"address": "app1:8065"}]}, "Upstream 1 has the address 'app1:8065'"),
        ({"upstreams": [{"address": "app1", "port": 0}]}, "Upstream 1 has the port 0, which is outside 1 to 65535."),
        (
            {"upstreams": [{"address": "app1"}, {"address": "app1", "port": 8065}]},
            "Upstream 2 (app1:8065) is there twice.",
        ),
        ({"upstreams": [{"address": "app1", "backup": True}]}, "All of mattermost_proxy_upstreams are backups"),
        (
            {"balance": "ip_hash", "upstreams": [{"address": "::1"}, {"address": "app2", "backup": True}]},
            "nginx has no backups with mattermost_proxy_balance ip_hash",
        ),
        ({"http_port": 70000}, "mattermost_proxy_http_port is 70000, which is outside"),
        ({"tls_enabled": True, "https_port": 80, "tls_certificate": "x", "tls_private_key": "y"}, "are both 80."),
        ({"trusted_proxies": ["lb.example.com"]}, "mattermost_proxy_trusted_proxies has 'lb.example.com'"),
        ({"allowed_sources": ["10.0.0.0/33"]}, "mattermost_proxy_allowed_sources has '10.0.0.0/33'"),
        ({"federation_sources": ["10.99.0.2/24"]}, "write 10.99.0.0/24 for the network"),
        ({"max_body_size_mib": 0}, "mattermost_proxy_max_body_size_mib is less than 1"),
        ({"access_log": "log; evil"}, "mattermost_proxy_access_log is 'log; evil'"),
        ({"error_log": "off"}, "mattermost_proxy_error_log is 'off'"),
        ({"tls_enabled": True}, "mattermost_proxy_tls_certificate and mattermost_proxy_tls_private_key are needed"),
        (
            {"tls_enabled": True, "tls_certificate": "x", "tls_private_key": "y"},
            "mattermost_proxy_tls_certificate is no certificate",
        ),
    ],
)
def test_a_mistake_has_its_sentence(changes: dict[str, Any], sentence: str) -> None:
    assert [problem for problem in proxy_problems(given(**changes)) if sentence in problem]


def test_servers_as_nginx_writes_them() -> None:
    assert upstream_servers([{"address": "10.0.5.20"}, {"address": "fd00::1", "port": 80, "backup": True}]) == [
        "10.0.5.20:8065 max_fails=0",
        "[fd00::1]:80 max_fails=0 backup",
    ]


def test_the_filters_have_names() -> None:
    assert FilterModule().filters() == {"proxy_problems": proxy_problems, "upstream_servers": proxy.upstream_servers}

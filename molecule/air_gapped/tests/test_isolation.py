# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Nothing leaves the site, and what tries is counted, on the host and at the router."""

from __future__ import annotations

import json

import pytest
from conftest import ADDRESSES, CALL_OUT, canary_is_counted, strays


def dropped_out(host) -> int:
    listed = json.loads(host.check_output("nft --json list counter inet mattermost dropped_out"))
    return next(entry["counter"]["packets"] for entry in listed["nftables"] if "counter" in entry)


def test_the_router_has_counted_no_packet_out():
    assert strays() == {}


def test_the_router_would_have_counted():
    assert canary_is_counted()


@pytest.mark.parametrize("name", list(ADDRESSES))
def test_each_host_refuses_and_counts_what_calls_out(hosts, name):
    before = dropped_out(hosts[name])
    assert hosts[name].check_output("python3 -c %s", CALL_OUT)
    assert dropped_out(hosts[name]) > before
    assert ADDRESSES[name] not in strays()

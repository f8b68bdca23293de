# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Nothing leaves the site, and what tries is counted, on the host and at the router."""

from __future__ import annotations

import json
import subprocess

import pytest
from conftest import ADDRESSES, strays

CANARY = "10.91.61.99"
CALL_OUT = "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 443), 1)\nexcept OSError as error:\n    print(error)"


def dropped_out(host) -> int:
    listed = json.loads(host.check_output("nft --json list counter inet mattermost dropped_out"))
    return next(entry["counter"]["packets"] for entry in listed["nftables"] if "counter" in entry)


def test_the_router_has_counted_no_packet_out():
    found = {sender: count for sender, count in strays().items() if sender in ADDRESSES.values()}
    assert found == {}


def test_the_router_would_have_counted():
    before = strays().get(CANARY, 0)
    image = "localhost/fieldops-mattermost/bookworm:latest"
    script = f'ip route replace default via 10.91.61.1 && python3 -c "{CALL_OUT}"'
    command = [
        "podman",
        "run",
        "--rm",
        "--network=fieldops-air-gapped-isolated",
        f"--ip={CANARY}",
        "--cap-add=NET_ADMIN",
        image,
        "sh",
        "-c",
        script,
    ]
    subprocess.run(command, check=True, capture_output=True)
    assert strays()[CANARY] > before


@pytest.mark.parametrize("name", list(ADDRESSES))
def test_each_host_refuses_and_counts_what_calls_out(hosts, name):
    before = dropped_out(hosts[name])
    assert hosts[name].check_output("python3 -c %s", CALL_OUT)
    assert dropped_out(hosts[name]) > before
    assert ADDRESSES[name] not in strays()

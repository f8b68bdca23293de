# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What can be reached from where: the ports of calls and of push notifications for those who need them, and nothing else."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ADDRESSES, counted, open_ports, reaches, run, said
from sites import canary_is_counted, strays

SERVER, MEDIA, SERVICES = ADDRESSES["alpha-host"], ADDRESSES["alpha-media"], ADDRESSES["services"]
SSH, PEOPLE, CALLS, SERVICES_OF_SERVERS = 22, [80, 443], 8443, [4545, 8045, 8066]
SWEEPS = {
    ("here", SERVER): [SSH, *PEOPLE],
    ("here", MEDIA): [SSH, CALLS],
    ("services", SERVER): [443],  # as the homeserver, which calls the bridge
    ("services", MEDIA): [],
    ("alpha-host", MEDIA): SERVICES_OF_SERVERS,
    ("alpha-media", SERVER): [443],  # as recorders, which join calls as people do
}
# Ports of the site's services that answer, and who is let out to them.
OUT = {
    "alpha-host": {80: True, 443: True, 5222: True, 6514: True, 8080: True, 2197: False, 9999: False},
    "alpha-media": {80: True, 443: True, 5222: False, 6514: True, 8080: False, 2197: True, 9999: False},
}
RECORDER = """
import json, socket
def reaches(target, port):
    try:
        return bool(socket.create_connection((target, port), 2))
    except OSError:
        return False
print(json.dumps([[target, port, reaches(target, port)] for target, port in WAYS]))
"""


@pytest.fixture(scope="module")
def sweeps() -> dict:
    """Every port of every target from every start, side by side: they mostly wait."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(SWEEPS, pool.map(lambda way: open_ports(*way), SWEEPS), strict=True))


@pytest.mark.parametrize("way", SWEEPS, ids=lambda way: f"{way[0]} to {way[1]}")
def test_the_ports_of_the_table_are_open_and_no_other(sweeps, way):
    assert sweeps[way] == SWEEPS[way]


@pytest.mark.parametrize("host", list(OUT))
def test_a_host_reaches_the_services_it_needs_and_no_other(host):
    assert {port: reaches(host, SERVICES, port) for port in OUT[host]} == OUT[host]


def test_media_comes_in_from_people_by_datagrams_and_from_nobody_else():
    before = counted("alpha-media", "flow_media_in_udp"), counted("alpha-media", "dropped_in")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ask:
        ask.sendto(b"a voice", (MEDIA, CALLS))
    send = f"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'noise', ({MEDIA!r}, {CALLS}))"
    assert run("services", "python3", "-c", send).returncode == 0
    assert counted("alpha-media", "flow_media_in_udp") - before[0] == 1
    assert counted("alpha-media", "dropped_in") > before[1]


def test_a_recorder_in_its_container_reaches_the_site_and_the_media_and_nothing_else():
    expected = {
        (SERVER, 443): True,
        (MEDIA, CALLS): True,
        (SERVER, SSH): False,
        (MEDIA, SSH): False,
        (MEDIA, 8045): False,
        (MEDIA, 8066): False,
        (SERVICES, 80): False,
        (SERVICES, 443): False,
    }
    program = RECORDER.replace("WAYS", repr(list(expected)))
    command = ["podman", "run", "--rm", "--network=bridge", "--rootfs", "/srv/recorder", "python3", "-c", program]
    found = {(target, port): reached for target, port, reached in json.loads(said("alpha-media", *command))}
    assert found == expected


def test_the_router_would_have_counted_a_packet():
    assert canary_is_counted("fieldops_parts", "fieldops-parts", address="10.91.81.99", router="10.91.81.1")


def test_no_packet_asked_the_router_to_leave_the_site():
    assert {sender for sender in strays("fieldops_parts") if sender in ADDRESSES.values()} == set()

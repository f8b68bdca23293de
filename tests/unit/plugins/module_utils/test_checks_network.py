# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import json
import os
import socket
from typing import Any

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils import _checks_network
from ansible_collections.fieldops.mattermost.plugins.module_utils._checks_base import ERROR, FAIL, PASS, Host, Ran
from ansible_collections.fieldops.mattermost.tests.unit.plugins.module_utils.fake_host import FakeHost, verdict

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def entry(address: str, state: str, inode: int) -> str:
    return f"   0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1\n"


TCP = (
    HEAD
    + entry("00000000:1F81", "0A", 11)
    + entry("0100007F:1538", "0A", 12)
    + entry("00000000:270F", "01", 13)
    + "short\n"
)
TCP6 = (
    HEAD
    + entry("00000000000000000000000000000000:0016", "0A", 14)
    + entry("0000000000000000FFFF00000100007F:0050", "0A", 15)
)
UDP = HEAD + entry("00000000:0044", "07", 16)


@pytest.fixture
def host(tmp_path: Any) -> FakeHost:
    host = FakeHost(root=str(tmp_path))
    host.put("/proc/net/tcp", TCP)
    host.put("/proc/net/tcp6", TCP6)
    host.put("/proc/net/udp", UDP)
    host.put("/proc/77/comm", "mattermost\n")
    os.makedirs(tmp_path / "proc/77/fd")
    os.symlink("socket:[11]", tmp_path / "proc/77/fd/3")
    os.symlink("/dev/null", tmp_path / "proc/77/fd/4")
    os.makedirs(tmp_path / "proc/78")
    return host


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (
            {"allowed": [22, "8065", "68/udp"]},
            (PASS, "22/tcp (unknown program), 68/udp (unknown program), 8065/tcp (mattermost)"),
        ),
        ({"allowed": [22]}, (FAIL, "also 68/udp (unknown program), 8065/tcp (mattermost)")),
        ({"allowed": [22, 8065], "protocols": ["tcp"]}, (PASS, "22/tcp (unknown program), 8065/tcp (mattermost)")),
        ({"allowed": [], "protocols": []}, (PASS, "nothing listens")),
    ],
)
def test_listening(host: FakeHost, params: Any, expected: Any) -> None:
    found = verdict(host, "listening", **params)
    assert (found.verdict, found.found) == expected
    if not params["allowed"]:
        assert found.expected.endswith("but nothing")


def test_names_without_a_number_sort_first() -> None:
    assert sorted(["10", "x", "9"], key=_checks_network._by_number) == ["x", "9", "10"]


def ruleset(policy: str = "drop", packets: int = 0) -> str:
    return json.dumps(
        {
            "nftables": [
                {"metainfo": {"version": "1.0.6"}},
                {"chain": {"name": "version_1", "table": "mattermost"}},
                {"chain": {"name": "outgoing", "hook": "output", "policy": policy}},
                {"counter": {"name": "dropped_in", "packets": 9, "bytes": 900}},
                {"counter": {"name": "dropped_out", "packets": packets, "bytes": 60 * packets}},
            ]
        }
    )


GONE = Ran(1, "", "Error: No such file or directory\nlist table inet mattermost\n")
REFUSED = Ran(1, "", "Operation not permitted (you must be root)\n")


@pytest.mark.parametrize(
    ("said", "params", "expected"),
    [
        (ruleset(), {}, (PASS, "policy drop")),
        (ruleset("accept"), {}, (FAIL, "policy accept")),
        (ruleset(), {"hook": "input"}, (FAIL, "no chain at the hook input")),
        (GONE, {}, (FAIL, "there is no table inet mattermost")),
        (REFUSED, {}, (ERROR, "nft failed (1): Operation not permitted (you must be root) ")),
        (Ran(3, "", ""), {}, (ERROR, "nft failed (3): it said nothing")),
        ("no json", {}, (ERROR, "nft did not answer in JSON.")),
    ],
)
def test_nftables(host: FakeHost, said: Any, params: Any, expected: Any) -> None:
    host.programs["nft -j list table inet mattermost"] = said
    found = verdict(host, "nftables", **params)
    assert (found.verdict, found.found) == expected


@pytest.mark.parametrize(
    ("said", "params", "expected"),
    [
        (ruleset(packets=3), {}, (PASS, "3 packets, 180 bytes")),
        (ruleset(packets=3), {"at_most": 0}, (FAIL, "3 packets, 180 bytes")),
        (ruleset(packets=0), {"at_most": "0"}, (PASS, "0 packets, 0 bytes")),
        (ruleset(), {"counter": "other"}, (FAIL, "there is no counter other in inet mattermost")),
        (GONE, {}, (FAIL, "there is no counter dropped_out in inet mattermost")),
    ],
)
def test_nftables_counter(host: FakeHost, said: Any, params: Any, expected: Any) -> None:
    host.programs["nft"] = said
    found = verdict(host, "nftables_counter", **{"counter": "dropped_out", **params})
    assert (found.verdict, found.found) == expected


def test_egress_that_comes_about() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = verdict(Host(), "egress", addresses=["127.0.0.1"], port=server.getsockname()[1])
    assert (found.verdict, found.found) == (FAIL, "a connection came about")
    assert found.evidence[0].endswith(": accepted")


SILENCE = socket.timeout("timed out")
NO_ROUTE = OSError(errno.ENETUNREACH, "Network is unreachable")


@pytest.mark.parametrize(
    ("outcome", "tables", "expected"),
    [
        (NO_ROUTE, None, (PASS, "there is no way out")),
        (NO_ROUTE, [ruleset(), ruleset()], (PASS, "there is no way out")),
        (SILENCE, None, (PASS, "none came about")),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), None, (PASS, "none came about")),
        (SILENCE, [ruleset(packets=2), ruleset(packets=4)], (PASS, "the packet filter dropped 2 packets")),
        (
            SILENCE,
            [ruleset(packets=2), ruleset(packets=2)],
            (FAIL, "it came to nothing, but the packet filter dropped nothing"),
        ),
        (SILENCE, [GONE], (FAIL, "it came to nothing, but nothing on this host refused it: packets may have left")),
        (
            SILENCE,
            [ruleset(), GONE],
            (FAIL, "it came to nothing, but nothing on this host refused it: packets may have left"),
        ),
    ],
)
def test_egress(monkeypatch: pytest.MonkeyPatch, outcome: Any, tables: Any, expected: Any) -> None:
    def connect(*place: Any, timeout: int) -> Any:
        raise outcome

    class Filtered(FakeHost):
        def run(self, *argv: str) -> Ran:
            said = tables.pop(0)
            return said if isinstance(said, Ran) else Ran(0, said, "")

    monkeypatch.setattr(_checks_network.socket, "create_connection", connect)
    found = verdict(Filtered(), "egress", seconds=2, **({"counter": "dropped_out"} if tables else {}))
    assert (found.verdict, found.found) == expected
    assert found.evidence[0].startswith("192.0.2.1 port 443: ")

# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the network: who listens, what the packet filter does, whether anything gets out, TLS and HTTP.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import re
import socket
import ssl
import struct
import time
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple
from urllib.parse import urlsplit

from ._checks_base import CannotCheck, Finding, Host, Kind, Option, judge, required, scrub, show, some

_LISTEN, _UNCONNECTED = "0A", "07"
_DAY = 86400


def _address(text: str) -> str:
    """An address as /proc/net writes it: words of four bytes in the order of the machine."""
    words = [struct.pack("=I", int(text[start : start + 8], 16)) for start in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    return str(getattr(address, "ipv4_mapped", None) or address)


def _owners(host: Host) -> Dict[str, str]:
    """Which program holds which socket, as far as this may be seen."""
    owners: Dict[str, str] = {}
    processes = [name for name in os.listdir(host.path("/proc")) if name.isdigit()]
    for process in processes:
        folder = host.path(f"/proc/{process}")
        try:
            links = [os.readlink(f"{folder}/fd/{name}") for name in os.listdir(f"{folder}/fd")]
            with open(f"{folder}/comm", encoding="utf-8") as name_file:
                program = name_file.read().strip()
        except OSError:
            continue
        owners.update({link[8:-1]: program for link in links if link.startswith("socket:[")})
    return owners


def _sockets(host: Host, protocol: str) -> Iterator[Tuple[str, int, str]]:
    """Address, port and inode of what takes packets; a host without IPv6 has no table for it."""
    state = _LISTEN if protocol == "tcp" else _UNCONNECTED
    for table in (protocol, protocol + "6"):
        if not os.path.exists(host.path(f"/proc/net/{table}")):
            continue
        for line in host.read(f"/proc/net/{table}").splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == state:
                address, _colon, port = fields[1].partition(":")
                yield _address(address), int(port, 16), fields[9]


def listening(params: Dict[str, Any], host: Host) -> Finding:
    """Nothing but what is expected listens beyond the loopback addresses."""
    allowed = {str(port) for port in params["allowed"]}
    owners = _owners(host)
    expected_ones: Set[str] = set()
    others: Set[str] = set()
    for protocol in params["protocols"]:
        for address, port, inode in _sockets(host, protocol):
            if ipaddress.ip_address(address).is_loopback:
                continue
            name = f"{port}/{protocol} ({owners.get(inode, 'unknown program')})"
            (expected_ones if {str(port), f"{port}/{protocol}"} & allowed else others).add(name)
    expected = f"beyond this host, nothing listens but {', '.join(sorted(allowed, key=_by_number)) or 'nothing'}"
    found = (
        "also " + some(sorted(others, key=_by_number)) if others else some(sorted(expected_ones, key=_by_number), 10)
    )
    return judge(not others, expected, found or "nothing listens")


def _by_number(name: str) -> Tuple[int, str]:
    digits = re.match(r"\d+", name)
    return (int(digits.group(0)) if digits else 0, name)


def _table(params: Dict[str, Any], host: Host) -> Optional[List[Dict[str, Any]]]:
    """The chains and counters of a table; None when it is not loaded."""
    ran = host.run("nft", "-j", "list", "table", params["family"], params["table"])
    if ran.status:
        if "No such file" in ran.err:
            return None
        raise CannotCheck(f"nft failed ({ran.status}): {scrub(ran.err) or 'it said nothing'}")
    try:
        items: List[Dict[str, Any]] = json.loads(ran.out)["nftables"]
    except (ValueError, KeyError):
        raise CannotCheck("nft did not answer in JSON.") from None
    return items


def nftables(params: Dict[str, Any], host: Host) -> Finding:
    """The packet filter is loaded, and drops at a hook what no rule accepts."""
    name = f"{params['family']} {params['table']}"
    expected = f"table {name} is loaded, and its {params['hook']} drops what no rule accepts"
    items = _table(params, host)
    if items is None:
        return judge(False, expected, f"there is no table {name}")
    policies = [
        item["chain"].get("policy", "accept") for item in items if item.get("chain", {}).get("hook") == params["hook"]
    ]
    found = f"policy {', '.join(policies)}" if policies else f"no chain at the hook {params['hook']}"
    return judge(params["policy"] in policies, expected, found)


def nftables_counter(params: Dict[str, Any], host: Host) -> Finding:
    """What a counter of the packet filter has counted; without a limit, for information."""
    limit = params["at_most"]
    expected = "a number, for information" if limit is None else f"{limit} packets or less"
    for item in _table(params, host) or []:
        if item.get("counter", {}).get("name") == params["counter"]:
            packets = int(item["counter"]["packets"])
            return judge(
                limit is None or packets <= limit, expected, f"{packets} packets, {item['counter']['bytes']} bytes"
            )
    return judge(False, expected, f"there is no counter {params['counter']} in {params['family']} {params['table']}")


def egress(params: Dict[str, Any], host: Host) -> Finding:
    """A connection to an address outside the site does not come about."""
    seconds = params["seconds"]
    evidence: List[str] = []
    for address in params["addresses"]:
        place = f"{address} port {params['port']}"
        try:
            with socket.create_connection((address, params["port"]), timeout=seconds):
                return judge(False, f"no connection to {place}", "it was accepted", evidence)
        except socket.timeout:
            evidence.append(f"{place}: no answer in {seconds} s")
        except OSError as error:
            evidence.append(f"{place}: {error.strerror or error}")
    return judge(True, f"no connection to {some(params['addresses'])}", "none came about", evidence)


def _context(params: Dict[str, Any]) -> ssl.SSLContext:
    """What the host trusts, and the certificates that are given beside it."""
    context = ssl.create_default_context()
    try:
        if params["ca_pem"]:
            context.load_verify_locations(cadata=params["ca_pem"])
    except (ssl.SSLError, ValueError) as error:
        raise CannotCheck(f"The certificates given as ca_pem cannot be read: {error}.") from error
    return context


def _takes_old(params: Dict[str, Any], name: str, seconds: int) -> bool:
    """Whether the other side speaks TLS 1.1 or older."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only whether it answers is asked, and nothing is said to it
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        plain = socket.create_connection((params["address"] or name, params["port"]), timeout=seconds)
        with plain, context.wrap_socket(plain, server_hostname=name):
            return True
    except (OSError, ValueError):
        return False


def tls(params: Dict[str, Any], host: Host) -> Finding:
    """A certificate that is trusted, fits the name and lasts, over TLS 1.2 or newer only."""
    name, days = params["name"], params["min_days"]
    expected = f"{name}: TLS 1.2 or newer, a trusted certificate for this name that lasts {days} days or longer"
    context = _context(params)
    try:
        plain = socket.create_connection((params["address"] or name, params["port"]), timeout=host.timeout)
        with plain, context.wrap_socket(plain, server_hostname=name) as secured:
            version, certificate = str(secured.version()), secured.getpeercert() or {}
    except ssl.SSLError as error:
        return judge(False, expected, f"TLS failed: {getattr(error, 'verify_message', '') or error.reason or error}")
    except OSError as error:
        return judge(False, expected, f"no connection to port {params['port']}: {error.strerror or error}")
    left = int((ssl.cert_time_to_seconds(str(certificate["notAfter"])) - host.now()) // _DAY)
    wrong = [f"the certificate lasts {left} days"] if left < days else []
    if _takes_old(params, name, host.timeout):
        wrong.append("TLS 1.1 or older is accepted")
    evidence = [f"until {time.strftime('%Y-%m-%d', time.gmtime(host.now() + left * _DAY))}"]
    return judge(
        not wrong, expected, "; ".join(wrong) or f"{version.replace('TLSv', 'TLS ')}, {left} days left", evidence
    )


class _Secured(http.client.HTTPSConnection):
    """HTTPS to an address, in the name of another."""

    def __init__(self, name: str, address: str, port: int, context: ssl.SSLContext, timeout: int) -> None:
        super().__init__(name, port, context=context, timeout=timeout)
        self.place, self.tls = (address, port), context

    def connect(self) -> None:
        self.sock = self.tls.wrap_socket(socket.create_connection(self.place, self.timeout), server_hostname=self.host)


def http_answer(params: Dict[str, Any], host: Host) -> Finding:
    """An address answers with a status, and with certain values in its JSON."""
    url = urlsplit(params["url"])
    name, secure = url.hostname or "", url.scheme == "https"
    port = url.port or (443 if secure else 80)
    place = params["address"] or name
    expected = f"{params['url']} answers {params['status']}" + "".join(
        f", {key}={value}" for key, value in params["json"].items()
    )
    connection: http.client.HTTPConnection
    if secure:
        connection = _Secured(name, place, port, _context(params), host.timeout)
    else:
        connection = http.client.HTTPConnection(place, port, timeout=host.timeout)
    try:
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request("GET", target, headers={"Host": url.netloc, "User-Agent": "fieldops.mattermost"})
        answer = connection.getresponse()
        body = answer.read(_MOST)
    except (OSError, http.client.HTTPException) as error:
        return judge(False, expected, f"no answer: {scrub(str(error)) or type(error).__name__}")
    finally:
        connection.close()
    wrong = [] if answer.status == params["status"] else [f"HTTP {answer.status}"]
    if params["json"]:
        wrong += _differences(params["json"], body)
    return judge(not wrong, expected, ", ".join(wrong) or f"HTTP {answer.status}")


_MOST = 1_000_000


def _differences(wanted: Dict[str, Any], body: bytes) -> List[str]:
    try:
        found = json.loads(body.decode("utf-8"))
    except ValueError:
        return ["the answer is no JSON"]
    if not isinstance(found, dict):
        return ["the answer is no JSON object"]
    return [f"{key}={show(found.get(key))}" for key, value in wanted.items() if found.get(key) != value]


_TABLE = {"family": Option(default="inet"), "table": Option(default="mattermost")}
KINDS: Dict[str, Kind] = {
    "listening": Kind(listening, {"allowed": required("list"), "protocols": Option("list", ("tcp", "udp"))}),
    "nftables": Kind(nftables, {**_TABLE, "hook": Option(default="output"), "policy": Option(default="drop")}),
    "nftables_counter": Kind(nftables_counter, {**_TABLE, "counter": required(), "at_most": Option("int", None)}),
    "egress": Kind(
        egress,
        {"addresses": Option("list", ("192.0.2.1",)), "port": Option("int", 443), "seconds": Option("int", 3)},
    ),
    "tls": Kind(
        tls,
        {
            "name": required(),
            "address": Option(),
            "port": Option("int", 443),
            "ca_pem": Option(),
            "min_days": Option("int", 14),
        },
    ),
    "http": Kind(
        http_answer,
        {
            "url": required(),
            "address": Option(),
            "ca_pem": Option(),
            "status": Option("int", 200),
            "json": Option("dict", {}),
        },
    ),
}

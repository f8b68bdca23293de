# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what answers: TLS and HTTP.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from typing import Any, Dict, List
from urllib.parse import urlsplit

from ._checks_base import CannotCheck, Finding, Host, Kind, Option, judge, required, scrub, show

_DAY = 86400
_MOST = 1_000_000


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


def _differences(wanted: Dict[str, Any], body: bytes) -> List[str]:
    try:
        found = json.loads(body.decode("utf-8"))
    except ValueError:
        return ["the answer is no JSON"]
    if not isinstance(found, dict):
        return ["the answer is no JSON object"]
    return [f"{key}={show(found.get(key))}" for key, value in wanted.items() if found.get(key) != value]


KINDS: Dict[str, Kind] = {
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

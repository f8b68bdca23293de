# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import datetime
import http.server
import json
import os
import socket
import ssl
import threading
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils import _checks_network
from ansible_collections.fieldops.mattermost.plugins.module_utils._checks_base import ERROR, FAIL, PASS, Host, Ran
from ansible_collections.fieldops.mattermost.tests.unit.plugins.module_utils.fake_host import FakeHost, verdict
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NAME = "chat.example.mil"
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


def test_egress_refused() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        found = verdict(Host(), "egress", addresses=["127.0.0.1"], port=unused.getsockname()[1])
    assert (found.verdict, found.found) == (PASS, "none came about")
    assert found.evidence[0].endswith("Connection refused")


def test_egress_that_comes_about() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = verdict(Host(), "egress", addresses=["127.0.0.1"], port=server.getsockname()[1])
    assert (found.verdict, found.found) == (FAIL, "it was accepted")


def test_egress_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def silence(*place: Any, timeout: int) -> Any:
        raise socket.timeout("timed out")

    monkeypatch.setattr(_checks_network.socket, "create_connection", silence)
    found = verdict(Host(), "egress", seconds=2)
    assert found.evidence == ("192.0.2.1 port 443: no answer in 2 s",)


def certificate(folder: Any, days: float = 100) -> Tuple[str, str]:
    """A certificate for NAME, and its key, in one file; and the certificate alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(pem + secret)
    return str(folder / "both.pem"), pem.decode()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answers = {
            "/ping": (200, b'{"status": "OK"}'),
            "/list": (200, b"[]"),
            "/text": (200, b"hello"),
            "/": (301, b""),
        }
        status, body = answers.get(self.path, (404, b""))
        self.server.seen.append((self.path, self.headers["Host"]))  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *unused: Any) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *unused: Any) -> None:
        pass


@contextlib.contextmanager
def serving(both: str = "", old: bool = False) -> Iterator[Tuple[int, List[Any]]]:
    """A web server; gives its port and what it was asked."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.seen = []  # type: ignore[attr-defined]
    if both:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        if old:
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.set_ciphers("ALL:@SECLEVEL=0")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_address[1], server.seen  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


def tls(port: int, ca: str, **more: Any) -> Any:
    return verdict(Host(timeout=5), "tls", **{"name": NAME, "address": "127.0.0.1", "port": port, "ca_pem": ca, **more})


def test_tls(tmp_path: Any) -> None:
    both, ca = certificate(tmp_path)
    with serving(both) as (port, _seen):
        found = tls(port, ca)
        assert (found.verdict, found.found) == (PASS, "TLS 1.3, 99 days left")
        assert found.evidence[0].startswith("until 20")
        assert tls(port, ca, min_days=120).found == "the certificate lasts 99 days"
        assert "self" in tls(port, "").found and tls(port, "").verdict == FAIL
        assert (
            "doesn't match" in tls(port, ca, name="other.example.mil").found
            or "mismatch" in tls(port, ca, name="other.example.mil").found
        )
        assert tls(port, "no certificate").found.startswith("The certificates given as ca_pem cannot be read: ")


def test_tls_of_old(tmp_path: Any) -> None:
    both, ca = certificate(tmp_path)
    with serving(both, old=True) as (port, _seen):
        assert tls(port, ca).found == "TLS 1.1 or older is accepted"


def test_tls_expired(tmp_path: Any) -> None:
    both, ca = certificate(tmp_path, days=-1)
    with serving(both) as (port, _seen):
        assert tls(port, ca).found == "TLS failed: certificate has expired"


def test_tls_where_nobody_listens_and_where_none_is_spoken() -> None:
    found = tls(9, "")
    assert (found.verdict, found.found) == (FAIL, "no connection to port 9: Connection refused")
    with serving() as (port, _seen):
        assert tls(port, "").found.startswith("TLS failed: ")
        assert not _checks_network._takes_old({"address": "127.0.0.1", "port": port}, NAME, 5)


@pytest.mark.parametrize(
    ("path", "params", "expected"),
    [
        ("/ping", {"json": {"status": "OK"}}, (PASS, "HTTP 200")),
        ("/ping", {"json": {"status": "BAD", "other": 1}}, (FAIL, 'status="OK", other=null')),
        ("/list", {"json": {"status": "OK"}}, (FAIL, "the answer is no JSON object")),
        ("/text", {"json": {"status": "OK"}}, (FAIL, "the answer is no JSON")),
        ("/none?x=1", {}, (FAIL, "HTTP 404")),
        ("", {"status": 301}, (PASS, "HTTP 301")),
    ],
)
def test_http(path: str, params: Dict[str, Any], expected: Any) -> None:
    with serving() as (port, seen):
        found = verdict(Host(timeout=5), "http", url=f"http://{NAME}:{port}{path}", address="127.0.0.1", **params)
    assert (found.verdict, found.found) == expected
    assert seen == [(path or "/", f"{NAME}:{port}")]


def test_https(tmp_path: Any) -> None:
    both, ca = certificate(tmp_path)
    with serving(both) as (port, _seen):
        given = {"url": f"https://{NAME}:{port}/ping", "address": "127.0.0.1", "json": {"status": "OK"}}
        assert verdict(Host(timeout=5), "http", ca_pem=ca, **given).verdict == PASS
        distrusted = verdict(Host(timeout=5), "http", **given)
    assert distrusted.verdict == FAIL
    assert "CERTIFICATE_VERIFY_FAILED" in distrusted.found


def test_http_where_nobody_answers() -> None:
    found = verdict(Host(timeout=5), "http", url="http://127.0.0.1:9/")
    assert (found.verdict, found.found) == (FAIL, "no answer: [Errno 111] Connection refused")

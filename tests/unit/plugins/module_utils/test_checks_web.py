# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import datetime
import http.server
import ssl
import threading
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils import _checks_web
from ansible_collections.fieldops.mattermost.plugins.module_utils._checks_base import FAIL, PASS, Host
from ansible_collections.fieldops.mattermost.tests.unit.plugins.module_utils.fake_host import verdict
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NAME = "chat.example.mil"


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
        assert not _checks_web._takes_old({"address": "127.0.0.1", "port": port}, NAME, 5)


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

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""A certificate and its key: what is wrong is said before a service would refuse them."""

from __future__ import annotations

import datetime
import ipaddress
from typing import Any, Optional

import pytest
from ansible_collections.fieldops.mattermost.plugins.plugin_utils.certificate import certificate_problems
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.datetime(2030, 6, 1, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
NAMES = (
    x509.DNSName("chat.example.com"),
    x509.DNSName("*.sites.example.com"),
    x509.IPAddress(ipaddress.ip_address("10.0.5.9")),
)


def make(
    subject: str, *, issuer: str = "site CA", alternatives: Any = NAMES, begin: int = -1, end: int = 30
) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW + begin * DAY)
        .not_valid_after(NOW + end * DAY)
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), pem(key)


def pem(key: ec.EllipticCurvePrivateKey, password: Optional[bytes] = None) -> str:
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock).decode()


def problems(certificate: str, key: str, *names: str) -> list[str]:
    return certificate_problems(certificate, key, names=names, variable="x_tls", now=NOW)


def test_a_good_pair() -> None:
    assert problems(*make("chat"), "chat.example.com", "CHAT.example.com", "a.sites.example.com", "10.0.5.9") == []


def test_a_good_chain() -> None:
    leaf, key = make("chat", issuer="middle")
    upper, _key = make("middle", issuer="root")
    assert problems(leaf + upper, key, "chat.example.com") == []


def test_the_clock_is_read_when_none_is_given() -> None:
    assert certificate_problems(*make("chat", begin=-3000, end=-2900), names=[], variable="x_tls")[0].startswith(
        "x_tls_certificate expired"
    )


@pytest.mark.parametrize("name", ["mail.example.com", "sites.example.com", "a.b.sites.example.com", "10.0.5.8"])
def test_a_name_it_does_not_have(name: str) -> None:
    assert problems(*make("chat"), name) == [
        f"x_tls_certificate is not for {name}: its subject alternative names are chat.example.com, *.sites.example.com, 10.0.5.9."
    ]


def test_no_alternative_names() -> None:
    assert problems(*make("chat.example.com", alternatives=None), "chat.example.com")[0].endswith("are none at all.")


def test_dates() -> None:
    assert problems(*make("chat", end=0)) == ["x_tls_certificate expired on 2030-06-01; have it renewed."]
    assert problems(*make("chat", begin=3)) == [
        "x_tls_certificate is valid only from 2030-06-04; check the controller's clock."
    ]
    assert problems(*make("chat", begin=1)) == []


def test_what_is_not_pem() -> None:
    certificate, key = make("chat")
    assert problems("chat.crt", key) == [
        "x_tls_certificate is no certificate in PEM form (-----BEGIN CERTIFICATE-----)."
    ]
    assert problems(certificate, "chat.key")[0].startswith("x_tls_private_key is no private key in PEM form")


def test_a_locked_key() -> None:
    certificate, _key = make("chat")
    locked = pem(ec.generate_private_key(ec.SECP256R1()), b"secret")
    assert problems(certificate, locked)[0].startswith("x_tls_private_key is locked with a passphrase")


def test_a_key_of_another_certificate() -> None:
    assert problems(make("chat")[0], make("chat")[1])[0].startswith(
        "x_tls_private_key does not belong to x_tls_certificate."
    )


def test_a_broken_chain() -> None:
    leaf, key = make("chat", issuer="middle")
    assert problems(leaf + make("other")[0], key) == [
        "x_tls_certificate is no chain: CN=chat was issued by CN=middle, but CN=other follows it."
    ]

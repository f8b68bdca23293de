# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a certificate and its key will do: judged on the controller, before anything changes on a host."""

from __future__ import annotations

import datetime
import fnmatch
import ipaddress
from typing import Iterable, Optional

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
except ImportError:
    x509 = None

Now = Optional[datetime.datetime]


def certificate_problems(
    certificate: str, private_key: str, *, names: Iterable[str], variable: str, now: Now = None
) -> list[str]:
    """What is wrong with the pair for these names; the sentences name VARIABLE_certificate and VARIABLE_private_key."""
    if x509 is None:
        return [
            f"{variable}_certificate cannot be read: Ansible's Python on the control node has no library cryptography; install it there."
        ]
    try:
        chain = x509.load_pem_x509_certificates(certificate.encode())
    except ValueError:
        return [f"{variable}_certificate is no certificate in PEM form (-----BEGIN CERTIFICATE-----)."]
    leaf = chain[0]
    problems = _key_problems(leaf, private_key, variable)
    problems += _date_problems(leaf, variable, now or datetime.datetime.now(datetime.timezone.utc))
    problems += _chain_problems(chain, variable)
    missing = [name for name in names if not _speaks_for(leaf, name)]
    if missing:
        problems.append(
            f"{variable}_certificate is not for {', '.join(missing)}: its subject alternative names are "
            f"{', '.join(_alternative_names(leaf)) or 'none at all'}."
        )
    return problems


def _key_problems(leaf: x509.Certificate, private_key: str, variable: str) -> list[str]:
    try:
        key = serialization.load_pem_private_key(private_key.encode(), password=None)
    except TypeError:
        return [f"{variable}_private_key is locked with a passphrase, which no service can type; give it without."]
    except ValueError:
        return [f"{variable}_private_key is no private key in PEM form (-----BEGIN PRIVATE KEY-----)."]
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        return [
            f"{variable}_private_key does not belong to {variable}_certificate. "
            "With a chain, the host's own certificate must come first."
        ]
    return []


def _date_problems(leaf: x509.Certificate, variable: str, now: datetime.datetime) -> list[str]:
    if leaf.not_valid_after_utc <= now:
        return [f"{variable}_certificate expired on {leaf.not_valid_after_utc:%Y-%m-%d}; have it renewed."]
    # A host whose clock runs a little behind the authority's would otherwise refuse a certificate made a moment ago.
    if leaf.not_valid_before_utc > now + datetime.timedelta(days=1):
        begin = f"{leaf.not_valid_before_utc:%Y-%m-%d}"
        return [f"{variable}_certificate is valid only from {begin}; check the controller's clock."]
    return []


def _chain_problems(chain: list[x509.Certificate], variable: str) -> list[str]:
    for lower, upper in zip(chain, chain[1:]):
        if lower.issuer != upper.subject:
            return [
                f"{variable}_certificate is no chain: {lower.subject.rfc4514_string()} was issued by "
                f"{lower.issuer.rfc4514_string()}, but {upper.subject.rfc4514_string()} follows it."
            ]
    return []


def _alternative_names(leaf: x509.Certificate) -> list[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in names if isinstance(name, (x509.DNSName, x509.IPAddress))]


def _speaks_for(leaf: x509.Certificate, name: str) -> bool:
    alternatives = _alternative_names(leaf)
    try:
        return str(ipaddress.ip_address(name)) in alternatives
    except ValueError:
        pass
    wanted = name.lower()
    # A wildcard stands for one label: *.example.com is good for chat.example.com, not for a.b.example.com.
    return any(
        fnmatch.fnmatchcase(wanted, known.lower()) and wanted.count(".") == known.count(".") for known in alternatives
    )

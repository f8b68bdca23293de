# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Credentials: which belong to a URL, and the tokens that registries give for them. Nothing here is ever written or told."""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import threading
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import unquote, urlencode, urlsplit

from . import fsutil
from .errors import BundleError

Send = Callable[[str, Mapping[str, str]], Tuple[int, bytes]]
# The argument specification of the option `credentials`; kept together with doc_fragments/credentials.py.
OPTION: Dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "no_log": False,  # the secrets in it are
    "options": {
        "url": {"type": "str", "required": True},
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "token": {"type": "str", "no_log": True},
        "ca_certificates": {"type": "str"},
    },
    "mutually_exclusive": [("token", "username")],
    "required_together": [("username", "password")],
}
_PORTS = {"http": 80, "https": 443}
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_TOKEN = re.compile(r"[A-Za-z0-9._~+/:=-]+")
_USER = re.compile(r"//[^/]*@")
_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_REPOSITORY = re.compile(r"(/v2/.+?)/(?:manifests|blobs|tags|referrers)(?:/.*)?")
_PEM_LIMIT = 4 << 20
_CHALLENGE_LIMIT = 4096


def origin_of(url: str) -> Tuple[str, str, int]:
    """Scheme, host and port: what two URLs have in common when they mean the same server."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)


def told(url: str) -> str:
    """A URL as it may be shown: a name with a password has no place there, nor has a query, which may open the door."""
    return _USER.sub("//", url.split("?", 1)[0])


@dataclass(frozen=True)
class Access:
    """What is given for all URLs that begin with one prefix."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    ca_certificates: str = field(default="", repr=False)

    @classmethod
    def given(cls, row: Mapping[str, Any], where: str) -> Access:
        access = cls(**{key: str(row.get(key) or "") for key in OPTION["options"]})
        try:
            scheme, host, _port = origin_of(access.url)
        except ValueError:
            scheme = host = ""
        if scheme not in _PORTS or not host or set("@?#") & set(access.url):
            raise BundleError(
                f"{where}: url has to be the beginning of an https URL, without user, password or query in it."
            )
        if access.has_login and scheme != "https" and host not in LOOPBACK:
            raise BundleError(f"{where}: {access.url} is not https, and a secret is not sent in the clear.")
        if bool(access.username) != bool(access.password) or (access.token and access.username):
            raise BundleError(f"{where}: give either username and password, or token.")
        if ":" in access.username or not _TOKEN.fullmatch(access.token or "x"):
            raise BundleError(f"{where}: a username has no colon in it, and a token no blanks.")
        if not access.has_login and not access.ca_certificates:
            raise BundleError(f"{where}: give username and password, token, or ca_certificates for {access.url}.")
        return access

    @property
    def has_login(self) -> bool:
        return bool(self.username or self.token)

    def covers(self, url: str) -> bool:
        """Whether the URL begins with the prefix, at the end of a segment, and does not climb out of it again."""
        if origin_of(url) != origin_of(self.url):
            return False
        prefix, path = urlsplit(self.url).path.rstrip("/"), unquote(urlsplit(url).path)
        return not prefix or (f"{path}/".startswith(f"{unquote(prefix)}/") and ".." not in path.split("/"))

    def header(self) -> Dict[str, str]:
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        if self.username:
            pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}

    def trust(self) -> ssl.SSLContext:
        """The system's authorities and the private ones of this prefix."""
        context = ssl.create_default_context()
        pem = self.ca_certificates
        try:
            if "-----BEGIN CERTIFICATE" not in pem:
                pem = fsutil.read_plain(os.path.realpath(pem), limit=_PEM_LIMIT).decode("ascii", "ignore")
            context.load_verify_locations(cadata=pem)
        except (ssl.SSLError, ValueError) as error:
            raise BundleError(
                f"The ca_certificates given for {self.url} are no PEM certificates: give their text or the path of a file."
            ) from error
        return context


class Keychain:
    """All credentials of a run, and the tokens that were given for them. Shared by threads."""

    def __init__(self, accesses: Sequence[Access] = ()) -> None:
        self.accesses = sorted(accesses, key=lambda access: -len(access.url))
        self._trust: Dict[str, ssl.SSLContext] = {}
        self._tokens: Dict[str, str] = {}
        self._guard = threading.Lock()  # of the tokens: held while one is fetched
        self._trust_guard = threading.Lock()

    @classmethod
    def given(cls, rows: Optional[Sequence[Mapping[str, Any]]]) -> Keychain:
        """From the option `credentials`, as a playbook has it."""
        accesses = [Access.given(row, f"credentials[{number}]") for number, row in enumerate(rows or ())]
        prefixes = [access.url.rstrip("/") for access in accesses]
        for number, prefix in enumerate(prefixes):
            if prefix in prefixes[:number]:
                raise BundleError(f"credentials[{number}]: {prefix} is given twice.")
        return cls(accesses)

    def find(self, url: str) -> Optional[Access]:
        """What is given for a URL: of several prefixes the longest."""
        return next((access for access in self.accesses if access.covers(url)), None)

    def trust(self, url: str) -> Tuple[str, ssl.SSLContext]:
        """Which certificates are believed there. The name tells connections of different trust apart."""
        access = next((access for access in self.accesses if access.ca_certificates and access.covers(url)), None)
        name = access.url if access is not None else ""
        with self._trust_guard:
            if name not in self._trust:
                self._trust[name] = access.trust() if access is not None else ssl.create_default_context()
            return name, self._trust[name]

    def header(self, url: str) -> Dict[str, str]:
        """What to send along: the token this part of a server gave, else what the operator gave."""
        token = self._tokens.get(_space(url))
        if token is not None:
            return {"Authorization": f"Bearer {token}"}
        access = self.find(url)
        return access.header() if access is not None else {}

    def answer(self, url: str, sent: Mapping[str, str], challenges: Sequence[str], send: Send) -> bool:
        """After HTTP 401: get the token that the server wants to see. Returns whether asking again may help."""
        access = self.find(url)
        wanted = _bearer(challenges)
        if access is not None and access.token:
            return False
        with self._guard:
            if self.header(url) != sent:
                return True  # another thread has been there meanwhile
            self._tokens.pop(_space(url), None)
            if wanted is None:
                return self.header(url) != sent
            self._tokens[_space(url)] = self._ask(url, wanted, access, send)
        return True

    def _ask(self, url: str, wanted: Mapping[str, str], access: Optional[Access], send: Send) -> str:
        realm, server = wanted.get("realm", ""), told(url)
        try:
            safe = origin_of(realm)[0] == "https" or origin_of(realm) == origin_of(url)
        except ValueError:
            safe = False
        if not safe or urlsplit(realm).username is not None:
            raise BundleError(
                f"{server}: the server sends for a token to {told(realm)!r}, which is not https; it gets none."
            )
        query = [(key, wanted[key]) for key in ("service",) if key in wanted]
        query += [("scope", scope) for scope in wanted.get("scope", "").split(" ") if scope]
        asked = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
        status, body = send(asked, access.header() if access is not None else {})
        if status in (401, 403):
            raise BundleError(f"{refusal('use', url, status, access)} It was {told(realm)} that refused.")
        try:
            reply = json.loads(body.decode()) if status == 200 else {}
            token = str(reply.get("token") or reply.get("access_token") or "")
        except (ValueError, AttributeError, RecursionError):
            token = ""
        if not _TOKEN.fullmatch(token):
            raise BundleError(f"Cannot use {server}: {told(realm)} gave no token for it (HTTP {status}).")
        return token


def refusal(doing: str, url: str, status: int, access: Optional[Access]) -> str:
    """What HTTP 401 or 403 means, and what to give."""
    server = "{}://{}".format(*urlsplit(url)[:2])
    if access is None or not access.has_login:
        what = f"the server wants to know who asks (HTTP {status}), or does not have it. Give username and password, or token,"
        return f"Cannot {doing} {told(url)}: {what} for {server} in credentials."
    return (
        f"Cannot {doing} {told(url)}: the server refuses what credentials give for {access.url} (HTTP {status}). "
        "Check that they are valid, and that they allow this."
    )


def _space(url: str) -> str:
    """The part of a server that one token is for: a repository of a registry, or a directory."""
    parts = urlsplit(url)
    match = _REPOSITORY.fullmatch(parts.path)
    return f"{parts.scheme}://{parts.netloc}{match.group(1) if match else parts.path.rpartition('/')[0]}"


def _bearer(challenges: Sequence[str]) -> Optional[Dict[str, str]]:
    """The parameters of the first challenge that asks for a token."""
    found: List[Dict[str, str]] = []
    for challenge in challenges:
        scheme, _blank, rest = challenge.strip().partition(" ")
        if scheme.lower() == "bearer" and len(rest) < _CHALLENGE_LIMIT:
            found.append({key.lower(): quoted or plain for key, quoted, plain in _PARAMETER.findall(rest)})
    return found[0] if found else None

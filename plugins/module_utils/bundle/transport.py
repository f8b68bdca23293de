# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""HTTP connections: kept alive per thread, through the proxies of the environment, redirections followed."""

from __future__ import annotations

import base64
import http.client
import io
import re
import ssl
import threading
import urllib.request
from typing import BinaryIO, Dict, Mapping, Optional, Tuple, Union
from urllib.parse import SplitResult, quote, unquote, unquote_plus, urljoin, urlsplit

from .access import Keychain, origin_of, refusal, told
from .errors import BundleError
from .pace import Pace, TransientError

Body = Union[bytes, BinaryIO, None]

_AGENT = "fieldops-mattermost-bundle/1"
_WANTED = (200, 206, 304, 416)
REDIRECTS = (301, 302, 303, 307, 308)
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
_HOPS = 5
_REPLY = 1 << 20
_BLOCK = 1 << 17
# A registry answers for a manifest only who says that he knows its form.
_MANIFEST = re.compile(r"/v2/.+/manifests/[^/]+")
# Parameters of a query that open a door: token, X-Amz-Signature, apiKey, client_secret and their like.
_SECRET = re.compile(
    r"(?:.*[_.\[-])?(?:token|sig|signature|password|passwd|passphrase|pass|pwd|secret|key|apikey|auth|authorization|jwt"
    r"|credentials?|sessionid)\]?"
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


def check_url(url: str, where: str, *, kept: bool = True) -> str:
    """The URL, refused with a reason when it is not one a bundle may take things from.

    What is not kept, as it is only followed, may have a secret that a server put into it.
    """
    try:
        parts = urlsplit(url)
        named = parts.username is not None or parts.password is not None
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError as error:
        raise BundleError(f"{where}: {told(url)!r} is not a URL: {error}.") from error
    if named:
        raise BundleError(f"{where}: the URL names a user or password; credentials must not enter a lock or a bundle.")
    if not known and local_path(url) is None:
        raise BundleError(f"{where}: {told(url)!r} is neither an http, https or file URL nor an absolute path.")
    secret = _secret_of(parts.query) if kept and parts.scheme in ("http", "https") else ""
    if secret:
        raise BundleError(
            f"{where}: the URL has a secret in its query, the parameter {secret!r}, which must not enter a lock or a bundle; "
            "leave it out, and give the secret as credentials."
        )
    return url


def _secret_of(query: str) -> str:
    """The first parameter of a query that is called like a secret and has a value."""
    for part in re.split("[&;]", query):
        name, _equals, value = part.partition("=")
        name = unquote_plus(name)
        if value and _SECRET.fullmatch(_HUMP.sub("_", name).lower()):
            return name
    return ""


def local_path(url: str) -> Optional[str]:
    """The path on this machine that a file URL or plain path names; None for anything else."""
    if url.startswith("/"):
        return url
    parts = urlsplit(url)
    path = unquote(parts.path)
    return path if parts.scheme == "file" and not parts.netloc and path.startswith("/") else None


def joined(base: str, target: str, where: str) -> str:
    """What a server calls the way from one URL to another; what is none has a sentence."""
    try:
        return urljoin(base, target)
    except ValueError as error:
        raise BundleError(f"{where}: {told(target)!r} is not a URL: {error}.") from error


def place_of(base: str, target: str, where: str) -> str:
    """Where something lies that is named in what came from a URL: nothing that came from elsewhere leads to this machine's files."""
    found = check_url(joined(base, target, where), where)
    if local_path(found) is not None and local_path(base) is None:
        raise BundleError(
            f"{where}: {told(found)!r} is a file of this machine, to which no server may send; it is not read."
        )
    return found


def doing_of(method: str) -> str:
    """What a request is for, in a sentence."""
    return "fetch" if method in ("GET", "HEAD") else "push to"


class Transport:
    """Sends requests. Every thread keeps its own open connection to each server it talks to."""

    def __init__(
        self, *, timeout: float = 30.0, pace: Optional[Pace] = None, keychain: Optional[Keychain] = None
    ) -> None:
        self.timeout = timeout
        self._answers = (pace or Pace()).answers()
        self.keychain = keychain or Keychain()
        self._own = threading.local()
        self._proxies = urllib.request.getproxies()

    def ask(
        self, method: str, url: str, headers: Mapping[str, str], *, also: Tuple[int, ...] = (), body: Body = None
    ) -> http.client.HTTPResponse:
        """One request, redirections followed; every status a caller cannot use is an error."""
        asked, at_home = url, True
        for _hop in range(_HOPS + 1):
            # Credentials are for the server they were given for, and for no one it refers to.
            at_home = at_home and origin_of(url) == origin_of(asked)
            answer = self._send_known(method, url, headers, body) if at_home else self._send(method, url, headers, body)
            if answer.status in _WANTED:
                return answer
            answer.read(_REPLY)
            if answer.status in also:
                return answer
            url = self._following(answer, method, asked, url)
        raise BundleError(f"Cannot fetch {told(asked)}: it redirects more than {_HOPS} times.")

    def _following(self, answer: http.client.HTTPResponse, method: str, asked: str, url: str) -> str:
        """Where to ask next; an error when there is no such place."""
        doing = doing_of(method)
        if answer.status in (401, 403) and origin_of(url) != origin_of(asked):
            place = "{}://{}".format(*urlsplit(url)[:2])
            raise BundleError(
                f"Cannot {doing} {told(asked)}: {place}, to which it redirects, refuses (HTTP {answer.status}). Credentials "
                "do not go there."
            )
        if answer.status in (401, 403):
            raise BundleError(refusal(doing, asked, answer.status, self.keychain.find(asked)))
        if answer.status in _TRANSIENT:
            raise TransientError(f"the server answered HTTP {answer.status} {answer.reason}")
        if answer.status not in REDIRECTS or doing != "fetch":
            raise BundleError(
                f"Cannot {doing} {told(asked)}: the server answered HTTP {answer.status} {answer.reason}."
            )
        where = f"Cannot follow the redirection of {told(asked)}"
        following = joined(url, answer.headers.get("Location", ""), where)
        if not following.startswith("https:" if url.startswith("https:") else ("http:", "https:")):
            raise BundleError(
                f"Cannot fetch {told(asked)}: it redirects to {told(following)!r}, which is not followed."
            )
        return check_url(following, where, kept=False)

    def _send_known(self, method: str, url: str, headers: Mapping[str, str], body: Body) -> http.client.HTTPResponse:
        """With what the server is to know of who asks; a token that it wants to see is fetched first."""
        sent = self.keychain.header(url)
        answer = self._send(method, url, {**headers, **sent}, body)
        if answer.status == 401:
            challenges = answer.headers.get_all("WWW-Authenticate") or []
            answer.read(_REPLY)
            if self.keychain.answer(url, sent, challenges, self._send_for_token):
                answer = self._send(method, url, {**headers, **self.keychain.header(url)}, body)
        return answer

    def _send_for_token(self, url: str, headers: Mapping[str, str]) -> Tuple[int, bytes]:
        answer = self._send("GET", url, headers)
        data = answer.read(_REPLY)
        if not answer.isclosed():
            self.drop()
        if answer.status in _TRANSIENT:
            raise TransientError(f"{told(url)} answered HTTP {answer.status} {answer.reason}")
        return answer.status, data

    def drop(self) -> None:
        """Close what this thread holds open: after an error a connection may be in the middle of an answer."""
        for connection in self._pool().values():
            connection.close()
        self._pool().clear()

    def _pool(self) -> Dict[Tuple[str, str, str], http.client.HTTPConnection]:
        if not hasattr(self._own, "pool"):
            self._own.pool = {}
        pool: Dict[Tuple[str, str, str], http.client.HTTPConnection] = self._own.pool
        return pool

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: Body = None) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        proxy = self._proxy(parts)
        trust = self.keychain.trust(url) if parts.scheme == "https" else ("", None)
        key = (parts.scheme, parts.netloc, trust[0])
        connection = self._pool().get(key)
        if connection is None:
            connection = self._pool()[key] = self._connect(parts, proxy, trust[1])
            connection.response_class = self._answers
        target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (f"?{parts.query}" if parts.query else "")
        sent = {"User-Agent": _AGENT, "Accept-Encoding": "identity", **headers}
        if _MANIFEST.fullmatch(parts.path):
            sent.setdefault("Accept", ", ".join(MANIFEST_TYPES))
        if isinstance(body, io.IOBase):
            body.seek(0)
        if proxy is not None and parts.scheme == "http":
            target = f"http://{parts.netloc}{target}"
            sent.update(_proxy_headers(proxy))
        try:
            connection.request(method, target, body=body, headers=sent)
        except UnicodeError as error:  # a name that no server can have, or a query that nobody encoded
            self.drop()
            raise BundleError(
                f"Cannot {doing_of(method)} {told(url)}: it is not a URL to ask for ({error})."
            ) from error
        return connection.getresponse()

    def _proxy(self, parts: SplitResult) -> Optional[SplitResult]:
        address = self._proxies.get(parts.scheme)
        if not address or urllib.request.proxy_bypass(parts.hostname or ""):
            return None
        return urlsplit(address if "://" in address else f"http://{address}")

    def _connect(
        self, parts: SplitResult, proxy: Optional[SplitResult], trust: Optional[ssl.SSLContext]
    ) -> http.client.HTTPConnection:
        near = proxy or parts
        if parts.scheme == "http":
            return http.client.HTTPConnection(near.hostname or "", near.port, timeout=self.timeout, blocksize=_BLOCK)
        secure = http.client.HTTPSConnection(
            near.hostname or "", near.port, timeout=self.timeout, context=trust, blocksize=_BLOCK
        )
        if proxy is not None:
            secure.set_tunnel(parts.hostname or "", parts.port, headers=_proxy_headers(proxy))
        return secure


def _proxy_headers(proxy: SplitResult) -> Dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair).decode()}

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""HTTP connections: kept alive per thread, through the proxies of the environment, redirections followed."""

from __future__ import annotations

import base64
import http.client
import ssl
import threading
import urllib.request
from typing import Dict, Mapping, Optional, Tuple
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from .errors import BundleError

_AGENT = "fieldops-mattermost-bundle/1"
_WANTED = (200, 206, 304, 416)
_REDIRECTS = (301, 302, 303, 307, 308)
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
_HOPS = 5


class TransientError(Exception):
    """Something that may be gone at the next attempt."""


def check_url(url: str, where: str) -> str:
    """The URL, refused with a reason when it is not one a bundle may take things from."""
    try:
        parts = urlsplit(url)
        named = parts.username is not None or parts.password is not None
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError as error:
        raise BundleError(f"{where}: {url!r} is not a URL: {error}.") from error
    if named:
        raise BundleError(f"{where}: the URL names a user or password; credentials must not enter a lock or a bundle.")
    if not known and local_path(url) is None:
        raise BundleError(f"{where}: {url!r} is neither an http, https or file URL nor an absolute path.")
    return url


def local_path(url: str) -> Optional[str]:
    """The path on this machine that a file URL or plain path names; None for anything else."""
    if url.startswith("/"):
        return url
    parts = urlsplit(url)
    path = unquote(parts.path)
    return path if parts.scheme == "file" and not parts.netloc and path.startswith("/") else None


class Transport:
    """Sends requests. Every thread keeps its own open connection to each server it talks to."""

    def __init__(self, *, timeout: float = 30.0) -> None:
        self.timeout = timeout
        self._own = threading.local()
        self._tls = ssl.create_default_context()
        self._proxies = urllib.request.getproxies()

    def ask(
        self, method: str, url: str, headers: Mapping[str, str], *, also: Tuple[int, ...] = ()
    ) -> http.client.HTTPResponse:
        """One request, redirections followed; every status a caller cannot use is an error."""
        asked = url
        for _hop in range(_HOPS + 1):
            answer = self._send(method, url, headers)
            if answer.status in _WANTED:
                return answer
            answer.read()
            if answer.status in also:
                return answer
            if answer.status in _TRANSIENT:
                raise TransientError(f"the server answered HTTP {answer.status} {answer.reason}")
            if answer.status not in _REDIRECTS:
                raise BundleError(f"Cannot fetch {asked}: the server answered HTTP {answer.status} {answer.reason}.")
            following = urljoin(url, answer.headers.get("Location", ""))
            if not following.startswith("https:" if url.startswith("https:") else ("http:", "https:")):
                raise BundleError(f"Cannot fetch {asked}: it redirects to {following!r}, which is not followed.")
            url = check_url(following, f"Cannot follow the redirection of {asked}")
        raise BundleError(f"Cannot fetch {asked}: it redirects more than {_HOPS} times.")

    def drop(self) -> None:
        """Close what this thread holds open: after an error a connection may be in the middle of an answer."""
        for connection in self._pool().values():
            connection.close()
        self._pool().clear()

    def _pool(self) -> Dict[Tuple[str, str], http.client.HTTPConnection]:
        if not hasattr(self._own, "pool"):
            self._own.pool = {}
        pool: Dict[Tuple[str, str], http.client.HTTPConnection] = self._own.pool
        return pool

    def _send(self, method: str, url: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        proxy = self._proxy(parts)
        key = (parts.scheme, parts.netloc)
        connection = self._pool().get(key)
        if connection is None:
            connection = self._pool()[key] = self._connect(parts, proxy)
        target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (f"?{parts.query}" if parts.query else "")
        sent = {"User-Agent": _AGENT, "Accept-Encoding": "identity", **headers}
        if proxy is not None and parts.scheme == "http":
            target = f"http://{parts.netloc}{target}"
            sent.update(_proxy_headers(proxy))
        connection.request(method, target, headers=sent)
        return connection.getresponse()

    def _proxy(self, parts: SplitResult) -> Optional[SplitResult]:
        address = self._proxies.get(parts.scheme)
        if not address or urllib.request.proxy_bypass(parts.hostname or ""):
            return None
        return urlsplit(address if "://" in address else f"http://{address}")

    def _connect(self, parts: SplitResult, proxy: Optional[SplitResult]) -> http.client.HTTPConnection:
        near = proxy or parts
        if parts.scheme == "http":
            return http.client.HTTPConnection(near.hostname or "", near.port, timeout=self.timeout)
        secure = http.client.HTTPSConnection(near.hostname or "", near.port, timeout=self.timeout, context=self._tls)
        if proxy is not None:
            secure.set_tunnel(parts.hostname or "", parts.port, headers=_proxy_headers(proxy))
        return secure


def _proxy_headers(proxy: SplitResult) -> Dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair).decode()}

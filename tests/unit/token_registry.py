# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry that wants tokens, as the large ones do, keeps its blobs elsewhere, and can misbehave on request."""

from __future__ import annotations

import base64
import json
import time
from typing import Any, Dict, List, Optional, Tuple
from urllib.parse import parse_qs, urlsplit

from ansible_collections.fieldops.mattermost.tests.unit.loopback import Loopback
from ansible_collections.fieldops.mattermost.tests.unit.registries import Image, digest_of

USER, PASSWORD = "reader", "pass of the reader"
Answer = Tuple[int, Dict[str, str], bytes]


class TokenRegistry(Loopback):
    """On http, on this machine. The same server answers as localhost too, and is another server then."""

    def __init__(self, *, anonymous: bool = False) -> None:
        self.anonymous = anonymous
        self.manifests: Dict[str, bytes] = {}  # repository and target
        self.kinds: Dict[str, str] = {}
        self.blobs: Dict[str, bytes] = {}
        self.valid: List[str] = []
        self.requests: List[Tuple[str, str, str]] = []  # method, path, authorization
        self.faults: Dict[str, List[Any]] = {}
        self.challenge = 'Bearer realm="{url}/token",service="tests",scope="repository:{repository}:pull"'
        self.storage = ""  # where blobs are, if elsewhere
        self.digest_header = True
        self.given = 0
        self.listen()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def elsewhere(self) -> str:
        """The same server under another name."""
        return f"http://localhost:{self.server.server_address[1]}"

    @property
    def credentials(self) -> List[Dict[str, str]]:
        return [{"url": self.url, "username": USER, "password": PASSWORD}]

    def add(self, repository: str, target: str, image: Image) -> None:
        self.add_manifest(repository, target, image.data, image.media_type)
        self.blobs.update({digest_of(blob): blob for blob in image.blobs})

    def add_manifest(self, repository: str, target: str, data: bytes, media_type: str) -> None:
        for name in (target, digest_of(data)):
            self.manifests[f"{repository}/{name}"] = data
            self.kinds[f"{repository}/{name}"] = media_type

    def plan(self, path: str, *faults: Any) -> None:
        self.faults[path] = list(faults)

    def asked(self, method: str) -> List[str]:
        return [path for verb, path, _authorization in self.requests if verb == method]

    def answer(self, handler: Any) -> None:
        path = urlsplit(handler.path).path
        authorization = handler.headers.get("Authorization", "")
        self.requests.append((handler.command, handler.path, authorization))
        fault = self.faults[path].pop(0) if self.faults.get(path) else None
        if isinstance(fault, float):
            time.sleep(fault)
        status, headers, body = fault if isinstance(fault, tuple) else self._reply(handler, path, authorization)
        cut = len(body) // 2 if fault == "cut" else len(body)
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body[:cut])
            handler.close_connection = cut < len(body)

    def _reply(self, handler: Any, path: str, authorization: str) -> Answer:
        if path == "/token":
            return self._token(handler, authorization)
        parts = path.split("/")
        if path.startswith("/storage/"):
            return self._blob(handler, parts[-1])
        repository, what, target = "/".join(parts[2:-2]), parts[-2], parts[-1]
        if authorization not in [f"Bearer {token}" for token in self.valid]:
            challenge = self.challenge.format(url=self.url, repository=repository, elsewhere=self.elsewhere)
            return 401, {"WWW-Authenticate": challenge}, b"who are you?"
        if what == "manifests":
            return self._manifest(f"{repository}/{target}")
        if what == "blobs" and self.storage:
            return 307, {"Location": f"{self.storage}/storage/{target}?signature=of-the-storage"}, b""
        return self._blob(handler, target) if what == "blobs" else (404, {}, b"")

    def _token(self, handler: Any, authorization: str) -> Answer:
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if not self.anonymous and authorization != f"Basic {pair}":
            return 401, {}, b"no"
        scope = parse_qs(urlsplit(handler.path).query).get("scope", ["none"])[0]
        self.given += 1
        token = base64.b64encode(f"{scope} {self.given}".encode()).decode()
        self.valid.append(token)
        return 200, {}, json.dumps({"token": token, "expires_in": 300}).encode()

    def _manifest(self, key: str) -> Answer:
        if key not in self.manifests:
            return 404, {}, b"no such manifest"
        headers = {"Content-Type": self.kinds[key]}
        if self.digest_header:
            headers["Docker-Content-Digest"] = digest_of(self.manifests[key])
        return 200, headers, self.manifests[key]

    def _blob(self, handler: Any, digest: str) -> Answer:
        data: Optional[bytes] = self.blobs.get(digest)
        if data is None:
            return 404, {}, b"no such blob"
        asked = handler.headers.get("Range", "")
        if not asked:
            return 200, {}, data
        start = int(asked[len("bytes=") : -1])
        return 206, {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}, data[start:]

# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the air-gap engine stand on: an apt archive signed for real, and a web server that can misbehave."""

from __future__ import annotations

import email.utils
import gzip
import hashlib
import http.server
import lzma
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple
from urllib.parse import unquote

from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.bom import Bom
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.depot import Depot, DepotResult
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fetch import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import Keyring, SigningKey
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.pack import Packer, PackResult
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.resolve import LockResult, make_lock
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_host import Host
from ansible_collections.fieldops.mattermost.tests.unit.loopback import Loopback

NOW = float(int(time.time()))
SUITE = "bookworm"


def content(name: str, version: str) -> bytes:
    """What stands for a package: the engine never opens one."""
    return f"package {name} {version}\n".encode() * 500


class Upstream:
    """An archive of Debian's form. Packages are added to suites, and publish() signs what there is."""

    def __init__(self, root: Path, key: SigningKey) -> None:
        self.root = root
        self.key = key
        self.architectures: Tuple[str, ...] = ("amd64",)
        self.suites: Dict[str, List[str]] = {}
        self.sources: Dict[str, List[str]] = {}
        self.release: Dict[str, Dict[str, str]] = {}
        for suite in (SUITE, f"{SUITE}-security"):
            self.suites[suite] = []
            self.release[suite] = {}

    def add(
        self, name: str, version: str = "1.0", *, suite: str = SUITE, architecture: str = "amd64", **fields: str
    ) -> None:
        data = content(name, version)
        path = f"pool/main/{name}_{version.replace(':', '%3a')}_{architecture}.deb"
        file = self.root / "debian" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        told = {
            "Package": name,
            "Version": version,
            "Architecture": architecture,
            **{key.replace("_", "-"): value for key, value in fields.items()},
            "Filename": path,
            "Size": str(len(data)),
            "SHA256": hashlib.sha256(data).hexdigest(),
            "Description": f"the package {name}",
        }
        stanza = "".join(f"{key}: {value}\n" for key, value in told.items() if value)
        self.suites[suite].append(stanza)

    def add_suite(self, suite: str, **fields: str) -> None:
        self.suites[suite] = []
        self.release[suite] = {key.replace("_", "-"): value for key, value in fields.items()}

    def add_source(self, name: str, version: str = "1.0", *, suite: str = SUITE, **fields: str) -> None:
        """A source package of two files."""
        listed = []
        (self.root / "debian/pool/src").mkdir(parents=True, exist_ok=True)
        for file in (f"{name}_{version}.dsc", f"{name}_{version}.tar.xz"):
            data = content(file, version)
            (self.root / "debian/pool/src" / file).write_bytes(data)
            listed.append(f" {hashlib.sha256(data).hexdigest()} {len(data)} {file}")
        told = {"Package": name, "Version": version, "Binary": name, "Directory": "pool/src", **fields}
        stanza = "".join(f"{key}: {value}\n" for key, value in told.items())
        self.sources.setdefault(suite, []).append(f"{stanza}Checksums-Sha256:\n" + "\n".join(listed) + "\n")

    def _indexes(self, suite: str) -> Dict[str, bytes]:
        """What each index of a suite says, by its path without ending."""
        found = {}
        for architecture in self.architectures:
            stanzas = [
                stanza
                for stanza in self.suites[suite]
                if self.architectures == ("amd64",)
                or f"\nArchitecture: {architecture}\n" in stanza
                or "\nArchitecture: all\n" in stanza
            ]
            found[f"main/binary-{architecture}/Packages"] = "\n".join(stanzas).encode()
        if suite in self.sources:
            found["main/source/Sources"] = "\n".join(self.sources[suite]).encode()
        return found

    def publish(self, *, now: float = NOW, endings: Sequence[str] = (".xz", ".gz", ""), detached: bool = False) -> None:
        for suite in self.suites:
            base = self.root / "debian/dists" / suite
            lines = []
            for index, text in self._indexes(suite).items():
                packed = {".xz": lzma.compress(text), ".gz": gzip.compress(text, mtime=0), "": text}
                for ending in endings:
                    path = f"{index}{ending}"
                    digest = hashlib.sha256(packed[ending]).hexdigest()
                    for name in (path, f"{index.rpartition('/')[0]}/by-hash/SHA256/{digest}"):
                        (base / name).parent.mkdir(parents=True, exist_ok=True)
                        (base / name).write_bytes(packed[ending])
                    lines.append(f" {digest} {len(packed[ending])} {path}")
            fields = {
                "Origin": "Debian",
                "Suite": "stable",
                "Codename": suite,
                "Date": email.utils.formatdate(now - 3600, usegmt=True),
                "Acquire-By-Hash": "yes",
                "Architectures": f"all {' '.join(self.architectures)}",
                "Components": "main",
                "No-Support-for-Architecture-all": "Packages",
                **self.release[suite],
            }
            head = "".join(f"{key}: {value}\n" for key, value in fields.items() if value)
            text = (head + "SHA256:\n" + "\n".join(lines) + "\n").encode()
            self.sign(base, text, int(now), detached)

    def sign(self, base: Path, release: bytes, now: int, detached: bool) -> None:
        if detached:
            (base / "Release").write_bytes(release)
            (base / "Release.gpg").write_bytes(self.key.sign(release, clear=False, moment=now))
        else:
            (base / "InRelease").write_bytes(self.key.sign(release, clear=True, moment=now))


class WebServer(Loopback):
    """Serves a directory with ranges and validators. Faults are planned by path, one for each request to come."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.requests: List[Tuple[str, str, Dict[str, str]]] = []
        self.faults: Dict[str, List[Any]] = {}
        self.validators = True
        self.listen()

    def paths(self) -> List[str]:
        return [path for _method, path, _headers in self.requests]

    def plan(self, path: str, *faults: Any) -> None:
        self.faults[path] = list(faults)

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        path = unquote(handler.path)
        self.requests.append((handler.command, path, dict(handler.headers)))
        fault = self.faults[path].pop(0) if self.faults.get(path) else None
        file = self.root / path.lstrip("/")
        if isinstance(fault, int):
            self.send(handler, fault, b"an error page")
        elif isinstance(fault, tuple):
            self.send(handler, fault[0], b"", fault[1])
        elif not file.is_file():
            self.send(handler, 404, b"not here")
        else:
            self.serve(handler, file.read_bytes(), fault)

    def serve(self, handler: Any, data: bytes, fault: Optional[str]) -> None:
        etag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        headers = {"ETag": etag, "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"} if self.validators else {}
        if self.validators and handler.headers.get("If-None-Match") == etag:
            self.send(handler, 304, b"", headers)
            return
        asked = handler.headers.get("Range", "") if fault != "no range" else ""
        if asked:
            start = int(asked[len("bytes=") : -1])
            if start >= len(data):
                self.send(handler, 416, b"")
                return
            shown = start if fault != "odd range" else 0
            self.send(
                handler, 206, data[start:], {**headers, "Content-Range": f"bytes {shown}-{len(data) - 1}/{len(data)}"}
            )
        elif fault == "cut":
            self.send(handler, 200, data[: len(data) // 2], {**headers, "Content-Length": str(len(data))})
            handler.close_connection = True
        elif fault == "changed":
            self.send(handler, 200, b"X" + data[1:], headers)
        elif fault == "slow":
            time.sleep(0.5)
            self.send(handler, 200, data, headers)
        elif fault == "endless":
            self.send(handler, 200, data * 50, headers)
        elif fault == "no length":
            self.send(handler, 200, data, {**headers, "Content-Length": ""})
            handler.close_connection = True
        else:
            self.send(handler, 200, data, headers)

    def send(self, handler: Any, status: int, body: bytes, headers: Optional[Dict[str, str]] = None) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            if value:
                handler.send_header(name, value)
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(body)


class Side:
    """The way from BOM to depot, each step one call with what most tests want."""

    def __init__(self, top: Path, upstream: Upstream, web: WebServer, keys: Dict[str, SigningKey]) -> None:
        self.top = top
        self.upstream = upstream
        self.web = web
        self.keys = keys
        self.lock_path = str(top / "work/site.lock.json")
        self.store = str(top / "store")
        self.output = str(top / "out")
        self.client = Client(sleep=lambda seconds: None, back_off=0)
        self.host = Host(str(top / "host"))
        self.ring = Keyring([keys["bundle"].public_key()], what="the bundle key")
        self.now = NOW
        self.bom: Dict[str, Any] = {"name": "site", "apt": [self.apt("app")]}
        self.write_host()

    def write_host(self, sources: str = "") -> None:
        root = self.top / "host"
        for name in ("etc/apt/sources.list.d", "etc/apt/trusted.gpg.d", "usr/share/keyrings"):
            (root / name).mkdir(parents=True, exist_ok=True)
        (root / "etc/os-release").write_text('ID=debian\nVERSION_CODENAME="bookworm"\n')
        (root / "etc/apt/trusted.gpg.d/archive.asc").write_bytes(self.keys["archive"].public_key())
        text = sources or f"deb {self.web.url}/debian {SUITE} main\ndeb {self.web.url}/debian {SUITE}-security main\n"
        (root / "etc/apt/sources.list").write_text(text)

    def apt(self, *packages: str, **more: Any) -> Dict[str, Any]:
        item = {"name": "debian-12", "release": SUITE, "architecture": "amd64", "packages": list(packages)}
        return {**item, **more}

    def file(self, name: str, data: bytes, **more: Any) -> Dict[str, Any]:
        """A file upstream, and its row for the BOM."""
        path = self.upstream.root / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        row = {"name": name, "url": f"{self.web.url}/files/{name}", "destination": f"files/{name}"}
        digest = {"sha256": hashlib.sha256(data).hexdigest()} if not more else {}
        return {**row, **digest, **more}

    def lock(self, *, check: bool = False, now: Optional[float] = None) -> LockResult:
        return make_lock(
            Bom.parse(self.bom),
            path=self.lock_path,
            store=self.store,
            client=self.client,
            host=self.host,
            now=now or self.now,
            check=check,
        )

    def packer(self, **more: Any) -> Packer:
        given = {"lock_path": self.lock_path, "store": self.store, "output": self.output, "key": self.keys["bundle"]}
        return Packer(**{**given, "client": self.client, **more})

    def pack(self, *, check: bool = False, **more: Any) -> PackResult:
        return self.packer(**more).run(check=check)

    def bundle(self, *packages: str, now: Optional[float] = None) -> PackResult:
        """Upstream, lock and bundle in one go."""
        if packages:
            self.bom["apt"] = [self.apt(*packages)]
        self.upstream.publish(now=now or self.now)
        self.lock(now=now)
        return self.pack()

    @property
    def volume(self) -> Path:
        return Path(self.output) / "site/volume-001"

    def depot(self, **more: Any) -> Depot:
        return Depot(str(self.top / "depot"), **{"key": self.keys["depot"], "prove": "never", **more})

    def publish(self, *media: Path, check: bool = False, now: Optional[float] = None, **more: Any) -> DepotResult:
        paths = [str(medium) for medium in media or (self.volume,)]
        return self.depot(**more).publish(paths, self.ring, now=now or self.now, check=check)

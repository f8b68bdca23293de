# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Galaxy server on loopback, as much of one as ansible-galaxy asks, and small collections of the form it installs."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import tarfile
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import parse_qs, urlsplit

from ansible_collections.fieldops.mattermost.tests.unit.loopback import Loopback


def collection(
    name: str,
    version: str,
    dependencies: Optional[Mapping[str, str]] = None,
    *,
    files: Optional[Mapping[str, bytes]] = None,
    manifest: Optional[Mapping[str, Any]] = None,
    extra: Optional[Mapping[str, bytes]] = None,
) -> bytes:
    """A tarball as `ansible-galaxy collection build` makes one. extra are files that no list knows."""
    namespace, short = name.split(".")
    held = {"README.md": b"# A collection\n", "meta/runtime.yml": b"requires_ansible: '>=2.15'\n", **(files or {})}
    rows: List[Dict[str, Any]] = [
        {"name": ".", "ftype": "dir", "chksum_type": None, "chksum_sha256": None, "format": 1}
    ]
    folders = sorted({path.rpartition("/")[0] for path in held if "/" in path})
    rows += [
        {"name": path, "ftype": "dir", "chksum_type": None, "chksum_sha256": None, "format": 1} for path in folders
    ]
    for path, data in held.items():
        digest = hashlib.sha256(data).hexdigest()
        rows.append({"name": path, "ftype": "file", "chksum_type": "sha256", "chksum_sha256": digest, "format": 1})
    listing = json.dumps({"files": rows, "format": 1}).encode()
    info = {
        "namespace": namespace,
        "name": short,
        "version": version,
        "authors": ["Somebody"],
        "readme": "README.md",
        "tags": [],
        "description": "A collection",
        "license": ["GPL-3.0-or-later"],
        "license_file": None,
        "dependencies": dict(dependencies or {}),
        "repository": "https://example.com/",
        "documentation": None,
        "homepage": None,
        "issues": None,
    }
    told = {
        "collection_info": info,
        "file_manifest_file": {
            "name": "FILES.json",
            "ftype": "file",
            "chksum_type": "sha256",
            "chksum_sha256": hashlib.sha256(listing).hexdigest(),
            "format": 1,
        },
        "format": 1,
        **(manifest or {}),
    }
    members = {"MANIFEST.json": json.dumps(told).encode(), "FILES.json": listing, **held, **(extra or {})}
    return pack({name: data for name, data in members.items() if data is not None}, folders)


def pack(members: Mapping[str, bytes], folders: Sequence[str] = ()) -> bytes:
    """A .tar.gz, the same bytes each time."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name in folders:
            header = tarfile.TarInfo(name)
            header.type, header.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(header)
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return gzip.compress(plain.getvalue(), mtime=0)


class Galaxy(Loopback):
    """Collections by name and version. Every hundred are a page, of which the next is told by a relative link."""

    page = 2

    def __init__(self) -> None:
        self.tarballs: Dict[Tuple[str, str], bytes] = {}
        self.needs: Dict[Tuple[str, str], Dict[str, str]] = {}
        self.signatures: Dict[Tuple[str, str], List[str]] = {}
        self.licences: Dict[Tuple[str, str], Any] = {}
        self.replies: Dict[str, Any] = {}  # by path: what to say instead
        self.requests: List[Tuple[str, Dict[str, str]]] = []
        self.listen()

    def add(self, name: str, version: str, dependencies: Optional[Mapping[str, str]] = None) -> bytes:
        data = collection(name, version, dependencies)
        self.tarballs[name, version] = data
        self.needs[name, version] = dict(dependencies or {})
        return data

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        self.requests.append((handler.path, dict(handler.headers)))
        parts = urlsplit(handler.path)
        document = self.replies.get(handler.path, self.replies.get(parts.path))
        if document is None:
            document = self.find(parts.path, parse_qs(parts.query))
        if document is None:
            self.send(handler, 404, json.dumps({"errors": [{"status": "404", "title": "Not found."}]}).encode())
        elif isinstance(document, bytes):
            self.send(handler, 200, document)
        else:
            self.send(handler, 200, json.dumps(document).encode())

    def send(self, handler: Any, status: int, body: bytes) -> None:
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if status == 200 and handler.headers.get("If-None-Match") == etag:
            status, body = 304, b""
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("ETag", etag)
        handler.end_headers()
        handler.wfile.write(body)

    def find(self, path: str, query: Dict[str, List[str]]) -> Any:
        steps = [step for step in path.split("/") if step]
        if steps == ["api"]:
            return {"available_versions": {"v3": "v3/"}, "current_version": "v3"}
        if steps[:1] == ["download"]:
            return next((data for key, data in self.tarballs.items() if file_of(*key) == steps[1]), None)
        if steps[:3] != ["api", "v3", "collections"] or not 5 <= len(steps) <= 7:
            return None
        name = f"{steps[3]}.{steps[4]}"
        if len(steps) == 5:
            there = len([version for key, version in self.tarballs if key == name])
            return (
                {"created_at": "2024-01-01T00:00:00Z", "updated_at": f"2024-01-01T00:00:{there:02}Z"} if there else None
            )
        if len(steps) == 6:
            return self.versions(name, path, int(query.get("offset", ["0"])[0]))
        return self.detail(name, steps[6]) if (name, steps[6]) in self.tarballs else None

    def versions(self, name: str, path: str, offset: int) -> Any:
        there = [version for key, version in self.tarballs if key == name]
        if not there:
            return None
        more = offset + self.page < len(there)
        following = f"{path}?limit={self.page}&offset={offset + self.page}" if more else None
        shown = there[offset : offset + self.page]
        return {
            "meta": {"count": len(there)},
            "links": {"next": following},
            "data": [{"version": row} for row in shown],
        }

    def detail(self, name: str, version: str) -> Dict[str, Any]:
        data = self.tarballs[name, version]
        namespace, short = name.split(".")
        return {
            "version": version,
            "href": f"/api/v3/collections/{namespace}/{short}/versions/{version}/",
            "namespace": {"name": namespace},
            "collection": {"name": short},
            "artifact": {
                "filename": file_of(name, version),
                "sha256": hashlib.sha256(data).hexdigest(),
                "size": len(data),
            },
            "download_url": f"{self.url}/download/{file_of(name, version)}",
            "metadata": {"dependencies": self.needs[name, version], "license": self.licences.get((name, version))},
            "signatures": [{"signature": text} for text in self.signatures.get((name, version), [])],
        }


def file_of(name: str, version: str) -> str:
    return f"{name.replace('.', '-')}-{version}.tar.gz"

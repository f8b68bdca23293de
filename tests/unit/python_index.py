# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python package index of real, small wheels, and the plain web server that such an index needs."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import os
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from ansible_collections.fieldops.mattermost.tests.unit.loopback import Loopback


class Static(Loopback):
    """Serves a directory as any web server would: index.html for a directory, Last-Modified, no query."""

    def __init__(self, root: Path) -> None:
        self.requests: List[Tuple[str, str, Dict[str, str]]] = []
        self.refused: Dict[str, Tuple[str, str]] = {}  # prefix of a path: the user and password it wants
        self.without_length: List[str] = []
        outer = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                pass

            def send_head(self) -> Any:
                outer.requests.append((self.command, self.path, dict(self.headers)))
                for prefix, login in outer.refused.items():
                    told = "Basic " + base64.b64encode(":".join(login).encode()).decode()
                    if self.path.startswith(prefix) and self.headers.get("Authorization") != told:
                        self.send_response(401)
                        self.send_header("WWW-Authenticate", 'Basic realm="here"')
                        self.send_header("Content-Length", "0")
                        self.end_headers()
                        return None
                return super().send_head()

            def send_header(self, keyword: str, value: str) -> None:
                if keyword != "Content-Length" or self.path not in outer.without_length:
                    super().send_header(keyword, value)

        self.listen(functools.partial(Handler, directory=str(root)))


class Index:
    """Projects in a simple index. publish() writes the pages for what there is."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.moment = 1_700_000_000
        self.files: Dict[str, List[Tuple[str, str]]] = {}

    def add(
        self,
        project: str,
        version: str,
        *,
        requires: Sequence[str] = (),
        tag: str = "py3-none-any",
        digest: str = "sha256",
        sdist: bool = False,
        about: str = "",
    ) -> Path:
        """A project of one module; about is more of its metadata, in lines."""
        stem = f"{project.replace('-', '_')}-{version}"
        path = self.root / "files" / (f"{stem}.tar.gz" if sdist else f"{stem}-{tag}.whl")
        path.parent.mkdir(parents=True, exist_ok=True)
        if sdist:
            path.write_bytes(b"no wheel")
        else:
            write_wheel(path, project, version, requires, tag, about)
        sha = hashlib.new(digest or "sha256", path.read_bytes()).hexdigest()
        link = f"../../files/{path.name.replace('+', '%2B')}" + (f"#{digest}={sha}" if digest else "")
        mark = _beside(path) if digest == "sha256" and not sdist else ""
        self.files.setdefault(project, []).append((f'<a href="{link}"{mark}>{path.name}</a>', path.name))
        self.publish()
        return path

    def publish(self) -> None:
        for project, files in self.files.items():
            page = self.root / "simple" / project / "index.html"
            text = "<!doctype html><html>" + "".join(f"{link}<br>" for link, _name in files) + "</html>"
            if not page.exists() or page.read_text() != text:
                page.parent.mkdir(parents=True, exist_ok=True)
                page.write_text(text)
                self.moment += 60  # Last-Modified only tells seconds, and a test is quicker than one
                os.utime(page, (self.moment, self.moment))


def _beside(path: Path) -> str:
    """The metadata of a wheel as a file of its own (PEP 658), so that pip need not fetch the wheel."""
    with zipfile.ZipFile(path) as wheel:
        data = next(wheel.read(name) for name in wheel.namelist() if name.endswith("/METADATA"))
    path.with_name(f"{path.name}.metadata").write_bytes(data)
    digest = f"sha256={hashlib.sha256(data).hexdigest()}"
    return f' data-dist-info-metadata="{digest}" data-core-metadata="{digest}"'


def write_wheel(path: Path, project: str, version: str, requires: Sequence[str], tag: str, about: str = "") -> None:
    """A wheel as the specification of wheels has it, with one module."""
    module = project.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n{about}"
    files = {
        f"{module}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": metadata + "".join(_requirement(told) for told in requires),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), text)


def _requirement(text: str) -> str:
    extra = text.partition("extra == '")[2].rstrip("'")
    return f"Requires-Dist: {text}\n" + (f"Provides-Extra: {extra}\n" if extra else "")

# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connected side and an isolated side in a temporary directory: real keys, a small upstream, a server with faults."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Dict, Iterator, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import SigningKey
from ansible_collections.fieldops.mattermost.tests.unit.upstream import NOW, Side, Upstream, WebServer


@pytest.fixture(scope="session")
def keys() -> Iterator[Dict[str, SigningKey]]:
    """Real keys, each in a home of its own. A short path: gpg-agent's socket has no room for a long one."""
    top = tempfile.mkdtemp(prefix="fb-", dir="/tmp")
    homes = {name: os.path.join(top, name) for name in ("archive", "bundle", "depot", "stranger")}
    yield {name: SigningKey.create(home, f"{name} <{name}@example.com>") for name, home in homes.items()}
    for home in homes.values():
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
    shutil.rmtree(top, ignore_errors=True)  # agents take their sockets away by themselves


@pytest.fixture
def upstream(tmp_path: Path, keys: Dict[str, SigningKey]) -> Upstream:
    return Upstream(tmp_path / "upstream", keys["archive"])


@pytest.fixture
def web(upstream: Upstream) -> Iterator[WebServer]:
    server = WebServer(upstream.root)
    yield server
    server.stop()


@pytest.fixture
def side(tmp_path: Path, upstream: Upstream, web: WebServer, keys: Dict[str, SigningKey]) -> Side:
    """A connected machine that trusts the upstream, and an isolated one that trusts its bundles."""
    return Side(tmp_path, upstream, web, keys)


@pytest.fixture
def pauses() -> List[float]:
    return []


@pytest.fixture(autouse=True)
def no_waiting_for_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def now() -> float:
    return NOW

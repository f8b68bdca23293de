# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever strangers send: wheels, collections and plugins are read, or refused with a sentence, and never anything else."""

from __future__ import annotations

import contextlib
import gzip
import json
import tempfile
from pathlib import Path
from typing import Any, Callable

from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import collection_tarball
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.bom import Bom
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.boms.wheels import Requirement, WheelsItem
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fetch import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.semver import Range, key_of
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources import mattermost
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.galaxy import Galaxy
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.wheels import WheelsResolver
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.store import Store
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.workspace import Workspace
from ansible_collections.fieldops.mattermost.tests.unit.galaxy import collection, pack
from hypothesis import given, settings
from hypothesis import strategies as st

KEYS = (
    "name",
    "id",
    "version",
    "props",
    "links",
    "next",
    "data",
    "artifact",
    "sha256",
    "size",
    "download_url",
    "metadata",
)
KEYS += (
    "dependencies",
    "signatures",
    "signature",
    "collection_info",
    "namespace",
    "file_manifest_file",
    "files",
    "ftype",
)
KEYS += (
    "available_versions",
    "v3",
    "results",
    "min_rtcd_version",
    "url",
    "download_info",
    "archive_info",
    "hashes",
    "hash",
)
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["1.0.0", "acme", "0" * 64])
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)
GOOD = collection("acme.own", "1.0.0", {"acme.base": "*"}, files={"a/b": b"x"})


def refused_or_read(read: Callable[[], object]) -> None:
    try:
        read()
    except BundleError as error:
        assert str(error)


def in_file(data: bytes, read: Callable[[str], object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.tar.gz"
        path.write_bytes(data)
        refused_or_read(lambda: read(str(path)))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 8 * len(gzip.decompress(GOOD)) - 1))
def test_flipped_bits_in_an_archive(bit: int) -> None:
    data = bytearray(gzip.decompress(GOOD))
    data[bit // 8] ^= 1 << bit % 8
    in_file(gzip.compress(bytes(data)), lambda path: collection_tarball.verify(path, what="It"))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=2048), st.booleans())
def test_bytes_that_are_no_archive(data: bytes, packed: bool) -> None:
    in_file(gzip.compress(data) if packed else data, lambda path: collection_tarball.verify(path, what="It"))


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_manifests_of_collections(manifest: Any, files: Any) -> None:
    members = {"MANIFEST.json": json.dumps(manifest).encode(), "FILES.json": json.dumps(files).encode()}
    in_file(pack(members), lambda path: collection_tarball.verify(path, what="It"))


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS)
def test_manifests_of_plugins(manifest: Any) -> None:
    told = {**manifest, "id": mattermost.CALLS} if isinstance(manifest, dict) else manifest
    in_file(pack({"x/plugin.json": json.dumps(told).encode()}), lambda path: mattermost.read_plugin(path, name="x"))


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS)
def test_replies_of_a_galaxy_server(document: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Store(folder), client=Client(), now=0)
        workspace.fetch_small = lambda url, missing_ok=False: json.dumps(document).encode()  # type: ignore[method-assign]
        galaxy = Galaxy("https://galaxy.example.com", workspace)
        refused_or_read(lambda: galaxy.api)
        galaxy.api = "https://galaxy.example.com/v3/"  # type: ignore[misc]
        refused_or_read(lambda: galaxy.versions("acme.own"))
        refused_or_read(lambda: galaxy.release("acme.own", "1.0.0"))


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS)
def test_reports_of_pip(row: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Store(folder), client=Client(), now=0)
        resolver = WheelsResolver(WheelsItem("x", "3.11", (Requirement("a", "a"),)), workspace)
        refused_or_read(lambda: resolver._read(row))


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="0123456789.-+v<>=!, abc*~", max_size=30))
def test_versions_and_ranges(text: str) -> None:
    key = key_of(text)
    assert key is None or key == key_of(text)
    with contextlib.suppress(ValueError):
        assert Range(text).fits("1.0.0") in (True, False)


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_boms(first: Any, second: Any) -> None:
    refused_or_read(lambda: Bom.parse({"name": "x", "wheels": first, "collections": second}))
    refused_or_read(lambda: Bom.parse({"name": "x", "wheels": [first, second], "collections": [first, second]}))

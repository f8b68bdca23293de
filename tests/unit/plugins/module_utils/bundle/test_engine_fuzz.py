# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsers of what comes from outside, given anything: they answer, or raise a BundleError, and nothing else."""

from __future__ import annotations

import contextlib
import copy
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import aptrepo
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.bom import Bom
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.boms.policy import Policy
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.changes import compare, summary
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError, told_plainly
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.have_list import HaveList
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import Lock
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.manifest import Index, Root
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import dearmor, split_clearsigned
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources import apt_index, apt_release, debian
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_installed import read_installed
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_pins import Layer
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_resolver import Resolver
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.transport import check_url, place_of
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

MANY = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
FEW = settings(MANY, max_examples=40)

refusal = contextlib.suppress(BundleError)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["../x", "a" * 64])
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(["app", "lib", "x", "Package", "Depends", "ö", "", "a" * 300])
control = st.lists(
    st.sampled_from(
        [
            "Package: app",
            "Version: 1:2~3-4",
            "Date: Thu, 01 Jan 99999 00:00:00 UTC",
            "Depends: a | b (>= 1), c",
            "Provides: v (= 1)",
            " more",
            "",
            " ",
            "\t",
            "#",
            ":",
        ]
    )
    | st.text(max_size=40),
    max_size=30,
).map("\n".join)
versions = st.from_regex(r"([0-9]{1,3}:)?[0-9][A-Za-z0-9.+~]{0,8}(-[A-Za-z0-9.+~]{1,5})?", fullmatch=True)


# Debian's formats -----------------------------------------------------------------------------------------------------


@MANY
@given(control)
def test_stanzas(text: str) -> None:
    for fields in [debian.parse_stanza(text), *debian.stanzas(text)]:
        assert all(isinstance(value, str) for pair in fields.items() for value in pair)


@MANY
@given(st.text(max_size=80) | st.from_regex(r"[a-z]+( \([<>=]+ [0-9.]+\))?( \| [a-z]+)*(, ?[a-z:]+)*", fullmatch=True))
def test_relations(text: str) -> None:
    for group in debian.parse_relations(text):
        assert group
        for relation in group:
            relation.allows("1.0")
            assert debian.parse_relations(str(relation))


@MANY
@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
@example("\u00b2:1", "\u0661:1", "9" * 5000)
def test_any_versions_have_one_order(first: str, second: str, third: str) -> None:
    keys = [debian.version_key(text) for text in (first, second, third)]
    assert sorted(keys) == sorted(reversed(keys))


@pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg is the judge")
@FEW
@given(versions, versions)
def test_versions_sort_as_dpkg_sorts_them(first: str, second: str) -> None:
    mine = debian.version_key(first), debian.version_key(second)
    for word, right in (("lt", mine[0] < mine[1]), ("eq", mine[0] == mine[1])):
        done = subprocess.run(["dpkg", "--compare-versions", first, word, second], check=False, capture_output=True)
        assert (done.returncode == 0) == right


@MANY
@given(control, st.binary(max_size=200))
@example(f"SHA256:\n {'a' * 64} {'9' * 5000} x\n {'a' * 64} ² y", b"")
def test_release_files(text: str, data: bytes) -> None:
    sha256 = f"SHA256:\n {'a' * 64} 7 main/binary-amd64/Packages\n"
    for given_data in (data, text.encode(), (sha256 + text).encode(), (text + "\n" + sha256).encode()):
        with refusal:
            release = apt_release.read_release(given_data, uri="http://a", suite="b", signed_by=[])
            release.index_paths("main", "amd64")
            assert release.priority in (500, 100, 1)
            release.check_suite()
            release.check_fresh(0)


@MANY
@given(st.binary(max_size=300), st.text(max_size=100))
def test_openpgp_data(data: bytes, text: str) -> None:
    begin, end = b"-----BEGIN PGP SIGNED MESSAGE-----\n", b"\n-----END PGP SIGNATURE-----\n"
    for given_data in (
        data,
        begin + data + end,
        begin + b"Hash: SHA512\n\n" + text.encode() + b"\n-----BEGIN PGP SIGNATURE-----" + end,
    ):
        with refusal:
            split_clearsigned(given_data, what="it")
        with refusal:
            dearmor(given_data, what="it")


@FEW
@given(st.lists(control, min_size=1, max_size=3), names)
def test_indexes_and_the_walk_through_them(texts: List[str], wanted: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        layers = []
        for number, text in enumerate(texts):
            path = Path(directory, "plain")
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
            layers.append(Layer(apt_index.Index.build(directory, f"{number:064d}", str(path), "")))
        with refusal:
            resolver = Resolver(layers, architecture="amd64", recommends=True)
            resolver.resolve([wanted])
            resolver.conflicts()
        for layer in layers:
            assert layer.index.first_mention(wanted or "x") >= -1


@FEW
@given(control | st.text(max_size=100))
def test_what_targets_have(text: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "status")
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        with refusal:
            read_installed([str(path)], [], architecture="amd64")


@MANY
@given(control)
@example(f"Version: 1\nChecksums-Sha256: {'a' * 64} {'9' * 5000} x")
def test_descriptions_of_sources(text: str) -> None:
    source = aptrepo.read_source(text)
    assert source is None or source.files


# Documents of a bundle ------------------------------------------------------------------------------------------------

DIGEST = "ab" * 32
LOCK: Dict[str, Any] = {
    "format": 1,
    "name": "site",
    "description": "",
    "version": 3,
    "created": "2026-01-31T12:00:00Z",
    "expires_days": 90,
    "request": DIGEST,
    "repositories": [
        {
            "name": "debian-12",
            "release": "bookworm",
            "architecture": "amd64",
            "packages": ["app"],
            "stanzas": DIGEST,
            "kind": "apt",
        }
    ],
    "evidence": [{"kind": "stanzas", "size": 3, "sha256": DIGEST, "group": "debian-12", "facts": {"a": 1}}],
    "items": [
        {
            "kind": "apt",
            "name": "app",
            "size": 1,
            "sha256": DIGEST,
            "url": "http://a",
            "proof": "p",
            "group": "debian-12",
            "why": "app",
        },
        {
            "kind": "file",
            "name": "f",
            "size": 1,
            "sha256": DIGEST,
            "url": "http://a",
            "proof": "p",
            "destination": "a/b",
        },
    ],
    "withheld": [{"kind": "file", "name": "g", "reason": "r"}],
    "policy": {"on_violation": "withhold"},
}
ROOT: Dict[str, Any] = {
    "format": 1,
    "name": "site",
    "version": 3,
    "created": "2026-01-31T12:00:00Z",
    "expires": "2026-02-28T12:00:00Z",
    "lock": DIGEST,
    "base": "",
    "volumes": [{"name": "volume-001", "index": DIGEST, "objects": 1, "bytes": 3}],
}
INDEX: Dict[str, Any] = {
    "format": 1,
    "bundle": "site",
    "version": 3,
    "volume": "volume-001",
    "objects": [[DIGEST, 3]],
    "files": [["lock.json", DIGEST, 3]],
}
BOM: Dict[str, Any] = {
    "name": "site",
    "description": "d",
    "expires_days": 90,
    "apt": [
        {
            "name": "debian-12",
            "release": "bookworm",
            "architecture": "amd64",
            "packages": ["app"],
            "exclude": ["x1"],
            "pins": [{"package": "a*", "pin": "release n=bookworm", "priority": 990}],
            "installed": ["libc6 2.36"],
            "sources": ["host", {"uri": "http://a", "suites": ["b"], "components": ["main"], "signed_by": ["/k"]}],
            "recommends": True,
        }
    ],
    "files": [{"name": "f", "url": "http://a/f", "destination": "a/b", "sha256": DIGEST}],
    "policy": {"must_not_contain": ["x*"], "scan": ["true", "{path}"], "apt_components": ["main"]},
}


def places(document: Any, path: Tuple[Any, ...] = ()) -> List[Tuple[Any, ...]]:
    """The path of every value in a document."""
    found = [path] if path else []
    rows = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    return found + [inner for key, value in rows for inner in places(value, (*path, key))]


@st.composite
def spoiled(draw: Any, document: Dict[str, Any]) -> Dict[str, Any]:
    """A good document of which up to three values are something else."""
    changed = copy.deepcopy(document)
    for _time in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(changed)))
        place = changed
        for step in path[:-1]:
            place = place[step]
        if draw(st.booleans()) or isinstance(place, list):
            place[path[-1]] = draw(anything)
        else:
            place[draw(st.text(max_size=8))] = place.pop(path[-1])
        assume(places(changed))
    return changed


def lock(data: bytes) -> None:
    parsed = Lock.parse(data, "it")
    parsed.objects(), parsed.kept_beside(), summary(parsed), compare(None, parsed), parsed.explain("app")
    assert Lock.parse(parsed.dump(), "it") == parsed
    with refusal:
        Policy.of_lock(parsed.policy)


def root(data: bytes) -> None:
    Root.parse(data, "it").dump()


def index(data: bytes) -> None:
    Index.parse(data, "it").dump()


def have_list(data: bytes) -> None:
    HaveList.parse(data, "it")


def bom(data: bytes) -> None:
    Bom.parse(json.loads(data))


def check_all(parse: Any, data: bytes) -> None:
    with refusal:
        parse(data)


def test_a_document_that_is_nested_too_deeply(tmp_path: Path) -> None:
    deep = json.dumps(LOCK).replace('{"a": 1}', '{"a": ' * 100_000 + "1" + "}" * 100_000)
    path = tmp_path / "lock.json"
    path.write_text(deep)
    with pytest.raises(BundleError, match=r"nested deeper than any such document is|is not readable JSON"):
        told_plainly(lambda: Lock.read(str(path)).dump())()


def test_a_depth_that_only_the_interpreter_notices() -> None:
    def endless() -> None:
        endless()

    with pytest.raises(BundleError, match=r"^A document that was read is nested deeper than any such document is\.$"):
        told_plainly(endless)()


@pytest.mark.parametrize(("parse", "good"), [(lock, LOCK), (root, ROOT), (index, INDEX), (bom, BOM)])
def test_what_the_fuzzing_starts_from_is_good(parse: Any, good: Dict[str, Any]) -> None:
    parse(json.dumps(good).encode())


@MANY
@given(spoiled(LOCK))
def test_locks(document: Dict[str, Any]) -> None:
    check_all(lock, json.dumps(document).encode())


@MANY
@given(spoiled(ROOT))
def test_roots(document: Dict[str, Any]) -> None:
    check_all(root, json.dumps(document).encode())


@MANY
@given(spoiled(INDEX))
def test_volume_indexes(document: Dict[str, Any]) -> None:
    check_all(index, json.dumps(document).encode())


@MANY
@given(spoiled(BOM))
def test_bills_of_materials(document: Dict[str, Any]) -> None:
    check_all(bom, json.dumps(document).encode())
    with refusal:
        Bom.parse([document, BOM])


@MANY
@given(anything, st.binary(max_size=60))
def test_anything_at_all(document: Any, data: bytes) -> None:
    for parse in (lock, root, index, have_list):
        check_all(parse, json.dumps(document).encode())
        check_all(parse, data)
    with refusal:
        Bom.parse(document)


@MANY
@given(st.text(max_size=40) | st.from_regex(r"(https?|file)://[^/]{0,20}(:[0-9]*)?(/.*)?", fullmatch=True))
@example("http://[")
def test_urls(url: str) -> None:
    with refusal:
        check_url(url, "it")
    with refusal:
        assert place_of("https://example.com/index", url, "it").startswith("http")

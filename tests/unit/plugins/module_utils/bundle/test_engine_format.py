# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages that describe the format: they name all there is, and a reader that was written from them alone gets everything out."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any, Dict, Set

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.holdings import Holdings
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import (
    Evidence,
    Item,
    Lock,
    Repository,
    Withheld,
)
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from ansible_collections.fieldops.mattermost.tests.unit.volumes_side import Volumes

DOCS = Path(__file__).resolve().parents[5] / "docs"


@pytest.fixture
def made(side: Side) -> Volumes:
    made = Volumes(side)
    made.make()
    return made


def keys(value: Any) -> Set[str]:
    """All names of keys, but for those that are data."""
    if isinstance(value, list):
        return {key for row in value for key in keys(row)}
    if not isinstance(value, dict):
        return set()
    return {*value, *(key for name, row in value.items() if name not in ("facts", "policy") for key in keys(row))}


def test_the_pages_name_every_key(made: Volumes) -> None:
    page = set(re.findall(r"`([a-z0-9_]+)`", (DOCS / "bundle_format.md").read_text()))
    for name in ("root.json", "index.json", "lock.json"):
        assert keys(json.loads((made.path / "volume-001" / name).read_text())) <= page, name
    assert {field.name for kind in (Item, Evidence, Repository, Withheld, Lock) for field in fields(kind)} <= page
    made.side.publish(made.path)
    listed = made.side.top / "depot-list.json"
    Holdings(str(made.side.top / "depot")).write_list(str(listed), made.side.keys["depot"])
    assert {*json.loads(listed.read_text())} <= page
    page = set(re.findall(r"`([a-z0-9_]+)`", (DOCS / "depot.md").read_text()))
    assert {*json.loads((made.side.top / "depot/current/manifest.json").read_text())} <= page


def read(site: Path, key: bytes, place: Path) -> Dict[str, bytes]:
    """The steps of bundle_format.md, with gpgv and the standard library: every object, by its SHA-256."""
    ring = place / "key.gpg"
    ring.write_bytes(subprocess.run(["gpg", "--dearmor"], input=key, capture_output=True, check=True).stdout)
    objects: Dict[str, bytes] = {}
    pieces: Dict[str, Dict[int, bytes]] = {}
    for volume in sorted(root.parent for root in site.glob("*/root.json")):
        signed = ["gpgv", "--keyring", str(ring), str(volume / "root.json.asc"), str(volume / "root.json")]
        subprocess.run(signed, capture_output=True, check=True)
        root = json.loads((volume / "root.json").read_bytes())
        data = (volume / "index.json").read_bytes()
        assert hashlib.sha256(data).hexdigest() in [row["index"] for row in root["volumes"]]
        index = json.loads(data)
        assert dict((path, sha256) for path, sha256, _size in index["files"])["lock.json"] == root["lock"]
        there = [(f"objects/sha256/{sha256[:2]}/{sha256}", sha256, size) for sha256, size in index["objects"]]
        there += [(f"objects/pieces/{of}/{number}", sha256, size) for of, number, _at, size, sha256 in index["pieces"]]
        for path, sha256, size in [*there, *index["files"]]:
            data = (volume / path).read_bytes()
            assert (hashlib.sha256(data).hexdigest(), len(data)) == (sha256, size)
        objects.update({sha256: (volume / path).read_bytes() for path, sha256, _size in there[: len(index["objects"])]})
        for of, number, _at, _size, _sha256 in index["pieces"]:
            pieces.setdefault(of, {})[number] = (volume / f"objects/pieces/{of}/{number}").read_bytes()
    objects.update({of: b"".join(data for _number, data in sorted(rows.items())) for of, rows in pieces.items()})
    assert all(hashlib.sha256(data).hexdigest() == sha256 for sha256, data in objects.items())
    return objects


def test_another_reader(made: Volumes, tmp_path: Path) -> None:
    objects = read(made.path, (Path(made.side.output) / "bundle-key.asc").read_bytes(), tmp_path)
    lock = json.loads((made.path / "volume-001/lock.json").read_bytes())
    assert {row["sha256"] for row in [*lock["items"], *lock["evidence"]]} == set(objects)
    files = {row["destination"]: objects[row["sha256"]] for row in lock["items"] if row["kind"] == "file"}
    assert files == {f"files/{name}": data for name, data in made.files.items()}
    told = {row["sha256"]: row for row in lock["evidence"]}
    (repository,) = lock["repositories"]
    stanzas = objects[repository["stanzas"]].decode().strip().split("\n\n")
    assert told[repository["stanzas"]]["kind"] == "stanzas" and len(stanzas) == 2
    carried = {row["sha256"] for row in lock["items"] if (row["kind"], row.get("group")) == ("apt", repository["name"])}
    assert {re.findall(r"^SHA256: (\w+)$", stanza, re.M)[0] for stanza in stanzas} == carried

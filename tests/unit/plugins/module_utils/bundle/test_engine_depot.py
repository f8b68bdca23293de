# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The depot: one generation beside the other, switched at once, never backwards."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Dict

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.depot_tree import Held, Tree
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.generation import Maker
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import Item, Lock, Repository
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import Keyring, SigningKey
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.publish import apt
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.store import Store
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side


@pytest.fixture
def made(side: Side) -> Side:
    side.upstream.add("app", "1:1.0-2")
    side.bom["files"] = [side.file("server.tar.gz", b"release" * 100)]
    side.bundle("app")
    return side


def current(side: Side) -> Path:
    return side.top / "depot/current"


def document(side: Side) -> Dict[str, Any]:
    return json.loads((current(side) / "manifest.json").read_text())


def update(side: Side, version: str, after: int = 60) -> None:
    side.upstream.add("app", version)
    side.upstream.publish(now=side.now)
    side.lock(now=side.now + after)
    side.pack()


def other_bundle(side: Side, *packages: str, files: Any = (), **item: Any) -> Path:
    """A second bundle, made on the same side."""
    kept = side.bom, side.lock_path
    side.bom = {"name": "tools", "apt": [side.apt(*packages, **item)] if packages else [], "files": list(files)}
    side.lock_path = str(side.top / "work/tools.lock.json")
    side.upstream.publish()
    side.lock()
    side.pack()
    side.bom, side.lock_path = kept
    return Path(side.output) / "tools"


def test_a_generation(made: Side) -> None:
    result = made.publish()
    assert (result.changed, result.generation, result.key) == (True, 1, made.keys["depot"].fingerprint)
    assert os.readlink(current(made)) == "generations/1"
    told = document(made)
    assert told["bundles"]["site"]["signers"] == [made.keys["bundle"].fingerprint]
    assert told["repositories"][0]["packages"] == 1
    assert [{**row, "since": told["published"]} for row in result.files] == told["files"]
    assert result.repositories == ["debian-12"]
    assert result.files[0]["path"] == "files/files/server.tar.gz"
    deb = current(made) / "apt/debian-12/pool/app_1.0-2_amd64.deb"
    assert deb.stat().st_nlink == 2
    release = current(made) / "apt/debian-12/dists/debian-12"
    ring = Keyring([(current(made) / "depot-key.asc").read_bytes()], what="depot")
    text, _signers = ring.verify_clearsigned((release / "InRelease").read_bytes(), what="InRelease")
    for line in text.decode().partition("SHA256:\n")[2].splitlines():
        digest, size, path = line.split()
        data = (release / path).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (digest, int(size))
        assert (release / Path(path).parent / "by-hash/SHA256" / digest).read_bytes() == data
    sums = (current(made) / "SHA256SUMS").read_bytes()
    assert ring.verify_detached(sums, (current(made) / "SHA256SUMS.asc").read_bytes(), what="sums")
    page = (current(made) / "index.html").read_text()
    assert "server.tar.gz" in page and made.keys["bundle"].fingerprint in page and "<script" not in page


def test_again_nothing(made: Side) -> None:
    made.publish()
    result = made.publish()
    assert (result.changed, result.generation, result.objects_copied) == (False, 1, 0)
    assert made.depot().publish([], made.ring, now=made.now).changed is False


def test_check_mode(made: Side) -> None:
    result = made.publish(check=True, key=None)
    assert (result.changed, result.generation, result.key) == (True, 1, "")
    assert result.bytes_copied > 0
    assert "app 1:1.0-2" in result.after and result.before == ""
    assert not (made.top / "depot").exists()
    made.publish()
    assert not made.publish(check=True).changed


def test_an_update_and_its_diff(made: Side) -> None:
    made.publish()
    old = (current(made) / "apt/debian-12/dists/debian-12/main/binary-amd64/Packages").read_bytes()
    update(made, "1:2.0-1")
    result = made.publish()
    assert result.generation == 2
    assert [change["text"] for change in result.changes] == ["changed app (debian-12) 1:1.0-2 -> 1:2.0-1, 10.0 kB"]
    assert "1:1.0-2" in result.before and "1:2.0-1" in result.after
    digest = hashlib.sha256(old).hexdigest()
    by_hash = current(made) / "apt/debian-12/dists/debian-12/main/binary-amd64/by-hash/SHA256"
    assert (by_hash / digest).read_bytes() == old, "a client in the middle of an update still finds it"
    assert sorted(os.listdir(made.top / "depot/generations")) == [".newest", "1", "2"]


def test_only_so_many_are_kept(made: Side) -> None:
    made.publish()
    for number in (2, 3, 4):
        update(made, f"1:{number}.0-1", after=60 * number)
        result = made.publish()
    assert result.removed_generations == [2]
    assert sorted(os.listdir(made.top / "depot/generations")) == [".newest", "3", "4"]
    kept = {path.name for path in (made.top / "depot/store/objects").rglob("*/*/*")}
    pool = [
        path for number in (3, 4) for path in (made.top / f"depot/generations/{number}/apt/debian-12/pool").iterdir()
    ]
    assert {hashlib.sha256(path.read_bytes()).hexdigest() for path in pool} <= kept
    assert len([path for path in (made.top / "depot/store/objects").rglob("*/*/*") if path.stat().st_nlink == 1]) < 15
    assert made.publish(keep=1).removed_generations == []
    update(made, "1:9.0-1", after=999)
    assert made.publish(keep=1).removed_generations == [3, 4]


def test_it_does_not_go_back(made: Side) -> None:
    shutil.copytree(made.volume, made.top / "old")
    update(made, "1:2.0-1")
    made.publish()
    before = sorted((str(path), path.lstat().st_mtime_ns) for path in (made.top / "depot").rglob("*"))
    with pytest.raises(BundleError, match=r"is version \d+; the depot has version \d+ already and does not go back"):
        made.publish(made.top / "old")
    with pytest.raises(BundleError, match=r"The media hold different versions of the bundle site .*; give one"):
        made.publish(made.top / "old", made.volume)
    assert sorted((str(path), path.lstat().st_mtime_ns) for path in (made.top / "depot").rglob("*")) == before


def test_two_contents_under_one_version(made: Side) -> None:
    made.publish()
    root = json.loads((made.volume / "root.json").read_bytes())
    root["expires"] = "2099-01-01T00:00:00Z"
    data = json.dumps(root).encode()
    (made.volume / "root.json").write_bytes(data)
    (made.volume / "root.json.asc").write_bytes(made.keys["bundle"].sign(data, clear=False, moment=int(made.now)))
    with pytest.raises(BundleError, match=r"has the version of the one in the depot, \d+, but another content"):
        made.publish()


def test_an_object_damaged_on_the_way(made: Side) -> None:
    victim = max((made.volume / "objects").rglob("*/*/*"), key=lambda path: path.stat().st_size)
    data = victim.read_bytes()
    victim.unlink()
    victim.write_bytes(b"X" + data[1:])
    with pytest.raises(BundleError, match=r"is damaged or was changed: it has \d+ bytes with sha256"):
        made.publish()
    assert not current(made).exists()
    victim.write_bytes(data)
    assert made.publish().generation == 1


def test_killed_before_the_switch(made: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    made.publish()
    update(made, "1:2.0-1")
    real = os.replace

    def die(source: Any, target: Any) -> None:
        if str(target).endswith("current"):
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        made.publish()
    monkeypatch.undo()
    assert os.readlink(current(made)) == "generations/1"
    (made.top / "depot/generations/.building").mkdir()
    assert made.publish().generation == 2
    assert os.readlink(current(made)) == "generations/2"
    assert sorted(os.listdir(made.top / "depot/generations")) == [".newest", "1", "2"]


def test_a_store_that_lost_an_object(made: Side) -> None:
    made.publish()
    next((made.top / "depot/store/objects").rglob("*/*/*")).unlink()
    with pytest.raises(BundleError, match=r"The store lacks 1 of the objects needed"):
        made.depot().publish([], made.ring, now=made.now)
    result = made.publish()
    assert (result.changed, result.objects_copied, result.generation) == (True, 1, 2)


def test_a_published_file_that_was_damaged(made: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store and the generation have it in common: linked once more it would be served for ever after."""
    made.publish()
    (package,) = current(made).glob("apt/debian-12/pool/app_*.deb")
    whole = package.read_bytes()
    package.chmod(0o644)
    package.write_bytes(whole[:100])
    with monkeypatch.context() as patched:
        patched.setattr(Maker, "make", killed)
        with pytest.raises(KeyboardInterrupt):
            made.publish()
    assert made.depot().publish([], made.ring, now=made.now, check=True).changed
    result = made.publish()
    assert (result.changed, result.generation) == (True, 2)
    (package,) = current(made).glob("apt/debian-12/pool/app_*.deb")
    assert package.read_bytes() == whole
    assert not made.publish().changed


def killed(*_args: Any, **_more: Any) -> None:
    raise KeyboardInterrupt


def test_a_new_key_signs_everything_anew(made: Side) -> None:
    made.publish()
    result = made.publish(key=made.keys["stranger"])
    assert (result.changed, result.generation) == (True, 2)
    assert (current(made) / "depot-key.asc").read_bytes() == made.keys["stranger"].public_key()


def test_without_a_key_nothing_is_published(made: Side) -> None:
    with pytest.raises(BundleError, match=r"A depot signs what it publishes: give it a signing key"):
        made.publish(key=None)


def test_without_media_there_has_to_be_something(made: Side) -> None:
    with pytest.raises(BundleError, match=r"holds nothing yet, and no media are given"):
        made.depot().publish([], made.ring, now=made.now)


def test_an_expired_medium(made: Side) -> None:
    with pytest.raises(BundleError, match=r"expired on"):
        made.publish(now=made.now + 91 * 86400)


def test_a_manifest_of_another_format(made: Side) -> None:
    made.publish()
    (current(made) / "manifest.json").write_text('{"format": 2}')
    with pytest.raises(BundleError, match=r"manifest.json is not of format 1"):
        made.publish()


def test_several_bundles_are_one_depot(made: Side) -> None:
    made.upstream.add("tool")
    tools = other_bundle(made, "tool", "app", files=[made.file("notes.txt", b"notes")])
    made.publish()
    result = made.publish(tools)
    assert (result.generation, sorted(result.bundles)) == (2, ["site", "tools"])
    pool = sorted(os.listdir(current(made) / "apt/debian-12/pool"))
    assert pool == ["app_1.0-2_amd64.deb", "tool_1.0_amd64.deb"]
    assert sorted(os.listdir(current(made) / "files/files")) == ["notes.txt", "server.tar.gz"]
    assert made.publish(made.volume, tools).changed is False


def test_a_repository_that_is_new(made: Side) -> None:
    made.publish()
    made.publish(other_bundle(made, "app", name="another"))
    assert sorted(os.listdir(current(made) / "apt")) == ["another", "debian-12"]


def bundles_that_clash(made: Side, tools: Path) -> None:
    made.publish()
    before = sorted(str(path) for path in current(made).rglob("*"))
    with pytest.raises(BundleError, match=r"Two bundles bring"):
        made.publish(tools)
    assert sorted(str(path) for path in current(made).rglob("*")) == before


def test_two_bundles_with_different_files_for_one_place(made: Side) -> None:
    other = made.file("other", b"other")
    bundles_that_clash(made, other_bundle(made, files=[{**other, "destination": "files/server.tar.gz"}]))


def test_two_bundles_with_one_repository_of_different_releases(made: Side) -> None:
    made.upstream.suites["trixie"] = []
    made.upstream.release["trixie"] = {}
    made.upstream.add("app", "9", suite="trixie")
    key = made.top / "key.asc"
    key.write_bytes(made.keys["archive"].public_key())
    source = {"uri": f"{made.web.url}/debian", "suites": ["trixie"], "components": ["main"], "signed_by": str(key)}
    bundles_that_clash(made, other_bundle(made, "app", release="trixie", sources=[source]))


def test_two_bundles_with_different_packages_of_one_name(made: Side) -> None:
    shutil.rmtree(made.upstream.root / "debian")
    made.upstream.suites = {"bookworm": [], "bookworm-security": []}
    made.upstream.add("app", "1.0-2")  # the same file name without the epoch
    bundles_that_clash(made, other_bundle(made, "app"))


def test_one_file_name_cannot_stand_for_two_packages(tmp_path: Path, keys: Dict[str, SigningKey]) -> None:
    """The name of a file has no epoch. No apt installs both, but a lock is only a file."""
    store = Store(str(tmp_path / "store"))
    items = tuple(
        Item("apt", name, 1, sha256 * 64, "", "", version, "debian-12", "amd64")
        for name, sha256, version in (("app", "a", "1:2.0"), ("app", "b", "2.0"), ("lib", "c", "1.0"))
    )
    text = "\n".join(
        f"Package: {item.name}\nVersion: {item.version}\nArchitecture: amd64\nSHA256: {item.sha256}\nSize: 1\n"
        for item in items
    )
    stanzas = store.add_bytes(text.encode())
    repository = Repository("debian-12", "bookworm", "amd64", ("app",), stanzas)
    lock = Lock("site", "", 1, "2026-01-01T00:00:00Z", 1, "", (repository,), (), items)
    tree = Tree(str(tmp_path / "tree"), store, keys["depot"], 0, None)
    with pytest.raises(BundleError, match="site brings different packages of one file name for debian-12"):
        apt.publish(tree, [Held(lock, {}, {})])

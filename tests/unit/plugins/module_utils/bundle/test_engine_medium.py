# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A medium that somebody had in hands: every change to it is refused, and named."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import manifest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fsutil import sha256_bytes
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.manifest import Index, Root
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.medium import find_volumes, inspect
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import Keyring
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

DAY = 86400


@pytest.fixture
def made(side: Side) -> Side:
    side.upstream.add("app")
    side.bundle("app")
    for path in side.volume.rglob("*"):
        if path.is_file():  # a copy, as on a medium: tests write into it
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(data)
    return side


def look(side: Side, **more: Any) -> Any:
    return inspect([str(side.volume)], more.pop("ring", side.ring), now=more.pop("now", side.now), **more)


def objects(side: Side) -> list:
    return sorted((side.volume / "objects").rglob("*/*/*"), key=lambda path: path.stat().st_size)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def test_a_good_one(made: Side) -> None:
    found = look(made)
    assert found.missing_volumes == []
    volume = found.volumes[0]
    assert volume.signers == (made.keys["bundle"].fingerprint,)
    assert [item.name for item in volume.lock.items] == ["app"]
    assert look(made, full=False).volumes[0].root == volume.root
    assert manifest.describe(volume.root)["volumes"] == ["volume-001"]


def test_it_can_be_named_in_several_ways(made: Side) -> None:
    for path in (made.volume, made.volume.parent, made.volume.parent.parent):
        assert find_volumes(str(path)) == [str(made.volume)]
    assert find_volumes(f"{made.volume}/") == [str(made.volume)]
    renamed = made.volume.rename(made.volume.parent / "disc [1]")
    for path in (renamed, renamed.parent, renamed.parent.parent):
        assert find_volumes(str(path)) == [str(renamed)]
    second = made.volume.parent.parent / "second"
    shutil.copytree(renamed, second)
    assert find_volumes(str(second.parent)) == sorted([str(renamed), str(second)]), "at both levels"
    with pytest.raises(BundleError, match=r"There is no bundle at .* Is the medium mounted\?"):
        find_volumes(str(made.top / "depot"))


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (lambda side: flip(objects(side)[-1]), r"damaged: objects/sha256/"),
        (lambda side: objects(side)[-1].write_bytes(b"short"), r"damaged: objects/sha256/"),
        (lambda side: objects(side)[0].unlink(), r"missing: objects/sha256/"),
        (lambda side: (side.volume / "objects/extra").write_bytes(b"x"), r"unexpected: objects/extra"),
        (
            lambda side: (side.volume / ".hidden").mkdir() or (side.volume / ".hidden/x").touch(),
            r"unexpected: .hidden/x",
        ),
        (lambda side: swap_for_link(objects(side)[-1]), r"unexpected: objects/sha256/"),
        (lambda side: os.mkfifo(side.volume / "pipe"), r"unexpected: pipe"),
        (lambda side: flip(side.volume / "dists/debian-12/InRelease"), r"damaged: dists/debian-12/InRelease"),
        (lambda side: flip(side.volume / "root.json"), r"The signature of .*root.json is not good for any key"),
        (lambda side: flip(side.volume / "root.json.asc"), r"root.json|holds no OpenPGP data|is damaged"),
        (lambda side: (side.volume / "root.json.asc").unlink(), r"Cannot read .*root.json.asc: No such file"),
        (lambda side: (side.volume / "root.json.asc").write_bytes(b""), r"holds no OpenPGP data"),
        (lambda side: flip(side.volume / "index.json"), r"index.json is damaged, or of another bundle"),
        (lambda side: (side.volume / "index.json").unlink(), r"Cannot read .*index.json"),
        (lambda side: flip(side.volume / "lock.json"), r"lock.json is damaged: the signed root names another content"),
        (lambda side: swap_for_link(side.volume / "root.json"), r"root.json is a symbolic link"),
        (lambda side: swap_for_link(side.volume / "lock.json"), r"lock.json is a symbolic link"),
    ],
)
def test_what_was_changed_is_named(made: Side, tamper: Callable[[Side], Any], said: str) -> None:
    tamper(made)
    with pytest.raises(BundleError, match=said):
        look(made)
    with pytest.raises(BundleError):
        made.publish()
    assert not (made.top / "depot/current").exists()


def swap_for_link(path: Path) -> None:
    aside = path.parent.parent.parent.parent.parent.parent / "aside"
    shutil.move(str(path), str(aside))
    path.symlink_to(aside)


def test_a_whole_directory_swapped_for_a_link(made: Side) -> None:
    shutil.move(str(made.volume / "objects"), str(made.top / "aside"))
    (made.volume / "objects").symlink_to(made.top / "aside")
    with pytest.raises(BundleError, match=r"unexpected: objects"):
        look(made)


def test_many_pieces_are_summed_up(made: Side) -> None:
    for number in range(8):
        (made.volume / f"x{number}").touch()
    with pytest.raises(BundleError, match=r"unexpected: x0, x1, x2, x3, x4 and 3 more"):
        look(made)


def test_quick_finds_all_but_what_only_a_hash_shows(made: Side) -> None:
    flip(objects(made)[-1])
    assert look(made, full=False)
    flip(made.volume / "dists/debian-12/InRelease")
    with pytest.raises(BundleError, match=r"damaged: dists"):
        look(made, full=False)


def test_a_stranger_who_signs_again(made: Side) -> None:
    with pytest.raises(BundleError, match=r"is not good for any key of the stranger.*No public key"):
        look(made, ring=Keyring([made.keys["stranger"].public_key()], what="the stranger"))
    sign(made, (made.volume / "root.json").read_bytes(), "stranger")
    with pytest.raises(BundleError, match=r"No public key"):
        look(made)


def test_an_expired_one(made: Side) -> None:
    assert look(made, now=made.now + 89 * DAY)
    with pytest.raises(
        BundleError, match=r"The bundle site at .* expired on .* Bring a newer one, or allow expired bundles"
    ):
        look(made, now=made.now + 91 * DAY)
    assert look(made, now=made.now + 91 * DAY, allow_expired=True)


def sign(side: Side, root: bytes, key: str = "bundle") -> None:
    (side.volume / "root.json").write_bytes(root)
    signature = side.keys[key].sign(root, clear=False, moment=int(side.now))
    (side.volume / "root.json.asc").write_bytes(signature)


def resign(side: Side, change: Callable[[dict], Any]) -> None:
    """What an insider with the key could make: the parser has to hold as well."""
    root = json.loads((side.volume / "root.json").read_bytes())
    change(root)
    sign(side, json.dumps(root).encode())


def resign_index(side: Side, change: Callable[[dict], Any]) -> None:
    index = json.loads((side.volume / "index.json").read_bytes())
    change(index)
    data = json.dumps(index).encode()
    (side.volume / "index.json").write_bytes(data)
    resign(side, lambda root: root["volumes"][0].update(index=sha256_bytes(data)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root: root.update(format=9), r"is not of format 1"),
        (lambda root: root.update(base="b" * 64, base_version=root["version"]), r"a value in it is of the wrong kind"),
        (lambda root: root.update(name="../x"), r"a value in it is of the wrong kind"),
        (lambda root: root.update(name=7), r"is not a bundle's root"),
        (lambda root: root.update(version="9"), r"a value in it is of the wrong kind"),
        (lambda root: root.update(version=True), r"a value in it is of the wrong kind"),
        (lambda root: root.update(lock="x"), r"a value in it is of the wrong kind"),
        (lambda root: root.update(volumes=[]), r"a value in it is of the wrong kind"),
        (lambda root: root["volumes"][0].update(name="../x"), r"a value in it is of the wrong kind"),
        (lambda root: root["volumes"][0].update(name="a/b"), r"a value in it is of the wrong kind"),
        (lambda root: root.pop("volumes"), r"is not a bundle's root"),
        (lambda root: root.update(more=1), r"is not a bundle's root"),
        (lambda root: root.update(expires="soon"), r"has 'soon' where a time such as"),
        (
            lambda root: root["volumes"][0].update(name="volume-002"),
            r"The index of .* is of another bundle than its root",
        ),
    ],
)
def test_a_root_that_is_signed_and_nonsense(made: Side, change: Callable[[dict], Any], said: str) -> None:
    resign(made, change)
    with pytest.raises(BundleError, match=said):
        look(made)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda index: index["files"].append(["../../etc/passwd", "a" * 64, 1]),
            r"names the path '../../etc/passwd', which leads",
        ),
        (lambda index: index["files"].append(["/etc/passwd", "a" * 64, 1]), r"names the path '/etc/passwd'"),
        (lambda index: index["files"].append(["objects/x", "a" * 64, 1]), r"names the path 'objects/x'"),
        (lambda index: index["objects"].append(["../x", 1]), r"names '../x' with size 1, which is no object"),
        (lambda index: index["objects"].append(["a" * 64, -1]), r"which is no object"),
        (lambda index: index["objects"].append("x"), r"is not the index of a volume"),
        (lambda index: index.pop("files"), r"is not the index of a volume"),
        (lambda index: index.update(version=1), r"is of another bundle than its root"),
        (lambda index: index["objects"].append(["a" * 64, 1]), r"missing: objects/sha256/aa/a"),
    ],
)
def test_an_index_that_is_signed_and_nonsense(made: Side, change: Callable[[dict], Any], said: str) -> None:
    resign_index(made, change)
    with pytest.raises(BundleError, match=said):
        look(made)


def test_a_root_of_another_name_than_its_lock(made: Side) -> None:
    """A depot would keep it under one name and look for it under the other, for ever after."""
    resign_index(made, lambda index: index.update(bundle="other"))
    resign(made, lambda root: root.update(name="other"))
    with pytest.raises(BundleError, match=r"is the lock of site, version \d+, but its root is that of other, version"):
        made.publish()
    assert not (made.top / "depot/current").exists()


def test_two_bundles_at_one_place(made: Side) -> None:
    other = made.top / "out/other/volume-001"
    shutil.copytree(made.volume, other)
    assert len(inspect([made.output], made.ring, now=made.now).volumes) == 2
    made.bom["description"] = "another version"
    made.lock(now=made.now + 9)
    made.pack()
    with pytest.raises(
        BundleError, match=r"The media hold different versions of the bundle site \(version .*\); give one"
    ):
        inspect([made.output], made.ring, now=made.now)


def test_a_volume_that_is_not_there(made: Side) -> None:
    resign(
        made, lambda root: root["volumes"].append({"name": "volume-002", "index": "b" * 64, "objects": 0, "bytes": 0})
    )
    assert look(made).missing_volumes == ["volume-002"]


def test_a_bundle_of_a_maker_who_has_no_sbom(made: Side) -> None:
    resign(made, lambda root: root.update(sbom="", contents=""))
    assert set(look(made).documents) == {"root.json", "root.json.asc", "lock.json"}


def test_what_is_written_is_read() -> None:
    index = Index("b", 1, "v", {"a" * 64: 1}, {"lock.json": ("b" * 64, 2)})
    assert Index.parse(index.dump(), "it") == index
    root = Root(
        "b", 1, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "a" * 64, (manifest.Volume("v", "b" * 64, 1, 2),)
    )
    assert Root.parse(root.dump(), "it") == root

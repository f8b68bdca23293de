# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store that rots: what is damaged is found by its hash, told by name, and healed by giving the media again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import fsutil
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.depot import Depot, DepotResult
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.faults import Need, _note
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.feed import OtherDepot
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fsutil import sha256_bytes
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.holdings import Holdings
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import Item, Lock
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.store import Store
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from ansible_collections.fieldops.mattermost.tests.unit.volumes_side import Volumes

DAY = 86400
OLD, NEW, SAME = b"the first manual", b"the second manual", b"the same in both"


@pytest.fixture
def made(side: Side) -> Side:
    """A depot with two generations, and the volumes of both at old/ and new/."""
    for number, text in enumerate((OLD, NEW)):
        side.bom = {"name": "site", "files": [side.file("manual", text), side.file("notes", SAME)]}
        side.lock(now=side.now + number * 60)
        side.pack()
        shutil.copytree(side.volume, side.top / ("new" if number else "old"))
        side.publish(keep=0, now=side.now + number * 60)
    return side


def stored(side: Side, data: bytes, depot: str = "depot") -> Path:
    digest = sha256_bytes(data)
    return side.top / depot / "store/objects/sha256" / digest[:2] / digest


def rot(path: Path) -> None:
    """One bit, in place: name, size and links stay as they are."""
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(data))


def publish(side: Side, *names: str, verify: bool = True, **more: Any) -> DepotResult:
    depot = Depot(str(side.top / "depot"), key=side.keys["depot"], prove="never", keep=0, verify=verify)
    return depot.publish([str(side.top / name) for name in names], side.ring, now=side.now + 60, **more)


def keeper(side: Side) -> Depot:
    return Depot(str(side.top / "depot"), key=side.keys["depot"], prove="never", keep=0, verify=True)


def faults(side: Side, *, full: bool = True, depot: str = "depot") -> List[Dict[str, Any]]:
    return Holdings(str(side.top / depot)).told(full=full)["faults"]


def files(side: Side) -> Dict[str, Any]:
    found = [path for path in (side.top / "depot").rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in found}


def served(side: Side, name: str) -> bytes:
    return (side.top / "depot/current/files/files" / name).read_bytes()


def test_what_is_whole(made: Side) -> None:
    assert faults(made) == []
    assert not publish(made, "new").changed


@pytest.mark.parametrize(
    ("data", "generations", "item"),
    [(OLD, [1], "file manual"), (NEW, [2], "file manual"), (SAME, [1, 2], "file notes")],
)
def test_what_is_damaged_is_told(made: Side, data: bytes, generations: List[int], item: str) -> None:
    rot(stored(made, data))
    before = files(made)
    (row,) = faults(made)
    assert (row["sha256"], row["size"], row["state"]) == (sha256_bytes(data), len(data), "damaged")
    assert (row["generations"], row["items"], len(row["bundles"])) == (generations, [item], len(generations))
    assert row["text"].startswith(f"Object {row['sha256']} ({item}) is damaged; generation {generations[0]}")
    assert faults(made, full=False) == [], "only a hash shows it"
    assert files(made) == before, "nothing is changed"


def test_what_is_missing_or_short_needs_no_hash(made: Side) -> None:
    stored(made, OLD).unlink()
    stored(made, NEW).chmod(0o644)
    stored(made, NEW).write_bytes(NEW[:5])
    states = {row["sha256"]: (row["state"], row["generations"]) for row in faults(made, full=False)}
    assert states == {sha256_bytes(OLD): ("missing", [1]), sha256_bytes(NEW): ("damaged", [2])}


def test_a_disk_that_does_not_give_it_back(made: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[[str], Any] = fsutil.sha256_file

    def read(path: str) -> Any:
        if path == str(stored(made, NEW)):
            raise OSError(5, "Input/output error")
        return real(path)

    monkeypatch.setattr(fsutil, "sha256_file", read)
    assert [row["sha256"] for row in faults(made)] == [sha256_bytes(NEW)]


def test_given_again_it_is_healed(made: Side) -> None:
    for data in (NEW, SAME):
        rot(stored(made, data))
    assert served(made, "manual") != NEW, "the published file is the same one"
    assert not publish(made, "new", verify=False).changed, "by name and size all is well"
    told = publish(made, "new", check=True)
    assert (told.changed, told.objects_copied, len(faults(made))) == (True, 2, 2)
    depot = keeper(made)
    result = depot.publish([str(made.top / "new")], made.ring, now=made.now + 60)
    assert (result.changed, result.objects_copied, result.generation) == (True, 2, 3)
    assert depot.store.has(sha256_bytes(NEW), len(NEW)), "it is believed again"
    assert (served(made, "manual"), served(made, "notes")) == (NEW, SAME)
    assert faults(made) == [] and not publish(made, "new").changed


def test_without_the_medium_it_fails_and_changes_nothing(made: Side) -> None:
    rot(stored(made, NEW))
    before = files(made)
    with pytest.raises(
        BundleError, match=r"lacks 1 of the objects needed, or has them damaged; .* media of their bundles"
    ):
        publish(made)
    assert files(made) == before


def test_an_older_generation_is_healed_by_its_own_medium(made: Side) -> None:
    with pytest.raises(BundleError, match=r"does not go back"):
        publish(made, "old")
    rot(stored(made, OLD))
    depot = keeper(made)
    with pytest.raises(BundleError, match=r"lacks 1 of the objects needed"):
        depot.roll_back(1, now=made.now)
    with pytest.raises(BundleError, match=r"does not go back"):
        publish(made, "old", verify=False)
    told = publish(made, "old", check=True)
    assert (told.changed, told.objects_copied, told.bytes_copied) == (True, 1, len(OLD))
    assert len(faults(made)) == 1
    result = publish(made, "old")
    assert (result.changed, result.objects_copied, result.generation) == (True, 1, 2)
    assert served(made, "manual") == NEW, "nothing of it is published"
    assert faults(made) == []
    with pytest.raises(BundleError, match=r"does not go back"):
        publish(made, "old")
    assert depot.roll_back(1, now=made.now).generation == 3
    assert served(made, "manual") == OLD


def test_an_older_medium_heals_what_both_have(made: Side) -> None:
    rot(stored(made, SAME))
    told = publish(made, "old", check=True)
    assert told.objects_copied == 1, "counted once"
    result = publish(made, "old")
    assert (result.objects_copied, result.generation) == (1, 3)
    assert (served(made, "manual"), served(made, "notes")) == (NEW, SAME)


def test_an_older_medium_that_does_not_have_it(made: Side) -> None:
    rot(stored(made, NEW))
    with pytest.raises(BundleError, match=r"does not go back"):
        publish(made, "old")


def test_healed_from_another_depot(made: Side) -> None:
    other = OtherDepot(str(made.top / "depot"))
    second = Depot(str(made.top / "second"), key=made.keys["stranger"], prove="never", verify=True)
    second.publish([], made.ring, now=made.now + 60, other=other)
    assert not second.publish([], made.ring, now=made.now + 60, other=other).changed
    rot(stored(made, NEW, "second"))
    result = second.publish([], made.ring, now=made.now + 60, other=other)
    assert (result.changed, result.objects_copied) == (True, 1)
    assert stored(made, NEW, "second").read_bytes() == NEW and faults(made, depot="second") == []


def test_what_waits_is_looked_at_too(side: Side) -> None:
    volumes = Volumes(side)
    volumes.make()
    names = volumes.names()
    media = [volumes.medium(name) for name in names]
    side.publish(*media[:-1])
    assert faults(side) == [], "what has not come yet is no fault"
    victim = max((side.top / "depot/store/objects").rglob("*/*/*"), key=lambda path: path.stat().st_size)
    rot(victim)
    (row,) = faults(side)
    assert (row["sha256"], row["generations"]) == (victim.name, [])
    assert "; what waits for more volumes needs it. It came with a bundle site " in row["text"]
    side.publish(*media, verify=True)
    assert faults(side) == [] and os.readlink(side.top / "depot/current") == "generations/1"


def test_the_list_carried_back_leaves_out_what_is_damaged(made: Side) -> None:
    holdings = Holdings(str(made.top / "depot"))
    assert sha256_bytes(NEW) in holdings.have_list().objects
    rot(stored(made, NEW))
    holdings.told(full=True)
    assert sha256_bytes(NEW) not in holdings.have_list().objects


def test_what_comes_in_again_is_believed_again(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    for number, put in enumerate((store.add_bytes, by_file(store, tmp_path), by_part(store, tmp_path))):
        data = b"object %d" % number
        digest = store.add_bytes(data)
        rot(Path(store.path(digest)))
        assert store.has(digest, len(data))
        store.check(store.names())
        assert not store.has(digest, len(data))
        put(data)
        assert store.has(digest, len(data)) and store.read(digest) == data


def by_file(store: Store, top: Path) -> Callable[[bytes], object]:
    def put(data: bytes) -> None:
        (top / "file").write_bytes(data)
        assert store.add_file(str(top / "file"), sha256=sha256_bytes(data), size=len(data))

    return put


def by_part(store: Store, top: Path) -> Callable[[bytes], object]:
    def put(data: bytes) -> None:
        (top / "part").write_bytes(data)
        store.adopt(str(top / "part"), sha256_bytes(data))

    return put


def test_layers_are_told_by_their_image() -> None:
    item = Item("blob", "sha256:" + "a" * 64, 3, "a" * 64, "", "", why="quay.io/a/b:1")
    needs: Dict[str, Need] = {}
    _note(needs, Lock("site", "", 7, "2026-11-23T12:42:33Z", 90, "", items=(item,)))
    assert needs["a" * 64].items == {"image quay.io/a/b:1"}

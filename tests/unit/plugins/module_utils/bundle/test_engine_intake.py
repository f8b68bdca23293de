# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way into a depot: volumes one at a time and in any order, deltas on what is there, and what is refused at the door."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any, Dict, List, Set

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.depot import DepotResult
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.have_list import HaveList
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.holdings import Holdings
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import Keyring
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from ansible_collections.fieldops.mattermost.tests.unit.volumes_side import Volumes, tree

DAY = 86400


@pytest.fixture
def made(side: Side) -> Volumes:
    made = Volumes(side)
    made.make()
    return made


def publish(made: Volumes, *names: str, **more: Any) -> DepotResult:
    """With these volumes and no others."""
    return made.side.publish(*(made.medium(name) for name in names), **more)


def current(made: Volumes) -> Path:
    return made.side.top / "depot/current"


def served(made: Volumes) -> Dict[str, bytes]:
    files = tree(current(made) / "files")
    assert set(files) == {f"files/{name}" for name in made.files}
    assert all(files[f"files/{name}"] == data for name, data in made.files.items())
    return tree(current(made) / "apt")


def stored(made: Volumes) -> Set[str]:
    return {path.name for path in (made.side.top / "depot/store").rglob("*") if path.is_file()}


def pieces(made: Volumes) -> List[Path]:
    return [path for path in (made.side.top / "depot/store/pieces").rglob("*") if path.is_file()]


@pytest.mark.parametrize("seed", range(4))
def test_volumes_one_at_a_time_in_any_order(made: Volumes, seed: int) -> None:
    names = made.names()
    random.Random(seed).shuffle(names)
    for count, name in enumerate(names[:-1], 1):
        result = publish(made, name)
        assert (result.changed, result.generation, result.objects_copied > 0) == (True, 0, True)
        (row,) = result.incomplete
        assert row["volumes"] == sorted(names[:count]) and row["missing_volumes"] == sorted(names[count:])
        assert row["missing_objects"] > 0 and row["missing_bytes"] > 0
        assert row["text"].startswith(f"{count} of {len(names)} volumes of the bundle site, version ")
        again = publish(made, name)
        assert (again.changed, again.objects_copied) == (False, 0), "the same volume again is no news"
        assert not current(made).exists()
    result = publish(made, names[-1])
    assert (result.changed, result.generation, result.incomplete) == (True, 1, [])
    assert served(made)
    assert pieces(made) == [] and os.listdir(made.side.top / "depot/incoming") == []
    assert not publish(made, names[0]).changed, "a part of what is published already is no news"


def test_the_sentence(made: Volumes) -> None:
    names = made.names()
    text = publish(made, *names[:1], *names[2:]).incomplete[0]["text"]
    assert text.startswith(f"{len(names) - 1} of {len(names)} volumes of the bundle site")
    assert text.endswith("are here; volume-002 is missing. Nothing of it is published before that: run again with it.")


def test_check_mode_takes_nothing_in(made: Volumes) -> None:
    names = made.names()
    told = publish(made, names[0], check=True, key=None)
    assert told.changed and told.objects_copied > 0 and told.incomplete[0]["volumes"] == [names[0]]
    assert not (made.side.top / "depot").exists()


def test_an_update_in_parts_leaves_what_is_published(made: Volumes) -> None:
    publish(made, *made.names())
    before = served(made)
    old = dict(made.files)
    made.add("large", 900_000, seed="new")
    made.make(later=60)
    shutil.rmtree(made.side.top / "media")
    names = made.names()
    result = publish(made, *names[:-1])
    assert (result.changed, result.generation) == (True, 1)
    assert tree(current(made) / "apt") == before
    page = (current(made) / "index.html").read_text()
    assert "Not complete yet" in page and names[-1] in page
    told = Holdings(str(made.side.top / "depot")).told()
    assert told["incomplete"][0]["missing_volumes"] == [names[-1]] and told["generation"] == 1
    made.files, fresh = old, made.files
    served(made)
    made.files = fresh
    assert publish(made, names[-1]).generation == 2
    assert served(made) and "Not complete yet" not in (current(made) / "index.html").read_text()


def test_a_newer_version_takes_the_place_of_what_waits(made: Volumes) -> None:
    first = made.names()
    for name in first:
        made.medium(name)
    publish(made, first[0])
    publish(made, *[name for name in first if any(made.path.glob(f"{name}/objects/pieces/*"))][:1])
    old = made.side.top / "media"
    old.rename(made.side.top / "old-media")
    made.add("large", 900_000, seed="new")
    made.make(later=60)
    names = made.names()
    result = publish(made, names[0])
    assert result.incomplete[0]["volumes"] == [names[0]] and len(result.incomplete) == 1
    with pytest.raises(
        BundleError, match=r"brings a part of the bundle site, version \d+, but the depot waits for volume-002"
    ):
        made.side.publish(made.side.top / "old-media" / first[1])
    result = publish(made, *names)
    assert (result.generation, result.incomplete, pieces(made)) == (1, [], [])
    with pytest.raises(BundleError, match=r"does not go back"):
        made.side.publish(made.side.top / "old-media" / first[1])


def test_what_waits_is_not_pruned(made: Volumes, tmp_path: Path) -> None:
    publish(made, *made.names())
    made.add("large", 900_000, seed="new")
    made.make(later=60)
    shutil.rmtree(made.side.top / "media")
    names = made.names()
    publish(made, *names[:-1])
    plan = made.side.depot(keep=1).plan(str(tmp_path / "plan"))[1]
    assert (plan.numbers, plan.objects) == ([], ())
    assert len(plan.waiting) == 1
    publish(made, names[-1], keep=1)
    with pytest.raises(BundleError, match=r"The depot has changed since"):
        made.side.depot(keep=1).prune(str(tmp_path / "plan"))


def test_killed_while_another_version_took_the_place(made: Volumes) -> None:
    names = made.names()
    publish(made, names[0])
    waiting = made.side.top / "depot/incoming/site"
    for name, data in (("lock.json", b"{}"), ("volumes.json", b"[]"), ("root.json", b"")):
        (waiting / name).write_bytes(data)
        result = publish(made, names[1])
        assert result.incomplete[0]["volumes"] == [names[1]], "what is not readable is forgotten"
    assert publish(made, *names[2:]).generation == 1, "but the objects are there"


def test_an_object_of_what_waits_that_got_lost(made: Volumes) -> None:
    names = made.names()
    publish(made, *names[:-1])
    shutil.rmtree(made.side.top / "depot/store/objects")
    with pytest.raises(
        BundleError, match=r"The bundle site is not complete: \d+ of its objects are neither on the media nor"
    ):
        publish(made, names[-1])
    assert publish(made, *names).generation == 1


def test_a_damaged_piece(made: Volumes) -> None:
    names = [name for name in made.names() if any(made.path.glob(f"{name}/objects/pieces/*/*"))]
    victim = next((made.medium(names[0])).rglob("objects/pieces/*/*"))
    data = victim.read_bytes()
    victim.unlink()
    victim.write_bytes(b"X" + data[1:])
    with pytest.raises(BundleError, match=r"is damaged"):
        publish(made, names[0])
    assert pieces(made) == []


def test_a_piece_that_is_damaged_while_it_waits(made: Volumes) -> None:
    """It comes in again on its volume; nobody has to remove it by hand."""
    names = made.names()
    publish(made, *names[:-1])
    victim = pieces(made)[0]
    data = victim.read_bytes()
    victim.chmod(0o644)
    victim.write_bytes(b"X" + data[1:])
    with pytest.raises(
        BundleError, match=r"Pieces of object \w+ that came on earlier media were damaged .* are removed\."
    ):
        publish(made, names[-1])
    assert not victim.exists() and not current(made).exists()
    assert publish(made, *names[:-1]).generation == 0
    assert publish(made, names[-1]).generation == 1
    assert served(made)


def test_a_medium_that_is_damaged_is_not_taken_for_what_waits(made: Volumes) -> None:
    names = [name for name in made.names() if any(made.path.glob(f"{name}/objects/pieces/*/*"))]
    others = [name for name in made.names() if name != names[-1]]
    publish(made, *others)
    before = pieces(made)
    victim = next(made.medium(names[-1]).rglob("objects/pieces/*/*"))
    data = victim.read_bytes()
    victim.unlink()
    victim.write_bytes(b"X" + data[1:])
    with pytest.raises(BundleError, match=rf"{victim} is damaged: its object \w+ does not come together"):
        publish(made, names[-1])
    assert pieces(made) == before != []
    victim.write_bytes(data)
    assert publish(made, names[-1]).generation == 1


def test_pieces_of_another_cut_are_not_in_the_way(made: Volumes) -> None:
    """The same object, cut for media of another size: what is kept of the first cut fits nothing of the second."""
    made.add("more", 1000)
    made.make(later=60, volume_size=520_000)
    publish(made, next(name for name in made.names() if any(made.path.glob(f"{name}/objects/pieces/*/1"))))
    kept = {path.name for path in pieces(made)}
    made.add("more", 2000)
    made.make(later=120)
    shutil.rmtree(made.side.top / "media")
    names, seen = made.names(), []
    for name in names[:-1]:
        assert publish(made, name).generation == 0
        seen.append({path.name for path in pieces(made)})
    assert any(kept < there for there in seen), "both cuts are there"
    assert publish(made, names[-1]).generation == 1
    assert served(made)


def list_of(made: Volumes) -> HaveList:
    path = str(made.side.top / "depot-list.json")
    Holdings(str(made.side.top / "depot")).write_list(path, made.side.keys["depot"])
    return HaveList.read(path, Keyring([made.side.keys["depot"].public_key()], what="the depot's key"))


def delta(made: Volumes, base: HaveList, *, later: int = 60) -> None:
    made.make(later=later, base=base)
    shutil.rmtree(made.side.top / "media", ignore_errors=True)


def test_a_delta_on_what_the_depot_has(made: Volumes) -> None:
    publish(made, *made.names())
    made.add("file-1", 92_000, seed="new")
    delta(made, list_of(made))
    assert made.names() == ["volume-001"]
    result = publish(made, *made.names())
    assert (result.generation, result.incomplete) == (2, [])
    assert result.bytes_copied < 150_000
    assert served(made)
    assert json.loads((current(made) / "bundles/site/root.json").read_text())["base"]


def test_a_delta_without_its_base(made: Volumes) -> None:
    publish(made, *made.names())
    told = list_of(made)
    made.add("file-1", 92_000, seed="new")
    delta(made, told)
    os.rename(made.side.top / "depot", made.side.top / "away")
    root = told.bundles["site"]["root"][:16]
    with pytest.raises(
        BundleError,
        match=rf"is a delta on version \d+ \(root {root}\), but this depot has no version of it: \d+ of its objects .* "
        r"Bring version \d+ first, or a complete bundle, or a delta made from this depot's own list",
    ):
        publish(made, *made.names())
    assert stored(made) == set(), "nothing was taken in"
    os.rename(made.side.top / "away", made.side.top / "depot-1")
    shutil.rmtree(made.side.top / "depot")
    os.rename(made.side.top / "depot-1", made.side.top / "depot")
    assert publish(made, *made.names()).generation == 2


def test_a_delta_on_another_version_than_the_depot_has(made: Volumes) -> None:
    publish(made, *made.names())
    os.rename(made.side.top / "depot", made.side.top / "behind")
    shutil.copytree(made.side.top / "behind", made.side.top / "depot", symlinks=True)
    made.add("file-1", 92_000, seed="second")
    made.make(later=60)
    shutil.rmtree(made.side.top / "media")
    publish(made, *made.names())
    base = list_of(made)
    made.add("file-2", 93_000, seed="third")
    delta(made, base, later=120)
    shutil.rmtree(made.side.top / "depot")
    os.rename(made.side.top / "behind", made.side.top / "depot")
    before = stored(made)
    with pytest.raises(
        BundleError,
        match=r"is a delta on version \d+ .*, but this depot has version \d+ \(root [0-9a-f]{16}\): 1 of its",
    ):
        publish(made, *made.names())
    assert stored(made) == before and os.readlink(current(made)) == "generations/1"


def test_two_have_to_sign(made: Volumes) -> None:
    side = made.side
    both = [side.keys["bundle"].public_key(), side.keys["stranger"].public_key()]
    side.ring = Keyring(both, what="both keys")
    with pytest.raises(BundleError, match=r"is signed by 1 of the 2 keys that have to sign it"):
        side.depot().publish([str(made.path)], side.ring, now=side.now, required_signers=2)
    assert not current(made).exists()
    side.publish(made.path)
    volume = made.path / made.names()[0]
    second = side.keys["stranger"].sign((volume / "root.json").read_bytes(), clear=False, moment=int(side.now))
    for name in made.names():
        signature = made.path / name / "root.json.asc"
        data = signature.read_bytes()
        signature.unlink()
        signature.write_bytes(data + second)
    result = side.depot().publish([str(made.path)], side.ring, now=side.now, required_signers=2)
    assert result.changed and len(result.bundles["site"]["signers"]) == 2, "the second signature is news"
    assert not side.publish(made.path).changed


def test_two_who_signed_one_volume_each(made: Volumes) -> None:
    """What is kept of it has both signatures: a depot that is fed from this one asks for two as well."""
    side, signature = made.side, made.path / made.names()[0] / "root.json.asc"
    both = [side.keys["bundle"].public_key(), side.keys["stranger"].public_key()]
    side.ring = Keyring(both, what="both keys")
    root = (signature.parent / "root.json").read_bytes()
    signature.unlink()
    signature.write_bytes(side.keys["stranger"].sign(root, clear=False, moment=int(side.now)))
    side.depot().publish([str(made.path)], side.ring, now=side.now, required_signers=2)
    kept = (current(made) / "bundles/site/root.json.asc").read_bytes()
    assert len(side.ring.verify_detached(root, kept, what="it")) == 2


@pytest.mark.parametrize(
    ("days", "said"),
    [(-365, r"The clock of this machine says .* Set the clock"), (365, r"expired on .* by this machine's clock")],
)
def test_a_clock_that_is_wrong_by_a_year(made: Volumes, days: int, said: str) -> None:
    publish(made, *made.names())
    made.add("file-1", 92_000, seed="new")
    made.make(later=60)
    shutil.rmtree(made.side.top / "media")
    before = stored(made)
    with pytest.raises(BundleError, match=said):
        publish(made, *made.names(), now=made.side.now + days * DAY)
    assert stored(made) == before and os.readlink(current(made)) == "generations/1"


def test_a_delta_whose_other_volumes_cannot_bring_what_lacks(made: Volumes) -> None:
    """Refused before anything is copied: the root tells how many objects are still to come."""
    publish(made, *made.names())
    told = list_of(made)
    made.add("new-1", 250_000)
    made.add("new-2", 250_000)
    delta(made, told)
    assert len(made.names()) > 1
    shutil.rmtree(made.side.top / "depot")
    with pytest.raises(BundleError, match=r"is a delta on version"):
        publish(made, made.names()[0])
    assert stored(made) == set()


def test_media_of_a_bundle_and_part_of_another(made: Volumes, tmp_path: Path) -> None:
    side = made.side
    kept = side.bom, side.lock_path
    side.bom = {"name": "tools", "files": [side.file("notes", b"notes")]}
    side.lock_path = str(side.top / "work/tools.lock.json")
    side.lock()
    side.pack()
    side.bom, side.lock_path = kept
    result = side.publish(Path(side.output) / "tools", made.medium(made.names()[0]))
    assert (result.generation, sorted(result.bundles)) == (1, ["tools"])
    assert [row["name"] for row in result.incomplete] == ["site"]
    assert "Not complete yet" in (current(made) / "index.html").read_text()
    result = publish(made, *made.names()[1:])
    assert (result.generation, sorted(result.bundles)) == (2, ["site", "tools"])

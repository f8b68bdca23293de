# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deltas: what the other side is known to hold stays at home, by its signed list or by a ledger that it acknowledges."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fsutil import sha256_bytes
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.have_list import HaveList
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.ledger import Ledger, Sent
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import Keyring
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.store import Store
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from ansible_collections.fieldops.mattermost.tests.unit.volumes_side import Volumes, tree
from hypothesis import given, settings
from hypothesis import strategies as some


@pytest.fixture
def made(side: Side) -> Volumes:
    """Version one is made; a package and a file are newer in version two."""
    made = Volumes(side)
    made.make()
    return made


def renew(made: Volumes) -> None:
    made.side.upstream.add("lib", "2", suite="bookworm-security")
    made.add("file-1", 77_000, seed="new")
    del made.files["file-2"]


def held(made: Volumes, path: Path) -> HaveList:
    return HaveList.read(str(path), Keyring([made.side.keys["depot"].public_key()], what="the depot's key"))


def test_what_a_list_names_stays_at_home(made: Volumes) -> None:
    before = made.inspect()
    base = held(made, made.list_of(before))
    renew(made)
    result = made.make(later=60, base=base)
    found = made.inspect()
    assert (result.base, result.base_version) == (before.root_sha256, before.root.version)
    assert (found.root.base, found.root.base_version) == (before.root_sha256, before.root.version)
    names = {item.sha256: item.name for item in found.lock.items}
    assert sorted(names[sha256] for sha256 in found.objects if sha256 in names) == ["file-1", "lib"]
    assert {piece.sha256 for piece in found.lock.kept_beside()} <= set(found.objects)
    assert result.objects_left_out == len(found.sizes) - len(found.objects) and result.bytes_left_out > 1_000_000
    assert made.names() == ["volume-001"]
    again = made.pack(base=base)
    assert not again.changed and not made.pack(base=base, check=True).changed
    assert result.root == again.root == found.root_sha256
    contents = found.documents["contents.txt"].decode()
    assert f"builds on  version {before.root.version}, root {before.root_sha256}" in contents
    assert "+S lib 2 amd64" in contents and "   app 1.0 amd64" in contents and "+  file-1" in contents


def test_what_enters_and_leaves_is_told_where_the_base_was_made_here(made: Volumes) -> None:
    base = held(made, made.list_of(made.inspect()))
    renew(made)
    result = made.make(later=60, base=base)
    told = {(change["change"], change["name"]): change for change in result.changes}
    assert set(told) == {("changed", "lib"), ("changed", "file-1"), ("removed", "file-2")}
    assert [change["security"] for change in told.values()].count(True) == 1
    text = (made.path / "changes.txt").read_text()
    assert "0 added, 2 changed, 1 removed; 1 security updates" in text
    assert re.search(r"changed lib [^\n]*1\.0 -> 2, [0-9.]+ kB[^\n]*, security", text)
    made.side.store = str(made.side.top / "another")
    elsewhere = made.pack(base=base)
    assert elsewhere.changes == [] and not (made.path / "changes.txt").exists()
    assert elsewhere.root == result.root


def test_a_depot_that_has_no_version_gets_everything(made: Volumes) -> None:
    base = held(made, made.list_of(made.inspect()))
    base = HaveList(base.depot, 1, base.created, {"other": {"version": 1, "root": "a" * 64}}, base.objects)
    result = made.pack(base=base)
    assert (result.base, result.objects_left_out, result.changed) == ("", 0, False)


def test_what_the_other_side_has_is_not_made_again(made: Volumes) -> None:
    before = tree(made.path)
    result = made.pack(base=held(made, made.list_of(made.inspect())))
    assert (result.acknowledged, result.changed, result.volumes) == (True, False, [])
    assert tree(made.path) == before


def test_an_older_lock_than_the_other_side_has(made: Volumes) -> None:
    first = Path(made.side.lock_path).read_bytes()
    renew(made)
    made.make(later=60)
    base = held(made, made.list_of(made.inspect()))
    Path(made.side.lock_path).write_bytes(first)
    with pytest.raises(BundleError, match=r"The other side has version .* already, which is newer than this lock"):
        made.pack(base=base)


def test_a_list_that_somebody_else_signed(made: Volumes) -> None:
    path = made.list_of(made.inspect(), key="stranger")
    with pytest.raises(
        BundleError, match=r"The signature of .*depot-list.json is not good for any key of the depot's key"
    ):
        held(made, path)
    path = made.list_of(made.inspect())
    path.write_bytes(path.read_bytes().replace(b'"generation": 1', b'"generation": 2'))
    with pytest.raises(BundleError, match=r"is not good"):
        held(made, path)
    with pytest.raises(BundleError, match=r"Cannot read .*nowhere"):
        held(made, path.parent / "nowhere")


def test_the_ledger_advances_only_when_it_is_acknowledged(made: Volumes) -> None:
    first = made.inspect().root
    renew(made)
    result = made.make(later=60, ledger=True)
    assert (result.base, result.objects_left_out) == ("", 0)  # nobody has said yet that the first one arrived
    result = made.pack(ledger=True, acknowledge=str(first.version))
    assert (result.changed, result.base_version) == (True, first.version)
    assert result.bytes_left_out > 1_000_000
    again = made.pack(ledger=True, acknowledge=str(first.version))
    assert (again.changed, again.root) == (False, result.root)
    made.add("file-3", 70_000, seed="third")
    third = made.make(later=120, ledger=True)
    assert third.base_version == first.version  # the second is not acknowledged: everything since the first travels
    names = {item.sha256: item.name for item in third.lock.items}
    there = [names[sha256] for sha256 in made.inspect().objects if sha256 in names]
    assert sorted(there) == ["file-1", "file-3", "lib"]
    final = made.pack(ledger=True, acknowledge=result.root)
    assert (final.base, final.base_version) == (result.root, result.lock.version)
    assert [item.name for item in final.lock.items if item.sha256 in made.inspect().objects] == ["file-3"]
    assert made.pack(ledger=True, acknowledge=final.root).acknowledged


def test_a_signed_list_acknowledges_too(made: Volumes) -> None:
    given = held(made, made.list_of(made.inspect()))
    renew(made)
    made.lock(later=60)
    assert made.pack(check=True, ledger=True, acknowledge=given).base == made.inspect().root_sha256
    assert Ledger.read(Store(made.side.store), "site").acknowledged == ""
    other = made.make(later=60)  # a bundle is there, and so is what it needs: the acknowledgement alone is news
    told = [made.pack(check=check, acknowledge=given).changed for check in (True, False, True, False)]
    assert (other.changed, told) == (True, [True, True, False, False])
    assert made.pack(ledger=True, acknowledge=given).base == given.bundles["site"]["root"]
    stranger = HaveList("Depot", 1, given.created, {}, ())
    with pytest.raises(BundleError, match=r"The list of Depot has no bundle site; nothing is acknowledged by it"):
        made.pack(ledger=True, acknowledge=stranger)


def test_what_cannot_be_acknowledged(made: Volumes) -> None:
    with pytest.raises(BundleError, match=r"Cannot acknowledge '77': 0 bundles site of that root or version were made"):
        made.pack(ledger=True, acknowledge="77")
    first = made.inspect().root
    renew(made)
    made.make(later=60)
    second = made.inspect().root
    made.pack(ledger=True, acknowledge=str(second.version))
    with pytest.raises(BundleError, match=rf"Version {first.version} of site cannot be acknowledged any more"):
        made.pack(ledger=True, acknowledge=str(first.version))


def test_a_store_that_lost_the_base(made: Volumes) -> None:
    first = made.inspect()
    renew(made)
    made.lock(later=60)
    Path(Store(made.side.store).path(first.root.lock)).unlink()
    with pytest.raises(BundleError, match=r"lost the lock of version .* which the next bundle would build on"):
        made.pack(ledger=True, acknowledge=first.root_sha256)
    assert made.pack(base=held(made, made.list_of(first))).changes == []


def test_a_ledger_remembers_so_many(side: Side) -> None:
    ledger = Ledger("site").with_sent(Sent("0" * 64, 1, "1" * 64)).with_acknowledged("1")
    for version in range(2, 300):
        ledger = ledger.with_sent(Sent(sha256_bytes(str(version).encode()), version, "2" * 64))
    assert len(ledger.sent) == 100
    assert ledger.sent[0].version == 1 and ledger.sent[-1].version == 299
    assert ledger.with_sent(ledger.sent[-1]) == ledger
    advanced = ledger.with_acknowledged("290").with_sent(Sent("3" * 64, 300, "2" * 64))
    assert [row.version for row in advanced.sent] == list(range(290, 301))
    assert ledger.write(Store(side.store)) and not ledger.write(Store(side.store))
    assert Ledger.read(Store(side.store), "site") == ledger


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(format=2),
        lambda document: document.update(bundle="other"),
        lambda document: document.update(acknowledged="f" * 64),
        lambda document: document.update(sent=[{"root": "x", "version": 1, "lock": "a" * 64}]),
        lambda document: document.update(sent=[{"root": "a" * 64, "version": True, "lock": "a" * 64}]),
        lambda document: document.update(sent=[{"root": "a" * 64}]),
        lambda document: document.pop("sent"),
    ],
)
def test_a_ledger_that_is_none(side: Side, change: Callable[[dict], Any]) -> None:
    store = Store(side.store)
    Ledger("site").with_sent(Sent("0" * 64, 1, "1" * 64)).write(store)
    path = Path(store.state_path("bundle-site.json"))
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(BundleError, match=r"is not a ledger of bundles"):
        Ledger.read(store, "site")


GOOD = HaveList("Depot", 4, "2026-01-01T00:00:00Z", {"site": {"version": 2, "root": "a" * 64}}, ("b" * 64, "c" * 64))


def test_a_list_as_it_is_written() -> None:
    assert HaveList.parse(GOOD.dump(), "it") == GOOD
    more = HaveList(
        "Depot", 4, GOOD.created, {"site": {"version": 2, "root": "a" * 64, "more": 1}}, GOOD.objects[::-1] * 2
    )
    assert more.dump() == GOOD.dump()


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(format=2),
        lambda told: told.update(depot=7),
        lambda told: told.update(generation=-1),
        lambda told: told.update(generation=True),
        lambda told: told.update(created="today"),
        lambda told: told.update(bundles=[]),
        lambda told: told.update(bundles={"../x": {"version": 1, "root": "a" * 64}}),
        lambda told: told.update(bundles={"site": {"version": 1}}),
        lambda told: told.update(bundles={"site": {"version": "1", "root": "a" * 64}}),
        lambda told: told.update(bundles={"site": []}),
        lambda told: told.update(objects=["x"]),
        lambda told: told.update(objects=7),
        lambda told: told.update(more=1),
        lambda told: told.pop("objects"),
        lambda told: told.pop("depot"),
    ],
)
def test_a_list_that_is_none(change: Callable[[dict], Any]) -> None:
    told = json.loads(GOOD.dump())
    change(told)
    with pytest.raises(BundleError):
        HaveList.parse(json.dumps(told).encode(), "it")


anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(some.dictionaries(some.sampled_from([*json.loads(GOOD.dump()), "x"]), anything, max_size=4))
def test_a_list_of_anything(values: dict) -> None:
    told = {**json.loads(GOOD.dump()), **values}
    try:
        assert HaveList.parse(json.dumps(told).encode(), "it").generation >= 0
    except BundleError as error:
        assert "it" in str(error)


@settings(max_examples=200, deadline=None)
@given(some.binary(max_size=200))
def test_a_list_of_bytes(data: bytes) -> None:
    with pytest.raises(BundleError):
        HaveList.parse(data, "it")

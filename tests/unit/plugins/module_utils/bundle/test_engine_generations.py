# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generations: proven before the switch, costing what changed, rolled back as a new one, pruned by a plan."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, Dict, List, Set

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import depot_page, fsutil
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.holdings import Holdings
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import Keyring, SigningKey
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.prune import Plan
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

DAY = 86400


@pytest.fixture
def made(side: Side) -> Side:
    """A depot with two generations: app 1.0 and 2.0; the repository tools never changes."""
    side.now -= 40 * DAY
    side.bom["files"] = [side.file("manual.txt", b"how to")]
    side.bom["apt"] = [side.apt("app"), side.apt("tool", name="tools")]
    side.upstream.add("tool")
    version(side, "1.0")
    return version(side, "2.0")


def version(side: Side, number: str, **more: Any) -> Side:
    side.now += DAY
    side.upstream.add("app", number)
    side.upstream.publish(now=side.now)
    side.lock()
    side.pack()
    side.publish(**{"keep": 0, **more})
    return side


def manifest(side: Side, generation: str = "current") -> Dict[str, Any]:
    return json.loads((place(side, generation) / "manifest.json").read_text())


def place(side: Side, generation: Any = "current") -> Path:
    top = side.top / "depot"
    return top / "current" if generation == "current" else top / "generations" / str(generation)


def pool(side: Side, generation: Any = "current") -> List[str]:
    return sorted(os.listdir(place(side, generation) / "apt/debian-12/pool"))


def date(side: Side, repository: str, generation: Any = "current") -> int:
    return {row["name"]: row["date"] for row in manifest(side, generation)["repositories"]}[repository]


def stored(side: Side) -> Set[str]:
    return {path.name for path in (side.top / "depot/store/objects").rglob("*/*/*")}


def signatures(side: Side, monkeypatch: pytest.MonkeyPatch) -> List[bytes]:
    """What is signed from now on."""
    signed: List[bytes] = []
    real = SigningKey.sign

    def sign(self: SigningKey, data: bytes, **more: Any) -> bytes:
        signed.append(data)
        return real(self, data, **more)

    monkeypatch.setattr(SigningKey, "sign", sign)
    return signed


def test_what_did_not_change_is_linked_and_not_signed_again(made: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in ("dists/tools/InRelease", "dists/tools/main/binary-amd64/Packages", "pool/tool_1.0_amd64.deb"):
        assert os.path.samefile(place(made, 1) / "apt/tools" / file, place(made, 2) / "apt/tools" / file)
    assert date(made, "tools", 1) == date(made, "tools", 2) < date(made, "debian-12", 2)
    signed = signatures(made, monkeypatch)
    version(made, "3.0")
    mine = [data for data in signed if b"Origin: Mattermost depot" in data]
    assert len(mine) == 1 and b"Codename: debian-12" in mine[0]
    own = [path for path in place(made, 3).rglob("*") if path.is_file() and path.stat().st_nlink == 1]
    assert sum(path.stat().st_size for path in own) < 40_000


def test_a_damaged_link_is_not_the_end(made: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that has no more room for links gets copies."""

    def full(*args: Any, **more: Any) -> None:
        raise OSError(31, "Too many links")

    monkeypatch.setattr(os, "link", full)
    version(made, "3.0")
    assert (place(made) / "apt/tools/pool/tool_1.0_amd64.deb").stat().st_nlink == 1
    assert pool(made) == ["app_3.0_amd64.deb"]


def test_another_key_is_another_input(made: Side) -> None:
    made.publish(key=made.keys["stranger"], keep=0)
    assert date(made, "debian-12", 3) > date(made, "debian-12", 2), "apt ignores what is not newer"


def test_another_title_needs_no_medium_and_touches_no_repository(made: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    given: Any = ([], made.ring)
    depot = made.depot(keep=0, title="Depot of <the> site")
    assert depot.publish(*given, now=made.now, check=True).changed
    assert "Depot of" not in (place(made) / "index.html").read_text()
    signed = signatures(made, monkeypatch)
    result = depot.publish(*given, now=made.now)
    assert (result.changed, result.generation) == (True, 3)
    assert "<h1>Depot of &lt;the&gt; site</h1>" in (place(made) / "index.html").read_text()
    assert manifest(made)["title"] == "Depot of <the> site"
    assert Holdings(str(made.top / "depot")).told()["title"] == "Depot of <the> site"
    files, listed = signed
    assert b"manual.txt" in files and b"Depot of <the> site" in listed, "no repository"
    for file in ("apt/tools/dists/tools/InRelease", "apt/debian-12/dists/debian-12/InRelease"):
        assert os.path.samefile(place(made, 2) / file, place(made, 3) / file)
        assert b"Origin: Mattermost depot\n" in (place(made) / file).read_bytes()
    assert not depot.publish(*given, now=made.now).changed


def test_the_list_of_what_is_there_is_signed(made: Side) -> None:
    data, signature = ((place(made) / name).read_bytes() for name in ("manifest.json", "manifest.json.asc"))
    ring = Keyring([(place(made) / "depot-key.asc").read_bytes()], what="the depot's key")
    assert ring.verify_detached(data, signature, what="it") == [made.keys["depot"].fingerprint]
    with pytest.raises(BundleError, match=r"The signature of it is not good"):
        ring.verify_detached(data.replace(b"manual.txt", b"another.txt"), signature, what="it")


def test_a_lost_repository_of_the_last_generation_is_made_again(made: Side) -> None:
    shutil.rmtree(place(made, 2) / "apt/tools")
    version(made, "3.0")
    assert (place(made) / "apt/tools/pool/tool_1.0_amd64.deb").exists()


def test_since_when_things_are_there(made: Side) -> None:
    first, second = manifest(made, "1")["published"], manifest(made, "2")["published"]
    assert first < second
    told = manifest(made)
    assert [row["since"] for row in told["files"]] == [first]
    assert {row["since"] for row in told["repositories"]} == {first}
    assert told["bundles"]["site"]["since"] == second
    made.bom["files"] = [made.file("manual.txt", b"how to do it better")]
    version(made, "3.0")
    assert [row["since"] for row in manifest(made)["files"]] == [manifest(made)["published"]]


def test_rolled_back_by_one_call(made: Side) -> None:
    depot = made.depot(keep=0)
    told = depot.roll_back(None, now=made.now + 60, check=True)
    assert (told.changed, told.generation, pool(made)) == (True, 3, ["app_2.0_amd64.deb"])
    assert [change["text"] for change in told.changes] == ["changed app (debian-12) 2.0 -> 1.0, 8.0 kB"]
    result = depot.roll_back(None, now=made.now + 60)
    assert (result.changed, result.generation) == (True, 3)
    assert pool(made) == ["app_1.0_amd64.deb"]
    assert manifest(made)["restores"] == 1
    assert date(made, "debian-12", 3) > date(made, "debian-12", 2) > date(made, "debian-12", 1)
    assert "it has the content of generation 1" in (place(made) / "index.html").read_text()
    assert not depot.roll_back(None, now=made.now + 120).changed, "a second time means the same"
    assert not depot.roll_back(1, now=made.now + 120).changed
    assert depot.roll_back(2, now=made.now + 120).generation == 4
    assert pool(made) == ["app_2.0_amd64.deb"]


def test_after_a_rollback_the_depot_still_does_not_go_back(made: Side) -> None:
    version(made, "3.0")
    made.depot(keep=0).roll_back(1, now=made.now)
    assert not made.depot(keep=0).publish([], made.ring, now=made.now).changed, "it stays rolled back"
    lock = json.loads(Path(made.lock_path).read_text())
    old = manifest(made, "2")["bundles"]["site"]["version"]
    assert old < lock["version"] == manifest(made)["seen"]["site"]["version"]
    lock["version"] = old
    Path(made.lock_path).write_text(json.dumps(lock))
    made.pack()
    with pytest.raises(BundleError, match=rf"is version {old}; the depot has version \d+ already and does not go back"):
        made.publish(keep=0)
    lock["version"] = manifest(made)["seen"]["site"]["version"]
    lock["description"] = "another content"
    Path(made.lock_path).write_text(json.dumps(lock))
    made.pack()
    with pytest.raises(BundleError, match=r"has the version of the one in the depot, \d+, but another content"):
        made.publish(keep=0)


def test_media_given_again_undo_a_rollback(made: Side) -> None:
    made.depot(keep=0).roll_back(None, now=made.now)
    assert made.publish(keep=0).generation == 4
    assert pool(made) == ["app_2.0_amd64.deb"] and "restores" not in manifest(made)


def test_nothing_to_roll_back_to(side: Side) -> None:
    side.upstream.add("app")
    side.bundle("app")
    side.publish()
    with pytest.raises(
        BundleError, match=r"There is nothing to roll back to: the depot keeps no generation of other bundles"
    ):
        side.depot().roll_back(None, now=side.now)
    with pytest.raises(BundleError, match=r"Generation 7 is not in the depot any more, or never was; kept are: 1\."):
        side.depot().roll_back(7, now=side.now)


def test_rolling_back_to_what_lost_an_object(made: Side) -> None:
    for digest in stored(made):
        if b"package app 1.0" in (made.top / "depot/store/objects/sha256" / digest[:2] / digest).read_bytes()[:50]:
            (made.top / "depot/store/objects/sha256" / digest[:2] / digest).unlink()
    with pytest.raises(BundleError, match=r"The store lacks 1 of the objects needed"):
        made.depot(keep=0).roll_back(1, now=made.now)
    assert os.readlink(place(made)) == "generations/2"


def test_pruned_in_two_steps(made: Side, tmp_path: Path) -> None:
    version(made, "3.0")
    path = str(tmp_path / "plan.json")
    depot = made.depot(keep=1)
    before = stored(made)
    assert depot.plan(path, check=True)[0] and not os.path.exists(path)
    changed, plan = depot.plan(path)
    assert changed and plan.numbers == [1, 2] and plan.kept == (3,)
    assert len(plan.objects) >= 2 and plan.freed > sum(size for _sha256, size in plan.objects) > 2 * 8000
    assert stored(made) == before and sorted(os.listdir(made.top / "depot/generations")) == [".newest", "1", "2", "3"]
    assert not depot.plan(path)[0], "the same plan is not written again"
    told = json.loads(Path(path).read_text())
    assert [row["bundles"] for row in told["generations"]] == [
        manifest(made, n)["bundles"] and {"site": manifest(made, n)["bundles"]["site"]["version"]} for n in ("1", "2")
    ]

    assert depot.prune(path, check=True)[0] and stored(made) == before
    used = sum(found.stat().st_blocks for found in (made.top / "depot").rglob("*"))
    changed, done = depot.prune(path)
    assert changed and done.numbers == [1, 2]
    assert stored(made) == before - {sha256 for sha256, _size in plan.objects}
    assert sorted(os.listdir(made.top / "depot/generations")) == [".newest", "3"]
    assert sum(found.stat().st_blocks for found in (made.top / "depot").rglob("*")) < used
    assert pool(made) == ["app_3.0_amd64.deb"]
    assert not depot.prune(path)[0], "done is done"
    assert not made.publish(keep=0).changed


def test_a_plan_for_another_state_is_refused(made: Side, tmp_path: Path) -> None:
    path = str(tmp_path / "plan.json")
    made.depot(keep=1).plan(path)
    version(made, "3.0")
    before = stored(made)
    with pytest.raises(
        BundleError, match=r"The depot has changed since the plan was made for generation 2: .* make a new plan"
    ):
        made.depot(keep=1).prune(path)
    assert stored(made) == before and len(os.listdir(made.top / "depot/generations")) == 4


def test_an_object_that_nobody_planned_to_remove(made: Side, tmp_path: Path) -> None:
    path = str(tmp_path / "plan.json")
    made.depot(keep=1).plan(path)
    made.depot().store.add_bytes(b"a stray object")
    with pytest.raises(BundleError, match=r"The depot has changed since"):
        made.depot(keep=1).prune(path)


def test_a_plan_that_was_half_carried_out(made: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version(made, "3.0")
    path = str(tmp_path / "plan.json")
    depot = made.depot(keep=1)
    plan = depot.plan(path)[1]
    real = fsutil.remove
    left = [2]

    def die(name: str) -> None:
        if "/store/" in name:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
        real(name)

    monkeypatch.setattr(fsutil, "remove", die)
    with pytest.raises(KeyboardInterrupt):
        depot.prune(path)
    monkeypatch.undo()
    assert depot.prune(path)[0]
    assert not {sha256 for sha256, _size in plan.objects} & stored(made)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "is not a plan for pruning a depot"),
        ("[]", "is not a JSON object"),
        ('{"format": 2}', "is not a plan of format 1"),
        (
            '{"format": 1, "keep": 1, "current": 1, "kept": [1], "waiting": [], "generations": [{"generation": "../.."}],'
            ' "objects": [], "freed": 0}',
            "it names what is no generation or object",
        ),
        (
            '{"format": 1, "keep": 1, "current": 1, "kept": [1], "waiting": [], "generations": [],'
            ' "objects": [["../../etc/passwd", 1]], "freed": 0}',
            "it names what is no generation or object",
        ),
        (
            '{"format": 1, "keep": 1, "current": 1, "kept": [1], "waiting": [], "generations": [],'
            ' "objects": [], "freed": 0, "more": 1}',
            "is not a plan for pruning a depot",
        ),
    ],
)
def test_what_is_no_plan(made: Side, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(BundleError, match=re.escape(said)):
        made.depot().prune(str(path))


def test_how_many_to_keep_has_to_be_said(made: Side, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"Say how many generations are to be kept"):
        made.depot(keep=0).plan(str(tmp_path / "plan.json"))


def test_a_plan_survives_being_written(made: Side, tmp_path: Path) -> None:
    path = str(tmp_path / "plan.json")
    plan = made.depot(keep=1).plan(path)[1]
    assert Plan.read(path) == plan


def test_publishing_prunes_by_the_same_plan(made: Side) -> None:
    result = version(made, "3.0", keep=2).depot()
    assert sorted(os.listdir(made.top / "depot/generations")) == [".newest", "2", "3"]
    assert result.generations.numbers() == [2, 3]
    needed = {
        sha256
        for held in (*result.generations.held(2).values(), *result.generations.held(3).values())
        for sha256 in held.lock.objects()
    }
    assert stored(made) == needed


def test_strays_of_killed_runs_go_when_something_is_pruned(made: Side) -> None:
    fresh = next((made.top / "depot/store/objects/sha256").iterdir()) / ("0" * 64 + ".new")
    fresh.write_bytes(b"half an object")
    part = made.top / "depot/store/parts/abc.part"
    part.parent.mkdir(exist_ok=True)
    part.write_bytes(b"half an object")
    version(made, "3.0", keep=1)
    assert not fresh.exists() and not part.exists()


def test_a_link_that_leads_elsewhere(made: Side) -> None:
    (made.top / "depot/current").unlink()
    (made.top / "depot/current").symlink_to("generations/two")
    with pytest.raises(BundleError, match=r"current does not lead to a generation"):
        made.publish()


def test_a_link_that_was_turned_back_by_hand(made: Side) -> None:
    """Nothing is thrown away that was published once; what to do is said."""
    link = made.top / "depot/current"
    for leads, told in (("generations/1", "generation 1"), ("", "no generation")):
        link.unlink()
        if leads:
            link.symlink_to(leads)
        with pytest.raises(
            BundleError, match=rf"leads to {told}, but 2 was published after that.*ln -sfn generations/2"
        ):
            made.publish()
    assert (made.top / "depot/generations/2/manifest.json").exists()
    link.symlink_to("generations/2")
    (made.top / "depot/generations/lost+found").mkdir()
    assert not made.publish(keep=0).changed
    assert (made.top / "depot/generations/lost+found").exists()


@pytest.mark.parametrize("record", ["", "many", None])
def test_a_record_that_is_lost_is_written_again(made: Side, record: Any) -> None:
    path = made.top / "depot/generations/.newest"
    path.unlink()
    if record is not None:
        path.write_text(record)
    assert not made.publish(keep=0).changed
    assert path.read_text() == "2\n"


def test_the_page_takes_sections_as_they_come() -> None:
    told: Dict[str, Any] = {
        "bundles": {"a": {"version": 1, "created": "c", "expires": "e", "signers": ["<F>"], "root": "r"}},
        "repositories": [],
        "files": [],
        "images": [
            {
                "name": "registry.example.com/app:1",
                "digest": "sha256:aa",
                "platforms": 1,
                "for": ["amd64", "arm64"],
                "size": 1,
            }
        ],
        "odd_things": [{"name": "odd", "path": "odd/one", "packages": 3, "bytes": 2000}],
        "generation": 1,
        "published": "p",
        "key": "K",
    }
    waiting = [
        {"name": "b", "version": 2, "missing_volumes": ["volume-002"], "missing_objects": 3, "missing_bytes": 4000}
    ]
    page = depot_page.render_page("<title>", told, waiting)
    assert "&lt;title&gt;" in page and "&lt;F&gt;" in page
    assert "Package repositories" not in page
    assert (
        page.index("Not complete yet")
        < page.index("Bundles")
        < page.index("Odd things")
        < page.index("Container images")
    )
    assert "volume-002" in page and "amd64, arm64" in page and '<a href="odd/one/">odd</a>' in page
    assert '<td class="number">2.0 kB</td>' in page

# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes of a size: whole objects, pieces of what is too large, each usable alone and in any order."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import manifest, volumes
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fsutil import sha256_bytes
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.medium import copy_object
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.volumes import Entry, lay_out, parse_size
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from ansible_collections.fieldops.mattermost.tests.unit.volumes_side import SIZE, Volumes, room_taken, tree
from hypothesis import given, settings
from hypothesis import strategies as some


@pytest.fixture
def made(side: Side) -> Volumes:
    made = Volumes(side)
    made.make()
    return made


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4.7GB", 4_700_000_000),
        ("700 MB", 700_000_000),
        ("1GiB", 1 << 30),
        ("25G", 25_000_000_000),
        ("64kB", 64_000),
        ("512Ki", 512 << 10),
        ("2TB", 2_000_000_000_000),
        ("123456", 123_456),
        ("9B", 9),
    ],
)
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "0", "-5GB", "5 bottles", "1e9", "GB", "4,7GB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(BundleError, match=r"is not a size such as 4.7GB"):
        parse_size(text)


def test_every_volume_fits_and_carries_the_same_root(made: Volumes) -> None:
    names = made.names()
    assert names[:2] == ["volume-001", "volume-002"] and len(names) >= 5
    roots = {(made.path / name / "root.json").read_bytes() for name in names}
    assert len(roots) == 1
    told = json.loads(roots.pop())
    assert [volume["name"] for volume in told["volumes"]] == names
    for name in names:
        assert room_taken(made.path / name) <= SIZE
        assert {"root.json.asc", "lock.json", "sbom.cdx.json", "contents.txt"} <= set(tree(made.path / name))
    whole = [path.name for path in made.path.glob("volume-*/objects/sha256/*/*")]
    assert len(whole) == len(set(whole))
    large = sha256_bytes(made.files["large"])
    assert large not in whole
    pieces = sorted(made.path.glob(f"volume-*/objects/pieces/{large}/*"), key=lambda path: int(path.name))
    assert b"".join(path.read_bytes() for path in pieces) == made.files["large"]


def test_one_volume_where_no_size_is_given(made: Volumes) -> None:
    assert made.pack(volume_size=None).changed
    assert made.names() == ["volume-001"]
    assert made.inspect().missing_volumes == []
    assert not made.pack(volume_size=None).changed


def test_a_second_go_writes_nothing(made: Volumes) -> None:
    stamps = {path: path.stat().st_mtime_ns for path in made.side.top.rglob("*")}
    calls: List[str] = []
    result = made.pack()
    assert not result.changed and not calls
    assert {path: path.stat().st_mtime_ns for path in made.side.top.rglob("*")} == stamps
    assert made.pack(check=True).changed is False


def test_the_same_anywhere(made: Volumes) -> None:
    first = tree(made.path)
    made.side.output, made.side.store = str(made.side.top / "there"), str(made.side.top / "other-store")
    made.pack()
    assert tree(made.path) == first


def test_each_alone_and_in_any_order(made: Volumes) -> None:
    names = made.names()
    for name in names:
        found = made.inspect(made.medium(name))
        assert sorted(found.missing_volumes) == [other for other in names if other != name]
        assert [item.name for item in found.lock.items if item.kind == "apt"] == ["app", "lib"]
    for order in itertools.islice(itertools.permutations(names), 0, 120, 17):
        found = made.inspect(*(made.medium(name) for name in order))
        assert found.missing_volumes == [] and set(found.objects) == set(found.sizes)
    for data in made.files.values():
        target = made.side.top / "target" / sha256_bytes(data)
        copy_object(found, sha256_bytes(data), str(target))
        assert target.read_bytes() == data and target.stat().st_mode & 0o777 == 0o444


def test_packages_are_found_on_the_volume_they_lie_on(made: Volumes) -> None:
    seen = []
    for name in made.names():
        index = (made.path / name / "dists/debian-12/main/binary-amd64/Packages").read_text()
        for line in index.splitlines():
            if line.startswith("Filename: "):
                seen.append(line)
                assert (made.path / name / line.partition(" ")[2]).is_file()
    assert len(seen) == len(set(seen)) == 2


@pytest.mark.skipif(not shutil.which("apt-get"), reason="apt is the judge here")
def test_apt_takes_packages_from_where_they_lie(made: Volumes) -> None:
    """All volumes are sources of one repository; those without a package of it have an empty index."""
    root = made.side.top / "apt"
    for name in (
        "etc/apt/sources.list.d",
        "var/lib/apt/lists/partial",
        "var/cache/apt/archives/partial",
        "var/lib/dpkg",
    ):
        (root / name).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    places = " ".join(f"file:{made.path / name}" for name in made.names())
    (root / "etc/apt/sources.list.d/bundle.sources").write_text(
        f"Types: deb\nURIs: {places}\nSuites: debian-12\nComponents: main\nSigned-By: {made.side.output}/bundle-key.asc\n"
    )
    argv = ["apt-get", "-o", f"Dir={root}", "-o", f"Dir::State::status={root}/var/lib/dpkg/status", "-o"]
    argv += ["APT::Architecture=amd64", "-o", "APT::Architectures=amd64", "-o", "APT::Sandbox::User=root"]
    subprocess.run([*argv, "update", "-qq"], check=True)
    done = subprocess.run([*argv, "install", "--print-uris", "-qq", "app"], capture_output=True, text=True, check=True)
    paths = [Path(line.split("'")[1][len("file:") :]) for line in done.stdout.splitlines() if line.startswith("'")]
    assert len(paths) == 2 and all(path.is_file() for path in paths)


def test_a_lost_volume_is_made_again_alone(made: Volumes) -> None:
    before = tree(made.path)
    shutil.rmtree(made.path / "volume-002")
    stamps = {path: path.stat().st_mtime_ns for path in made.path.rglob("*")}
    assert made.pack(only_volumes=["volume-002"], check=True).changed
    assert made.pack(only_volumes=["volume-002"]).changed
    assert tree(made.path) == before
    assert {path: path.stat().st_mtime_ns for path in stamps if path != made.path} == {
        path: moment for path, moment in stamps.items() if path != made.path
    }
    assert not made.pack(only_volumes=["volume-002"]).changed


def test_alone_it_fetches_only_what_it_needs(made: Volumes) -> None:
    before = tree(made.path)
    shutil.rmtree(made.path)
    made.side.store = str(made.side.top / "empty")
    made.side.web.requests.clear()
    last = sorted({path.split("/")[0] for path in before})[-1]
    result = made.pack(only_volumes=[last])
    assert tree(made.path / last) == {
        path[len(last) + 1 :]: data for path, data in before.items() if path.startswith(last)
    }
    assert 0 < result.objects_fetched < len(made.files)


def test_a_volume_that_would_not_fit_the_others(made: Volumes) -> None:
    shutil.rmtree(made.path / "volume-002")
    with pytest.raises(
        BundleError, match=r"volume-002 of site cannot be made again alone: .* another size, base or key"
    ):
        made.pack(only_volumes=["volume-002"], volume_size=SIZE + 100_000)
    with pytest.raises(BundleError, match=r"The bundle site has no volume-099; its volumes are volume-001, volume-002"):
        made.pack(only_volumes=["volume-099"])


def test_volumes_that_are_not_needed_any_more_go(made: Volumes) -> None:
    del made.files["large"]
    made.make(later=60)
    assert len(made.names()) < 5
    assert made.inspect().missing_volumes == []


def test_documents_need_room_too(made: Volumes) -> None:
    with pytest.raises(BundleError, match=r"Volumes of 100.0 kB are too small .* Give at least [0-9.]+ kB"):
        made.pack(volume_size=100_000)


def test_pieces_are_cut_again_only_when_they_must(made: Volumes) -> None:
    large = sha256_bytes(made.files["large"])
    piece = next(made.path.glob(f"volume-*/objects/pieces/{large}/2"))
    good = piece.read_bytes()
    piece.unlink()
    assert made.pack(check=True).changed
    assert made.pack().changed
    assert piece.read_bytes() == good
    stored = made.side.packer().store.path(large)
    os.chmod(stored, 0o644)
    Path(stored).write_bytes(b"X" + made.files["large"][1:])
    assert not made.pack().changed  # believed by size, and the hashes of its pieces are signed
    piece.unlink()
    with pytest.raises(BundleError, match=r"is damaged. Run again with full verification"):
        made.pack()
    assert not list(made.path.rglob("*.new"))
    assert made.pack(verify=True).changed
    assert piece.read_bytes() == good
    assert made.inspect().missing_volumes == []


def test_a_signature_of_another_format_is_made_anew(made: Volumes) -> None:
    key, volume = made.side.keys["bundle"], made.path / "volume-001"
    for root in (b"{}", json.dumps({**json.loads((volume / "root.json").read_bytes()), "format": 9}).encode()):
        (volume / "root.json").write_bytes(root)
        (volume / "root.json.asc").write_bytes(key.sign(root, clear=False, moment=int(made.side.now)))
        assert made.pack().changed
        assert made.inspect().missing_volumes == []


def test_a_spoiled_index_is_made_anew(made: Volumes) -> None:
    before = tree(made.path)
    (made.path / "volume-001/index.json").write_bytes(b"{}")
    assert made.pack().changed
    assert tree(made.path) == before


def test_a_spoiled_repository_index_is_made_anew(made: Volumes) -> None:
    before = tree(made.path)
    release = made.path / "volume-001/dists/debian-12/InRelease"
    release.write_bytes(release.read_bytes().replace(b"Origin: site", b"Origin: evil"))
    assert made.pack().changed
    assert tree(made.path) == before


RUN = """
import sys
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import fsutil
with fsutil.exclusive(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("lock", ["store/.lock", "out/.site.lock"])
def test_two_runs_at_once(made: Volumes, lock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import fsutil

    waited = fsutil.exclusive
    monkeypatch.setattr(fsutil, "exclusive", lambda path: waited(path, timeout=0.3, pause=0.05))
    argv = [sys.executable, "-c", RUN, str(made.side.top / lock)]
    other = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with pytest.raises(BundleError, match=r"Another run holds .*lock; waited 0.3 seconds for it"):
            made.pack()
    finally:
        other.communicate(b"")
    assert not made.pack().changed


sizes = some.lists(some.integers(0, 3_000_000), max_size=40)


@settings(max_examples=200, deadline=None)
@given(sizes, some.integers(800_000, 5_000_000))
def test_the_layout_holds_everything_once_and_nothing_too_much(objects: List[int], volume_size: int) -> None:
    entries = [Entry(sha256_bytes(str(number).encode()), size, size % 700) for number, size in enumerate(objects)]
    plans = lay_out(entries, volume_size=volume_size, documents=50_000)
    assert [plan.name for plan in plans] == [f"volume-{number:03d}" for number in range(1, len(plans) + 1)]
    found = {}
    for plan in plans:
        taken = sum(volumes.blocks(size) for size in plan.paths().values())
        assert taken + 50_000 <= volume_size and (plan.free or 0) >= 0
        found.update(plan.objects)
    cuts = sorted((cut for plan in plans for cut in plan.cuts), key=lambda cut: (cut.of, cut.offset))
    for sha256, rows in itertools.groupby(cuts, key=lambda cut: cut.of):
        position = 0
        for number, cut in enumerate(rows, 1):
            assert (cut.offset, cut.number) == (position, number)
            position += cut.size
        assert sha256 not in found
        found[sha256] = position
    assert found == {entry.sha256: entry.size for entry in entries}
    assert lay_out(list(reversed(entries)), volume_size=volume_size, documents=50_000) == plans


def test_what_only_its_description_keeps_from_fitting_is_cut() -> None:
    (plain,) = lay_out([Entry("a" * 64, 638_977)], volume_size=800_000, documents=50_000)
    free = plain.free or 0
    (told,) = lay_out([Entry("a" * 64, 638_977, free)], volume_size=800_000, documents=50_000)
    assert told.objects == {"a" * 64: 638_977} and told.free == 0
    plans = lay_out([Entry("a" * 64, 638_977, free + 1)], volume_size=800_000, documents=50_000)
    assert [cut.size for plan in plans for cut in plan.cuts] == [323_584, 315_393]
    assert all((plan.free or 0) >= 0 for plan in plans)


def test_a_layout_fills_its_volumes() -> None:
    """Plain first fit, the largest first: what was measured with real packages on CDs was 97 %."""
    generator = __import__("random").Random(1)
    entries = [Entry(sha256_bytes(str(n).encode()), int(generator.lognormvariate(13, 1.8)), 500) for n in range(600)]
    plans = lay_out(entries, volume_size=100_000_000, documents=500_000)
    total = sum(entry.size for entry in entries)
    assert total / (100_000_000 * (len(plans) - 1)) > 0.9


def test_names_of_documents() -> None:
    assert manifest.piece_path("a" * 64, 3) == f"objects/pieces/{'a' * 64}/3"

# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles that somebody had in hands: flipped bits, volumes of elsewhere, names that hurt, clocks that are wrong."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import textwrap
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import fsutil, manifest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.depot import Depot
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fsutil import sha256_bytes
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.manifest import Index, Root
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.medium import (
    Terms,
    copy_object,
    inspect,
    inspect_all,
)
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import Keyring
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.pieces import Kept, Part, chain, join
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from ansible_collections.fieldops.mattermost.tests.unit.volumes_side import Volumes, writable
from hypothesis import given, settings
from hypothesis import strategies as some

DAY = 86400
HOME = Path(__file__).resolve().parents[5]


@pytest.fixture
def made(side: Side) -> Volumes:
    made = Volumes(side)
    made.make()
    writable(made.path)
    return made


def named(victim: Path) -> str:
    """What an error has to tell of: a signature is told as the signature of what it signs."""
    return f"The signature of {victim.with_suffix('')}" if victim.name == "root.json.asc" else victim.name


def flips(made: Volumes, count: int) -> None:
    """Half of the flips anywhere by size, half in a file by chance, so that small documents get their share."""
    generator = random.Random(count)
    files = sorted(path for path in made.path.rglob("*") if path.is_file() and path.stat().st_size)
    sizes = [path.stat().st_size for path in files]
    first = made.inspect()
    harmless = 0
    for number in range(count):
        victim = generator.choices(files, sizes)[0] if number % 2 else generator.choice(files)
        data = victim.read_bytes()
        position = generator.randrange(len(data) * 8)
        changed = bytearray(data)
        changed[position // 8] ^= 1 << position % 8
        victim.write_bytes(bytes(changed))
        volume = made.path / victim.relative_to(made.path).parts[0]
        try:
            found = made.inspect(volume)
        except BundleError as error:
            assert named(victim) in str(error), (victim, position, error)
        else:
            # A flip that leaves a good signature good, in its checksum or its unsigned part, has changed nothing that is used.
            assert victim.name == "root.json.asc", (victim, position)
            assert (found.root_sha256, found.signers) == (first.root_sha256, first.signers)
            harmless += 1
        victim.write_bytes(data)
    assert harmless < count // 20
    assert made.inspect().root == first.root


def test_random_flips_are_found_and_named(made: Volumes) -> None:
    flips(made, 60)


@pytest.mark.slow
def test_a_thousand_random_flips_are_found_and_named(made: Volumes) -> None:
    flips(made, 1000)


def test_random_flips_are_found_by_a_depot_too(made: Volumes) -> None:
    """It hashes objects as it copies them, and not before: nothing is published of a medium that has a bad one."""
    generator = random.Random(7)
    files = sorted(path for path in made.path.rglob("*") if path.is_file() and path.stat().st_size)
    for number in range(24):
        victim = generator.choice(files)
        data = victim.read_bytes()
        position = generator.randrange(len(data) * 8)
        changed = bytearray(data)
        changed[position // 8] ^= 1 << position % 8
        victim.write_bytes(bytes(changed))
        depot = Depot(str(made.side.top / f"depot-{number}"), key=made.side.keys["depot"], prove="never")
        try:
            depot.publish([str(made.path)], made.side.ring, now=made.side.now)
        except BundleError:
            assert not (made.side.top / f"depot-{number}/current").exists()
        else:
            assert victim.name == "root.json.asc", (victim, position)
        victim.write_bytes(data)


def by_hand(volume: Path, place: Path) -> str:
    """What the commands print that docs/accreditation.md gives to reviewers: nothing where all is well."""
    page = (HOME / "docs/accreditation.md").read_text()
    lines = textwrap.dedent("   " + page.partition("```console\n   ")[2].partition("```")[0]).splitlines()
    script = "\n".join(line[2:] if line.startswith("$ ") else line for line in lines)
    for told, here in (("/tmp/", f"{place}/"), ("/media/usb/site/volume-001", str(volume))):
        assert told in script
        script = script.replace(told, here)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_what_reviewers_check_by_hand(made: Volumes, tmp_path: Path) -> None:
    assert [by_hand(made.path / name, tmp_path) for name in made.names()] == [""] * len(made.names())
    volume = made.path / "volume-001"
    victim = next(path for path in (volume / "objects").rglob("*") if path.is_file())
    data = victim.read_bytes()
    victim.write_bytes(b"X" + data[1:])
    assert f"{victim.relative_to(volume)}: FAILED" in by_hand(volume, tmp_path)
    victim.write_bytes(data)
    (volume / "autorun.inf").touch()
    assert "> autorun.inf" in by_hand(volume, tmp_path)


def test_a_volume_of_another_bundle(made: Volumes) -> None:
    old = made.side.top / "old"
    shutil.copytree(made.path, old)
    made.add("file-1", 70_000, seed="new")
    made.make(later=60)
    with pytest.raises(BundleError, match=r"The media hold different versions of the bundle site \(version"):
        made.inspect(old / "volume-001", made.path / "volume-002")
    for name in made.names():
        shutil.rmtree(made.path / name / "objects")
        shutil.copytree(old / name / "objects", made.path / name / "objects")
    with pytest.raises(BundleError, match=r"is not what was signed; .*missing: objects/.*unexpected: objects/"):
        made.inspect()


class Worn:
    """A medium with bad places: what is opened there does not come back."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.plain = fsutil.open_plain

    def open(self, path: str) -> Any:
        handle = self.plain(path)
        return Worn.File(handle) if path == self.path else handle

    class File:
        def __init__(self, handle: Any) -> None:
            self.handle = handle

        def __enter__(self) -> Worn.File:
            return self

        def __exit__(self, *args: object) -> None:
            self.handle.close()

        def read(self, size: int) -> bytes:
            raise OSError(errno.EIO, "Input/output error")


def test_a_medium_that_is_worn_out(made: Volumes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    victim = max((made.path / "volume-001/objects").rglob("*/*/*"), key=lambda path: path.stat().st_size)
    found = made.inspect()
    for path, said in (
        (victim, rf"damaged: objects/(sha256|pieces)/.*{victim.name}"),
        (made.path / "volume-001/root.json", r"Cannot read .*root.json: Input/output error. Is the medium sound"),
        (made.path / "volume-001/lock.json", r"Cannot read .*lock.json: Input/output error. Is the medium sound"),
    ):
        monkeypatch.setattr(fsutil, "open_plain", Worn(path).open)
        with pytest.raises(BundleError, match=said):
            made.inspect()
        monkeypatch.undo()
    for source in found.objects.values():
        first = source if isinstance(source, str) else source[0].path
        monkeypatch.setattr(fsutil, "open_plain", Worn(Path(first)).open)
        sha256 = next(name for name, place in found.objects.items() if place is source)
        with pytest.raises(BundleError, match=r"Cannot copy .* to .*target: Input/output error. Is the medium sound"):
            copy_object(found, sha256, str(tmp_path / "target"))
        monkeypatch.undo()
        assert not list(tmp_path.glob("target*"))


def test_two_bundles_on_one_medium(made: Volumes) -> None:
    shutil.copytree(made.path / "volume-001", made.side.top / "both/site")
    side = made.side
    side.bom = {"name": "other", "files": [side.file("x", b"x")]}
    side.lock_path = str(side.top / "work/other.lock.json")
    side.lock()
    side.pack()
    places = [str(made.path), f"{side.output}/other"]
    found = inspect_all(places, Terms(side.ring, side.now))
    assert sorted(found) == ["other", "site"] and found["site"].missing_volumes == []
    with pytest.raises(BundleError, match=r"holds several bundles \(other, site\); name the directory of one"):
        inspect(places, side.ring, now=side.now)
    with pytest.raises(BundleError, match=r"No media are given"):
        inspect_all([], Terms(side.ring, side.now))


def test_volumes_swapped_in_place(made: Volumes) -> None:
    one, two, aside = made.path / "volume-001", made.path / "volume-002", made.path / "aside"
    one.rename(aside)
    two.rename(one)
    aside.rename(two)
    assert made.inspect().missing_volumes == []  # a name on a medium is no more than a name
    (one / "index.json").write_bytes((two / "index.json").read_bytes())
    with pytest.raises(BundleError, match=r"(missing|unexpected): "):
        made.inspect()


def test_a_truncated_volume(made: Volumes) -> None:
    for victim in sorted((made.path / "volume-001").rglob("*")):
        if victim.is_file() and victim.stat().st_size:
            data = victim.read_bytes()
            victim.write_bytes(data[:-2])  # a last line end is not part of a signature
            with pytest.raises(BundleError, match=re.escape(named(victim))):
                made.inspect()
            victim.write_bytes(data)


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (lambda volume: (volume / "Root.json").write_text("x"), r"unexpected: Root.json"),
        (
            lambda volume: (volume / "objects/SHA256").mkdir() or (volume / "objects/SHA256/x").touch(),
            r"objects/SHA256/x",
        ),
        (lambda volume: os.symlink("/etc/passwd", volume / "objects/passwd"), r"unexpected: objects/passwd"),
        (lambda volume: os.symlink("/etc", volume / "dists/evil"), r"unexpected: dists/evil"),
        (lambda volume: os.mkfifo(volume / "objects/pipe"), r"unexpected: objects/pipe"),
        (lambda volume: (volume / "autorun.inf").write_text("x"), r"unexpected: autorun.inf"),
        (lambda volume: (volume / "a\nb").write_text("x"), r"unexpected: 'a.nb'"),
    ],
)
def test_what_does_not_belong_is_named(made: Volumes, plant: Callable[[Path], Any], said: str) -> None:
    last = made.path / made.names()[-1]
    plant(last)
    with pytest.raises(BundleError, match=said):
        made.inspect()


def test_a_clock_that_is_wrong_by_a_year(made: Volumes) -> None:
    created = json.loads((made.path / "volume-001/root.json").read_bytes())["created"]
    with pytest.raises(
        BundleError, match=rf"The clock of this machine says .* but the bundle site .* {created}. Set the clock"
    ):
        made.inspect(now=made.side.now - 365 * DAY)
    with pytest.raises(BundleError, match=r"expired on .*, and it is .* by this machine's clock"):
        made.inspect(now=made.side.now + 365 * DAY)
    assert made.inspect(now=made.side.now - 3600).missing_volumes == []  # time zones and drift are no reason


def test_a_piece_that_is_damaged_is_named_when_it_is_joined(made: Volumes, tmp_path: Path) -> None:
    large = sha256_bytes(made.files["large"])
    victim = next(made.path.glob(f"volume-*/objects/pieces/{large}/2"))
    victim.write_bytes(b"X" + victim.read_bytes()[1:])
    found = made.inspect(full=False)
    with pytest.raises(BundleError, match=rf"{victim} is damaged: its object {large} does not come together"):
        copy_object(found, large, str(tmp_path / "large"))
    assert list(tmp_path.glob("large*")) == []
    with pytest.raises(BundleError, match=rf"damaged: objects/pieces/{large}/2"):
        made.inspect()
    victim.unlink()
    some_volumes = [path for path in sorted(made.path.iterdir()) if path != victim.parents[3]]
    rest = made.inspect(*some_volumes)
    assert large in rest.absent() and large in rest.objects
    with pytest.raises(BundleError, match=rf"Object {large} is not complete: pieces of it are missing"):
        copy_object(rest, large, str(tmp_path / "large"))


def test_pieces_that_come_one_medium_at_a_time(made: Volumes, tmp_path: Path) -> None:
    large = sha256_bytes(made.files["large"])
    kept = Kept(str(tmp_path / "kept"))
    assert kept.parts() == {}
    for name in made.names():
        found = made.inspect(made.medium(name), full=False)
        for part in found.objects.get(large, []):
            assert isinstance(part, Part) and kept.take(part) and not kept.take(part)
    parts = kept.parts()[large]
    assert chain(parts, len(made.files["large"])) is not None and chain(parts[1:], len(made.files["large"])) is None
    nothing = made.inspect(made.medium(made.names()[-1]), full=False)
    copy_object(nothing, large, str(tmp_path / "large"), kept=parts)
    assert (tmp_path / "large").read_bytes() == made.files["large"]
    (tmp_path / f"kept/{large}/stray").touch()
    assert len(kept.parts()[large]) == len(parts)
    kept.forget(large)
    kept.forget(large)
    assert kept.parts() == {}


def test_pieces_that_do_not_belong_together(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(b"abc")
    good = Part(manifest.Piece("a" * 64, 1, 0, 3, sha256_bytes(b"abc")), str(tmp_path / "1"))
    assert chain([good], 2) is None and chain([good], 4) is None and chain([good], 3) == [good]
    with pytest.raises(BundleError, match=r"1 is damaged: its object a+ does not come together"):
        join([good], str(tmp_path / "x"), sha256="a" * 64, size=3)


def test_a_piece_that_shrank_since_it_was_looked_at(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(b"ab")
    part = Part(manifest.Piece("a" * 64, 1, 0, 3, sha256_bytes(b"abc")), str(tmp_path / "1"))
    with pytest.raises(BundleError, match=r"1 is damaged: its object a+ does not come together"):
        join([part], str(tmp_path / "x"), sha256="a" * 64, size=3)
    assert not (tmp_path / "x").exists() and not (tmp_path / "x.new").exists()


INDEX = Index(
    "site",
    1,
    "volume-001",
    {"a" * 64: 5},
    {"lock.json": ("b" * 64, 2)},
    (manifest.Piece("c" * 64, 1, 0, 4, "d" * 64),),
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda told: told["files"].append(["Lock.json", "b" * 64, 2]),
            r"the paths 'Lock.json' and 'lock.json', which are one",
        ),
        (
            lambda told: told["files"].append(["lock.json/x", "b" * 64, 2]),
            r"'lock.json' as a file and as the directory of",
        ),
        (lambda told: told["files"].append(["LOCK.JSON/x/y", "b" * 64, 2]), r"as a file and as the directory of"),
        (lambda told: told["files"].append(["Objects/x", "b" * 64, 2]), r"names the path 'Objects/x', which leads out"),
        (lambda told: told["files"].append(["ROOT.JSON", "b" * 64, 2]), r"names the path 'ROOT.JSON', which leads out"),
        (lambda told: told["files"].append(["lock.json", "b" * 64, 2]), r"names an object or a file twice"),
        (lambda told: told["objects"].append(["a" * 64, 5]), r"names an object or a file twice"),
        (lambda told: told["pieces"].append(["c" * 64, 1, 0, 4, "d" * 64]), r"names piece 1 of .*, which is no piece"),
        (lambda told: told["pieces"].append(["c" * 64, 0, 0, 4, "d" * 64]), r"which is no piece"),
        (lambda told: told["pieces"].append(["c" * 64, 2, -1, 4, "d" * 64]), r"which is no piece"),
        (lambda told: told["pieces"].append(["c" * 64, 2, 4, 0, "d" * 64]), r"which is no piece"),
        (lambda told: told["pieces"].append(["../c", 2, 4, 4, "d" * 64]), r"which is no piece"),
        (lambda told: told["pieces"].append(["c" * 64, 2, 4, 4]), r"is not the index of a volume"),
        (lambda told: told["pieces"].append(["c" * 64, "2", 4, 4, "d" * 64]), r"which is no piece"),
        (lambda told: told["pieces"].append(["c" * 64, 2, 4, True, "d" * 64]), r"which is no piece"),
        (lambda told: told.update(pieces=7), r"is not the index of a volume"),
    ],
)
def test_an_index_of_nonsense(change: Callable[[Dict[str, Any]], Any], said: str) -> None:
    told = json.loads(INDEX.dump())
    change(told)
    with pytest.raises(BundleError, match=said):
        Index.parse(json.dumps(told).encode(), "it")


def test_an_index_as_it_is_written() -> None:
    assert Index.parse(INDEX.dump(), "it") == INDEX


ROOT = Root(
    "site",
    5,
    "2026-01-01T00:00:00Z",
    "2026-01-02T00:00:00Z",
    "a" * 64,
    (manifest.Volume("volume-001", "b" * 64, 1, 2),),
    base="c" * 64,
    base_version=4,
    sbom="d" * 64,
    contents="e" * 64,
)


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(base="x"),
        lambda told: told.update(base=""),
        lambda told: told.update(base=None),
        lambda told: told.update(base_version=5),
        lambda told: told.update(base_version=-1),
        lambda told: told.update(base_version="4"),
        lambda told: told.update(sbom="x"),
        lambda told: told.update(contents=7),
        lambda told: told["volumes"][0].update(objects=-1),
        lambda told: told["volumes"][0].update(bytes="2"),
        lambda told: told["volumes"].append({"name": "Volume-001", "index": "f" * 64, "objects": 0, "bytes": 0}),
        lambda told: told["volumes"].append({"name": "volume-002", "index": "b" * 64, "objects": 0, "bytes": 0}),
        lambda told: told["volumes"].append(7),
        lambda told: told.update(created=[]),
    ],
)
def test_a_root_of_nonsense(change: Callable[[Dict[str, Any]], Any]) -> None:
    told = json.loads(ROOT.dump())
    change(told)
    with pytest.raises(BundleError, match=r"^it "):
        Root.parse(json.dumps(told).encode(), "it")


def test_a_root_as_it_is_written() -> None:
    assert Root.parse(ROOT.dump(), "it") == ROOT
    assert manifest.describe(ROOT)["base_version"] == 4


anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=5) | some.just("a" * 64),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=400, deadline=None)
@given(some.dictionaries(some.sampled_from([*json.loads(ROOT.dump()), "x"]), anything, max_size=4))
def test_a_root_of_anything(values: Dict[str, Any]) -> None:
    try:
        Root.parse(json.dumps({**json.loads(ROOT.dump()), **values}).encode(), "it")
    except BundleError as error:
        assert str(error).startswith("it ")


@settings(max_examples=400, deadline=None)
@given(some.dictionaries(some.sampled_from([*json.loads(INDEX.dump()), "x"]), anything, max_size=4))
def test_an_index_of_anything(values: Dict[str, Any]) -> None:
    try:
        Index.parse(json.dumps({**json.loads(INDEX.dump()), **values}).encode(), "it")
    except BundleError as error:
        assert str(error).startswith("it ")


@settings(max_examples=200, deadline=None)
@given(some.binary(max_size=300) | some.text(alphabet='[]{}",:0', max_size=300).map(str.encode))
def test_documents_of_bytes(data: bytes) -> None:
    for kind in (Root, Index):
        with pytest.raises(BundleError):
            kind.parse(data, "it")


def test_a_root_too_large_to_be_one(made: Volumes) -> None:
    with open(made.path / "volume-001/root.json", "wb") as handle:
        handle.truncate(manifest.ROOT_LIMIT + 1)
    with pytest.raises(BundleError, match=r"root.json is larger than the .* bytes expected at most"):
        made.inspect()


def gpg(home: Path, *argv: str, data: bytes = b"") -> bytes:
    given = ["gpg", "--homedir", str(home), "--batch", "--passphrase", "", "--pinentry-mode", "loopback", "--quiet"]
    return subprocess.run([*given, *argv], input=data, capture_output=True, check=True).stdout


@pytest.fixture
def home() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="fb-", dir="/tmp"))
    yield place
    subprocess.run(["gpgconf", "--homedir", str(place), "--kill", "all"], check=False)
    shutil.rmtree(place, ignore_errors=True)


def weak(home: Path, root: bytes) -> bytes:
    gpg(home, "--quick-generate-key", "maker", "rsa2048", "sign", "never")
    return gpg(home, "--armor", "--digest-algo", "SHA1", "--detach-sign", data=root)


def expired(home: Path, root: bytes) -> bytes:
    then = ("--faked-system-time", "20200101T000000!")
    gpg(home, *then, "--quick-generate-key", "maker", "ed25519", "sign", "1y")
    return gpg(home, *then, "--armor", "--detach-sign", data=root)


def revoked(home: Path, root: bytes) -> bytes:
    gpg(home, "--quick-generate-key", "maker", "ed25519", "sign", "never")
    signature = gpg(home, "--armor", "--detach-sign", data=root)
    (certificate,) = (home / "openpgp-revocs.d").iterdir()
    gpg(home, "--import", data=certificate.read_bytes().replace(b":-----BEGIN", b"-----BEGIN"))
    return signature


@pytest.mark.parametrize("make", [weak, expired, revoked])
def test_a_signature_that_is_worth_nothing(made: Volumes, home: Path, make: Callable[[Path, bytes], bytes]) -> None:
    """It is right by arithmetic, and the key is the one that the isolated side has."""
    signature = make(home, (made.path / "volume-001/root.json").read_bytes())
    ring = Keyring([gpg(home, "--export", "maker")], what="the maker's key")
    for name in made.names():
        (made.path / name / "root.json.asc").write_bytes(signature)
    with pytest.raises(BundleError, match=r"The signature of .*root.json is not good for any key of the maker's key"):
        inspect([str(made.path)], ring, now=made.side.now)


def test_a_signature_by_another_key(made: Volumes) -> None:
    root = (made.path / "volume-001/root.json").read_bytes()
    stranger = made.side.keys["stranger"].sign(root, clear=False, moment=int(made.side.now))
    for name in made.names():
        (made.path / name / "root.json.asc").write_bytes(stranger)
    with pytest.raises(BundleError, match=r"is not good for any key of the bundle key"):
        made.inspect()
    ring = Keyring([made.side.keys["stranger"].public_key()], what="a stranger")
    assert inspect([str(made.path)], ring, now=made.side.now).signers == (made.side.keys["stranger"].fingerprint,)

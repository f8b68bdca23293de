# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a yum repository to a lock: what dnf chooses, what vouches for it, and what happens when upstream is not as it should be."""

from __future__ import annotations

import gzip
import re
import subprocess
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import fsutil
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import Evidence, Lock
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import SigningKey
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources import rpm_solver
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.yumrepo import Description
from ansible_collections.fieldops.mattermost.tests.unit import yum_upstream
from ansible_collections.fieldops.mattermost.tests.unit.upstream import NOW, Side
from ansible_collections.fieldops.mattermost.tests.unit.yum_upstream import MODULES, UPDATES, Builder, YumUpstream

pytestmark = pytest.mark.skipif(bool(yum_upstream.ABSENT), reason=yum_upstream.WHY_NOT)


def lock(side: Side, yum: YumUpstream, *packages: str, **more: Any) -> Lock:
    side.bom = yum_upstream.bom(yum, side.web.url, *packages, **more)
    return side.lock().lock


def versions(lock: Lock) -> Dict[str, str]:
    return {item.name: item.version for item in lock.items}


def refused(side: Side, yum: YumUpstream, *packages: str, **more: Any) -> str:
    with pytest.raises(BundleError) as caught:
        lock(side, yum, *(packages or ("app",)), **more)
    assert not Path(side.lock_path).exists()
    return str(caught.value)


def evidence(lock: Lock, kind: str) -> List[Evidence]:
    return [piece for piece in lock.evidence if piece.kind == kind]


def description(side: Side, lock: Lock) -> Description:
    told = Path(f"{side.lock_path}.evidence/{lock.repositories[0].stanzas}").read_bytes()
    return Description.parse(told, "it")


def test_the_closure_is_dnfs_and_says_why(side: Side, yum: YumUpstream) -> None:
    yum.add("app", "1.0", "Requires: lib >= 1.5, /usr/share/tool/about, (extra if lib)", "Recommends: weak")
    yum.add("lib", "1.4", "Epoch: 3", "Requires: virtual(thing)")
    yum.add("lib", "1.6", "Epoch: 2")
    yum.add("thing", "1.0", "Provides: virtual(thing)")
    for name in ("tool", "extra", "weak", "unrelated"):
        yum.add(name)
    yum.publish()
    found = lock(side, yum, "app")
    assert {item.name: (item.version, item.why) for item in found.items} == {
        "app": ("1.0-1", ""),
        "lib": ("3:1.4-1", "app"),
        "thing": ("1.0-1", "lib"),
        "tool": ("1.0-1", "app"),
        "extra": ("1.0-1", "app"),
    }
    item = found.items[0]
    assert (item.kind, item.group, item.architecture) == ("rpm", "el-9", "noarch")
    assert item.url == f"{side.web.url}/yum/Packages/app-1.0-1.noarch.rpm"
    assert found.repositories[0].kind == "rpm"
    assert evidence(found, "repomd")[0].facts["signed_by"] == [yum.key.fingerprint]
    assert evidence(found, "repomd_signature")[0].url.endswith("/yum/repodata/repomd.xml.asc")
    assert {piece.facts["path"].split("-")[-1] for piece in evidence(found, "index")} == {
        "primary.xml.gz",
        "filelists.xml.gz",
        "other.xml.gz",
    }


def test_indexes_travel_only_when_they_are_wanted(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    assert not evidence(lock(side, yum, "app", carry_indexes=False), "index")


def test_a_second_go_is_one_request_and_no_work(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    litter = Path(side.store) / "solver-el-9/repository-1"
    litter.mkdir(parents=True)  # as a run that was killed leaves it
    lock(side, yum, "app")
    assert not litter.parent.exists()
    side.web.requests.clear()
    assert not side.lock().changed
    assert side.web.paths() == ["/yum/repodata/repomd.xml"]
    yum.publish(revision=1_700_000_001)  # the same packages: nothing to carry
    assert not side.lock().changed
    yum.add("app", "1.1")
    yum.publish(revision=1_700_000_002)
    changed = side.lock()
    assert [(change.change, change.before, change.after) for change in changed.changes] == [
        ("changed", "1.0-1", "1.1-1")
    ]


def test_a_store_may_be_anywhere(side: Side, yum: YumUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    yum.add("app", "1.0", "Requires: /usr/share/lib/about")
    yum.add("lib")
    yum.publish()
    (side.top / "my things, 100% & more").mkdir()
    monkeypatch.chdir(side.top / "my things, 100% & more")
    for place in (str(Path.cwd() / "store"), "a store"):
        side.store = place
        assert set(versions(lock(side, yum, "app"))) == {"app", "lib"}
        Path(side.lock_path).unlink()


def test_check_mode_writes_nothing(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    side.bom = yum_upstream.bom(yum, side.web.url, "app")
    assert side.lock(check=True).changed
    assert not Path(side.lock_path).exists()
    assert not Path(side.store).exists()


def test_excludes_are_seen_as_dnf_sees_them(side: Side, yum: YumUpstream) -> None:
    yum.add("app", "1.0", "Requires: mail-server")
    yum.add("postfix", "1.0", "Provides: mail-server")
    yum.add("exim", "1.0", "Provides: mail-server")
    yum.publish()
    assert set(versions(lock(side, yum, "app", exclude=["post*"]))) == {"app", "exim"}
    side.lock_path += "2"
    told = refused(side, yum, "app", exclude=["post*", "exim"])
    assert "requires mail-server" in told
    assert "filtered out by exclude filtering" in told


def test_two_architectures_are_two_repositories(side: Side, yum: YumUpstream) -> None:
    for architecture in ("x86_64", "aarch64", "i686"):
        yum.add("app", architecture=architecture)
    yum.publish()
    side.bom = yum_upstream.bom(yum, side.web.url, "app", "app.i686")
    side.bom["rpm"].append({**side.bom["rpm"][0], "name": "el-9-arm", "architecture": "aarch64", "packages": ["app"]})
    found = side.lock().lock
    assert [(item.group, item.name, item.architecture) for item in found.items] == [
        ("el-9", "app", "x86_64"),
        ("el-9", "app.i686", "i686"),
        ("el-9-arm", "app", "aarch64"),
    ]


def test_several_sources_are_one_union(side: Side, yum: YumUpstream, builder: Builder) -> None:
    other = YumUpstream(side.upstream.root, builder, side.keys["stranger"], "other")
    yum.add("app", "1.0", "Requires: lib")
    yum.add("same", "1.0")
    yum.publish()
    other.add("lib", "2.0")
    other.add("same", "1.0")
    other.publish()
    source = yum_upstream.bom(other, side.web.url)["rpm"][0]["sources"][0]
    side.bom = yum_upstream.bom(yum, side.web.url, "app", "same")
    side.bom["rpm"][0]["sources"].append(source)
    found = side.lock().lock
    urls = {item.name: item.url.replace(side.web.url, "") for item in found.items}
    assert urls["lib"] == "/other/Packages/lib-2.0-1.noarch.rpm"
    assert urls["same"] == "/yum/Packages/same-1.0-1.noarch.rpm"  # of equal packages, that of the first source
    told = description(side, found)
    assert [len(source.keys) for source in told.sources] == [1, 1]
    assert told.sources[0].keys != told.sources[1].keys


def test_advisories_of_carried_packages_come_along(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish(updateinfo=UPDATES)
    told = description(side, lock(side, yum, "app"))
    assert len(told.updateinfo) == 1
    assert "<id>EX-1</id>" in told.updateinfo[0]


def test_modules_are_chosen_and_carried_when_something_is_of_one(side: Side, yum: YumUpstream) -> None:
    for version in ("1", "2"):
        yum.add("tool", version)
    yum.add("app")
    yum.publish(modules="".join(MODULES.format(stream=stream) for stream in ("1", "2")))
    assert not description(side, lock(side, yum, "app")).modules
    found = lock(side, yum, "tool", modules=["tool:1"])
    assert versions(found) == {"tool": "1-1"}
    assert 'stream: "2"' in description(side, found).modules[0]
    side.lock_path += "2"
    assert "dnf cannot resolve it" in refused(side, yum, "tool", modules=["tool:3"])
    assert "dnf cannot resolve it" in refused(side, yum, "tool")  # no stream is the default one


def test_what_cannot_be_resolved_is_told_in_dnfs_words(side: Side, yum: YumUpstream) -> None:
    yum.add("app", "1.0", "Requires: lib >= 9")
    yum.add("lib")
    yum.add("one", "1.0", "Conflicts: two")
    yum.add("two")
    yum.publish()
    assert "rpm repository el-9: dnf cannot resolve it" in refused(side, yum, "nothere")
    assert "nothere" in refused(side, yum, "nothere")
    assert "nothing provides lib >= 9 needed by app-1.0-1.noarch" in refused(side, yum, "app")
    assert "conflicts with two" in refused(side, yum, "one", "two")
    assert len(refused(side, yum, "one", "two").splitlines()) == 1


def test_unsigned_and_foreign_and_changed_metadata(side: Side, yum: YumUpstream, keys: Dict[str, SigningKey]) -> None:
    yum.add("app")
    yum.publish()
    signature = yum.repomd.with_suffix(".xml.asc")
    good = signature.read_bytes()
    signature.unlink()
    assert "repomd.xml.asc: the server answered HTTP 404" in refused(side, yum)
    yum.sign(keys["stranger"])
    assert "is not good for any key of the keys given for" in refused(side, yum)
    signature.write_bytes(b"nonsense")
    assert "holds no OpenPGP data" in refused(side, yum)
    signature.write_bytes(good)
    yum.repomd.write_bytes(yum.repomd.read_bytes().replace(b"sha256", b"sha256 ", 1))
    assert "The signature of the metadata of" in refused(side, yum)
    yum.key_file.write_bytes(b"no key")
    assert "yum-key.asc holds no OpenPGP data" in refused(side, yum) or "holds no OpenPGP data" in refused(side, yum)


@pytest.fixture
def mortal(side: Side, tmp_path: Path) -> Iterator[Callable[[float, int], SigningKey]]:
    """Makes a key that was born at a time and lives for so many days."""
    home = Path(side.keys["archive"].home).parent / f"mortal-{fsutil.sha256_bytes(str(tmp_path).encode())[:8]}"
    argv = ["gpg", "--homedir", str(home), "--batch", "--passphrase", "", "--pinentry-mode", "loopback"]

    def make(born: float, days: int) -> SigningKey:
        home.mkdir(mode=0o700)
        stamp = time.strftime("%Y%m%dT%H%M%S!", time.gmtime(born))
        create = [
            "--faked-system-time",
            stamp,
            "--quick-generate-key",
            "mortal@example.com",
            "ed25519",
            "sign",
            f"{days}d",
        ]
        subprocess.run([*argv, *create], check=True, capture_output=True)
        listing = subprocess.run([*argv, "--with-colons", "--list-keys"], check=True, capture_output=True, text=True)
        fingerprint = next(line.split(":")[9] for line in listing.stdout.splitlines() if line.startswith("fpr"))
        return SigningKey(str(home), fingerprint, "", int(born))

    yield make
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True)


def test_a_key_that_has_expired_vouches_for_nothing(side: Side, yum: YumUpstream, mortal: Any) -> None:
    yum.key = mortal(1_577_836_800, 30)
    yum.key_file.write_bytes(yum.key.public_key())
    yum.add("app", signed_by=None)
    yum.publish()
    assert "is not good for any key" in refused(side, yum)


def test_a_key_that_will_expire_is_warned_of(side: Side, yum: YumUpstream, mortal: Any) -> None:
    yum.key = mortal(NOW - 86400, 20)
    yum.key_file.write_bytes(yum.key.public_key())
    yum.add("app", signed_by=None)
    yum.publish()
    side.bom = yum_upstream.bom(yum, side.web.url, "app")
    assert f"The key {yum.key.fingerprint}, which signed el-9, expires in 19 days" in " ".join(side.lock().warnings)


def test_a_signature_less_for_a_reason_is_warned_of(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    yum.repomd.with_suffix(".xml.asc").unlink()
    side.bom = yum_upstream.bom(
        yum, side.web.url, "app", source={"repo_gpgcheck": False, "reason": "the vendor signs packages only"}
    )
    result = side.lock()
    assert result.warnings == [
        f"rpm repository el-9: signatures of the metadata of {side.web.url}/yum are not checked. "
        "Reason given: the vendor signs packages only"
    ]
    assert not evidence(result.lock, "repomd_signature")
    assert evidence(result.lock, "repomd")[0].facts["reason"] == "the vendor signs packages only"
    side.bom = yum_upstream.bom(yum, side.web.url, "app", source={"gpgcheck": False, "reason": "a test"})
    yum.sign()
    assert "signatures of the packages" in side.lock().warnings[0]


def test_weak_digests_are_refused(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish("--checksum", "sha512")
    assert "gives no sha256 of primary, but sha512; only SHA-256 is believed" in refused(side, yum)
    # A repomd.xml as it should be, of packages that are listed by other digests.
    text = gzip.decompress(yum.metadata("primary").read_bytes())
    listing = gzip.decompress(yum.metadata("filelists").read_bytes())
    yum.publish()
    yum.replace_metadata("primary", gzip.compress(text))
    yum.replace_metadata("filelists", gzip.compress(listing))
    assert "gives no sha256 of app-1.0-1.noarch; only SHA-256 is believed" in refused(side, yum)
    sha1 = re.sub(rb'type="sha512"( pkgid="YES")?>[0-9a-f]{128}', b'type="sha"\\1>' + b"a" * 40, text)
    yum.replace_metadata("primary", gzip.compress(sha1))
    assert "gives no sha256 of app-1.0-1.noarch; only SHA-256 is believed" in refused(side, yum)


def tampered(side: Side, yum: YumUpstream, old: bytes, new: bytes) -> str:
    """What is said when a signed primary has this in it."""
    yum.publish()
    text = gzip.decompress(yum.metadata("primary").read_bytes())
    assert old in text
    yum.replace_metadata("primary", gzip.compress(text.replace(old, new)))
    return refused(side, yum)


def test_what_a_hostile_repository_would_write(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    href = b'href="Packages/app-1.0-1.noarch.rpm"'
    for place in (
        b"../../../etc/passwd",
        b"/etc/passwd",
        b"https://evil.example.com/app.rpm",
        b"Packages/../../app.rpm",
    ):
        assert "no plain path inside the repository" in tampered(side, yum, href, b'href="' + place + b'"')
    more = b'xml:base="https://evil.example.com/" ' + href
    assert "no plain path inside the repository" in tampered(side, yum, href, more)
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><metadata '
    assert "has a document type" in tampered(side, yum, b"<metadata ", bomb)


def test_decompression_bombs_stop_early(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    bomb = gzip.compress(bytes(64 << 20))
    yum.replace_metadata("primary", bomb)
    text = yum.repomd.read_text().replace(
        f"<size>{len(bomb)}</size>", f"<size>{len(bomb)}</size><open-size>5000</open-size>"
    )
    yum.repomd.write_text(text)
    yum.sign()
    assert "primary of" in refused(side, yum)
    assert "becomes larger than the 5000 bytes that it may have" in refused(side, yum)
    assert sum(path.stat().st_size for path in Path(side.store).rglob("*") if path.is_file()) < 1 << 20


def test_one_package_twice_with_different_checksums(side: Side, yum: YumUpstream) -> None:
    yum.add("app", signed_by=None)
    yum.add("app", folder="again")
    yum.publish()
    assert "lists app-1.0-1.noarch 2 times with different checksums" in refused(side, yum)


def test_one_package_twice_at_two_places_is_one(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.add("app", folder="again")
    yum.publish()
    assert versions(lock(side, yum, "app")) == {"app": "1.0-1"}


def test_upstream_that_changes_while_it_is_read_is_read_again(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    primary = f"/yum/repodata/{yum.metadata('primary').name}"

    def replaced(path: str) -> None:
        """What a mirror does between two requests."""
        if path == primary:
            yum.add("app", "1.1")
            yum.publish(revision=1_700_000_001)

    answer = side.web.answer

    def watched(handler: Any) -> None:
        replaced(handler.path)
        answer(handler)

    side.web.answer = watched  # type: ignore[method-assign]
    assert versions(lock(side, yum, "app")) == {"app": "1.1-1"}
    assert side.web.paths().count("/yum/repodata/repomd.xml") >= 2


def test_a_signature_that_comes_a_moment_later(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    old = yum.repomd.with_suffix(".xml.asc").read_bytes()
    yum.publish(revision=1_700_000_001)
    fresh = yum.repomd.with_suffix(".xml.asc").read_bytes()
    assert old != fresh
    yum.repomd.with_suffix(".xml.asc").write_bytes(old)
    answer = side.web.answer

    def watched(handler: Any) -> None:
        answer(handler)
        if handler.path.endswith(".asc"):
            yum.repomd.with_suffix(".xml.asc").write_bytes(fresh)

    side.web.answer = watched  # type: ignore[method-assign]
    assert versions(lock(side, yum, "app")) == {"app": "1.0-1"}


def test_what_is_missing_upstream_is_named(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    yum.metadata("primary").unlink()
    assert "primary.xml.gz: the server answered HTTP 404" in refused(side, yum)
    yum.repomd.unlink()
    assert "/yum/repodata/repomd.xml: the server answered HTTP 404" in refused(side, yum)


def test_a_mirror_that_lags_does_not_take_us_back(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    old = {path: path.read_bytes() for path in (yum.repomd, yum.repomd.with_suffix(".xml.asc"))}
    kept = {path: path.read_bytes() for path in yum.base.glob("repodata/*.gz")}
    yum.add("app", "1.1")
    yum.publish(revision=1_700_000_001)
    assert versions(lock(side, yum, "app")) == {"app": "1.1-1"}
    for path, data in {**old, **kept}.items():  # last month's metadata, with a good signature
        path.write_bytes(data)
    assert not side.lock().changed
    assert versions(side.lock(now=NOW + 80 * 86400).lock) == {"app": "1.1-1"}


def test_what_other_keys_vouched_for_does_not_hold(side: Side, yum: YumUpstream, keys: Dict[str, SigningKey]) -> None:
    """A vendor who loses a key begins again: the new key counts, however high the revisions of the old one were."""
    yum.add("app", "1.1")
    yum.publish(revision=1_800_000_000)
    lock(side, yum, "app")
    yum.key = keys["stranger"]
    yum.key_file.write_bytes(yum.key.public_key())
    (yum.base / "Packages/app-1.1-1.noarch.rpm").unlink()
    yum.add("app")
    yum.publish()
    assert versions(lock(side, yum, "app")) == {"app": "1.0-1"}
    assert not side.lock().changed


def test_unsigned_metadata_with_a_high_revision_does_not_stay(side: Side, yum: YumUpstream) -> None:
    source = {"repo_gpgcheck": False, "reason": "a test"}
    yum.add("app", "1.1")
    yum.publish(revision=9_999_999_999)
    assert versions(lock(side, yum, "app", source=source)) == {"app": "1.1-1"}
    (yum.base / "Packages/app-1.1-1.noarch.rpm").unlink()
    yum.add("app")
    yum.publish()
    assert versions(lock(side, yum, "app", source=source)) == {"app": "1.0-1"}


def test_metadata_that_is_far_too_large(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    yum.repomd.write_bytes(yum.repomd.read_bytes() + b" " * (17 << 20))
    assert "is larger than the 16777216 bytes expected at most" in refused(side, yum)


def test_primary_and_filelists_have_to_mean_the_same_packages(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    text = gzip.decompress(yum.metadata("filelists").read_bytes())
    start = text.index(b'pkgid="') + 7
    yum.replace_metadata("filelists", gzip.compress(text[:start] + b"0" * 64 + text[start + 64 :]))
    assert "does not describe app-0:1.0-1.noarch" in refused(side, yum)


def test_change_logs_are_carried_where_upstream_has_them(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    assert "- First" in description(side, lock(side, yum, "app")).packages[0].other
    yum.replace_metadata("other", gzip.compress(b""))
    assert description(side, lock(side, yum, "app")).packages[0].other == ""
    text = yum.repomd.read_text()
    start, end = text.index('<data type="other">'), text.index("</repomd>")
    yum.repomd.write_text(text[:start] + text[end:])
    yum.sign()
    assert description(side, lock(side, yum, "app")).packages[0].other == ""


def test_one_checksum_for_two_packages(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    text = gzip.decompress(yum.metadata("primary").read_bytes()).decode()
    start, end = text.index("<package "), text.index("</package>") + len("</package>")
    false = text[start:end].replace("<name>app</name>", "<name>impostor</name>").replace('ver="1.0"', 'ver="2.0"', 1)
    yum.replace_metadata("primary", gzip.compress((text[:start] + false + text[start:]).encode()))
    told = refused(side, yum, "app")
    assert "gives the sha256 of app-0:1.0-1.noarch to impostor-2.0-1.noarch.rpm" in told


def test_descriptions_of_modules_that_dnf_cannot_read(side: Side, yum: YumUpstream) -> None:
    yum.add("tool", "1")
    yum.publish(modules=MODULES.format(stream="1") + "# \n")
    text = gzip.decompress(yum.metadata("modules").read_bytes())
    yum.replace_metadata("modules", gzip.compress(text.replace(b"# ", b"# \xe9")))
    assert "dnf failed on this machine: " in refused(side, yum, "tool", modules=["tool:1"])


def test_without_a_solver_nothing_is_guessed(side: Side, yum: YumUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    yum.add("app")
    yum.publish()
    rpm_solver.find_python.cache_clear()
    monkeypatch.setattr(rpm_solver, "_PROBE", "raise SystemExit(1)")
    assert "install dnf with its Python interface (package python3-dnf" in refused(side, yum)
    monkeypatch.undo()
    assert rpm_solver.find_python() == "/usr/bin/python3"


def test_a_dnf_that_breaks_is_told(side: Side, yum: YumUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    yum.add("app")
    yum.publish()
    monkeypatch.setattr(rpm_solver, "_PATIENCE", 0.001)
    assert "dnf did not find an answer within 0.001 seconds" in refused(side, yum)
    monkeypatch.undo()
    monkeypatch.setattr(rpm_solver.inspect, "getsource", lambda module: "import sys\nraise ValueError('odd')")
    assert "dnf failed on this machine: ValueError: odd." in refused(side, yum)


def test_what_policy_withholds_takes_along_what_requires_it(side: Side, yum: YumUpstream) -> None:
    yum.add("app", "1.0", "Requires: plain, virtual(secret)")
    yum.add("tool", "1.0", "Requires: /usr/share/secret/about, plain")
    yum.add("secret", "1.0", "Provides: virtual(secret)")
    yum.add("plain")
    yum.publish()
    policy = {"must_not_contain": ["secret"]}
    side.bom = {**yum_upstream.bom(yum, side.web.url, "app", "tool", "plain"), "policy": policy}
    with pytest.raises(BundleError, match="rpm secret must not be carried"):
        side.lock()
    side.bom["policy"] = {**policy, "on_violation": "withhold"}
    found = side.lock().lock
    assert versions(found) == {"plain": "1.0-1"}
    assert {row.name: row.because_of for row in found.withheld} == {"secret": "", "app": "secret", "tool": "secret"}
    assert len(description(side, found).packages) == 1
    side.bom["files"] = [side.file("odd.txt", b"odd")]
    side.bom["policy"] = {"must_not_contain": ["secret", "odd.txt"], "on_violation": "withhold"}
    assert len(side.lock().lock.withheld) == 4
    side.pack()
    side.publish()
    assert [path.name for path in side.top.glob("depot/current/rpm/el-9/packages/*")] == ["plain-1.0-1.noarch.rpm"]

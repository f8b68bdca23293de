# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and the store: nothing half-written, nothing through a link, nothing unverified."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import fsutil
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError, told_plainly
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.progress import Progress
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.store import Store


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("a/b-1.2~rc1+x.tar.gz", True),
        ("../a", False),
        ("a/../b", False),
        ("/a", False),
        ("a//b", False),
        ("a/", False),
        (".hidden", False),
        ("a/.b", False),
        ("", False),
        ("a b", False),
        ("a\\b", False),
        ("a\nb", False),
        ("a" * 1025, False),
        (None, False),
    ],
)
def test_safe_paths(path: object, safe: bool) -> None:
    assert fsutil.is_safe_relative(path) is safe


def test_links_devices_and_directories_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    for name, said in (("link", "is a symbolic link"), ("pipe", "is not a plain file"), ("none", "No such file")):
        with pytest.raises(BundleError, match=said):
            fsutil.read_plain(str(tmp_path / name))
        assert fsutil.size_of(str(tmp_path / name)) is None
    with pytest.raises(BundleError, match=r"is not a plain file"):
        fsutil.read_plain(str(tmp_path))
    with pytest.raises(BundleError, match=r"larger than the 0 bytes"):
        fsutil.read_plain(str(tmp_path / "file"), limit=0)


def test_only_news_is_written(tmp_path: Path) -> None:
    path = str(tmp_path / "new/file")
    assert fsutil.write_if_changed(path, b"one")
    before = os.stat(path)
    assert not fsutil.write_if_changed(path, b"one")
    assert os.stat(path) == before
    assert fsutil.write_if_changed(path, b"on")
    assert Path(path).read_bytes() == b"on"


def test_a_leftover_of_a_killed_write_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "file.new").symlink_to("victim")
    fsutil.write_atomic(str(tmp_path / "file"), b"data")
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (tmp_path / "file.new").exists()


def test_a_copy_is_checked_while_it_is_made(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"content")
    good = fsutil.sha256_bytes(b"content")
    target = str(tmp_path / "target")
    with pytest.raises(BundleError, match=r"is damaged or was changed: it has 7 bytes"):
        fsutil.copy_verified(str(tmp_path / "source"), target, sha256="0" * 64, size=7)
    assert sorted(os.listdir(tmp_path)) == ["source"]
    fsutil.copy_verified(str(tmp_path / "source"), target, sha256=good, size=7)
    assert os.stat(target).st_mode & 0o777 == 0o444


def test_where_links_are_not_possible_it_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source").write_bytes(b"content")
    facts = {"sha256": fsutil.sha256_bytes(b"content"), "size": 7}
    fsutil.link_or_copy(str(tmp_path / "source"), str(tmp_path / "a/linked"), **facts)
    assert os.stat(tmp_path / "a/linked").st_nlink == 2
    fsutil.link_or_copy(str(tmp_path / "source"), str(tmp_path / "a/linked"), **facts)
    assert sorted(os.listdir(tmp_path / "a")) == ["linked"]

    def refuse(*args: object) -> None:
        raise OSError("not here")

    monkeypatch.setattr(os, "link", refuse)
    fsutil.link_or_copy(str(tmp_path / "source"), str(tmp_path / "b/copied"), **facts)
    assert os.stat(tmp_path / "b/copied").st_nlink == 1
    with pytest.raises(BundleError, match=r"is damaged"):
        fsutil.link_or_copy(str(tmp_path / "source"), str(tmp_path / "b/wrong"), sha256="0" * 64, size=7)


def test_no_space_is_said_before_the_work(tmp_path: Path) -> None:
    fsutil.require_space(str(tmp_path / "new"), 1)
    with pytest.raises(BundleError, match=r"has \d+ bytes free, but 1000000000000000000 are needed"):
        fsutil.require_space(str(tmp_path), 10**18)


def test_a_second_run_waits_and_then_says_so(tmp_path: Path) -> None:
    path = str(tmp_path / "new/.lock")
    with fsutil.exclusive(path):
        with pytest.raises(BundleError, match=r"Another run holds .* Let it finish"), fsutil.exclusive(
            path, timeout=0.05, pause=0.01
        ):
            pass
        with open(path, "rb") as handle, pytest.raises(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with fsutil.exclusive(path):
        pass


def test_json_is_one_line_for_each_item() -> None:
    assert fsutil.dump_lines({"b": [{"y": 1, "x": 2}, 3], "a": "text", "c": []}) == (
        b'{\n "a": "text",\n "b": [\n  {"x": 2, "y": 1},\n  3\n ],\n "c": []\n}\n'
    )


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[" * 100000, b"[]", b"3"])
def test_what_is_no_json_object_is_said(data: bytes) -> None:
    with pytest.raises(BundleError, match=r"^The thing is not "):
        fsutil.load_object(data, "The thing")


def test_the_store_takes_nothing_in_unverified(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    assert list(store.names()) == []
    sha256 = store.add_bytes(b"data")
    assert store.add_bytes(b"data") == sha256
    assert list(store.names()) == [sha256]
    assert store.read(sha256) == b"data"
    assert store.read("0" * 64) is None
    (tmp_path / "file").write_bytes(b"more")
    with pytest.raises(BundleError, match=r"is damaged"):
        store.add_file(str(tmp_path / "file"), sha256="0" * 64, size=4)
    more = fsutil.sha256_bytes(b"more")
    assert store.add_file(str(tmp_path / "file"), sha256=more, size=4)
    assert not store.add_file(str(tmp_path / "file"), sha256=more, size=4)
    os.chmod(store.path(sha256), 0o644)
    Path(store.path(sha256)).write_bytes(b"rotn")
    assert store.has(sha256, 4)
    assert not store.is_intact(sha256, 4)
    assert store.read(sha256) is None
    Path(store.path(sha256) + ".new").write_bytes(b"a leftover")
    assert sorted(store.names()) == sorted([sha256, more])


def test_what_the_system_refuses_is_a_sentence(tmp_path: Path) -> None:
    @told_plainly
    def work(error: OSError) -> None:
        raise error

    with pytest.raises(BundleError, match=r"^/x: Permission denied\.$"):
        work(PermissionError(13, "Permission denied", "/x"))
    with pytest.raises(BundleError, match=r"^The system: out of luck\.$"):
        work(OSError("out of luck"))


def test_progress_is_written_once_a_second_and_at_the_end(tmp_path: Path) -> None:
    clock = [0.0]
    progress = Progress(str(tmp_path / "p"), objects=2, size=2_500_000, clock=lambda: clock[0])
    progress.teller("a")(1000)
    assert '"text": "1.0 kB of 2.5 MB, 0 of 2 objects' in (tmp_path / "p").read_text()
    progress.teller("a")(2000)
    assert '"bytes": 1000' in (tmp_path / "p").read_text()
    clock[0] = 1.5
    progress.finish("a", 500_000)
    assert '"text": "500.0 kB of 2.5 MB, 1 of 2 objects, 333.3 kB/s"' in (tmp_path / "p").read_text()
    progress.finish("b", 2_000_000)
    assert '"objects": 2' in (tmp_path / "p").read_text()
    progress.say("packing")
    assert '"text": "packing"' in (tmp_path / "p").read_text()
    Progress(None, objects=1, size=1).say("to nobody")

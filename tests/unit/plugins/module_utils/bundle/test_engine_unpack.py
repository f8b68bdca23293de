# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Decompression: streams one after the other, padding between them, and files that end too early."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from pathlib import Path
from typing import Callable

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.unpack import unpacked

FORMS = {".xz": lzma.compress, ".bz2": bz2.compress, ".gz": gzip.compress}
DATA = random.Random(1).randbytes(3 << 20) + b"\0" * (9 << 20)


def told(packed: bytes, ending: str, folder: Path) -> bytes:
    path = folder / f"file{ending}"
    path.write_bytes(packed)
    return b"".join(unpacked(str(path), ending=ending, limit=1 << 30, what="the file"))


@pytest.mark.parametrize("ending", FORMS)
def test_streams_one_after_the_other(ending: str, tmp_path: Path) -> None:
    pack: Callable[[bytes], bytes] = FORMS[ending]
    assert told(pack(DATA) + pack(b"the end") + pack(b""), ending, tmp_path) == DATA + b"the end"


@pytest.mark.parametrize("zeros", [4, 2 << 20])
def test_padding_between_streams(zeros: int, tmp_path: Path) -> None:
    packed = lzma.compress(b"first ") + b"\0" * zeros + lzma.compress(b"second") + b"\0" * zeros
    assert told(packed, ".xz", tmp_path) == b"first second"


@pytest.mark.parametrize("ending", FORMS)
@pytest.mark.parametrize("damage", ["cut short", "nothing", "something else behind it"])
def test_a_file_that_is_not_whole(ending: str, damage: str, tmp_path: Path) -> None:
    packed = FORMS[ending](DATA)
    broken = {"cut short": packed[:-5], "nothing": packed[:3], "something else behind it": packed + b"junk" * 9}[damage]
    with pytest.raises(BundleError, match="Cannot decompress the file: "):
        told(broken, ending, tmp_path)

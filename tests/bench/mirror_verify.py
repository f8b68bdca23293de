# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the mirror benchmark times: mirror_verify.py volume PATH KEY, or mirror_verify.py hash PATH"""

from __future__ import annotations

import hashlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import medium
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import Keyring


def digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb", buffering=0) as handle:
        while piece := handle.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


def main() -> None:
    if sys.argv[1] == "volume":
        medium.inspect([sys.argv[2]], Keyring.given(sys.argv[3]), now=time.time())
    else:
        files = [path for path in (Path(sys.argv[2]) / "objects/sha256").glob("*/*") if path.is_file()]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(digest, files))


if __name__ == "__main__":
    main()

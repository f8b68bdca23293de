# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the two modules bundle_lock and bundle do, as a process of its own: python mirror_engine.py FOLDER GNUPGHOME"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.bom import Bom
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import SigningKey
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.pack import Packer
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.resolve import make_lock


def main() -> None:
    folder, home = Path(sys.argv[1]), sys.argv[2]
    lock, store = str(folder / "lock.json"), str(folder / "store")
    bom = Bom.parse(json.loads((folder / "bom.json").read_text()))
    locked = make_lock(bom, path=lock, store=store)
    key = SigningKey.find(home)
    packed = Packer(lock_path=lock, store=store, output=str(folder / "bundles"), key=key).run()
    print(f"lock changed {locked.changed}, bundle changed {packed.changed}, {len(locked.lock.items)} items")


if __name__ == "__main__":
    main()

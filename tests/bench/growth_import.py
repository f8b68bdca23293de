# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the module depot does, as a process of its own: python growth_import.py MEDIUM KEYRING DEPOT GNUPGHOME"""

from __future__ import annotations

import sys
import time

from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.depot import Depot
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import Keyring, SigningKey


def main() -> None:
    medium, keyring, path, home = sys.argv[1:]
    depot = Depot(path, key=SigningKey.find(home))
    done = depot.publish([medium], Keyring.given(keyring), now=time.time())
    print(f"generation {done.generation}, {done.objects_copied} objects, {done.bytes_copied} bytes")


if __name__ == "__main__":
    main()

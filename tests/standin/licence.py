# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Write a licence file for the stand-in. No real server takes it: its signature is none."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from server.licence_file import TIERS, document, pack


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sku", choices=sorted(TIERS), default="enterprise", help="the product (default: %(default)s)")
    parser.add_argument("--output", type=Path, required=True, help="the file to write")
    parser.add_argument(
        "--days", type=int, default=365, help="how long from now; negative: over (default: %(default)s)"
    )
    parser.add_argument("--users", type=int, default=1000, help="how many accounts (default: %(default)s)")
    arguments = parser.parse_args()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_bytes(pack(document(arguments.sku, days=arguments.days, users=arguments.users)))
    print(arguments.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

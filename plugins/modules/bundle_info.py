#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_info
short_description: Verify a bundle on its medium and tell what it holds
version_added: 1.0.0
author:
  - The fieldops.mattermost authors (@fieldops)
description:
  - Verifies the signature of the root, the expiry, the indexes and the sha256 of every object, and tells what the bundle holds.
  - Fails, and names the piece, when anything is missing, damaged, foreign, or signed by another key. Nothing is used before
    it is verified, and nothing is ever changed.
  - Runs on either side without any network. It needs C(gpgv) (or C(sqv), which Debian 13 has instead) and Python's standard library.
attributes:
  check_mode:
    support: full
    description: This module changes nothing, so that check mode makes no difference.
  diff_mode:
    support: N/A
    description: This module changes nothing.
  idempotent:
    support: full
    description: This module changes nothing.
options:
  path:
    description:
      - The media. Each is a volume, or a directory that holds volumes of one bundle; they may be given in any order.
    type: list
    elements: path
    required: true
  keyring:
    description:
      - Public key of whoever makes the bundles. Either the path of a file, armoured or binary, or the armoured key itself.
      - It must not come from the medium.
    type: str
    required: true
  verify:
    description:
      - With V(full) every object is hashed.
      - With V(quick) objects are only compared by name and size, everything else is hashed.
    type: str
    choices: [full, quick]
    default: full
  allow_expired:
    description: Whether a bundle is accepted after its expiry.
    type: bool
    default: false
  required_signers:
    description: How many different keys of O(keyring) must have signed the bundle, V(2) where two persons have to agree.
    type: int
    default: 1
  contents:
    description: Whether to return everything that the bundle names, item by item.
    type: bool
    default: false
  compare_with:
    description:
      - The lock to compare with, such as C(current/bundles/NAME/lock.json) of a depot, to learn what would enter and leave.
    type: path
seealso:
  - module: fieldops.mattermost.bundle_signature
  - module: fieldops.mattermost.depot
"""

EXAMPLES = r"""
- name: Verify the medium before anything is taken from it
  fieldops.mattermost.bundle_info:
    path: /media/usb/site
    keyring: /etc/fieldops/bundle-key.asc
  register: medium

- name: Tell who made it, and when
  ansible.builtin.debug:
    msg: "Version {{ medium.bundle.version }}, {{ medium.age_days }} days old, signed by {{ medium.signers | join(', ') }}"

- name: Tell what would enter the enclave with two discs that two persons have signed
  fieldops.mattermost.bundle_info:
    path: [/media/disc1, /media/disc2]
    keyring: /etc/fieldops/bundle-keys.asc
    required_signers: 2
    compare_with: /srv/mattermost-depot/current/bundles/site/lock.json
"""

RETURN = r"""
bundle:
  description:
    - What the signed root says. A delta names the sha256 of the root it builds on as C(base), and its version as C(base_version).
  returned: success
  type: dict
  sample:
    name: site
    version: 20261123124233
    created: '2026-11-23T12:42:33Z'
    expires: '2027-02-21T12:42:33Z'
    base: ''
    base_version: 0
    volumes: [volume-001]
    objects: 109
    bytes: 104953332
signers:
  description: Fingerprints of the keys that signed the root.
  returned: success
  type: list
  elements: str
age_days:
  description: Days since the lock was made.
  returned: success
  type: int
  sample: 3
expired:
  description: Whether the bundle is past its expiry. Can only be true with O(allow_expired=true).
  returned: success
  type: bool
volumes:
  description: Directories of the volumes that were found.
  returned: success
  type: list
  elements: str
missing_volumes:
  description: Names of volumes that belong to the bundle but are not at O(path).
  returned: success
  type: list
  elements: str
objects_elsewhere:
  description: Number of objects that are not here, neither whole nor all their pieces. A depot has to hold those that a delta leaves out.
  returned: success
  type: int
root:
  description: The sha256 of the root, by which the bundle can be acknowledged on the connected side.
  returned: success
  type: str
sbom:
  description: File with the CycloneDX SBOM of the bundle, on the first volume found.
  returned: success
  type: str
repositories:
  description: Apt repositories in the bundle.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the repository, which is also its suite.
      type: str
    release:
      description: Release it is for.
      type: str
    architecture:
      description: Architecture it is for.
      type: str
    packages:
      description: Number of packages.
      type: int
contents:
  description: Everything that the bundle names, with name, kind, version, size, sha256, source and proof of origin.
  returned: when O(contents=true)
  type: list
  elements: dict
changes:
  description: What would enter, leave or change; security updates are marked.
  returned: when O(compare_with) is given
  type: list
  elements: dict
"""

import time
from collections import Counter
from dataclasses import asdict
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bundle.changes import compare
from ..module_utils.bundle.errors import BundleError
from ..module_utils.bundle.lock import Lock, moment_of
from ..module_utils.bundle.manifest import SBOM, describe
from ..module_utils.bundle.medium import Inspection, inspect
from ..module_utils.bundle.openpgp import Keyring


def told(found: Inspection, now: float) -> Dict[str, Any]:
    """What is returned in any case."""
    counts = Counter((item.kind, item.group) for item in found.lock.items)
    return {
        "bundle": describe(found.root),
        "root": found.root_sha256,
        "signers": list(found.signers),
        "age_days": int(now - found.lock.created_at) // 86400,
        "expired": now > moment_of(found.root.expires, found.root.name),
        "volumes": [volume.path for volume in found.volumes],
        "missing_volumes": list(found.missing_volumes),
        "objects_elsewhere": len(found.absent()),
        "sbom": f"{found.volumes[0].path}/{SBOM}" if found.root.sbom else "",
        "repositories": [
            {
                "name": repository.name,
                "release": repository.release,
                "architecture": repository.architecture,
                "packages": counts[repository.kind, repository.name],
            }
            for repository in found.lock.repositories
        ],
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "list", "elements": "path", "required": True},
            "keyring": {"type": "str", "required": True, "no_log": False},
            "verify": {"type": "str", "choices": ["full", "quick"], "default": "full"},
            "allow_expired": {"type": "bool", "default": False},
            "required_signers": {"type": "int", "default": 1},
            "contents": {"type": "bool", "default": False},
            "compare_with": {"type": "path"},
        },
        supports_check_mode=True,
    )
    given, now = module.params, time.time()
    try:
        found = inspect(
            given["path"],
            Keyring.given(given["keyring"]),
            now=now,
            allow_expired=given["allow_expired"],
            full=given["verify"] == "full",
            required_signers=given["required_signers"],
        )
        result = told(found, now)
        if given["contents"]:
            result["contents"] = [asdict(item) for item in found.lock.items]
        if given["compare_with"]:
            result["changes"] = [change.told() for change in compare(Lock.read(given["compare_with"]), found.lock)]
    except BundleError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()

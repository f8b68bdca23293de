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
    description: The medium. It is a volume, or a directory that holds volumes of one bundle.
    type: path
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
seealso:
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
"""

RETURN = r"""
bundle:
  description: What the signed root says.
  returned: success
  type: dict
  sample:
    name: site
    version: 20261123124233
    created: '2026-11-23T12:42:33Z'
    expires: '2027-02-21T12:42:33Z'
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
  description: Everything that is carried, with name, kind, version, size, sha256, source and proof of origin.
  returned: success
  type: list
  elements: dict
"""

import time
from collections import Counter
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bundle.errors import BundleError
from ..module_utils.bundle.lock import moment_of
from ..module_utils.bundle.manifest import describe
from ..module_utils.bundle.medium import inspect
from ..module_utils.bundle.openpgp import Keyring


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "keyring": {"type": "str", "required": True, "no_log": False},
            "verify": {"type": "str", "choices": ["full", "quick"], "default": "full"},
            "allow_expired": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    given, now = module.params, time.time()
    try:
        keyring = Keyring.given(given["keyring"])
        full = given["verify"] == "full"
        inspection = inspect(given["path"], keyring, now=now, allow_expired=given["allow_expired"], full=full)
    except BundleError as error:
        module.fail_json(msg=str(error))
    first = inspection.volumes[0]
    counts = Counter(item.group for item in first.lock.items)
    module.exit_json(
        changed=False,
        bundle=describe(first.root),
        signers=list(first.signers),
        age_days=int(now - first.lock.created_at) // 86400,
        expired=now > moment_of(first.root.expires, first.path),
        volumes=[volume.path for volume in inspection.volumes],
        missing_volumes=list(inspection.missing_volumes),
        repositories=[
            {
                "name": repository.name,
                "release": repository.release,
                "architecture": repository.architecture,
                "packages": counts[repository.name],
            }
            for repository in first.lock.repositories
        ],
        contents=[asdict(item) for item in first.lock.items],
    )


if __name__ == "__main__":
    main()

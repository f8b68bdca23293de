#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle
short_description: Make a signed bundle from a lock
version_added: 1.0.0
author:
  - The fieldops.mattermost authors (@fieldops)
extends_documentation_fragment:
  - fieldops.mattermost.credentials
description:
  - Fetches what the store lacks, over several connections and resuming inside a file, verifies each object by its sha256 while it
    arrives, and lays the objects out on volumes under one root that is signed with GnuPG.
  - A volume is a plain directory of whole objects, hard-linked to the store where the file system allows it. Carry it on any
    medium. Its layout is described in C(docs/bundle_format.md) of the collection. Each can be verified and used alone, in any order.
  - Every volume has the lock, a CycloneDX SBOM, a table of contents for whoever signs off what enters, and for every apt repository
    an index of the packages on it, signed by the same key, so that a host without anything installed can take them from there.
  - A delta leaves out what the other side is known to hold, see O(base) and O(ledger). What proves the origin of items always travels.
  - The same lock and the same key give the same bundle, byte for byte. What is there already is neither rewritten nor signed again.
  - Runs on the connected side and needs C(gpg) and C(gpgv) (or C(sqv)) there, and Python's standard library; for rpm packages also C(rpmkeys),
    which checks that each is signed by its vendor before a volume is made.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return what would be fetched without writing anything.
  diff_mode:
    support: none
    description: What changes is in the diff of M(fieldops.mattermost.bundle_lock).
  idempotent:
    support: full
    description: When run twice in a row outside check mode, with the same arguments, the second run changes nothing.
options:
  lock:
    description: The lock that M(fieldops.mattermost.bundle_lock) wrote, with its evidence beside it.
    type: path
    required: true
  store:
    description: The content-addressed store, which keeps what was fetched.
    type: path
    default: /var/lib/fieldops-bundle
  output:
    description:
      - Directory in which the bundle is made. Its volumes are C(NAME/volume-001) and so on, the public key is C(bundle-key.asc).
      - Give the public key to the isolated side by another way than the medium, and compare its fingerprint there.
    type: path
    required: true
  gnupghome:
    description: GnuPG home with the signing key. A key with a passphrase needs an agent that knows it.
    type: path
    required: true
  signing_key:
    description: Fingerprint or mail address of the signing key. May be left out when the home has only one.
    type: str
    default: ''
  signing_key_create:
    description:
      - User id of a signing key that is made when O(gnupghome) has none, such as V(Bundle signing key <bundle@example.com>).
        It is an Ed25519 key without a passphrase and without an end.
      - Without this a missing key is an error.
    type: str
    default: ''
  connections:
    description: How many objects are fetched at the same time.
    type: int
    default: 8
  verify:
    description:
      - With V(quick) an object in the store is believed by its name and size, as it was verified when it came in.
      - With V(full) it is hashed again, and fetched again if it was damaged.
    type: str
    choices: [quick, full]
    default: quick
  progress:
    description: File to which the progress is written once a second, as JSON with the keys C(text), C(bytes) and C(bytes_total).
    type: path
  volume_size:
    description:
      - Room on one medium, such as V(4.7GB) (as printed on a disc, in powers of 1000) or V(25GiB). Without it there is one volume.
      - Everything counts, in blocks of 4 KiB. An object that is larger than a volume is carried in pieces.
    type: str
    default: ''
  volumes:
    description: Make only these volumes, such as one whose medium was lost. The others are left as they are, or need not be there.
    type: list
    elements: str
    default: []
  base:
    description:
      - The signed list of a depot, C(depot-list.json) with its signature beside it, as M(fieldops.mattermost.depot_info) wrote it.
      - What it names is left out. If the depot has no version of this bundle yet, the bundle is complete.
    type: path
  base_keyring:
    description: Public key of the depot, a path or the armoured key itself. Needed with O(base), and when O(acknowledge) is a list.
    type: str
    default: ''
  ledger:
    description: Leave out what arrived with the last bundle that was acknowledged. The store keeps record of what was made.
    type: bool
    default: false
  acknowledge:
    description:
      - The bundle that is known to have arrived, by the sha256 of its root, its version, or the path of a depot's signed list.
      - It stays acknowledged. An older one than that cannot be acknowledged any more.
    type: str
    default: ''
seealso:
  - module: fieldops.mattermost.bundle_lock
  - module: fieldops.mattermost.bundle_signature
  - module: fieldops.mattermost.bundle_info
"""

EXAMPLES = r"""
- name: Make the bundle
  fieldops.mattermost.bundle:
    lock: /srv/bundles/site.lock.json
    output: /srv/bundles
    gnupghome: /etc/fieldops-bundle/gnupg
    signing_key: bundle@example.com

- name: Make a delta for discs, from what the depot says it has
  fieldops.mattermost.bundle:
    lock: /srv/bundles/site.lock.json
    output: /srv/bundles
    gnupghome: /etc/fieldops-bundle/gnupg
    volume_size: 4.7GB
    base: /media/usb/depot-list.json
    base_keyring: /etc/fieldops-bundle/depot-key.asc
"""

RETURN = r"""
path:
  description: The first volume.
  returned: success
  type: str
name:
  description: Name of the bundle.
  returned: success
  type: str
  sample: site
version:
  description: Version counter of the bundle.
  returned: success
  type: int
expires:
  description: Until when it is accepted.
  returned: success
  type: str
public_key:
  description: File with the public key that the isolated side needs.
  returned: success
  type: str
fingerprint:
  description: Fingerprint of the signing key. Empty in check mode when the key would have to be made.
  returned: success
  type: str
key_created:
  description: Whether the signing key was made.
  returned: success
  type: bool
objects_fetched:
  description: Number of objects that were fetched, or would be.
  returned: success
  type: int
bytes_fetched:
  description: Their size.
  returned: success
  type: int
bytes_held:
  description: Size of the objects that were in the store already.
  returned: success
  type: int
bytes:
  description: Size of all objects that the bundle carries.
  returned: success
  type: int
withheld:
  description:
    - What policy kept back, and what cannot do without it, each with C(kind), C(group), C(name), C(version), C(reason) and
      C(because_of), and all of this as C(text). Also shown as warnings.
  returned: success
  type: list
  elements: dict
objects_left_out:
  description: Number of objects that are left out as the other side holds them; RV(bytes_left_out) is their size.
  returned: success
  type: int
bytes_left_out:
  description: Size of the objects that are left out.
  returned: success
  type: int
volumes:
  description: For each volume its name, path, number of objects and of pieces, and their bytes.
  returned: success
  type: list
  elements: dict
root:
  description: The sha256 of the root, by which the bundle can be acknowledged. Empty in check mode.
  returned: success
  type: str
base:
  description: The sha256 of the root that a delta builds on, and empty for a bundle that is complete.
  returned: success
  type: str
base_version:
  description: The version of that bundle, or 0.
  returned: success
  type: int
acknowledged:
  description: Whether the other side has this version already, so that there is nothing to make.
  returned: success
  type: bool
changes:
  description: What enters, leaves or changes against the base, if the base was made with this store. Also in C(NAME/changes.txt).
  returned: success
  type: list
  elements: dict
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bundle import access
from ..module_utils.bundle.errors import BundleError
from ..module_utils.bundle.fetch import Client
from ..module_utils.bundle.have_list import HaveList, acknowledgement
from ..module_utils.bundle.openpgp import Keyring, SigningKey
from ..module_utils.bundle.pack import Packer
from ..module_utils.bundle.volumes import parse_size

ARGUMENTS = {
    "lock": {"type": "path", "required": True},
    "store": {"type": "path", "default": "/var/lib/fieldops-bundle"},
    "output": {"type": "path", "required": True},
    "gnupghome": {"type": "path", "required": True},
    "signing_key": {"type": "str", "default": "", "no_log": False},
    "signing_key_create": {"type": "str", "default": "", "no_log": False},
    "connections": {"type": "int", "default": 8},
    "verify": {"type": "str", "choices": ["quick", "full"], "default": "quick"},
    "progress": {"type": "path"},
    "volume_size": {"type": "str", "default": ""},
    "volumes": {"type": "list", "elements": "str", "default": []},
    "base": {"type": "path"},
    "base_keyring": {"type": "str", "default": "", "no_log": False},
    "ledger": {"type": "bool", "default": False},
    "acknowledge": {"type": "str", "default": ""},
    "credentials": access.OPTION,
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        mutually_exclusive=[("base", "ledger")],
        supports_check_mode=True,
    )
    os.umask(0o022)
    given = module.params
    try:
        key, created = SigningKey.obtain(
            given["gnupghome"], given["signing_key"], create_as=given["signing_key_create"], check=module.check_mode
        )
        packer = Packer(
            lock_path=given["lock"],
            store=given["store"],
            output=given["output"],
            key=key,
            connections=max(1, given["connections"]),
            verify=given["verify"] == "full",
            progress=given["progress"],
            client=Client(keychain=access.Keychain.given(given["credentials"])),
            volume_size=parse_size(given["volume_size"]) if given["volume_size"] else None,
            only_volumes=given["volumes"],
            base=HaveList.read(given["base"], Keyring.given(given["base_keyring"])) if given["base"] else None,
            ledger=given["ledger"],
            acknowledge=acknowledgement(given["acknowledge"], given["base_keyring"]),
        )
        result = packer.run(check=module.check_mode)
    except BundleError as error:
        module.fail_json(msg=str(error))
    for row in result.withheld:
        module.warn(row["text"])
    module.exit_json(**{**result.told(), "changed": result.changed or created, "key_created": created})


if __name__ == "__main__":
    main()

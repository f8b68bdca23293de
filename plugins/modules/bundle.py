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
    arrives, and lays the objects out as a volume under a root that is signed with GnuPG.
  - The volume is a plain directory of whole objects, hard-linked to the store where the file system allows it. Carry it on any
    medium. Its layout is described in C(docs/bundle_format.md) of the collection.
  - For every apt repository the volume has an index that is signed by the same key, so that a host without anything installed
    can take packages straight from it.
  - The same lock and the same key give the same bundle, byte for byte. What is there already is neither rewritten nor signed again.
  - Runs on the connected side and needs C(gpg) and C(gpgv) (or C(sqv)) there, and Python's standard library.
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
      - Directory in which the bundle is made. The volume is C(NAME/volume-001) in it, the public key C(bundle-key.asc).
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
seealso:
  - module: fieldops.mattermost.bundle_lock
  - module: fieldops.mattermost.bundle_info
"""

EXAMPLES = r"""
- name: Make the bundle
  fieldops.mattermost.bundle:
    lock: /srv/bundles/site.lock.json
    output: /srv/bundles
    gnupghome: /etc/fieldops-bundle/gnupg
    signing_key: bundle@example.com
"""

RETURN = r"""
path:
  description: The volume.
  returned: success
  type: str
  sample: /srv/bundles/site/volume-001
name:
  description: Name of the bundle.
  returned: success
  type: str
  sample: site
version:
  description: Version counter of the bundle.
  returned: success
  type: int
  sample: 20261123124233
expires:
  description: Until when it is accepted.
  returned: success
  type: str
  sample: '2027-02-21T12:42:33Z'
public_key:
  description: File with the public key that the isolated side needs.
  returned: success
  type: str
  sample: /srv/bundles/bundle-key.asc
fingerprint:
  description: Fingerprint of the signing key. Empty in check mode when the key would have to be made.
  returned: success
  type: str
  sample: 91CEF3BD3154D8E2997459520B6BA261AB4C011D
key_created:
  description: Whether the signing key was made.
  returned: success
  type: bool
objects_fetched:
  description: Number of objects that were fetched, or would be.
  returned: success
  type: int
  sample: 102
bytes_fetched:
  description: Their size.
  returned: success
  type: int
  sample: 95455824
bytes_held:
  description: Size of the objects that were in the store already.
  returned: success
  type: int
  sample: 9497508
bytes:
  description: Size of all objects of the bundle.
  returned: success
  type: int
  sample: 104953332
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bundle import access
from ..module_utils.bundle.errors import BundleError
from ..module_utils.bundle.fetch import Client
from ..module_utils.bundle.lock import stamp
from ..module_utils.bundle.openpgp import SigningKey
from ..module_utils.bundle.pack import Packer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "lock": {"type": "path", "required": True},
            "store": {"type": "path", "default": "/var/lib/fieldops-bundle"},
            "output": {"type": "path", "required": True},
            "gnupghome": {"type": "path", "required": True},
            "signing_key": {"type": "str", "default": "", "no_log": False},
            "signing_key_create": {"type": "str", "default": "", "no_log": False},
            "connections": {"type": "int", "default": 8},
            "verify": {"type": "str", "choices": ["quick", "full"], "default": "quick"},
            "progress": {"type": "path"},
            "credentials": access.OPTION,
        },
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
        )
        result = packer.run(check=module.check_mode)
    except BundleError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=result.changed or created,
        path=result.path,
        name=result.lock.name,
        version=result.lock.version,
        expires=stamp(result.lock.expires_at),
        public_key=result.public_key,
        fingerprint=result.fingerprint,
        key_created=created,
        objects_fetched=result.objects_fetched,
        bytes_fetched=result.bytes_fetched,
        bytes_held=result.bytes_held,
        bytes=result.volume_bytes,
    )


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_signature
short_description: Sign a finished bundle as a second person
version_added: 1.0.0
author:
  - The fieldops.mattermost authors (@fieldops)
description:
  - Verifies a bundle as M(fieldops.mattermost.bundle_info) does, every hash of it, and adds a signature of its root to each volume given.
  - With this nobody can bring anything across alone. The isolated side asks for both signatures with the option C(required_signers)
    of M(fieldops.mattermost.bundle_info) and M(fieldops.mattermost.depot), and has both public keys in its keyring.
  - Read C(contents.txt) of a volume before you sign.
  - Run it where the second person's key is, best on another machine than the one that made the bundle. It writes nothing but
    C(root.json.asc), and the first signature stays. A volume that is made again later can be signed then.
  - Needs C(gpg) and C(gpgv) (or C(sqv)), and Python's standard library.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode), verifies, and returns which volumes would be signed.
  diff_mode:
    support: none
    description: A signature is not readable.
  idempotent:
    support: full
    description: When run twice in a row outside check mode, with the same arguments, the second run changes nothing.
options:
  path:
    description: The media. Each is a volume, or a directory that holds volumes of one bundle.
    type: list
    elements: path
    required: true
  keyring:
    description: Public key of whoever made the bundle. Either the path of a file, armoured or binary, or the armoured key itself.
    type: str
    required: true
  gnupghome:
    description: GnuPG home with the secret key of the second person. A key with a passphrase needs an agent that knows it.
    type: path
    required: true
  signing_key:
    description: Fingerprint or mail address of that key. May be left out when the home has only one.
    type: str
    default: ''
seealso:
  - module: fieldops.mattermost.bundle
  - module: fieldops.mattermost.bundle_info
"""

EXAMPLES = r"""
- name: Agree to what the other team has made
  fieldops.mattermost.bundle_signature:
    path: [/media/disc1, /media/disc2]
    keyring: /etc/fieldops/bundle-key.asc
    gnupghome: /home/reviewer/.gnupg
    signing_key: reviewer@example.com
"""

RETURN = r"""
bundle:
  description: What the signed root says, as M(fieldops.mattermost.bundle_info) returns it.
  returned: success
  type: dict
root:
  description: The sha256 of the root.
  returned: success
  type: str
fingerprint:
  description: Fingerprint of the key that signs.
  returned: success
  type: str
signers:
  description: Fingerprints of all who have signed, or would have.
  returned: success
  type: list
  elements: str
signed:
  description: Directories of the volumes whose signature was added, or would be.
  returned: success
  type: list
  elements: str
missing_volumes:
  description: Names of volumes of the bundle that are not at O(path).
  returned: success
  type: list
  elements: str
"""

import os
import time

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bundle.cosign import cosign
from ..module_utils.bundle.errors import BundleError
from ..module_utils.bundle.manifest import describe
from ..module_utils.bundle.openpgp import Keyring, SigningKey


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "list", "elements": "path", "required": True},
            "keyring": {"type": "str", "required": True, "no_log": False},
            "gnupghome": {"type": "path", "required": True},
            "signing_key": {"type": "str", "default": "", "no_log": False},
        },
        supports_check_mode=True,
    )
    os.umask(0o022)
    given = module.params
    try:
        keyring = Keyring.given(given["keyring"])
        key = SigningKey.find(given["gnupghome"], given["signing_key"])
        result = cosign(given["path"], keyring, key, now=time.time(), check=module.check_mode)
    except BundleError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=result.changed,
        bundle=describe(result.inspection.root),
        root=result.inspection.root_sha256,
        fingerprint=key.fingerprint,
        signers=list(result.signers),
        signed=list(result.signed),
        missing_volumes=list(result.inspection.missing_volumes),
    )


if __name__ == "__main__":
    main()

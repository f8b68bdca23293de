#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: signature_info
short_description: Verify a detached OpenPGP signature by one given key
version_added: 1.0.0
author:
  - The fieldops.mattermost authors (@fieldops)
description:
  - Verifies that a file was signed by the key that is given, and fails, with the reason, when it was not.
  - Neither a keyring of the host nor a key server is asked. It needs C(gpgv) (or C(sqv)) and Python's standard library.
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
    description: The file that was signed.
    type: path
    required: true
  signature:
    description: The detached signature, armoured or binary.
    type: path
    required: true
  public_key:
    description: The signer's public key, ASCII-armoured. It must come another way than the file.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Verify a release by its publisher's key
  fieldops.mattermost.signature_info:
    path: /srv/releases/mattermost-11.7.9-linux-amd64.tar.gz
    signature: /srv/releases/mattermost-11.7.9-linux-amd64.tar.gz.sig
    public_key: "{{ lookup('ansible.builtin.file', 'mattermost-release-key.asc') }}"
"""

RETURN = r"""
signers:
  description: Fingerprints of the keys whose signature is good.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bundle.errors import BundleError
from ..module_utils.bundle.openpgp import Keyring


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "signature": {"type": "path", "required": True},
            "public_key": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    path, signature = module.params["path"], module.params["signature"]
    try:
        ring = Keyring([module.params["public_key"].encode()], what="the given public key")
        signers = ring.verify_detached(path, Path(signature).read_bytes(), what=path)
    except (BundleError, OSError) as error:
        module.fail_json(msg=f"{error} Do not use {path}; fetch it again, or find out who changed it.")
    module.exit_json(changed=False, signers=signers)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: depot
short_description: Publish verified bundles as a generation of a depot
version_added: 1.0.0
author:
  - The fieldops.mattermost authors (@fieldops)
description:
  - Verifies media, takes in the objects it does not hold yet (hashing them while they are copied), and publishes what all its
    bundles amount to as a new generation, with apt repositories signed by the depot's own key, files, checksums, and a page for people.
  - A generation is built beside the one that is published. The link C(current) is switched by one rename.
  - Refuses a bundle that is older than the one of the same name that the depot holds, and media that are incomplete or damaged.
  - Serve the directory C(current) with any web server, as the role P(fieldops.mattermost.mattermost_depot#role) does.
  - Needs C(gpg) and C(gpgv) (or C(sqv)) on the depot, and Python's standard library.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return what would be copied and published without writing anything.
    details:
      - Needs neither C(gpg) nor a signing key in check mode.
  diff_mode:
    support: full
    description: Returns what enters and leaves the depot, one line for each item.
  idempotent:
    support: full
    description: When run twice in a row outside check mode, with the same arguments, the second run changes nothing.
options:
  media:
    description:
      - Directories of media. Each is a volume, or holds volumes of one bundle.
      - Without any nothing new comes in, but the depot is looked at, and published anew if its key is another one.
    type: list
    elements: path
    default: []
  keyring:
    description:
      - Public key of whoever makes the bundles. Either the path of a file, armoured or binary, or the armoured key itself.
      - It must not come from a medium.
      - Needed whenever O(media) are given.
    type: str
    default: ''
  path:
    description: Root directory of the depot.
    type: path
    default: /srv/mattermost-depot
  gnupghome:
    description: GnuPG home with the depot's own signing key.
    type: path
    required: true
  signing_key:
    description: Fingerprint or mail address of the depot's signing key. May be left out when the home has only one.
    type: str
    default: ''
  signing_key_create:
    description:
      - User id of a signing key that is made when O(gnupghome) has none. It is an Ed25519 key without a passphrase and without an end.
      - Without this a missing key is an error.
    type: str
    default: ''
  keep:
    description: How many generations are kept, the published one included.
    type: int
    default: 2
  title:
    description: Title of the page for people, and the origin that apt shows.
    type: str
    default: Mattermost depot
  allow_expired:
    description: Whether bundles are accepted after their expiry.
    type: bool
    default: false
seealso:
  - module: fieldops.mattermost.bundle_info
"""

EXAMPLES = r"""
- name: Publish what came on the medium
  fieldops.mattermost.depot:
    media:
      - /media/usb/site
    keyring: /etc/mattermost-depot/bundle-key.asc
    gnupghome: /etc/mattermost-depot/gnupg
    signing_key_create: Mattermost depot <depot@example.com>
"""

RETURN = r"""
generation:
  description: Number of the generation that is published, or would be.
  returned: success
  type: int
  sample: 4
path:
  description: The directory to serve. It is a link to the published generation.
  returned: success
  type: str
  sample: /srv/mattermost-depot/current
fingerprint:
  description: Fingerprint of the depot's signing key. Empty in check mode when the key would have to be made.
  returned: success
  type: str
public_key:
  description: Armoured public key of the depot, which its clients need. Empty in check mode when the key would have to be made.
  returned: success
  type: str
key_created:
  description: Whether the signing key was made.
  returned: success
  type: bool
bundles:
  description: For each bundle of the depot its version, when it was made, when it expires, the sha256 of its root, and who signed it.
  returned: success
  type: dict
repositories:
  description: Names of the apt repositories of the depot.
  returned: success
  type: list
  elements: str
  sample: [debian-12, debian-13]
files:
  description: The files of the depot. The path is below the URL under which the depot is served.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the file in the bill of materials.
      type: str
    kind:
      description: Its kind there.
      type: str
    version:
      description: Its version, if it has one.
      type: str
    path:
      description: Where it is in the depot.
      type: str
      sample: files/mattermost/mattermost-11.7.9-linux-amd64.tar.gz
    sha256:
      description: Its sha256.
      type: str
    size:
      description: Its size.
      type: int
objects_copied:
  description: Number of objects that were taken in, or would be.
  returned: success
  type: int
bytes_copied:
  description: Their size.
  returned: success
  type: int
changes:
  description: What entered, left or changed, with the bundle, kind, group, name, the versions before and after, and the bytes.
  returned: success
  type: list
  elements: dict
removed_generations:
  description: Numbers of the generations that were removed because newer ones are kept.
  returned: success
  type: list
  elements: int
"""

import os
import time

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bundle.depot import Depot
from ..module_utils.bundle.errors import BundleError
from ..module_utils.bundle.openpgp import Keyring, SigningKey


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "media": {"type": "list", "elements": "path", "default": []},
            "keyring": {"type": "str", "default": "", "no_log": False},
            "path": {"type": "path", "default": "/srv/mattermost-depot"},
            "gnupghome": {"type": "path", "required": True},
            "signing_key": {"type": "str", "default": "", "no_log": False},
            "signing_key_create": {"type": "str", "default": "", "no_log": False},
            "keep": {"type": "int", "default": 2},
            "title": {"type": "str", "default": "Mattermost depot"},
            "allow_expired": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    os.umask(0o022)
    given = module.params
    try:
        keyring = Keyring.given(given["keyring"]) if given["media"] else Keyring([], what="no key")
        key, created = SigningKey.obtain(
            given["gnupghome"], given["signing_key"], create_as=given["signing_key_create"], check=module.check_mode
        )
        depot = Depot(given["path"], key=key, title=given["title"], keep=max(1, given["keep"]))
        result = depot.publish(
            given["media"], keyring, now=time.time(), allow_expired=given["allow_expired"], check=module.check_mode
        )
        public_key = key.public_key().decode() if key is not None else ""
    except BundleError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=result.changed or created,
        generation=result.generation,
        path=result.path,
        fingerprint=result.key,
        public_key=public_key,
        key_created=created,
        bundles=result.bundles,
        repositories=result.repositories,
        files=result.files,
        objects_copied=result.objects_copied,
        bytes_copied=result.bytes_copied,
        changes=result.changes,
        removed_generations=result.removed_generations,
        diff={
            "before_header": given["path"],
            "after_header": given["path"],
            "before": result.before,
            "after": result.after,
        },
    )


if __name__ == "__main__":
    main()

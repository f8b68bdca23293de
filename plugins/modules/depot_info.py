#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: depot_info
short_description: Tell what a depot holds
version_added: 1.0.0
author:
  - The fieldops.mattermost authors (@fieldops)
description:
  - Tells the generations and bundles of a depot, since when they are there, who signed them, and which bundles are not complete.
  - Writes, if asked, a signed list of what the depot holds. Carried back, it is what the next delta is made from.
  - Changes nothing in the depot.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return the same without writing a list.
  diff_mode:
    support: none
    description: Does not return details on what has changed, as only a list is ever written.
  idempotent:
    support: full
    description: When the depot has not changed the list has the same bytes, and is not written or signed again.
options:
  path:
    description: Root directory of the depot.
    type: path
    default: /srv/mattermost-depot
  list:
    description:
      - Where to write the list of what the depot holds; its signature gets C(.asc) added. In a directory it is called C(depot-list.json).
      - It names the bundles with versions and roots, and the objects by sha256.
    type: path
  gnupghome:
    description: GnuPG home with the depot's own signing key, which signs the list.
    type: path
  signing_key:
    description: Fingerprint or mail address of that key. May be left out when the home has only one.
    type: str
    default: ''
  verify:
    description:
      - With V(quick) an object in the store is believed by its name and size, as it was verified when it came in.
      - With V(full) every object that a generation or a waiting bundle needs is hashed again.
      - What is missing or damaged is in RV(faults), and is warned of. O(list) does not name it, so that the next delta brings it again.
    type: str
    choices: [quick, full]
    default: quick
seealso:
  - module: fieldops.mattermost.depot
  - module: fieldops.mattermost.bundle
"""

EXAMPLES = r"""
- name: Look at the depot
  fieldops.mattermost.depot_info:
  register: depot

- name: Hash the whole store
  fieldops.mattermost.depot_info:
    verify: full
  register: depot
  failed_when: depot.faults | length > 0

- name: Write the list that is carried back
  fieldops.mattermost.depot_info:
    list: /media/usb/depot-list.json
    gnupghome: /etc/mattermost-depot/gnupg
"""

RETURN = r"""
generation:
  description: Number of the generation that is published; 0 when nothing is.
  returned: success
  type: int
path:
  description: The directory that is served.
  returned: success
  type: str
title:
  description: Title of the depot.
  returned: success
  type: str
published:
  description: When the generation was published.
  returned: success
  type: str
fingerprint:
  description: Fingerprint of the key it is signed with.
  returned: success
  type: str
bundles:
  description: For each bundle its version, when it was made, when it expires, the sha256 of its root, who signed it, and since when it is here.
  returned: success
  type: dict
generations:
  description: Every generation that is kept, with its number, when it was published, and the versions of its bundles.
  returned: success
  type: list
  elements: dict
contents:
  description: What the published generation has, by section.
  returned: success
  type: dict
proofs:
  description: For each C(repository) whether it was C(proven) before it was published, and what was C(told).
  returned: success
  type: list
  elements: dict
incomplete:
  description: Bundles of which volumes are missing, as M(fieldops.mattermost.depot) returns them.
  returned: success
  type: list
  elements: dict
faults:
  description:
    - Objects that are V(missing) or V(damaged), which is their C(state). For each its C(sha256) and C(size), the C(generations) that
      need it, the C(bundles) it came with, the C(items) it is, and all that in a sentence, C(text).
    - Give M(fieldops.mattermost.depot) the media of these bundles again, with O(fieldops.mattermost.depot#module:verify=full).
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bundle.errors import BundleError, few
from ..module_utils.bundle.holdings import Holdings
from ..module_utils.bundle.openpgp import SigningKey


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/srv/mattermost-depot"},
            "list": {"type": "path"},
            "gnupghome": {"type": "path"},
            "signing_key": {"type": "str", "default": "", "no_log": False},
            "verify": {"type": "str", "choices": ["quick", "full"], "default": "quick"},
        },
        required_by={"list": ["gnupghome"]},
        supports_check_mode=True,
    )
    given, changed = module.params, False
    try:
        holdings = Holdings(given["path"])
        told = holdings.told(full=given["verify"] == "full")
        if given["list"]:
            key = SigningKey.find(given["gnupghome"], given["signing_key"])
            changed = holdings.write_list(given["list"], key, check=module.check_mode)
    except BundleError as error:
        module.fail_json(msg=str(error))
    if told["faults"]:
        module.warn(
            few([row["text"] for row in told["faults"]])
            + "\nGive the depot the media of these bundles again, with verify=full."
        )
    module.exit_json(changed=changed, **told)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_lock
short_description: Resolve a bill of materials to exact versions and digests
version_added: 1.0.0
author:
  - The fieldops.mattermost authors (@fieldops)
extends_documentation_fragment:
  - fieldops.mattermost.credentials
description:
  - Asks every source of a bill of materials what it has now, verifies what its publisher signed, computes the dependency
    closure for the target, and writes the answer as a lock, which is a text that can be reviewed and kept in version control.
  - The lock is the only input of M(fieldops.mattermost.bundle). The evidence for it lies beside it, in a directory whose name
    is that of the lock with C(.evidence) added.
  - When nothing changed upstream this costs one conditional request for each suite and file, and nothing is written.
    A lock is written anew without any change when half of its life is over, so that bundles do not expire early.
  - Runs on the connected side and needs C(gpgv) (or C(sqv)) there, and Python's standard library; for wheels also C(pip) 23.0 or newer,
    for rpm packages also C(dnf) with its Python interface (C(python3-dnf)).
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return what would change, and what that would cost in bytes, without writing anything.
    details:
      - Files that are only known by a signature are not fetched in check mode.
  diff_mode:
    support: full
    description: Returns what enters and leaves the lock, one line for each item.
  idempotent:
    support: full
    description: When run twice in a row outside check mode, with the same arguments and an unchanged upstream, the second run changes nothing.
options:
  bom:
    description:
      - The bill of materials. Its format is described in C(docs/bill_of_materials.md) of the collection.
      - Read it on the controller, for example with the P(ansible.builtin.file#lookup) lookup and the
        P(ansible.builtin.from_yaml#filter) filter.
      - A dictionary, or a list of dictionaries whose sections are joined under the name of the first.
    type: raw
    required: true
  path:
    description: Where the lock is written.
    type: path
    required: true
  store:
    description: The content-addressed store, which keeps what was fetched.
    type: path
    default: /var/lib/fieldops-bundle
  prove:
    description:
      - Whether apt itself is to judge before a new lock is written. It is given an empty target, or what O(bom) says is installed,
        and the packages that the lock names, and asked to install all that the bill of materials names.
      - V(auto) asks apt where it is at hand on the connected machine, and warns where it is not. V(always) fails where it is not.
    type: str
    choices: [auto, always, never]
    default: auto
  explain:
    description: Names of items, such as packages, of which RV(explained) tells why they are in the lock.
    type: list
    elements: str
    default: []
seealso:
  - module: fieldops.mattermost.bundle
"""

EXAMPLES = r"""
- name: Resolve the bill of materials
  fieldops.mattermost.bundle_lock:
    bom: "{{ lookup('ansible.builtin.file', 'bom.yml') | from_yaml }}"
    path: /srv/bundles/site.lock.json

- name: Show what an update would bring, what it would weigh, and what needs two of its packages
  fieldops.mattermost.bundle_lock:
    bom: "{{ lookup('ansible.builtin.file', 'bom.yml') | from_yaml }}"
    path: /srv/bundles/site.lock.json
    explain: [libicu72, perl]
  check_mode: true
  diff: true

- name: Take images from a registry of the organisation, with its own authority
  fieldops.mattermost.bundle_lock:
    bom: "{{ lookup('ansible.builtin.file', 'bom.yml') | from_yaml }}"
    path: /srv/bundles/site.lock.json
    credentials:
      - url: https://registry.example.com
        username: robot
        password: "{{ registry_password }}"
        ca_certificates: /etc/ssl/private-ca.pem
"""

RETURN = r"""
path:
  description: Where the lock is.
  returned: success
  type: str
  sample: /srv/bundles/site.lock.json
name:
  description: Name of the bundle.
  returned: success
  type: str
version:
  description: Version counter of the lock, and of bundles made from it. It only rises.
  returned: success
  type: int
counts:
  description: Number of items of each kind.
  returned: success
  type: dict
bytes:
  description: Size of all items and their evidence.
  returned: success
  type: int
bytes_missing:
  description: How many of these bytes the store does not hold yet.
  returned: success
  type: int
changes:
  description: What entered, left or changed against the lock that was there before.
  returned: success
  type: list
  elements: dict
  contains:
    change:
      description: One of V(added), V(removed) and V(changed).
      type: str
    kind:
      description: Kind of the item.
      type: str
    group:
      description: The apt repository it is for.
      type: str
    name:
      description: Name of the item.
      type: str
    before:
      description: Its version before.
      type: str
    after:
      description: Its version now.
      type: str
    bytes:
      description: What has to be carried because of this change.
      type: int
    security:
      description: Whether a suite for security updates has what is new.
      type: bool
    text:
      description: All of this as one line for people.
      type: str
signing_keys:
  description:
    - Publishers' keys that vouch for the lock and expire, each with C(fingerprint), C(expires), the C(days) that are left, and what
      it signed as C(of). Within 90 days of the end a warning is given, too.
  returned: success
  type: list
  elements: dict
withheld:
  description:
    - What policy kept back, and what cannot do without it, each with C(kind), C(group), C(name), C(version), C(reason) and
      C(because_of), which is the name of what it needs, and all of this as C(text). Also shown as warnings.
  returned: success
  type: list
  elements: dict
proved:
  description: What apt said it would install, one sentence for each repository. Empty when nothing is new, or apt was not asked.
  returned: success
  type: list
  elements: str
  sample: ['debian-12: apt installs 159 packages on an empty target.']
explained:
  description:
    - Why each name of O(explain) is in the lock, once for each repository that has it, with C(name), C(kind), C(group), C(text) and
      C(chain), the names from the bill of materials down to it. The chain is empty when the lock has no such name.
  returned: when O(explain) is given
  type: list
  elements: dict
"""

import os
from collections import Counter

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bundle import access, key_expiry
from ..module_utils.bundle.bom import Bom
from ..module_utils.bundle.changes import summary
from ..module_utils.bundle.errors import BundleError
from ..module_utils.bundle.fetch import Client
from ..module_utils.bundle.resolve import make_lock


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "bom": {"type": "raw", "required": True},
            "path": {"type": "path", "required": True},
            "store": {"type": "path", "default": "/var/lib/fieldops-bundle"},
            "credentials": access.OPTION,
            "prove": {"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
            "explain": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    os.umask(0o022)
    path = module.params["path"]
    try:
        bom = Bom.parse(module.params["bom"])
        client = Client(keychain=access.Keychain.given(module.params["credentials"]))
        result = make_lock(
            bom,
            path=path,
            store=module.params["store"],
            client=client,
            check=module.check_mode,
            prove=module.params["prove"],
        )
    except BundleError as error:
        module.fail_json(msg=str(error))
    for warning in result.warnings:
        module.warn(warning)
    lock, explain = result.lock, module.params["explain"]
    module.exit_json(
        changed=result.changed,
        path=path,
        name=lock.name,
        version=lock.version,
        counts=dict(Counter(item.kind for item in lock.items)),
        bytes=sum(size for size, _url in lock.objects().values()),
        bytes_missing=result.bytes_missing,
        changes=[change.told() for change in result.changes],
        signing_keys=key_expiry.told(lock),
        warnings_of_sources=list(result.warnings),
        withheld=[row.told() for row in lock.withheld],
        proved=list(result.proved),
        **({"explained": [row for name in explain for row in lock.explain(name)]} if explain else {}),
        diff={
            "before_header": path,
            "after_header": path,
            "before": summary(result.before),
            "after": summary(lock),
        },
    )


if __name__ == "__main__":
    main()

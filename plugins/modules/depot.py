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
    bundles amount to as a new generation, with repositories signed by the depot's own key, files, checksums, and a page for people.
  - A generation is built beside the one that is published and proven there. The link C(current) is switched by one rename.
  - Volumes may come one at a time and in any order. Until the last one is here their objects are kept and nothing is published.
  - Refuses a bundle that is older than the depot ever published of that name, a delta whose base is not here, and what is damaged.
  - Serve the directory C(current) with any web server, as the role P(fieldops.mattermost.mattermost_depot#role) does.
  - Needs C(gpg) and C(gpgv) (or C(sqv)) on the depot, and Python's standard library.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return what would be copied, published or removed without writing anything.
    details:
      - Needs neither C(gpg) nor a signing key in check mode, and proves nothing.
  diff_mode:
    support: full
    description: Returns what enters and leaves the depot, one line for each item.
  idempotent:
    support: full
    description: When run twice in a row outside check mode, with the same arguments, the second run changes nothing.
options:
  state:
    description:
      - V(present) publishes what O(media) and O(feed_from) bring.
      - V(rolled_back) publishes what an earlier generation was made of, as a new generation, because apt ignores an index that is dated
        before the one it has. The same media, given again, undo that.
      - V(prune_planned) writes to O(plan) which generations and objects are not needed any more. Nothing is removed.
      - V(pruned) removes what O(plan) names, and nothing if the depot has changed since that was written.
    type: str
    choices: [present, rolled_back, prune_planned, pruned]
    default: present
  generation:
    description: With O(state=rolled_back) the generation to go back to. The newest one of other bundles when it is left out.
    type: int
  plan:
    description: Path of the plan for pruning.
    type: path
  media:
    description:
      - Directories of media. Each is a volume, or holds volumes.
      - Without any nothing new comes in, but the depot is looked at, and published anew if its key is another one.
    type: list
    elements: path
    default: []
  keyring:
    description:
      - Public keys of whoever makes the bundles. Either the path of a file, armoured or binary, or the armoured keys themselves.
      - It must not come from a medium.
      - Needed whenever O(media) or O(feed_from) are given.
    type: str
    default: ''
  required_signers:
    description: How many keys of O(keyring) have to have signed a bundle; 2 for a rule of two persons.
    type: int
    default: 1
  feed_from:
    description:
      - Another depot whose bundles this one takes over, V(/path), V(host:/path) or V(user@host:/path). Only objects that are lacking here
        are carried, by C(ssh), which reads files there with C(cat) and C(tail).
      - Everything is verified with O(keyring) as if it came on a medium; the key of the other depot plays no part.
    type: str
    default: ''
  ssh_arguments:
    description: Arguments for C(ssh), such as V(-i) and the path of a key.
    type: list
    elements: str
    default: []
  path:
    description: Root directory of the depot.
    type: path
    default: /srv/mattermost-depot
  gnupghome:
    description: GnuPG home with the depot's own signing key. Needed for whatever publishes.
    type: path
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
    description:
      - How many generations are kept, the published one included. What publishing pushes out is removed, with objects nothing needs.
      - With V(0) publishing removes nothing, and pruning is left to V(prune_planned) and V(pruned).
    type: int
    default: 2
  prove:
    description:
      - Whether apt and dnf have to resolve, in a root of their own, from each new repository before it is published.
      - V(auto) proves what these programs, as they are on this host, can prove; V(always) fails where they are not there.
    type: str
    choices: [auto, always, never]
    default: auto
  verify:
    description:
      - With V(quick) an object in the store is believed by its name and size, as it was verified when it came in.
      - With V(full) every object in the store is hashed first. A damaged one counts as missing, so it is taken from O(media) or
        O(feed_from) again, and what is published is made anew of whole files. Where nothing brings it the module fails.
      - An older bundle than the published one may bring what a kept generation lacks. Nothing of it is published.
    type: str
    choices: [quick, full]
    default: quick
  title:
    description: Title of the page for people. Another one than before is a new generation; clients notice nothing of it.
    type: str
    default: Mattermost depot
  allow_expired:
    description: Whether bundles are accepted after their expiry.
    type: bool
    default: false
seealso:
  - module: fieldops.mattermost.bundle_info
  - module: fieldops.mattermost.depot_info
"""

EXAMPLES = r"""
- name: Publish what came on the medium
  fieldops.mattermost.depot:
    media: [/media/usb/site]
    keyring: /etc/mattermost-depot/bundle-key.asc
    gnupghome: /etc/mattermost-depot/gnupg
    signing_key_create: Mattermost depot <depot@example.com>

- name: Repair the store from the medium
  fieldops.mattermost.depot:
    media: [/media/usb/site]
    keyring: /etc/mattermost-depot/bundle-key.asc
    gnupghome: /etc/mattermost-depot/gnupg
    verify: full

- name: Go back to what was published before
  fieldops.mattermost.depot:
    state: rolled_back
    gnupghome: /etc/mattermost-depot/gnupg

- name: Write down what would be removed
  fieldops.mattermost.depot:
    state: prune_planned
    plan: /root/depot-plan.json

- name: Remove it, once somebody has read that
  fieldops.mattermost.depot:
    state: pruned
    plan: /root/depot-plan.json
"""

RETURN = r"""
generation:
  description: Number of the generation that is published, or would be; 0 when nothing is.
  returned: success
  type: int
  sample: 4
path:
  description: The directory to serve. It is a link to the published generation.
  returned: when O(state) is V(present) or V(rolled_back)
  type: str
  sample: /srv/mattermost-depot/current
fingerprint:
  description: Fingerprint of the depot's signing key. Empty in check mode when the key would have to be made.
  returned: when O(state) is V(present) or V(rolled_back)
  type: str
public_key:
  description: Armoured public key of the depot, which its clients need. Empty in check mode when the key would have to be made.
  returned: when O(state) is V(present) or V(rolled_back)
  type: str
key_created:
  description: Whether the signing key was made.
  returned: when O(state) is V(present) or V(rolled_back)
  type: bool
bundles:
  description: For each bundle its version, when it was made, when it expires, the sha256 of its root, who signed it, and since when it is here.
  returned: when O(state) is V(present) or V(rolled_back)
  type: dict
incomplete:
  description:
    - Bundles of which volumes are missing. For each its C(name), C(version), when it was C(created), the C(volumes) that came and the
      C(missing_volumes), C(missing_objects) and C(missing_bytes), and all that in a sentence, C(text).
  returned: when O(state) is V(present) or V(rolled_back)
  type: list
  elements: dict
repositories:
  description: Names of the package repositories of the depot.
  returned: when O(state) is V(present) or V(rolled_back)
  type: list
  elements: str
  sample: [debian-12, debian-13]
files:
  description: The files of the depot, with C(name), C(kind), C(version), C(sha256), C(size), and C(path) below the depot's URL.
  returned: when O(state) is V(present) or V(rolled_back)
  type: list
  elements: dict
contents:
  description: What the published generation has, by section, as in its C(manifest.json). In check mode that of the present one.
  returned: when O(state) is V(present) or V(rolled_back)
  type: dict
proofs:
  description: For each C(repository) whether it was C(proven) before it was published, and what was C(told).
  returned: when O(state) is V(present) or V(rolled_back)
  type: list
  elements: dict
objects_copied:
  description: Number of objects that were taken in, or would be.
  returned: when O(state) is V(present) or V(rolled_back)
  type: int
bytes_copied:
  description: Their size.
  returned: when O(state) is V(present) or V(rolled_back)
  type: int
changes:
  description: What entered, left or changed, with the bundle, kind, group, name, the versions before and after, and the bytes.
  returned: when O(state) is V(present) or V(rolled_back)
  type: list
  elements: dict
removed_generations:
  description: Numbers of the generations that were removed, or are to be.
  returned: success
  type: list
  elements: int
removed_objects:
  description: Number of objects that were removed, or are to be.
  returned: when O(state) is V(prune_planned) or V(pruned)
  type: int
removed_bytes:
  description: Size of all that was removed, or is to be.
  returned: success
  type: int
"""

import os
import time
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bundle.depot import Depot, DepotResult
from ..module_utils.bundle.errors import BundleError
from ..module_utils.bundle.feed import OtherDepot
from ..module_utils.bundle.openpgp import Keyring, SigningKey

# What of a result goes to the playbook under its own name.
TOLD = (
    "changed generation path bundles incomplete repositories files contents proofs objects_copied bytes_copied changes "
    "removed_generations removed_bytes"
)


def publish(module: AnsibleModule) -> Dict[str, Any]:
    given, check = module.params, module.check_mode
    brings = bool(given["media"] or given["feed_from"])
    keyring = Keyring.given(given["keyring"]) if brings else Keyring([], what="no key")
    other = OtherDepot(given["feed_from"], given["ssh_arguments"]) if given["feed_from"] else None
    key, created = SigningKey.obtain(
        given["gnupghome"], given["signing_key"], create_as=given["signing_key_create"], check=check
    )
    depot = Depot(
        given["path"],
        key=key,
        title=given["title"],
        keep=given["keep"],
        prove=given["prove"],
        verify=given["verify"] == "full",
    )
    if given["state"] == "rolled_back":
        result = depot.roll_back(given["generation"], now=time.time(), check=check)
    else:
        result = depot.publish(
            given["media"],
            keyring,
            now=time.time(),
            allow_expired=given["allow_expired"],
            required_signers=given["required_signers"],
            other=other,
            check=check,
        )
    for row in result.incomplete:
        module.warn(row["text"])
    told = {name: getattr(result, name) for name in TOLD.split()}
    public = key.public_key().decode() if key is not None else ""
    return {
        **told,
        "changed": result.changed or created,
        "fingerprint": result.key,
        "public_key": public,
        "key_created": created,
        "diff": _diff(given["path"], result),
    }


def _diff(path: str, result: DepotResult) -> Dict[str, str]:
    return {"before_header": path, "after_header": path, "before": result.before, "after": result.after}


def prune(module: AnsibleModule) -> Dict[str, Any]:
    given = module.params
    depot = Depot(given["path"], key=None, keep=given["keep"])
    act = depot.prune if given["state"] == "pruned" else depot.plan
    changed, plan = act(given["plan"], check=module.check_mode)
    return {
        "changed": changed,
        "generation": plan.current,
        "removed_generations": plan.numbers,
        "removed_objects": len(plan.objects),
        "removed_bytes": plan.freed,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "choices": ["present", "rolled_back", "prune_planned", "pruned"],
                "default": "present",
            },
            "generation": {"type": "int"},
            "plan": {"type": "path"},
            "media": {"type": "list", "elements": "path", "default": []},
            "keyring": {"type": "str", "default": "", "no_log": False},
            "required_signers": {"type": "int", "default": 1},
            "feed_from": {"type": "str", "default": ""},
            "ssh_arguments": {"type": "list", "elements": "str", "default": []},
            "path": {"type": "path", "default": "/srv/mattermost-depot"},
            "gnupghome": {"type": "path"},
            "signing_key": {"type": "str", "default": "", "no_log": False},
            "signing_key_create": {"type": "str", "default": "", "no_log": False},
            "keep": {"type": "int", "default": 2},
            "prove": {"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
            "verify": {"type": "str", "choices": ["quick", "full"], "default": "quick"},
            "title": {"type": "str", "default": "Mattermost depot"},
            "allow_expired": {"type": "bool", "default": False},
        },
        required_if=[
            ("state", "present", ["gnupghome"]),
            ("state", "rolled_back", ["gnupghome"]),
            ("state", "prune_planned", ["plan"]),
            ("state", "pruned", ["plan"]),
        ],
        supports_check_mode=True,
    )
    os.umask(0o022)
    try:
        told = (publish if module.params["state"] in ("present", "rolled_back") else prune)(module)
    except BundleError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**told)


if __name__ == "__main__":
    main()

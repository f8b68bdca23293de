# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check of the links with partners.

Servers do not tell of them over the local socket, and an assessment holds no password. So it reads what the role mattermost_federation
wrote when it last looked, and bears in mind how long ago that is.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import calendar
import time
from typing import Any, Dict, List, Mapping

from ._checks_base import CannotCheck, Finding, Host, Kind, NotApplicable, Option, judge, required, some

_WRITTEN = "%Y-%m-%d %H:%M:%S UTC"


def _wrong(status: Mapping[str, Any]) -> List[str]:
    """What is not well, a sentence for each reason."""
    found = []
    for link in status["connections"]:
        if not link["healthy"]:
            reasons = [str(reason) for reason in link["reasons"]] or ["it is not well"]
            found += [f"{link['peer']}: {reason}" for reason in reasons]
    found += [f"{name}: a connection that the table does not know" for name in status["unlisted_connections"]]
    return found + [f"{name}: shared, and the table does not know it" for name in status["unlisted_channels"]]


def federation(params: Dict[str, Any], host: Host) -> Finding:
    """The links are those of the table, and were well when they were last looked at, not too long ago."""
    if not params["links"]:
        raise NotApplicable("There are no links with partners.")
    expected = f"all links are well and in the table, looked at in the last {params['max_hours']} hours"
    if not params["report"]:
        raise CannotCheck(f"There is no report of the links at {params['path']}: run the scenario's playbook first.")
    try:
        status = params["report"]["status"]
        age = host.now() - calendar.timegm(time.strptime(status["checked_at"], _WRITTEN))
        wrong = _wrong(status)
        number = len(status["connections"])
    except (KeyError, TypeError, ValueError):
        raise CannotCheck(f"{params['path']} is no report of the links.") from None
    if age > 3600 * params["max_hours"]:
        wrong.insert(0, f"the report is {int(age // 3600)} hours old")
    return judge(not wrong, expected, some(wrong) or f"links: {number}, all well", [f"as of {status['checked_at']}"])


KINDS: Dict[str, Kind] = {
    "federation": Kind(
        federation,
        {
            "links": required("bool"),
            "path": required(),
            "report": Option("dict", {}),
            "max_hours": Option("int", 24),
        },
    ),
}

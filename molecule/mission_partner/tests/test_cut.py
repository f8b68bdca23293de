# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""A partner is cut off for a while, both sides go on, and each catches up with what the other wrote."""

from __future__ import annotations

import time
import uuid

from conftest import TUNNEL, needs_licence, reaches, run, until

pytestmark = needs_licence
# As a cable that is pulled between the gateways: the tunnel's packets are dropped in both directions.
CUT = """
table inet molecule_cut {
  chain in { type filter hook input priority -200; policy accept; udp dport 51820 drop; udp sport 51820 drop; }
  chain out { type filter hook output priority -200; policy accept; udp dport 51820 drop; udp sport 51820 drop; }
}
"""
MINUTES = 2


def test_both_sides_go_on_and_catch_up(alpha, bravo, charlie):
    run("bravo-gateway", "nft", "-f", "-", stdin=CUT)
    written: dict[str, list[str]] = {"alpha": [], "bravo": []}
    try:
        assert not reaches("alpha-server", TUNNEL["bravo"], 443)
        end = time.monotonic() + MINUTES * 60
        while time.monotonic() < end:
            for partner in (alpha, bravo):
                text = f"cut off {uuid.uuid4()}"
                partner.post("joint-ops", text)
                written[partner.name].append(text)
            time.sleep(10)
        # Those who are not cut off read on; bravo reads nothing.
        until(lambda: charlie.sees("joint-ops", written["alpha"][-1]), what="alpha's last post at charlie")
        assert not any(bravo.sees("joint-ops", text) for text in written["alpha"])
        assert not any(alpha.sees("joint-ops", text) for text in written["bravo"])
    finally:
        run("bravo-gateway", "nft", "delete", "table", "inet", "molecule_cut")
    # Not at charlie: what reaches alpha late is relayed only if nothing newer has been, which is so in servers themselves.
    for writer, reader in ((alpha, bravo), (bravo, alpha)):
        texts = written[writer.name]
        until(
            lambda reader=reader, texts=texts: all(reader.sees("joint-ops", text) for text in texts),
            what=f"all that {writer.name} wrote at {reader.name}",
        )
        seen = [post["message"] for post in reversed(reader.posts("joint-ops")) if post["message"] in texts]
        assert seen == texts, f"{reader.name} has them once each, in order"

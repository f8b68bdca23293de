# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Measure what setting a federation up costs as partners are added. A benchmark, not a test: it takes a while.

. tools/env && python tests/bench/federation.py [--partners 2 5 10 20] [--output docs]

Servers are stand-ins on this machine. For each number of partners and each topology the playbook `federation` runs twice
on new servers: the first run sets all links up, the second finds nothing to do.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pages import block, put, text_table
from plot import plot
from sites import ADMIN, VERSION, Postgres, Sites, built, standing

FORKS = 20
LIMIT = 900  # seconds for one run of the playbook
TOPOLOGIES = ("mesh", "hub")


@dataclass
class Run:
    """One run of the playbook."""

    seconds: float
    cpu_seconds: float  # of ansible-playbook and the modules, not of the servers
    requests: int
    changed: int
    tasks: Dict[str, float]  # seconds by task


@dataclass
class Measurement:
    """A number of partners in one topology."""

    topology: str
    partners: int
    links: int
    first: Run
    second: Run


def table(topology: str, sites: Sites) -> Dict[str, Any]:
    """The table of links: each partner has one channel and shares it with all that it is linked with."""
    names = list(sites.servers)
    partners = [{"name": name, "site_url": sites.site_url(name), "team": "operations"} for name in names]
    channels = [{"name": f"from-{name}", "home": name, "shared_with": "all"} for name in names]
    found: Dict[str, Any] = {"topology": topology, "partners": partners, "channels": channels}
    return {**found, "hub": names[0]} if topology == "hub" else found


def write_inventory(folder: Path, topology: str, sites: Sites) -> Path:
    hosts = {
        name: {
            "mattermost_federation_name": name,
            "mattermost_federation_url": f"http://127.0.0.1:{door.port}",
        }
        for name, door in sites.doors.items()
    }
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ansible_remote_tmp": str(folder / "ansible-tmp"),
        "mattermost_federation_links": table(topology, sites),
        "mattermost_federation_admin_username": ADMIN["username"],
        "mattermost_federation_admin_password": ADMIN["password"],
    }
    path = folder / "inventory.json"
    path.write_text(json.dumps({"mattermost_server": {"hosts": hosts, "vars": common}}, indent=1), encoding="utf-8")
    return path


def run_playbook(inventory: Path, log: Path) -> tuple[float, float, Dict[str, float]]:
    """(seconds, CPU seconds, seconds by task); the time of a task is until the next one begins."""
    env = {**os.environ, "ANSIBLE_FORKS": str(FORKS), "ANSIBLE_PIPELINING": "true", "ANSIBLE_FORCE_COLOR": "false"}
    command = ["ansible-playbook", "-i", str(inventory), "fieldops.mattermost.federation"]
    tasks: Dict[str, float] = {}
    task, started = "start", time.monotonic()
    since = started
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout is not None
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(process.pid, signal.SIGTERM))
    signal.alarm(LIMIT)
    try:
        with log.open("w", encoding="utf-8", buffering=1) as output:
            for line in process.stdout:
                output.write(line)
                if found := re.match(r"(?:TASK|PLAY RECAP|RUNNING HANDLER) (?:\[(.*)\])?", line):
                    now = time.monotonic()
                    tasks[task] = tasks.get(task, 0.0) + now - since
                    task, since = found.group(1) or "end", now
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    finally:
        signal.alarm(0)
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    if process.returncode != 0:
        raise RuntimeError(f"ansible-playbook ended with {process.returncode} after {seconds:.0f} s; its output: {log}")
    return seconds, usage.ru_utime + usage.ru_stime, tasks


def measured_run(inventory: Path, log: Path, sites: Sites) -> Run:
    before = sites.requests
    seconds, cpu_seconds, tasks = run_playbook(inventory, log)
    changed = sum(int(number) for number in re.findall(r"changed=(\d+)", log.read_text(encoding="utf-8")))
    return Run(seconds, cpu_seconds, sites.requests - before, changed, tasks)


def measure(topology: str, sites: Sites, folder: Path) -> Measurement:
    count = len(sites.servers)
    inventory = write_inventory(folder, topology, sites)
    first = measured_run(inventory, folder / "first.log", sites)
    second = measured_run(inventory, folder / "second.log", sites)
    if second.changed:
        raise RuntimeError(f"The second run has changed something; its output: {folder / 'second.log'}")
    links = count - 1 if topology == "hub" else count * (count - 1) // 2
    return Measurement(topology, count, links, first, second)


def measure_all(arguments: argparse.Namespace, folder: Path) -> List[Measurement]:
    """All that is not known yet; what fails is told and left out."""
    tarball = built("build.py", "--version", VERSION, "--edition", "enterprise", "--output", str(folder))
    licence = built("licence.py", "--sku", "enterprise", "--output", str(folder / "bench.mattermost-license"))
    found = known(arguments.numbers)
    there = {(one.topology, one.partners) for one in found}
    wanted = [(topology, count) for count in sorted(arguments.partners) for topology in arguments.topologies]
    with Postgres(folder / "postgres") as postgres:
        for topology, count in wanted:
            if (topology, count) in there or (topology == "mesh" and count > arguments.mesh_up_to):
                continue
            place = folder / f"{topology}-{count}"
            try:
                with standing(count, place, postgres, tarball, licence) as sites:
                    found.append(measure(topology, sites, place))
            except RuntimeError as error:  # the others are worth having
                print(f"{topology} of {count} partners was not measured: {error}", file=sys.stderr)
                arguments.keep = arguments.failed = True
                continue
            print(text_table(found[-1:]), flush=True)
            write(found, arguments)
    return found


def known(path: Optional[Path]) -> List[Measurement]:
    """What an earlier benchmark has measured."""
    if path is None or not path.exists():
        return []
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Measurement(**{**row, "first": Run(**row["first"]), "second": Run(**row["second"])}) for row in rows]


def write(found: List[Measurement], arguments: argparse.Namespace) -> None:
    """All so far, so that it is there when the rest is not waited for."""
    found.sort(key=lambda one: (one.topology, one.partners))
    if arguments.numbers:
        text = json.dumps([asdict(one) for one in found], indent=1)
        arguments.numbers.write_text(text, encoding="utf-8")
    if arguments.output:
        (arguments.output / "images").mkdir(parents=True, exist_ok=True)
        (arguments.output / "images" / "federation_scale.svg").write_text(plot(found), encoding="utf-8")
        put(arguments.output / "federation_scale.md", block(found))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--partners", type=int, nargs="+", default=[2, 5, 10, 20], help="the numbers of partners")
    parser.add_argument("--topologies", nargs="+", choices=TOPOLOGIES, default=TOPOLOGIES)
    parser.add_argument("--mesh-up-to", type=int, default=20, help="no mesh of more partners, which takes long")
    parser.add_argument("--output", type=Path, help="folder for federation_scale.md and images/federation_scale.svg")
    parser.add_argument("--numbers", type=Path, help="JSON file for the numbers; what it has is not measured again")
    parser.add_argument("--keep", action="store_true", help="keep the servers' folders and the plays' output")
    parser.set_defaults(failed=False)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that what was started is ended
    folder = Path(tempfile.mkdtemp(prefix="bench-federation-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user
    try:
        found = measure_all(arguments, folder)
        write(found, arguments)
        print(text_table(found))
    finally:
        if arguments.keep:
            print(f"Kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if arguments.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

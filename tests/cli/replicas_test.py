#!/usr/bin/env python3
"""Metadata replicas as processes: first start, a wiped one, its replacement, a rolling restart, a damaged log, all under load.

usage: replicas_test.py OPENEFS_BINARY

The load makes file systems one after the other through the program itself; every one that was acknowledged must be
there in the end. Times are reported, never judged.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

OPENEFS = ""
LIMIT_SECONDS = 120
CLUSTER_ID = "5f0c2e7a9b1d4c3e8f60718293a4b5c6"
ZONES = ["az-a", "az-b", "az-c", "az-c"]


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def wait_for(condition, what):
    """Waits for what must come true; gives up only where the test would hang otherwise."""
    end = time.monotonic() + LIMIT_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("never: " + what)
        time.sleep(0.05)


class Cluster:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="openefs-replicas-test-")
        self.ports = free_ports(7)
        self.processes = {}

    def config(self, role, node, members):
        """Writes the configuration of one process and returns its path."""
        port = self.ports[node - 1] if role == "metadata" else self.ports[3 + node]
        lines = [
            "cluster_id: " + CLUSTER_ID,
            "az: " + ZONES[node - 1],
            "node_id: %d" % node,
            "data_dir: " + self.data_dir(role, node),
            "rpc_listen: 127.0.0.1:%d" % port,
            "metadata_nodes:",
        ]
        for member in members:
            lines.append('  - {id: %d, az: %s, address: "127.0.0.1:%d"}'
                         % (member, ZONES[member - 1], self.ports[member - 1]))
        path = os.path.join(self.directory, "%s-%d.yaml" % (role, node))
        with open(path, "w") as file:
            file.write("\n".join(lines) + "\n")
        return path

    def data_dir(self, role, node):
        return os.path.join(self.directory, "%s-%d" % (role, node))

    def log_path(self, role, node):
        return os.path.join(self.directory, "%s-%d.log" % (role, node))

    def log(self, role, node):
        with open(self.log_path(role, node)) as file:
            return file.read()

    def start(self, role, node, members=(1, 2, 3)):
        config = self.config(role, node, members)
        with open(self.log_path(role, node), "a") as log:
            process = subprocess.Popen([OPENEFS, role, "--config", config], stdout=log, stderr=log)
        self.processes[role, node] = process
        return process

    def stop(self, role, node, number=signal.SIGTERM):
        process = self.processes.pop((role, node))
        process.send_signal(number)
        process.wait(timeout=LIMIT_SECONDS)
        return process.returncode

    def run(self, *arguments, config=None):
        config = config or os.path.join(self.directory, "metadata-1.yaml")
        return subprocess.run([OPENEFS, *arguments, "--config", config], capture_output=True, text=True,
                              timeout=LIMIT_SECONDS)

    def status(self):
        return self.run("cluster", "status").stdout

    def close(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Load(threading.Thread):
    """Makes file systems; remembers which were acknowledged and how long each took."""

    def __init__(self, cluster):
        super().__init__()
        self.cluster = cluster
        self.names = []
        self.seconds = []
        self.failures = []
        self.stopping = threading.Event()
        self.start()

    def run(self):
        while not self.stopping.is_set():
            begin = time.monotonic()
            made = self.cluster.run("fs", "create")
            self.seconds.append(time.monotonic() - begin)
            if made.returncode == 0:
                self.names.append(made.stdout.strip())
            else:
                self.failures.append(made.stderr)

    def report(self, what, since):
        taken = sorted(self.seconds[since:]) or [0]
        print("%s: %d operations, median %.0f ms, longest %.0f ms"
              % (what, len(taken), taken[len(taken) // 2] * 1e3, taken[-1] * 1e3), file=sys.stderr)

    def go_on(self):
        """A few operations more."""
        target = len(self.names) + 3
        wait_for(lambda: len(self.names) >= target, "the load goes on")

    def stop(self):
        self.stopping.set()
        self.join()


class ReplicasTest(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster()
        self.load = None

    def tearDown(self):
        if self.load is not None:
            self.load.stop()
        self.cluster.close()

    def form(self):
        """The first start: two of three wait for the third, and say so."""
        for node in (1, 2):
            self.cluster.start("metadata", node)
        wait_for(lambda: "raft.waits_to_form" in self.cluster.log("metadata", 1), "it says for whom it waits")
        self.assertNotIn("raft.formed", self.cluster.log("metadata", 1))
        self.cluster.start("metadata", 3)
        for node in (1, 2, 3):
            self.cluster.start("datanode", node)
        made = self.cluster.run("cluster", "format", "--data-nodes", "3")
        self.assertEqual(made.returncode, 0, made.stderr)
        return made.stdout.strip()

    def in_service(self, *nodes):
        def check():
            lines = self.cluster.status().splitlines()
            return all(any(line.startswith("  node %d " % node) and line.endswith("in service") for line in lines)
                       for node in nodes) and not any("LAGS" in line for line in lines)
        wait_for(check, "nodes %s are in service" % (nodes,))

    def test_a_wiped_replica_is_refused_and_replaced_under_load(self):
        first = self.form()
        self.load = Load(self.cluster)
        self.load.go_on()

        mark = len(self.load.seconds)
        self.cluster.stop("metadata", 3, signal.SIGKILL)
        shutil.rmtree(self.cluster.data_dir("metadata", 3))
        wiped = self.cluster.start("metadata", 3)
        self.assertEqual(wiped.wait(timeout=LIMIT_SECONDS), 1)
        del self.cluster.processes["metadata", 3]
        said = [line for line in self.cluster.log("metadata", 3).splitlines() if line.startswith("openefs: ")]
        self.assertEqual(len(said), 1)
        self.assertIn("never comes back under its old id", said[0])
        wait_for(lambda: any("raft.refuses_peer" in self.cluster.log("metadata", node) for node in (1, 2)),
                 "the others say so too")
        self.load.go_on()
        self.load.report("one replica killed and wiped", mark)

        mark = len(self.load.seconds)
        self.cluster.start("metadata", 4, members=(1, 2, 3, 4))
        config = os.path.join(self.cluster.directory, "metadata-4.yaml")
        wait_for(lambda: self.cluster.run("cluster", "status", config=config).stdout.count("waits for its peers"),
                 "node 4 answers and waits to be added")
        refused = self.cluster.run("cluster", "replace-replica", "--node", "3", "--with", "3", config=config)
        self.assertEqual(refused.returncode, 1)
        replaced = self.cluster.run("cluster", "replace-replica", "--node", "3", "--with", "4", config=config)
        self.assertEqual(replaced.returncode, 0, replaced.stderr)
        self.assertIn("done", replaced.stdout)
        again = self.cluster.run("cluster", "replace-replica", "--node", "3", "--with", "4", config=config)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("voters 1,2,4", self.cluster.status())
        self.load.go_on()
        self.load.report("replaced by a new one", mark)

        mark = len(self.load.seconds)
        for node in (1, 2, 4):
            self.assertEqual(self.cluster.stop("metadata", node), 0)
            self.cluster.start("metadata", node, members=(1, 2, 3, 4) if node == 4 else (1, 2, 3))
            self.in_service(1, 2, 4)
        self.load.go_on()
        self.load.report("rolling restart", mark)

        moved = self.cluster.run("cluster", "transfer", "--to", "4", config=config)
        self.assertEqual(moved.returncode, 0, moved.stderr)
        self.assertIn("group 0   node 4 leads", self.cluster.status())
        # A configuration of before the change still finds the cluster, through whom it knows.
        removed = self.cluster.run("cluster", "remove-replica", "--node", "1")
        self.assertEqual(removed.returncode, 0, removed.stderr)
        self.load.go_on()
        self.load.stop()
        listed = self.cluster.run("fs", "list", config=config).stdout.split()
        self.assertEqual(len(listed), len(set(listed)))
        self.assertLessEqual(set(self.load.names + [first]), set(listed))
        # An operation whose outcome its caller never learnt may have taken effect, once.
        self.assertLessEqual(len(listed), len(self.load.names) + 1 + len(self.load.failures))
        print("operations whose outcome was not known: %d" % len(self.load.failures), file=sys.stderr)

    def flip_a_byte(self, node):
        """In the middle of what the node's log holds, far from its end."""
        log = os.path.join(self.cluster.data_dir("metadata", node), "log")

        def used_bytes(name):
            with open(os.path.join(log, name), "rb") as file:
                return len(file.read().rstrip(b"\0"))
        name = max((name for name in os.listdir(log) if name.endswith(".log")), key=used_bytes)
        with open(os.path.join(log, name), "r+b") as file:
            used = len(file.read().rstrip(b"\0"))
            at = 4096 + (used - 4096) // 2
            while True:  # not into padding, which nobody misses
                file.seek(at)
                old = file.read(8)
                if b"\0" not in old:
                    break
                at += 1
            file.seek(at)
            file.write(bytes([old[0] ^ 1]))

    def test_a_replica_with_a_damaged_log_is_rebuilt_under_load(self):
        first = self.form()
        self.load = Load(self.cluster)
        self.load.go_on()

        mark = len(self.load.seconds)
        self.cluster.stop("metadata", 3, signal.SIGKILL)
        self.load.go_on()
        self.flip_a_byte(3)
        self.cluster.start("metadata", 3)
        # One line for each group when it votes again.
        wait_for(lambda: self.cluster.log("metadata", 3).count("raft.rebuilt ") == 2, "node 3 is rebuilt")
        log = self.cluster.log("metadata", 3)
        self.assertIn("raft.log_damaged", log)
        self.assertEqual(log.count("raft.rebuild_begins"), 2)
        self.assertTrue(os.path.isdir(os.path.join(self.cluster.data_dir("metadata", 3), "log", "damaged-1")))
        self.in_service(1, 2, 3)
        self.assertIn("voters 1,2,3", self.cluster.status())
        self.load.go_on()
        self.load.report("a damaged log", mark)

        # It stands alone for a majority with either of the others.
        self.cluster.stop("metadata", 1, signal.SIGKILL)
        self.load.go_on()
        self.load.stop()
        moved = self.cluster.run("cluster", "transfer", "--to", "3")
        self.assertEqual(moved.returncode, 0, moved.stderr)
        listed = self.cluster.run("fs", "list").stdout.split()
        self.assertEqual(len(listed), len(set(listed)))
        self.assertLessEqual(set(self.load.names + [first]), set(listed))


if __name__ == "__main__":
    OPENEFS = sys.argv.pop(1)
    unittest.main()

#!/usr/bin/env python3
"""A cluster of several hosts as an operator makes one: `cluster init`, `join` on every other host, `format`, and the roles run
with the files that these wrote. The hosts are loopback addresses.

usage: join_test.py OPENEFS_BINARY
"""

import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

OPENEFS = ""
LIMIT_SECONDS = 120
ZONES = ("az-a", "az-b", "az-c")
NFS_PORT = 12049


def wait_for(condition, what):
    """Waits for what must come true; gives up only where the test would hang otherwise."""
    end = time.monotonic() + LIMIT_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("never: " + what)
        time.sleep(0.05)


def nfs_null(host):
    """Calls NFS's NULL procedure and returns the reply's accept state (0 is success)."""
    call = struct.pack(">10I", 7, 0, 2, 100003, 4, 0, 0, 0, 0, 0)
    with socket.create_connection((host, NFS_PORT), timeout=10) as connection:
        connection.sendall(struct.pack(">I", 0x80000000 | len(call)) + call)
        reply = connection.recv(4096)
    return struct.unpack(">I", reply[24:28])[0]


def is_free(host, port):
    with socket.socket() as probe:
        try:
            probe.bind((host, port))
            return True
        except OSError:
            return False


class Hosts:
    """Addresses of a 127.X.0.0/16 that nobody uses, and the files and processes of the hosts there."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="openefs-join-test-")
        self.processes = {}
        self.net = next(net for net in random.sample(range(20, 250), 200)
                        if all(is_free(self.address_in(net, zone), 7001) for zone in range(3)))

    def address_in(self, net, zone):
        return "127.%d.%d.11" % (net, zone + 1)

    def address(self, zone, last):
        return "127.%d.%d.%d" % (self.net, zone + 1, last)

    def path(self, name):
        return os.path.join(self.directory, name)

    def run(self, *arguments):
        return subprocess.run([OPENEFS, *arguments], capture_output=True, text=True, timeout=LIMIT_SECONDS)

    def init(self, name, *nodes, options=()):
        return self.run("cluster", "init", *(word for node in nodes for word in ("--metadata", node)),
                        "--output", self.path(name + ".yaml"), "--data-dir", self.path(name), *options)

    def join(self, role, name, address, *options, member=None):
        return self.run("cluster", "join", role, "--member", member or self.address(0, 11), "--address", address,
                        "--output", self.path(name + ".yaml"), "--data-dir", self.path(name), *options)

    def start(self, role, name):
        with open(self.path(name + ".log"), "a") as log:
            self.processes[name] = subprocess.Popen(
                [OPENEFS, role, "--config", self.path(name + ".yaml")], stdout=log, stderr=log)

    def stop(self, name, number=signal.SIGTERM):
        process = self.processes.pop(name)
        process.send_signal(number)
        return process.wait(timeout=LIMIT_SECONDS)

    def log(self, name):
        with open(self.path(name + ".log")) as log:
            return log.read()

    def status(self):
        said = self.run("cluster", "status", "--json", "--config", self.path("metadata-0.yaml"))
        return json.loads(said.stdout) if said.returncode == 0 else {"serving": False, "error": said.stderr}

    def close(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class JoinTest(unittest.TestCase):
    def setUp(self):
        self.hosts = Hosts()

    def tearDown(self):
        self.hosts.close()

    def assert_done(self, finished, *words):
        self.assertEqual(finished.returncode, 0, finished.stderr)
        for word in words:
            self.assertIn(word, finished.stdout)

    def assert_refused(self, finished, *words):
        """Exit code 1 and one line on stderr with these words."""
        self.assertEqual(finished.returncode, 1, finished.stdout)
        said = [line for line in finished.stderr.splitlines() if line]
        self.assertEqual(len(said), 1, finished.stderr)
        for word in words:
            self.assertIn(word, said[0])

    def init(self):
        nodes = ["%s=%s" % (az, self.hosts.address(zone, 11)) for zone, az in enumerate(ZONES)]
        made = self.hosts.init("metadata-0", *nodes, options=("--lease-seconds", "17"))
        self.assert_done(made, "cluster join metadata --member %s:7001" % self.hosts.address(0, 11))
        self.hosts.start("metadata", "metadata-0")

    def form(self):
        """The other metadata hosts join through the first, which waits for them."""
        self.init()
        wait_for(lambda: "raft.waits_to_form" in self.hosts.log("metadata-0"), "the first node waits")
        early = self.hosts.join("datanode", "early", self.hosts.address(0, 21), "--az", "az-a")
        self.assert_refused(early, "the cluster has not begun", self.hosts.address(2, 11))
        stranger = self.hosts.join("metadata", "stranger", self.hosts.address(0, 99))
        self.assert_refused(stranger, self.hosts.address(0, 99), "none of the cluster's first metadata nodes")
        wrong_zone = self.hosts.join("metadata", "wrong", self.hosts.address(1, 11), "--az", "az-c")
        self.assert_refused(wrong_zone, "metadata node 2 of az-b")
        for zone in (1, 2):
            name = "metadata-%d" % zone
            self.assert_done(self.hosts.join("metadata", name, self.hosts.address(zone, 11)), name + ".yaml")
            self.hosts.start("metadata", name)
        wait_for(lambda: self.hosts.run("cluster", "status", "--config", self.hosts.path("metadata-0.yaml"))
                 .stdout.count("in service") == 3, "three metadata nodes are in service")

    def join_data_nodes(self):
        """Each registers before the next joins, so that everybody gets an id of its own."""
        for number in range(6):
            zone, name = number // 2, "datanode-%d" % number
            address = self.hosts.address(zone, 21 + number % 2)
            joined = self.hosts.join("datanode", name, address, "--az", ZONES[zone])
            self.assert_done(joined, name + ".yaml")
            with open(self.hosts.path(name + ".yaml")) as file:
                self.assertIn("node_id: %d\n" % (number + 1), file.read())
            self.hosts.start("datanode", name)
            wait_for(lambda: any(node["address"].startswith(address + ":")
                                 for node in self.hosts.status().get("data_nodes", ())), name + " registers")

    def join_others(self):
        for zone, az in enumerate(ZONES):
            for role, last in (("frontend", 31), ("control", 41)):
                name = "%s-%d" % (role, zone)
                self.assert_done(self.hosts.join(role, name, self.hosts.address(zone, last), "--az", az,
                                                 "--nfs-port", str(NFS_PORT)))
                self.hosts.start(role, name)

    def test_a_cluster_is_made_host_by_host(self):
        self.form()
        self.join_data_nodes()
        config = self.hosts.path("metadata-1.yaml")
        made = self.hosts.run("cluster", "format", "--config", config, "--data-nodes", "6")
        self.assert_done(made, "fs-")
        again = self.hosts.run("cluster", "format", "--config", config, "--data-nodes", "6")
        self.assertEqual(again.stdout, made.stdout)
        self.join_others()
        for zone in range(3):
            with open(self.hosts.path("frontend-%d.yaml" % zone)) as file:
                self.assertIn("lease_seconds: 17\n", file.read())
            name = "frontend-%d" % zone
            wait_for(lambda: "cli.serving" in self.hosts.log(name), name + " serves")
            self.assertEqual(nfs_null(self.hosts.address(zone, 31)), 0)
            wrote = self.hosts.run("bench", "small-write", "--server",
                                   "%s:%d" % (self.hosts.address(zone, 31), NFS_PORT), "--seconds", "0.5",
                                   "--warmup-seconds", "0", "--sessions", "2")
            self.assertEqual(wrote.returncode, 0, wrote.stderr)
        self.check_status()
        self.check_refusals()
        self.check_another_metadata_node()

    def check_status(self):
        status = self.hosts.status()
        self.assertTrue(status["serving"])
        self.assertEqual([node["az"] for node in status["metadata_nodes"]], list(ZONES))
        self.assertEqual([node["status"] for node in status["data_nodes"]], ["up"] * 6)
        self.assertEqual([group["up"] for group in status["placement_groups"]], [6])
        self.assertEqual({group["leader"] > 0 for group in status["groups"]}, {True})
        wait_for(lambda: self.hosts.status()["whole"], "nothing waits for repair")
        self.hosts.stop("datanode-5", signal.SIGKILL)
        wait_for(lambda: self.hosts.status()["data_nodes"][5]["status"] == "down", "data node 6 is down")
        self.assertFalse(self.hosts.status()["whole"])

    def check_refusals(self):
        hosts, member = self.hosts, self.hosts.address(0, 11)
        new = hosts.address(0, 77)
        taken = hosts.join("datanode", "x", new, "--az", "az-a", "--node-id", "6")
        self.assert_refused(taken, "data node 6 of az-c", "there already")
        self.assert_refused(hosts.join("datanode", "x", hosts.address(0, 21), "--az", "az-a"), "data node 1 of az-a")
        self.assert_refused(hosts.join("metadata", "x", new, "--az", "az-a", "--node-id", "2"), "metadata node 2")
        self.assert_refused(hosts.join("metadata", "x", member, "--az", "az-a"), "metadata node 1")
        self.assert_refused(hosts.join("metadata", "x", new), "--az")
        self.assert_refused(hosts.join("control", "x", new), "--az")
        other = "00112233445566778899aabbccddeeff"
        self.assert_refused(hosts.join("control", "x", new, "--az", "az-a", "--cluster-id", other), other)
        self.assert_refused(hosts.join("control", "x", new, "--az", "az-a", "--cluster-id", "12"), "32 hex digits")
        unreachable = hosts.join("control", "x", new, "--az", "az-a", member=hosts.address(0, 99))
        self.assert_refused(unreachable, "no metadata node answers", hosts.address(0, 99) + ":7001")
        no_member = hosts.join("control", "x", new, "--az", "az-a", member=hosts.address(0, 21) + ":7002")
        self.assert_refused(no_member, "no metadata node answers", hosts.address(0, 21) + ":7002")
        self.assert_refused(hosts.join("frontend", "x", "some.host", "--az", "az-a"), "numeric")
        self.assert_refused(hosts.join("frontend", "x", "some_host:x", "--az", "az-a"), "HOST")
        self.assert_refused(hosts.join("mule", "x", new, "--az", "az-a"), "mule")
        self.assertFalse(os.path.exists(hosts.path("x.yaml")))
        self.assert_refused(hosts.join("control", "control-0", new, "--az", "az-a"), "control-0.yaml", "already")
        os.makedirs(hosts.path("full/of"))
        self.assert_refused(hosts.join("datanode", "full", new, "--az", "az-a"), "not empty")

    def check_another_metadata_node(self):
        """A fourth metadata node joins a cluster that runs, gets an id of its own and becomes a voter."""
        joined = self.hosts.join("metadata", "metadata-3", self.hosts.address(0, 12), "--az", "az-a")
        self.assert_done(joined, "add-replica --node 4")
        self.hosts.start("metadata", "metadata-3")
        wait_for(lambda: "raft.waits_to_be_added" in self.hosts.log("metadata-3"), "node 4 waits")
        # Who asks the node that waits hears what the others know.
        through = self.hosts.join("datanode", "datanode-6", self.hosts.address(0, 23), "--az", "az-a",
                                  member=self.hosts.address(0, 12))
        self.assert_done(through)
        with open(self.hosts.path("datanode-6.yaml")) as file:
            self.assertIn("node_id: 7\n", file.read())
        added = self.hosts.run("cluster", "add-replica", "--node", "4", "--config", self.hosts.path("metadata-3.yaml"))
        self.assertEqual(added.returncode, 0, added.stderr)
        voters = [group["voters"] for group in self.hosts.status()["groups"]]
        self.assertEqual(voters, [[1, 2, 3, 4]] * 2)

    def test_members_of_two_clusters_are_noticed(self):
        self.init()
        other = self.hosts.init("other", "az-a=" + self.hosts.address(0, 50))
        self.assert_done(other, "wrote")
        self.hosts.start("metadata", "other")
        wait_for(lambda: "raft.leads" in self.hosts.log("other"), "the other cluster, of one node, has a leader")
        mixed = self.hosts.join("control", "x", self.hosts.address(0, 77), "--az", "az-a",
                                "--member", self.hosts.address(0, 50))
        self.assert_refused(mixed, "belongs to cluster")

    def test_init_refuses_what_makes_no_sense(self):
        hosts = self.hosts
        self.assert_refused(hosts.init("x", "10.0.0.1"), "AZ=HOST")
        self.assert_refused(hosts.init("x", "az-a=10.0.0.1:0"), "HOST")
        self.assert_refused(hosts.init("x", "az-a=10.0.0.1", "az-b=10.0.0.1"), "twice")
        self.assert_refused(hosts.init("x", *("a=10.0.0.%d" % i for i in range(1, 12))), "at most 9")
        os.makedirs(hosts.path("x/y"))
        self.assert_refused(hosts.init("x", "az-a=10.0.0.1"), "not empty")
        self.assertFalse(os.path.exists(hosts.path("x.yaml")))
        self.assert_done(hosts.init("y", "az-a=10.0.0.1", "az-b=[fd00::1]:7", "az-c=host.example"))
        with open(hosts.path("y.yaml")) as file:
            text = file.read()
        for address in ("10.0.0.1:7001", "[fd00::1]:7", "host.example:7001"):
            self.assertIn('address: "%s"' % address, text)
        self.assert_refused(hosts.init("y", "az-a=10.0.0.1"), "y.yaml", "already")


if __name__ == "__main__":
    OPENEFS = sys.argv.pop(1)
    unittest.main()

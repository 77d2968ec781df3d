#!/usr/bin/env python3
"""What a person meets who starts `openefs dev`: the mount line, restarts, and clear errors.

usage: dev_test.py OPENEFS_BINARY
"""

import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

OPENEFS = ""
START_SECONDS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def nfs_null(port, host="127.0.0.1"):
    """Calls NFS's NULL procedure and returns the reply's accept state (0 is success)."""
    call = struct.pack(">10I", 7, 0, 2, 100003, 4, 0, 0, 0, 0, 0)
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(struct.pack(">I", 0x80000000 | len(call)) + call)
        reply = connection.recv(4096)
    return struct.unpack(">I", reply[24:28])[0]


class Dev:
    """A running `openefs dev` with options of its own."""

    def __init__(self, data_dir, port, *options):
        self.port = port
        self.process = subprocess.Popen(
            [OPENEFS, "dev", "--data-dir", data_dir, "--nfs-port", str(port), "--metrics-listen", "",
             *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def mount_line(self):
        return self.process.stdout.readline()

    def kill(self, number):
        self.process.send_signal(number)
        self.process.communicate(timeout=START_SECONDS)
        return self.process.returncode


class DevTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="openefs-dev-test-")
        self.data_dir = os.path.join(self.directory, "data")
        self.running = []

    def tearDown(self):
        for dev in self.running:
            if dev.process.poll() is None:
                dev.kill(signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, *options, data_dir=None, port=None):
        dev = Dev(data_dir or self.data_dir, port or free_port(), *options)
        self.running.append(dev)
        return dev

    def assert_refused(self, dev, *words):
        """Exit code 1 and a last line on stderr with these words, from the program itself."""
        _, errors = dev.process.communicate(timeout=START_SECONDS)
        self.assertEqual(dev.process.returncode, 1)
        said = [line for line in errors.splitlines() if line.startswith("openefs: ")]
        self.assertEqual(len(said), 1, errors)
        for word in words:
            self.assertIn(word, said[0])

    def test_serves_on_every_zone_and_stops_on_sigterm(self):
        dev = self.start()
        self.assertTrue(dev.mount_line().startswith("mount -t nfs4 "))
        for host in ("127.0.0.1", "127.0.1.1", "127.0.2.1", "127.0.3.1"):
            self.assertEqual(nfs_null(dev.port, host), 0)
        status = subprocess.run([OPENEFS, "cluster", "status", "--data-dir", self.data_dir],
                                capture_output=True, text=True, timeout=START_SECONDS)
        self.assertEqual(status.returncode, 0, status.stderr)
        self.assertIn("leads", status.stdout)
        self.assertIn("whole", status.stdout)
        code, said, errors = self.fsck("--data-dir", self.data_dir)
        self.assertEqual(code, 0, errors)
        self.assertEqual(said.count(": 0 problems in "), 6)  # three replicas of two groups
        store = os.path.join(self.data_dir, "az-a", "metadata")
        code, said, errors = self.fsck("--store", store)
        self.assertEqual((code, said), (2, ""))
        self.assertIn(str(dev.process.pid), errors)
        self.assertEqual(dev.kill(signal.SIGTERM), 0)
        code, said, errors = self.fsck("--store", store)
        self.assertEqual(code, 0, errors)
        self.assertEqual(said.count(": 0 problems in "), 2)
        self.assertEqual(self.fsck("--store", self.directory)[0], 2)
        self.assertEqual(self.fsck("--data-dir", self.data_dir, "--node", "1")[0], 2)

    def fsck(self, *options):
        checked = subprocess.run([OPENEFS, "fsck", *options], capture_output=True, text=True,
                                 timeout=START_SECONDS)
        return checked.returncode, checked.stdout, checked.stderr

    def test_survives_kill_and_keeps_its_file_system(self):
        dev = self.start()
        dev.mount_line()
        names = self.file_systems()
        self.assertEqual(len(names), 1)
        dev.kill(signal.SIGKILL)
        again = self.start()
        self.assertTrue(again.mount_line().startswith("mount -t nfs4 "))
        self.assertEqual(self.file_systems(), names)

    def file_systems(self):
        listed = subprocess.run([OPENEFS, "fs", "list", "--data-dir", self.data_dir],
                                capture_output=True, text=True, timeout=START_SECONDS)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        return listed.stdout.split()

    def test_refuses_a_second_process_on_the_directory(self):
        first = self.start()
        first.mount_line()
        self.assert_refused(self.start(), self.data_dir, str(first.process.pid))

    def test_refuses_a_taken_port(self):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            self.assert_refused(self.start(port=port), str(port))

    def test_refuses_a_directory_it_cannot_make(self):
        self.assert_refused(self.start(data_dir="/dev/null/data"), "/dev/null/data")

    def test_refuses_a_directory_that_is_not_its_own(self):
        os.mkdir(self.data_dir)
        with open(os.path.join(self.data_dir, "thesis.tex"), "w") as file:
            file.write("years of work")
        self.assert_refused(self.start(), self.data_dir)

    def test_refuses_a_directory_of_another_shape(self):
        dev = self.start()
        dev.mount_line()
        dev.kill(signal.SIGTERM)
        self.assert_refused(self.start("--datanodes-per-az", "3"), "datanodes-per-az")

    def test_refuses_a_directory_of_another_version(self):
        dev = self.start()
        dev.mount_line()
        dev.kill(signal.SIGTERM)
        store = os.path.join(self.data_dir, "STORE")
        with open(store) as file:
            text = file.read()
        with open(store, "w") as file:
            file.write(re.sub("openefs-store=[0-9]+", "openefs-store=9999", text))
        self.assert_refused(self.start(), self.data_dir, "9999")

    def test_refuses_options_that_make_no_sense(self):
        refused = subprocess.run([OPENEFS, "dev", "--azs", "0"], capture_output=True, text=True,
                                 timeout=START_SECONDS)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("--azs", refused.stderr)


if __name__ == "__main__":
    OPENEFS = sys.argv.pop(1)
    unittest.main()

#!/usr/bin/env python3
"""`openefs bench` against `openefs dev`: every workload for a moment, what it reports, and what it
does when the server dies or is not there.

usage: bench.py --openefs OPENEFS_BINARY [unittest arguments]
"""

import argparse
import json
import os
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
START_SECONDS = 60
RUN_SECONDS = 120

WORKLOADS = """getattr lookup access readdir create unlink rename small-write small-read
    sequential-write sequential-read random-write random-read lock
    web-serving home-directories software-build analytics-scan container-start""".split()
MIXES = WORKLOADS[-5:]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Dev:
    """An `openefs dev` in a directory of its own."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="openefs-bench-test-")
        self.data_dir = os.path.join(self.directory, "data")
        self.port = free_port()
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [OPENEFS, "dev", "--data-dir", self.data_dir, "--listen", "127.0.0.1", "--nfs-port",
             str(self.port), "--metrics-listen", ""], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout.readline().startswith("mount -t nfs4 ")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(START_SECONDS)
        self.process.stdout.close()

    def remove(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


def u32(*values):
    return struct.pack(f">{len(values)}I", *values)


def opaque(data):
    return u32(len(data)) + data + bytes(-len(data) % 4)


def compound(connection, *operations):
    """Calls COMPOUND and returns what stands behind the number of results; all must be well."""
    call = u32(7, 0, 2, 100003, 4, 1, 0, 0, 0, 0) + opaque(b"") + u32(1, len(operations))
    call += b"".join(operations)
    connection.sendall(u32(0x80000000 | len(call)) + call)
    mark = struct.unpack(">I", connection.recv(4, socket.MSG_WAITALL))[0]
    reply = connection.recv(mark & 0x7FFFFFFF, socket.MSG_WAITALL)
    assert struct.unpack(">I", reply[24:28])[0] == 0, reply
    return reply[36:]


def names_in_root(port):
    """A listing of the root by a client of a few lines: EXCHANGE_ID, CREATE_SESSION, READDIR."""
    channel = u32(0, 65536, 65536, 4096, 16, 1, 0)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        owner = opaque(b"lister %d" % time.monotonic_ns())
        exchanged = compound(connection, u32(42) + bytes(8) + owner + u32(0, 0, 0))
        client = exchanged[8:20]
        created = compound(connection, u32(43) + client + u32(0) + channel + channel + u32(1, 1, 0))
        session = created[8:24]
        sequence = u32(53) + session + u32(1, 0, 0, 0)
        compound(connection, sequence, u32(58, 0))
        sequence = u32(53) + session + u32(2, 0, 0, 0)
        listed = compound(connection, sequence, u32(24),
                          u32(26) + bytes(16) + u32(32768, 32768, 0))
    at = 8 + 36 + 8 + 8 + 8  # SEQUENCE, PUTROOTFH, READDIR's status, its verifier
    names = []
    while listed[at:at + 4] == u32(1):
        length = struct.unpack(">I", listed[at + 12:at + 16])[0]
        names.append(listed[at + 16:at + 16 + length].decode())
        at += 16 + length + -length % 4 + 8  # no attributes: an empty bitmap and an empty list
    return names


def bench(port, *arguments, **options):
    return subprocess.run([OPENEFS, "bench", "--server", f"127.0.0.1:{port}", *arguments],
                          capture_output=True, text=True, timeout=RUN_SECONDS, **options)


class BenchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dev = Dev()

    @classmethod
    def tearDownClass(cls):
        cls.dev.remove()

    def run_bench(self, *arguments):
        """The JSON of a run that must go well."""
        done = bench(self.dev.port, "--quiet", "--json", "-", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        runs = json.loads(done.stdout)
        for run in runs:
            self.assertEqual(run["failed"], 0, run)
            self.assertEqual(run["errors"], {}, run)
            self.assertGreater(run["steps_per_second"], 0, run)
        return runs

    def check_run(self, run):
        for series in run["steps"] + run["calls"]:
            if series["count"] == 0:
                continue
            self.assertGreater(series["p50_us"], 0)
            self.assertLessEqual(series["p50_us"], series["p90_us"])
            self.assertLessEqual(series["p90_us"], series["p99_us"])
            self.assertLessEqual(series["p99_us"], series["p999_us"])
            self.assertLessEqual(series["p999_us"], series["max_us"])
        self.assertGreater(run["generator_cpu_us_per_step"], 0)

    def run_all(self, *options):
        runs = self.run_bench(*WORKLOADS, "--seconds", "0.3", "--warmup-seconds", "0.05",
                              "--sessions", "3", "--in-flight", "2", "--files", "48",
                              "--file-size", "1M", *options)
        self.assertEqual([run["workload"] for run in runs], WORKLOADS)
        for run in runs:
            self.check_run(run)
        self.assert_nothing_left()

    def assert_nothing_left(self):
        self.assertEqual(names_in_root(self.dev.port), [])

    def test_keeps_its_files_when_told_to(self):
        self.run_bench("create", "--sessions", "1", "--seconds", "0.1", "--keep")
        kept = names_in_root(self.dev.port)
        self.assertEqual(len(kept), 1)
        self.assertTrue(kept[0].startswith("openefs-bench-create-"))
        # Below a path of several parts, and what others have there stays.
        self.run_bench("create", "--sessions", "1", "--seconds", "0.1", "--path",
                       f"/{kept[0]}//d0/")
        self.assertEqual(names_in_root(self.dev.port), kept)
        self.dev.remove()
        type(self).dev = Dev()

    def test_lists_every_workload(self):
        listed = subprocess.run([OPENEFS, "bench", "--list"], capture_output=True, text=True,
                                timeout=RUN_SECONDS)
        self.assertEqual([line.split()[0] for line in listed.stdout.splitlines()], WORKLOADS)

    def test_every_workload_with_files_of_its_own(self):
        self.run_all()

    def test_every_workload_with_shared_files_and_unstable_writes(self):
        self.run_all("--shared", "--unstable")

    def test_every_size_of_io(self):
        for size in ("4K", "64K", "1M"):
            for run in self.run_bench("sequential-write", "sequential-read", "random-write",
                                      "random-read", "--io-size", size, "--file-size", "2M",
                                      "--sessions", "2", "--seconds", "0.2",
                                      "--warmup-seconds", "0"):
                self.assertGreater(run["mb_per_second"], 0)
        for run in self.run_bench("small-write", "small-read", "--io-size", "64K", "--sessions",
                                  "2", "--files", "8", "--seconds", "0.2"):
            self.assertEqual(run["io_bytes"], 65536)

    def test_an_open_loop_keeps_its_rate(self):
        for option in ([], ["--poisson"]):
            run, = self.run_bench("getattr", "--rate", "200", "--sessions", "16", "--files", "16",
                                  "--seconds", "1", "--warmup-seconds", "0.1", *option)
            self.assertEqual(run["rate"], 200)
            # Never more than arrive; fewer only if the server cannot keep up.
            self.assertLess(run["steps_per_second"], 270)

    def test_an_open_loop_beyond_the_server_counts_the_waiting(self):
        run, = self.run_bench("small-write", "--rate", "100000", "--sessions", "2", "--seconds",
                              "1", "--warmup-seconds", "0")
        waited = run["steps"][0]["max_us"]
        calls = sum(call["mean_us"] for call in run["calls"])
        self.assertGreater(waited, 3 * calls)

    def test_what_the_server_costs_is_reported(self):
        run, = self.run_bench("small-write", "--sessions", "4", "--seconds", "1", "--server-pid",
                              str(self.dev.process.pid), "--server-dir", self.dev.data_dir)
        self.assertGreater(run["server_cpu_us_per_step"], 0)
        self.assertGreater(run["user_bytes"], 0)
        self.assertEqual(run["user_bytes"] % 4096, 0)
        # Three copies of every byte at the very least.
        self.assertGreater(run["disk_grown_bytes"], 2 * run["user_bytes"])

    def test_more_sessions_than_connections(self):
        run, = self.run_bench("getattr", "--sessions", "200", "--connections", "3", "--threads",
                              "2", "--files", "10", "--seconds", "0.3")
        self.assertEqual((run["sessions"], run["connections"], run["threads"]), (200, 2, 2))

    def test_a_table_for_people(self):
        done = bench(self.dev.port, "getattr", "--sessions", "2", "--files", "4", "--seconds",
                     "0.2")
        self.assertEqual(done.returncode, 0, done.stderr)
        for word in ("getattr:", "per second", "p99.9", "GETATTR", "generator:"):
            self.assertIn(word, done.stdout)

    def assert_refused(self, *arguments, words):
        done = bench(self.dev.port, *arguments)
        self.assertEqual(done.returncode, 1)
        errors = [line for line in done.stderr.splitlines() if line.startswith("openefs: ")]
        self.assertEqual(len(errors), 1, done.stderr)
        for word in words:
            self.assertIn(word, errors[0])

    def test_clear_errors(self):
        self.assert_refused("juggling", words=["juggling", "--list"])
        self.assert_refused(words=["workload"])
        self.assert_refused("getattr", "--path", "no/such", words=["getattr", "NFS4ERR_NOENT"])
        self.assert_refused("getattr", "--server-pid", "4194305", words=["4194305"])
        self.assert_refused("getattr", "--server-dir", "/no/such", words=["/no/such"])
        self.assert_refused("getattr", "--server", "nowhere:x", words=["nowhere:x"])
        self.assert_refused("getattr", "--before-load", "exit 3", words=["exit 3"])
        self.assert_refused("random-write", "--io-size", "4M", "--file-size", "8M",
                            words=["4194304"])
        self.assert_refused("random-write", "--io-size", "8K", "--file-size", "4K",
                            words=["--file-size"])

    def test_nobody_there(self):
        done = subprocess.run([OPENEFS, "bench", "getattr", "--server", f"127.0.0.1:{free_port()}",
                               "--patience-seconds", "1"], capture_output=True, text=True,
                              timeout=RUN_SECONDS)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot connect", done.stderr)


class BenchFaultTest(unittest.TestCase):
    def setUp(self):
        self.dev = Dev()
        self.running = None

    def tearDown(self):
        if self.running is not None and self.running.poll() is None:
            self.running.kill()
            self.running.communicate()
        self.dev.remove()

    def start_bench(self, *arguments):
        self.running = subprocess.Popen(
            [OPENEFS, "bench", "--server", f"127.0.0.1:{self.dev.port}", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in self.running.stderr:
            if "measuring" in line:
                return
        self.fail("it does not begin to measure")

    def finish_bench(self):
        output, errors = self.running.communicate(timeout=RUN_SECONDS)
        return self.running.returncode, output, errors

    def test_a_server_that_is_killed_and_comes_back_costs_time_and_no_errors(self):
        self.start_bench("small-write", "home-directories", "--sessions", "8", "--in-flight", "2",
                         "--files", "64", "--seconds", "4", "--json", "-")
        self.dev.kill()
        time.sleep(0.3)  # some requests find nobody at all
        self.dev.start()
        code, output, errors = self.finish_bench()
        self.assertEqual(code, 0, output + errors)
        small_write = json.loads(output)[0]
        self.assertEqual(small_write["failed"], 0)
        self.assertGreaterEqual(small_write["reconnects"], 8)

    def test_interrupted_it_reports_and_clears_up(self):
        self.start_bench("small-write", "--sessions", "4", "--seconds", "600")
        self.running.send_signal(signal.SIGINT)
        code, output, errors = self.finish_bench()
        self.assertEqual(code, 0, errors)
        self.assertIn("interrupted", output)
        self.assertEqual(names_in_root(self.dev.port), [])

    def test_a_server_that_never_comes_back_ends_it_when_the_patience_is_over(self):
        self.start_bench("getattr", "--sessions", "2", "--files", "2", "--seconds", "3",
                         "--patience-seconds", "1")
        self.dev.kill()
        code, output, errors = self.finish_bench()
        self.assertNotEqual(code, 0)
        self.assertIn("cannot connect", output + errors)
        self.dev.start()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--openefs", required=True)
    options, rest = parser.parse_known_args()
    OPENEFS = options.openefs
    unittest.main(argv=[sys.argv[0], *rest])

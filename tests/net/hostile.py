#!/usr/bin/env python3
"""Hostile input against a running NFSv4.1 server: it answers or closes, stays up, and its memory returns.

  hostile.py --openefs FILE            starts `openefs dev` in a temporary directory and tests it
  hostile.py HOST PORT [--pid PID]     tests a server that runs; with --pid its memory too

Everything random comes from --seed (printed), so a failure can be had again. After every attack an untouched connection
must get its NULL call answered. Exit code 0: all well; 1: something failed.
"""
import argparse
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

NFS_PROGRAM, NFS_VERSION, PROC_NULL, PROC_COMPOUND = 100003, 4, 0, 1
ANSWER_SECONDS = 20  # on a loaded machine; silence for longer is a hang
CONNECTIONS, BATCH = 10_000, 500
MEMORY_SLACK_KIB = 96 * 1024  # allocators keep some of what they once had; leaks of 10,000 connections are far more
MEMORY_SECONDS = 60
HUGE_COUNTS = (0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, 0x40000000, 0x10000001, 0x00100001)


def u32(*values):
    return struct.pack(f">{len(values)}I", *values)


def opaque(data):
    return u32(len(data)) + data + b"\0" * (-len(data) % 4)


def auth_sys(machine=b"hostile", gids=()):
    return u32(1) + opaque(u32(7) + opaque(machine) + u32(0, 0, len(gids)) + u32(*gids))


AUTH_NONE = u32(0, 0)


def call(program=NFS_PROGRAM, version=NFS_VERSION, procedure=PROC_NULL, body=b"", xid=77, rpc=2, credential=AUTH_NONE):
    return u32(xid, 0, rpc, program, version, procedure) + credential + AUTH_NONE + body


def record(payload, last=True):
    return u32((0x80000000 if last else 0) | len(payload)) + payload


def compound(*operations, tag=b"", minor=1, count=None):
    body = opaque(tag) + u32(minor, len(operations) if count is None else count) + b"".join(operations)
    return call(procedure=PROC_COMPOUND, body=body, credential=auth_sys())


class Server:
    def __init__(self, host, port, pid):
        self.host, self.port, self.pid = host, port, pid

    def connect(self):
        return socket.create_connection((self.host, self.port), timeout=ANSWER_SECONDS)

    def alive(self):
        with self.connect() as connection:
            connection.sendall(record(call(xid=4711)))
            reply = read_record(connection)
            return reply == u32(4711, 1, 0, 0, 0, 0)

    def rss_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def read_exactly(connection, count):
    data = b""
    while len(data) < count:
        chunk = connection.recv(count - len(data))
        if not chunk:
            return None
        data += chunk
    return data


def read_record(connection):
    """A whole record, None when the server closed, or "silent"."""
    connection.settimeout(ANSWER_SECONDS)
    payload = b""
    try:
        while True:
            header = read_exactly(connection, 4)
            if header is None:
                return None
            word = struct.unpack(">I", header)[0]
            part = read_exactly(connection, word & 0x7FFFFFFF)
            if part is None:
                return None
            payload += part
            if word & 0x80000000:
                return payload
    except (ConnectionResetError, BrokenPipeError):
        return None
    except socket.timeout:
        return "silent"


class Report:
    def __init__(self, server):
        self.server, self.checks, self.failures = server, 0, 0

    def check(self, name, good, detail=""):
        self.checks += 1
        if not good:
            self.failures += 1
            print(f"FAILED {name} {detail}", flush=True)

    def section(self, name, attack):
        before = self.failures
        try:
            attack(self)
            self.check(f"{name}: alive after it", self.server.alive())
        except OSError as error:
            self.check(f"{name}: the server can be reached", False, str(error))
        print(f"{'ok    ' if self.failures == before else 'FAILED'} {name}", flush=True)

    def exchange(self, name, data, want=None):
        """Sends bytes; the server must answer or close. `want` judges the reply (None: closed)."""
        with self.server.connect() as connection:
            try:
                connection.sendall(data)
                if want is None:  # it may be waiting for more
                    connection.shutdown(socket.SHUT_WR)
            except (ConnectionResetError, BrokenPipeError):
                return
            except OSError:  # closed between the two
                pass
            reply = read_record(connection)
            self.check(name, reply != "silent", "neither answered nor closed")
            if want is not None and reply != "silent":
                self.check(name, want(reply), f"reply {reply.hex() if reply else reply}")


# --- attacks ---------------------------------------------------------------------------------------------------


def wrong_calls(report):
    """Programs, versions and procedures that are not ours get the reply RFC 5531 gives them."""

    def accepted(state):
        return lambda reply: reply is not None and reply[4:12] == u32(1, 0) and reply[20:24] == u32(state)

    report.exchange("unknown program", record(call(program=100005)), accepted(1))
    report.exchange("program 0", record(call(program=0)), accepted(1))
    for version in (0, 2, 3, 5, 0xFFFFFFFF):
        report.exchange(f"version {version}", record(call(version=version)),
                        lambda reply: accepted(2)(reply) and reply[24:32] == u32(4, 4))
    report.exchange("procedure 2", record(call(procedure=2)), accepted(3))
    report.exchange("RPC version 3", record(call(rpc=3)),
                    lambda reply: reply is not None and reply[4:24] == u32(1, 1, 0, 2, 2))
    report.exchange("a reply instead of a call", record(u32(1, 1, 0, 0, 0, 0)))
    report.exchange("message type 9", record(u32(1, 9, 2, NFS_PROGRAM, 4, 0)))
    report.exchange("minor version 9", record(compound(minor=9)),
                    lambda reply: reply is not None and reply[24:28] == u32(10021))  # NFS4ERR_MINOR_VERS_MISMATCH
    report.exchange("no operations", record(compound()))


def credentials(report):
    report.exchange("AUTH_SYS with 17 groups", record(call(credential=auth_sys(gids=range(17)))))
    report.exchange("AUTH_SYS with a name of 300", record(call(credential=auth_sys(machine=b"x" * 300))))
    report.exchange("unknown flavor", record(call(credential=u32(390003, 0))))
    report.exchange("credential of 401 bytes", record(call(credential=u32(1) + opaque(b"z" * 401))))
    for huge in HUGE_COUNTS:
        report.exchange(f"credential length {huge:#x}", record(call(credential=u32(1, huge))))
        report.exchange(f"group count {huge:#x}", record(call(credential=u32(1) + opaque(u32(7, 0, 0, 0, huge)))))


def records(report):
    """Record marking: truncated, oversized, endless."""
    whole = record(compound(u32(24)))
    for length in range(0, len(whole), 3):
        report.exchange(f"cut after {length} bytes", whole[:length])
    for size in (0x7FFFFFFF, 0x40000000, 0x01000000):
        report.exchange(f"record of {size:#x} bytes announced", u32(0x80000000 | size) + b"\0" * 65536)
    with report.server.connect() as connection:  # really sent, until the server has enough
        try:
            for _ in range(64):
                connection.sendall(record(b"\0" * (1 << 20), last=False))
            report.check("64 MiB in fragments without end", read_record(connection) is None, "was not closed")
        except (ConnectionResetError, BrokenPipeError):
            pass
        except socket.timeout:
            report.check("64 MiB in fragments without end", False, "neither read nor closed")
    report.exchange("100,000 empty fragments", u32(0) * 100_000)
    null = call()
    split = b"".join(record(null[i:i + 1], last=i == len(null) - 1) for i in range(len(null)))
    report.exchange("a call in fragments of one byte", split, lambda reply: reply == u32(77, 1, 0, 0, 0, 0))
    report.exchange("two calls in one segment", record(null) + record(null), lambda reply: reply == u32(77, 1, 0, 0, 0, 0))


def huge_counts(report):
    """Every length field of the protocol, with a count that nothing follows."""
    state, verifier, session = b"\0" * 16, b"\0" * 8, b"\0" * 16
    lengths = {  # what precedes the count
        "ACCESS after it": u32(3),
        "CREATE link": u32(6, 5),
        "CREATE name": u32(6, 2),
        "CREATE bitmap": u32(6, 2) + opaque(b"d"),
        "LINK": u32(11),
        "LOCK owner": u32(12, 1, 0) + b"\0" * 16 + u32(1, 0) + state + u32(0) + b"\0" * 8,
        "LOCKT owner": u32(13, 1) + b"\0" * 24,
        "LOOKUP": u32(15),
        "NVERIFY bitmap": u32(17),
        "NVERIFY values": u32(17, 1, 2),
        "GETATTR bitmap": u32(9),
        "OPEN owner": u32(18, 0, 1, 0) + b"\0" * 8,
        "OPEN create bitmap": u32(18, 0, 1, 0) + b"\0" * 8 + opaque(b"o") + u32(1, 0),
        "OPEN name": u32(18, 0, 1, 0) + b"\0" * 8 + opaque(b"o") + u32(0, 0),
        "PUTFH": u32(22),
        "READDIR bitmap": u32(26) + b"\0" * 16 + u32(4096, 4096),
        "REMOVE": u32(28),
        "RENAME": u32(29),
        "RENAME second": u32(29) + opaque(b"a"),
        "SECINFO": u32(33),
        "SETATTR bitmap": u32(34) + state,
        "SETATTR values": u32(34) + state + u32(1, 16),
        "WRITE": u32(38) + state + b"\0" * 8 + u32(2),
        "EXCHANGE_ID owner": u32(42) + verifier,
        "EXCHANGE_ID protect ops": u32(42) + verifier + opaque(b"c") + u32(0, 1),
        "EXCHANGE_ID implementation": u32(42) + verifier + opaque(b"c") + u32(0, 0),
        "CREATE_SESSION callback security": u32(43) + b"\0" * 16 + (u32(0) + u32(0, 65536, 65536, 4096, 8, 8) + u32(0)) + u32(0, 4096, 4096, 4096, 2, 1) + u32(0) + u32(1),
        "TEST_STATEID": u32(55),
        "SEQUENCE then LOOKUP": u32(53) + session + u32(1, 0, 0, 0) + u32(15),
    }
    for name, prefix in lengths.items():
        for huge in HUGE_COUNTS:
            report.exchange(f"{name} with count {huge:#x}", record(compound(prefix + u32(huge))))
    for huge in HUGE_COUNTS:
        report.exchange(f"{huge:#x} operations", record(compound(u32(24), count=huge)))
        tagged = call(procedure=PROC_COMPOUND, body=u32(huge), credential=auth_sys())
        report.exchange(f"tag of {huge:#x} bytes", record(tagged))
    report.exchange("100,000 operations", record(compound(*[u32(24)] * 100_000)))
    report.exchange("tag of 1 MiB", record(compound(u32(24), tag=b"t" * (1 << 20))))


def random_bytes(report):
    rng = report.random
    for i in range(150):
        report.exchange(f"random bytes {i}", rng.randbytes(rng.randrange(1, 5000)))
        report.exchange(f"random record {i}", record(rng.randbytes(rng.randrange(1, 5000))))
        body = rng.randbytes(rng.randrange(1, 2000))
        report.exchange(f"random compound {i}", record(call(procedure=PROC_COMPOUND, body=body, credential=auth_sys())))


def mutations(report):
    """Good compounds with a few bytes changed."""
    rng = report.random
    exchange_id = u32(42) + b"verifier" + opaque(b"client") + u32(0x103, 0, 0)
    create_session = u32(43) + b"\0" * 16 + u32(3) + u32(0, 65536, 65536, 4096, 8, 16, 0) * 2 + u32(0x40000000, 1, 1, 0)
    sequence = u32(53) + b"\1" * 16 + u32(1, 0, 15, 0)
    attributes = u32(9, 2, 0xFFFFFFFF, 0xFFFFFFFF)
    good = [compound(exchange_id), compound(create_session), compound(sequence, u32(24), attributes),
            compound(sequence, u32(24), u32(15) + opaque(b"name"), u32(10), attributes)]
    for i in range(600):
        data = bytearray(rng.choice(good))
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(24, len(data))] = rng.randrange(256)
        report.exchange(f"mutation {i}", record(bytes(data)))


def connections(report):
    """Opened and dropped: at once, in mid-record, by reset."""
    opening = [b"", u32(0x80000000 | 4000) + b"partial", record(call()), record(compound(u32(24)))]
    for start in range(0, CONNECTIONS, BATCH):
        batch = []
        for i in range(start, start + BATCH):
            connection = report.server.connect()
            connection.sendall(opening[i % len(opening)])
            if i % 3 == 0:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            batch.append(connection)
        for connection in batch:
            connection.close()
        report.check(f"alive after {start + BATCH} connections", report.server.alive())


def slow_readers(report):
    """Clients that ask and never read: the server must not keep their answers without bound."""
    held = []
    ask = record(compound(*[u32(24)] * 2)) * 2000
    for _ in range(20):
        connection = report.server.connect()
        connection.setblocking(False)
        sent = 0
        while sent < 40:
            if not select.select([], [connection], [], 0.2)[1]:
                break
            try:
                connection.send(ask)
            except BlockingIOError:
                break
            except OSError:  # closed: as good
                break
            sent += 1
        held.append(connection)
    report.check("others are served", report.server.alive())
    for connection in held:
        connection.close()


ATTACKS = [("wrong programs, versions, procedures", wrong_calls), ("credentials", credentials), ("records", records),
           ("huge counts", huge_counts), ("random bytes", random_bytes), ("mutations", mutations),
           ("clients that never read", slow_readers), (f"{CONNECTIONS} connections", connections)]


def memory_returns(report, start_kib):
    deadline = time.monotonic() + MEMORY_SECONDS
    while report.server.rss_kib() > start_kib + MEMORY_SLACK_KIB and time.monotonic() < deadline:
        time.sleep(1)
    now = report.server.rss_kib()
    report.check("memory returns", now <= start_kib + MEMORY_SLACK_KIB, f"{start_kib} KiB before, {now} KiB after")
    print(f"memory: {start_kib} KiB before, {now} KiB after")


def run(server, seed):
    print(f"seed {seed}")
    report = Report(server)
    report.random = random.Random(seed)
    report.check("the server answers before", server.alive())
    if server.pid:
        # What is allocated once and kept is no leak: measure after the first round of the small attacks.
        wrong_calls(report)
        start_kib = server.rss_kib()
    for name, attack in ATTACKS:
        report.section(name, attack)
    if server.pid:
        memory_returns(report, start_kib)
    print(f"{report.checks} checks, {report.failures} failed")
    return 1 if report.failures else 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_own(program, seed):
    directory, port = tempfile.mkdtemp(prefix="openefs-hostile."), free_port()
    log = open(os.path.join(directory, "log"), "w+", encoding="utf-8", errors="replace")
    process = subprocess.Popen([program, "dev", "--data-dir", os.path.join(directory, "data"), "--listen", "127.0.0.1",
                                "--nfs-port", str(port)], stdout=subprocess.PIPE, stderr=log, text=True)
    status = 1
    try:
        if not process.stdout.readline().startswith("mount "):
            print("the server did not start")
            return status
        status = run(Server("127.0.0.1", port, process.pid), seed)
        if process.poll() is not None:
            print(f"the server ended with {process.returncode}")
            status = 1
        process.send_signal(signal.SIGTERM)
        if process.wait(60) != 0:
            print(f"the server ended with {process.returncode} after SIGTERM")
            status = 1
        return status
    finally:
        process.kill()
        log.seek(0)
        if status:
            sys.stdout.write("".join(f"server: {line}" for line in log.readlines()[-20:]))
        shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("host", nargs="?")
    parser.add_argument("port", nargs="?", type=int)
    parser.add_argument("--openefs")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--seed", type=int, default=20261)
    arguments = parser.parse_args()
    if arguments.openefs:
        return run_own(arguments.openefs, arguments.seed)
    if not arguments.host or not arguments.port:
        parser.error("HOST and PORT, or --openefs FILE")
    return run(Server(arguments.host, arguments.port, arguments.pid), arguments.seed)


if __name__ == "__main__":
    sys.exit(main())

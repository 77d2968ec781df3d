#!/usr/bin/env python3
"""The files in deploy/ are what the programs that read them accept: Prometheus rules, dashboard, compose, systemd units, scripts.

usage: files_test.py

Metrics that rules and dashboard name must exist in the sources. What needs a program that is not installed (promtool,
systemd-analyze, bash always) is skipped by name.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPLOY = os.path.join(ROOT, "deploy")
OBSERVE = os.path.join(DEPLOY, "observe")
LIMIT_SECONDS = 120
METRIC = re.compile(r"\bopenefs_[a-z_]+")
# What Prometheus adds to the name of a histogram.
SUFFIX = re.compile(r"_(bucket|count|sum)$")


def read(*path):
    with open(os.path.join(*path)) as file:
        return file.read()


def run(*command, cwd=None):
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, cwd=cwd)


def metrics_in_sources():
    """The names that the program registers; those of data nodes are put together from a prefix."""
    names = set()
    for folder in ("common", "metadata", "replication", "datastore", "server", "control", "cli"):
        for path in glob.glob(os.path.join(ROOT, folder, "**", "*.cc"), recursive=True):
            text = read(path)
            names |= set(re.findall(r'"(openefs_[a-z_]+)"', text))
            if path.endswith("node_metrics.cc"):
                names |= {"openefs_datanode_" + name for name in re.findall(r'\(node, "([a-z_]+)"', text)}
    return names


class FilesTest(unittest.TestCase):
    def test_rules_and_dashboard_name_metrics_that_exist(self):
        known = metrics_in_sources()
        self.assertGreater(len(known), 40)
        for name in ("alerts.yml", "dashboard.json"):
            named = {SUFFIX.sub("", metric) for metric in METRIC.findall(read(OBSERVE, name))}
            self.assertGreater(len(named), 5, name)
            self.assertEqual(named - known, set(), name)

    def test_every_alert_is_tested(self):
        alerts = set(re.findall(r"- alert: (\w+)", read(OBSERVE, "alerts.yml")))
        test = read(OBSERVE, "alerts_test.yml")
        fires = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n", test))
        silent = set(re.findall(r"alertname: (\w+), (?:eval_time: \w+, )?exp_alerts: \[\]", test))
        self.assertEqual(alerts - fires, set(), "never seen to fire")
        self.assertEqual(alerts - silent, set(), "never seen to stay silent")

    def test_the_dashboard_is_one(self):
        dashboard = json.loads(read(OBSERVE, "dashboard.json"))
        ids = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        for panel in dashboard["panels"]:
            self.assertTrue(panel["type"] == "row" or panel["targets"], panel["title"])

    def test_prometheus_accepts_its_files(self):
        promtool = shutil.which("promtool")
        if promtool is None:
            self.skipTest("promtool is not installed (apt-get install prometheus)")
        checked = run(promtool, "check", "config", "prometheus.yml", cwd=OBSERVE)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        tested = run(promtool, "test", "rules", "alerts_test.yml", cwd=OBSERVE)
        self.assertEqual(tested.returncode, 0, tested.stdout + tested.stderr)

    def test_prometheus_asks_every_container(self):
        compose = read(DEPLOY, "compose.yaml")
        services = set(re.findall(r"^  ((?:metadata|datanode|frontend|control|mount-target)-\w+):$",
                                  compose.split("\nservices:\n")[1].split("\nnetworks:\n")[0], re.M))
        self.assertEqual(len(services), 21)
        asked = set(re.findall(r'"([a-z]+(?:-[a-z0-9]+)+):\d+"', read(OBSERVE, "prometheus.yml")))
        self.assertEqual(asked, services)

    def test_compose_uses_only_settings_that_exist(self):
        known = set(re.findall(r"^(\w+)=", read(DEPLOY, ".env"), re.M))
        used = set(re.findall(r"\$\{(\w+)\}", read(DEPLOY, "compose.yaml")))
        self.assertEqual(used - known, set())
        self.assertEqual(known - used, set())

    def test_every_address_of_the_lab_is_given_once(self):
        networks = re.findall(r'ipv4_address: "\$\{SUBNET\}\.([0-9.]+)"', read(DEPLOY, "compose.yaml"))
        self.assertEqual(len(networks), len(set(networks)))

    def test_systemd_accepts_the_units(self):
        analyze = shutil.which("systemd-analyze")
        if analyze is None:
            self.skipTest("systemd-analyze is not installed")
        with tempfile.TemporaryDirectory(prefix="openefs-units-") as directory:
            units = []
            for path in glob.glob(os.path.join(DEPLOY, "systemd", "*.service")):
                # An instance of a template, and a program that is there.
                unit = os.path.join(directory, os.path.basename(path).replace("@.", "@disk1."))
                text = read(path)
                self.assertIn("ExecStart=/usr/local/bin/openefs ", text)
                with open(unit, "w") as file:
                    file.write(text.replace("/usr/local/bin/openefs", "/bin/true"))
                units.append(unit)
            self.assertEqual(len(units), 4)
            verified = run(analyze, "verify", "--man=no", *units)
            said = [line for line in verified.stderr.splitlines() if directory in line or "openefs" in line]
            self.assertEqual((verified.returncode, said), (0, []), verified.stderr)

    def test_scripts_are_scripts(self):
        for name in ("lab", "local/cluster", "lab.d/engine", "lab.d/smoke.sh", "image/node", "image/healthy"):
            checked = run("bash", "-n", os.path.join(DEPLOY, name))
            self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_a_container_writes_a_configuration_with_every_key(self):
        environment = {"PATH": os.environ["PATH"], "OPENEFS_CLUSTER_ID": "0" * 32, "OPENEFS_AZ": "az-a",
                       "OPENEFS_NODE_ID": "4", "OPENEFS_ADDRESS": "10.1.1.1", "OPENEFS_LEASE_SECONDS": "9",
                       "OPENEFS_METADATA_NODES": "1,az-a,10.0.0.1:7001 2,az-b,10.0.0.2:7001"}
        for role, keys in {"metadata": {"node_id", "data_dir", "rpc_listen"},
                           "datanode": {"node_id", "data_dir", "rpc_listen", "rpc_advertise"},
                           "frontend": {"nfs_listen"}, "control": set()}.items():
            made = subprocess.run([os.path.join(DEPLOY, "image", "node"), "--print", role], env=environment,
                                  capture_output=True, text=True, timeout=LIMIT_SECONDS)
            self.assertEqual(made.returncode, 0, made.stderr)
            written = set(re.findall(r"^(\w+):", made.stdout, re.M))
            common = {"cluster_id", "az", "metrics_listen", "lease_seconds", "metadata_nodes"}
            self.assertEqual(written, common | keys, role)
            self.assertIn('  - {id: 2, az: az-b, address: "10.0.0.2:7001"}', made.stdout)
            del environment["OPENEFS_AZ"]
            refused = subprocess.run([os.path.join(DEPLOY, "image", "node"), "--print", role], env=environment,
                                     capture_output=True, text=True, timeout=LIMIT_SECONDS)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("OPENEFS_AZ", refused.stderr)
            environment["OPENEFS_AZ"] = "az-a"


if __name__ == "__main__":
    unittest.main()

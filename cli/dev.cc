// `openefs dev`: a whole cluster in one process, the embedded default.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/roles/embedded_cluster.h"
#include "cli/roles/report.h"
#include "cli/roles/shutdown.h"

namespace openefs::cli {
namespace {

int RunDev(const EmbeddedClusterOptions& options) {
  absl::StatusOr<std::unique_ptr<EmbeddedCluster>> cluster = StartEmbeddedCluster(options);
  if (!cluster.ok()) return ReportError(cluster.status());
  std::printf("%s\n", (*cluster)->mount_line().c_str());
  std::fflush(stdout);
  WaitForShutdownSignal();
  (*cluster)->Stop();
  return 0;
}

}  // namespace

void AddDevCommand(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<EmbeddedClusterOptions>();
  CLI::App* dev = app.add_subcommand("dev", "Runs a cluster of simulated zones in one process");
  dev->add_option("--data-dir", options->data_dir, "Where all state lives")->capture_default_str();
  dev->add_option("--listen", options->listen,
                  "NFS addresses, dealt out to the zones in turn (127.0.1.1, 127.0.2.1, ... "
                  "and 127.0.0.1 if left out)")
      ->delimiter(',');
  dev->add_option("--nfs-port", options->nfs_port, "NFS port")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  dev->add_option("--azs", options->azs, "Simulated availability zones")
      ->check(CLI::Range(1, 9))
      ->capture_default_str();
  dev->add_option("--datanodes-per-az", options->datanodes_per_az, "Data nodes in each zone")
      ->check(CLI::Range(1, 16))
      ->capture_default_str();
  dev->add_option("--lease-seconds", options->lease_seconds, "NFS lease")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  dev->add_flag("--read-leases,!--no-read-leases", options->read_leases,
                "Metadata reads trust the leader's clock, which all replicas share, for a fraction "
                "of a second")
      ->capture_default_str();
  dev->add_option("--read-cache-mib", options->read_cache_mib,
                  "Memory for file data that was read, in MiB")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  dev->add_option("--tcp-congestion-control", options->tcp_congestion_control,
                  "Of connections to clients, as the kernel names it; system: what the system uses")
      ->capture_default_str();
  dev->add_option("--metadata-cache-mib", options->metadata_cache_mib,
                  "Memory for what the metadata's tables hold, in MiB")
      ->check(CLI::Range(8, 1 << 20))
      ->capture_default_str();
  dev->add_option("--metrics-listen", options->metrics_listen,
                  "Address of Prometheus metrics; empty for none")
      ->capture_default_str();
  dev->callback([options, exit_code] { *exit_code = RunDev(*options); });
}

}  // namespace openefs::cli

#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "cli/roles/shutdown.h"

int main(int argc, char** argv) {
  openefs::cli::BlockShutdownSignals();
  CLI::App app{"openefs: a distributed NFSv4 file service"};
  app.require_subcommand(1);
  int exit_code = 0;

  openefs::cli::AddDevCommand(app, &exit_code);
  openefs::cli::AddMetadataCommand(app, &exit_code);
  openefs::cli::AddDatanodeCommand(app, &exit_code);
  openefs::cli::AddFrontendCommand(app, &exit_code);
  openefs::cli::AddControlCommand(app, &exit_code);
  openefs::cli::AddBenchCommand(app, &exit_code);

  openefs::cli::AddFsckCommand(app, &exit_code);

  CLI::App* cluster = app.add_subcommand("cluster", "Looks at and sets up a whole cluster");
  cluster->require_subcommand(1);
  openefs::cli::AddClusterStatusCommand(*cluster, &exit_code);
  openefs::cli::AddClusterInitCommand(*cluster, &exit_code);
  openefs::cli::AddClusterJoinCommand(*cluster, &exit_code);
  openefs::cli::AddClusterFormatCommand(*cluster, &exit_code);
  openefs::cli::AddClusterAddReplicaCommand(*cluster, &exit_code);
  openefs::cli::AddClusterRemoveReplicaCommand(*cluster, &exit_code);
  openefs::cli::AddClusterReplaceReplicaCommand(*cluster, &exit_code);
  openefs::cli::AddClusterTransferCommand(*cluster, &exit_code);

  CLI::App* fs = app.add_subcommand("fs", "File systems of a cluster");
  fs->require_subcommand(1);
  openefs::cli::AddFsCreateCommand(*fs, &exit_code);
  openefs::cli::AddFsListCommand(*fs, &exit_code);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help is no error; everything else that cannot be parsed is exit code 1, as all our errors.
    return app.exit(error) == 0 ? 0 : 1;
  }
  return exit_code;
}

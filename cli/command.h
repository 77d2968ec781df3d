// Every subcommand of `openefs`, one file each: cli/<name>.cc. Each adds itself and its options to
// the program; when it was chosen, its callback runs and leaves the exit code.
#pragma once

namespace CLI {
class App;
}  // namespace CLI

namespace openefs::cli {

void AddDevCommand(CLI::App& app, int* exit_code);
void AddMetadataCommand(CLI::App& app, int* exit_code);
void AddDatanodeCommand(CLI::App& app, int* exit_code);
void AddFrontendCommand(CLI::App& app, int* exit_code);
void AddControlCommand(CLI::App& app, int* exit_code);

void AddBenchCommand(CLI::App& app, int* exit_code);

void AddFsckCommand(CLI::App& app, int* exit_code);

void AddClusterStatusCommand(CLI::App& cluster, int* exit_code);
void AddClusterInitCommand(CLI::App& cluster, int* exit_code);
void AddClusterJoinCommand(CLI::App& cluster, int* exit_code);
void AddClusterFormatCommand(CLI::App& cluster, int* exit_code);
void AddClusterAddReplicaCommand(CLI::App& cluster, int* exit_code);
void AddClusterRemoveReplicaCommand(CLI::App& cluster, int* exit_code);
void AddClusterReplaceReplicaCommand(CLI::App& cluster, int* exit_code);
void AddClusterTransferCommand(CLI::App& cluster, int* exit_code);
void AddFsCreateCommand(CLI::App& fs, int* exit_code);
void AddFsListCommand(CLI::App& fs, int* exit_code);

}  // namespace openefs::cli

# Every library the product uses, all from Debian 12. The lists at the end say which folder may link what.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 CONFIG REQUIRED COMPONENTS headers)
find_package(Protobuf 3.21 MODULE REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(RocksDB CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(yaml-cpp CONFIG REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(TIRPC REQUIRED IMPORTED_TARGET libtirpc)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)
if(OPENEFS_TESTS)
  find_package(Catch2 2 CONFIG REQUIRED)
endif()

set(OPENEFS_COMMON_DEPS
  Threads::Threads absl::status absl::statusor absl::strings absl::any_invocable absl::flat_hash_map
  absl::flat_hash_set absl::btree absl::synchronization absl::span absl::inlined_vector
  spdlog::spdlog gRPC::grpc++ prometheus-cpp::pull yaml-cpp OpenSSL::Crypto PkgConfig::ISAL)
set(OPENEFS_REPLICATION_DEPS PkgConfig::ISAL)
set(OPENEFS_METADATA_DEPS RocksDB::rocksdb-shared)
set(OPENEFS_DATASTORE_DEPS RocksDB::rocksdb-shared PkgConfig::ISAL)
set(OPENEFS_SERVER_DEPS Boost::headers PkgConfig::TIRPC OpenSSL::SSL)
set(OPENEFS_CONTROL_DEPS Boost::headers)

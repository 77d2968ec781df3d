#include "datastore/client/blob_cache.h"

#include <catch2/catch.hpp>
#include <map>

#include "tests/datastore/bytes.h"
#include "tests/datastore/test_cluster.h"

namespace openefs::datastore {
namespace {

constexpr size_t kRoomy = size_t{1} << 30;

BlobId Blob(uint64_t number) { return {7, number}; }

// In pieces, as reads return them.
BufferList Pieces(const std::string& bytes, size_t piece_bytes) {
  BufferList pieces;
  for (size_t at = 0; at < bytes.size(); at += piece_bytes) {
    pieces.push_back(Buffer::Copy(bytes.substr(at, piece_bytes)));
  }
  return pieces;
}

std::string Found(BlobCache& cache, const BlobId& blob, uint32_t offset, uint32_t length) {
  const std::optional<BufferList> found = cache.Find(blob, offset, length);
  return found ? JoinPieces(*found) : "none";
}

// A client that counts the reads that reach it.
class CountedReads final : public BlobClient {
 public:
  CountedReads(BlobClient* client, int* reads) : client_(client), reads_(reads) {}
  void SetClusterMap(std::shared_ptr<const pb::ClusterMap>) override {}
  void Write(BufferList bytes,
             absl::AnyInvocable<void(absl::StatusOr<WrittenBlob>)> done) override {
    client_->Write(std::move(bytes), std::move(done));
  }
  void Read(BlobId id, uint32_t blob_length, uint32_t offset, uint32_t length,
            absl::AnyInvocable<void(absl::StatusOr<BufferList>)> done) override {
    ++*reads_;
    client_->Read(id, blob_length, offset, length, std::move(done));
  }
  void Delete(std::vector<BlobId> ids, absl::AnyInvocable<void(absl::Status)> done) override {
    client_->Delete(std::move(ids), std::move(done));
  }
  void Repair(BlobId id, uint32_t blob_length, uint32_t mask,
              absl::AnyInvocable<void(absl::StatusOr<uint32_t>)> done) override {
    client_->Repair(id, blob_length, mask, std::move(done));
  }

 private:
  BlobClient* const client_;
  int* const reads_;
};

}  // namespace

TEST_CASE("a cached range answers for every part of itself, and for nothing else") {
  BlobCache cache(kRoomy);
  const std::string bytes = TestBytes(300'000, 1);
  cache.Insert(Blob(2), 1'000, Pieces(bytes, 100'000));
  CHECK(Found(cache, Blob(2), 1'000, 300'000) == bytes);
  CHECK(Found(cache, Blob(2), 100'999, 3) == bytes.substr(99'999, 3));
  CHECK(Found(cache, Blob(2), 300'999, 1) == bytes.substr(299'999));
  CHECK(Found(cache, Blob(2), 999, 1) == "none");
  CHECK(Found(cache, Blob(2), 999, 10) == "none");
  CHECK(Found(cache, Blob(2), 301'000, 1) == "none");
  CHECK(Found(cache, Blob(2), 300'999, 2) == "none");
  CHECK(Found(cache, Blob(1), 1'000, 10) == "none");
  CHECK(Found(cache, Blob(3), 1'000, 10) == "none");
}

TEST_CASE("whatever ranges were put in, in whatever order, what is found is right") {
  constexpr uint32_t kBlobBytes = 200'000;
  const std::map<uint64_t, std::string> blobs = {{1, TestBytes(kBlobBytes, 1)},
                                                 {2, TestBytes(kBlobBytes, 2)}};
  BlobCache cache(300'000);
  SeededRandom random(3);
  int found = 0;
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t number = 1 + random.Next64() % 2;
    const auto offset = static_cast<uint32_t>(random.Next64() % kBlobBytes);
    const auto longest = std::min<uint64_t>(kBlobBytes - offset, i % 10 == 0 ? kBlobBytes : 5'000);
    const auto length = static_cast<uint32_t>(1 + random.Next64() % longest);
    const std::string wanted = blobs.at(number).substr(offset, length);
    if (const auto pieces = cache.Find(Blob(number), offset, length)) {
      ++found;
      REQUIRE(JoinPieces(*pieces) == wanted);
    } else {
      cache.Insert(Blob(number), offset, Pieces(wanted, 70'000));
    }
    REQUIRE(cache.held_bytes() <= 300'000);
  }
  CHECK(found > 2'000);
  cache.Erase(Blob(1));
  cache.Erase(Blob(2));
  CHECK(cache.held_bytes() == 0);
}

TEST_CASE("a range takes the place of those within it") {
  BlobCache cache(kRoomy);
  const std::string bytes = TestBytes(50'000, 1);
  cache.Insert(Blob(1), 0, Pieces(bytes, bytes.size()));
  const size_t one = cache.held_bytes();
  cache.Erase(Blob(1));
  for (uint32_t at = 0; at < 50'000; at += 1'000) {
    cache.Insert(Blob(1), at, Pieces(bytes.substr(at, 1'000), 1'000));
  }
  CHECK(cache.held_bytes() > one);
  cache.Insert(Blob(1), 0, Pieces(bytes, bytes.size()));
  CHECK(cache.held_bytes() == one);
}

TEST_CASE("what was used longest ago goes first, and nothing larger than the cache comes in") {
  const std::string bytes = TestBytes(10'000, 1);
  BlobCache cache(35'000);
  for (uint64_t number = 1; number <= 3; ++number) {
    cache.Insert(Blob(number), 0, Pieces(bytes, bytes.size()));
  }
  CHECK(Found(cache, Blob(1), 0, 10) == bytes.substr(0, 10));
  cache.Insert(Blob(4), 0, Pieces(bytes, bytes.size()));
  CHECK(Found(cache, Blob(2), 0, 10) == "none");
  CHECK(Found(cache, Blob(1), 0, 10) == bytes.substr(0, 10));
  CHECK(Found(cache, Blob(3), 0, 10) == bytes.substr(0, 10));
  CHECK(Found(cache, Blob(4), 0, 10) == bytes.substr(0, 10));
  const std::string large = TestBytes(40'000, 2);
  cache.Insert(Blob(5), 0, Pieces(large, large.size()));
  CHECK(Found(cache, Blob(5), 0, 10) == "none");
  CHECK(Found(cache, Blob(4), 0, 10) == bytes.substr(0, 10));
  BlobCache none(0);
  none.Insert(Blob(1), 0, Pieces(bytes, bytes.size()));
  CHECK(none.held_bytes() == 0);
}

// Reads a range of a blob as a client does: what is not there is put in. Whether it was there.
bool ReadThrough(BlobCache& cache, uint64_t number, const BufferList& bytes) {
  if (cache.Find(Blob(number), 0, static_cast<uint32_t>(TotalBytes(bytes)))) return true;
  cache.Insert(Blob(number), 0, bytes);
  return false;
}

// The share of reads of blobs [from, from + count), one after the other, that find theirs.
double HitShare(BlobCache& cache, uint64_t from, uint64_t count, int rounds) {
  const BufferList bytes = Pieces(TestBytes(10'000, 1), 10'000);
  uint64_t hits = 0;
  for (int round = 0; round < rounds; ++round) {
    for (uint64_t i = 0; i < count; ++i) hits += ReadThrough(cache, from + i, bytes) ? 1 : 0;
  }
  return static_cast<double>(hits) / static_cast<double>(count) / rounds;
}

// Of the blobs that HitShare reads, this cache takes 100.
constexpr size_t kHundredBlobs = 100 * 10'512;

TEST_CASE("of a circle a little too large for the cache most is found") {
  BlobCache cache(kHundredBlobs);
  CHECK(HitShare(cache, 0, 100, 2) == 0.5);  // the first round brings them in
  HitShare(cache, 1'000, 125, 3);
  CHECK(HitShare(cache, 1'000, 125, 10) > 0.7);  // 0.8 is the most there can be
  HitShare(cache, 2'000, 200, 5);
  CHECK(HitShare(cache, 2'000, 200, 10) > 0.4);  // of 0.5
  CHECK(cache.held_bytes() <= kHundredBlobs);
}

TEST_CASE("what is read again soon is found, also after a circle that was too large") {
  BlobCache cache(kHundredBlobs);
  HitShare(cache, 0, 125, 10);
  HitShare(cache, 1'000, 90, 4);  // what it takes to notice
  CHECK(HitShare(cache, 1'000, 90, 2) == 1.0);
  double hits = 0;
  for (uint64_t file = 2; file < 22; ++file) hits += HitShare(cache, file * 1'000, 60, 2);
  CHECK(hits / 20 == Approx(0.5));  // each is read twice
}

TEST_CASE("reading through once leaves most of what is read often") {
  BlobCache cache(kHundredBlobs);
  const BufferList bytes = Pieces(TestBytes(10'000, 1), 10'000);
  int hits = 0;
  for (uint64_t i = 0; i < 20'000; ++i) {
    if (ReadThrough(cache, i % 80, bytes) && i >= 5'000) ++hits;
    ReadThrough(cache, 1'000 + i, bytes);  // never again
  }
  CHECK(hits > 13'500);  // of 15,000; of a cache that keeps all that is new, none
}

TEST_CASE("a small piece does not keep alive what it is a slice of") {
  BlobCache cache(kRoomy);
  auto whole = std::make_shared<std::string>(TestBytes(1 << 20, 1));
  Buffer slice(whole, whole->data() + 5'000, 4'096);
  const std::string wanted(slice.view());
  const std::weak_ptr<std::string> watched = whole;
  cache.Insert(Blob(1), 5'000, {slice});
  whole.reset();
  CHECK(!watched.expired());
  slice = Buffer();
  CHECK(watched.expired());
  CHECK(Found(cache, Blob(1), 5'000, 4'096) == wanted);
}

TEST_CASE("a client with a cache reads what it has read before from memory") {
  TestCluster cluster({});
  int reads = 0;
  const auto cache = std::make_shared<BlobCache>(kRoomy);
  const auto client =
      MakeCachingBlobClient(std::make_unique<CountedReads>(&cluster.client(), &reads), cache);
  const std::string bytes = TestBytes(1 << 20, 1);
  const WrittenBlob blob = cluster.Write(bytes).value();
  const auto read = [&](uint32_t offset, uint32_t length) {
    Awaited<absl::StatusOr<BufferList>> done;
    client->Read(blob.id, blob.length, offset, length, done.Callback());
    const absl::StatusOr<BufferList> result = done.Get();
    return result.ok() ? JoinPieces(*result) : result.status().ToString();
  };
  CHECK(read(0, 1 << 20) == bytes);
  CHECK(reads == 1);
  CHECK(read(0, 1 << 20) == bytes);
  CHECK(read(400'000, 5'000) == bytes.substr(400'000, 5'000));
  CHECK(reads == 1);

  SECTION("what was deleted is forgotten") {
    Awaited<absl::Status> deleted;
    client->Delete({blob.id}, deleted.Callback());
    CHECK(deleted.Get().ok());
    CHECK(cache->held_bytes() == 0);
    CHECK(read(0, 10).find("DATA_LOSS") != std::string::npos);
  }
  SECTION("an error is not kept") {
    const WrittenBlob other = cluster.Write(bytes).value();
    Awaited<absl::StatusOr<BufferList>> failed;
    client->Read(other.id, other.length, 0, other.length + 1, failed.Callback());
    CHECK(!failed.Get().ok());
    Awaited<absl::StatusOr<BufferList>> again;
    client->Read(other.id, other.length, 0, other.length, again.Callback());
    CHECK(JoinPieces(again.Get().value()) == bytes);
    CHECK(reads == 3);
  }
}

TEST_CASE("what nobody has read yet takes a quarter of the cache, the oldest go first") {
  BlobCache cache(kHundredBlobs);
  const BufferList bytes = Pieces(TestBytes(10'000, 1), 10'000);
  for (uint64_t number = 0; number < 100; ++number) cache.Insert(Blob(number), 0, bytes);
  for (uint64_t number = 1'000; number < 1'040; ++number) {
    cache.InsertAhead(Blob(number), 0, bytes);
  }
  const auto has = [&](uint64_t from, uint64_t to) {
    int count = 0;
    for (uint64_t number = from; number < to; ++number) {
      count += cache.Has(Blob(number), 0, 10'000) ? 1 : 0;
    }
    return count;
  };
  CHECK(has(0, 100) == 75);
  CHECK(has(1'000, 1'015) == 0);
  CHECK(has(1'015, 1'040) == 25);
  // What is read makes room for more that is not.
  for (uint64_t number = 1'015; number < 1'040; ++number) {
    CHECK(cache.Find(Blob(number), 0, 10'000));
  }
  for (uint64_t number = 2'000; number < 2'025; ++number) {
    cache.InsertAhead(Blob(number), 0, bytes);
  }
  CHECK(has(1'015, 1'040) == 25);
  CHECK(has(2'000, 2'025) == 25);
  CHECK(cache.held_bytes() <= kHundredBlobs);
  for (uint64_t number = 0; number < 3'000; ++number) cache.Erase(Blob(number));
  CHECK(cache.held_bytes() == 0);
}

TEST_CASE("with more readers than there is room to fetch ahead for, little is fetched in vain") {
  BlobCache cache(kHundredBlobs);
  const BufferList bytes = Pieces(TestBytes(10'000, 1), 10'000);
  int fetched = 0;
  int found = 0;
  // 60 readers take turns, each with a blob fetched ahead if it may, where 25 can be kept.
  for (uint64_t step = 0; step < 100; ++step) {
    for (uint64_t reader = 0; reader < 60; ++reader) {
      const uint64_t number = reader * 1'000 + step;
      found += ReadThrough(cache, number, bytes) ? 1 : 0;
      if (!cache.WantsAhead(Blob(number + 1), 0, 10'000)) continue;
      cache.InsertAhead(Blob(number + 1), 0, bytes);
      ++fetched;
    }
  }
  CHECK(fetched > 1'000);
  CHECK(found > fetched * 8 / 10);
}

// Reads that are answered when the test says so.
class HeldReads final : public BlobClient {
 public:
  explicit HeldReads(std::vector<absl::AnyInvocable<void(absl::StatusOr<BufferList>)>>* held)
      : held_(held) {}
  void SetClusterMap(std::shared_ptr<const pb::ClusterMap>) override {}
  void Write(BufferList, absl::AnyInvocable<void(absl::StatusOr<WrittenBlob>)>) override {}
  void Read(BlobId, uint32_t, uint32_t, uint32_t,
            absl::AnyInvocable<void(absl::StatusOr<BufferList>)> done) override {
    held_->push_back(std::move(done));
  }
  void Delete(std::vector<BlobId>, absl::AnyInvocable<void(absl::Status)>) override {}
  void Repair(BlobId, uint32_t, uint32_t,
              absl::AnyInvocable<void(absl::StatusOr<uint32_t>)>) override {}

 private:
  std::vector<absl::AnyInvocable<void(absl::StatusOr<BufferList>)>>* const held_;
};

TEST_CASE("what is being fetched ahead is not fetched twice") {
  std::vector<absl::AnyInvocable<void(absl::StatusOr<BufferList>)>> held;
  const auto cache = std::make_shared<BlobCache>(size_t{16} << 20);
  const auto client = MakeCachingBlobClient(std::make_unique<HeldReads>(&held), cache);
  const std::string bytes = TestBytes(1 << 20, 1);
  const auto read = [&](uint32_t length) {
    auto done = std::make_unique<Awaited<absl::StatusOr<BufferList>>>();
    client->Read(Blob(1), 1 << 20, 0, length, done->Callback());
    return done;
  };
  client->Prefetch(Blob(1), 1 << 20, 0, 1 << 20);
  client->Prefetch(Blob(1), 1 << 20, 0, 1 << 20);
  REQUIRE(held.size() == 1);
  const auto whole = read(1 << 20);
  const auto part = read(5'000);
  CHECK(held.size() == 1);

  SECTION("all who wait get it, and it is there afterwards") {
    held[0](Pieces(bytes, 350'000));
    CHECK(JoinPieces(whole->Get().value()) == bytes);
    CHECK(JoinPieces(part->Get().value()) == bytes.substr(0, 5'000));
    CHECK(JoinPieces(read(1 << 20)->Get().value()) == bytes);
    client->Prefetch(Blob(1), 1 << 20, 0, 1 << 20);
    CHECK(held.size() == 1);
  }
  SECTION("an error is theirs, too, and is not kept") {
    held[0](absl::UnavailableError("two nodes away"));
    CHECK(absl::IsUnavailable(whole->Get().status()));
    CHECK(absl::IsUnavailable(part->Get().status()));
    const auto again = read(1 << 20);
    REQUIRE(held.size() == 2);
    held[1](Pieces(bytes, 350'000));
    CHECK(JoinPieces(again->Get().value()) == bytes);
  }
  SECTION("no more is under way than may wait in the cache") {
    for (uint64_t number = 2; number < 20; ++number) {
      client->Prefetch(Blob(number), 1 << 20, 0, 1 << 20);
    }
    CHECK(held.size() == 4);
    for (auto& done : held) done(absl::UnavailableError(""));
  }
}

}  // namespace openefs::datastore

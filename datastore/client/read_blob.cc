#include "datastore/client/read_blob.h"

#include <algorithm>
#include <utility>

namespace openefs::datastore {
namespace {

// The part of each data fragment that [offset, end) of the blob lies in.
std::array<ColumnRange, kMaxFragments> WantedOf(const Stripe& stripe, uint32_t offset,
                                                uint32_t end) {
  std::array<ColumnRange, kMaxFragments> wanted;
  for (int i = 0; i < stripe.spec->k; ++i) {
    const uint32_t begin = stripe.BeginOf(i);
    const uint32_t from = std::max(begin, offset);
    const uint32_t to = std::min(begin + stripe.LengthOf(i), end);
    if (from < to) wanted[static_cast<size_t>(i)] = {from - begin, to - begin};
  }
  return wanted;
}

}  // namespace

void ReadBlob(std::shared_ptr<ClientContext> context, const CodeSpec& spec, BlobId id,
              uint32_t blob_length, uint32_t offset, uint32_t length,
              absl::AnyInvocable<void(absl::StatusOr<BufferList>)> done) {
  FetchRequest request;
  request.id = id;
  request.blob_length = blob_length;
  request.wanted = WantedOf(Stripe(spec, blob_length), offset, offset + length);
  auto joined = [done =
                     std::move(done)](absl::StatusOr<FetchFragments::Fragments> fragments) mutable {
    if (!fragments.ok()) return done(fragments.status());
    BufferList bytes;
    for (Buffer& fragment : *fragments) {
      if (!fragment.empty()) bytes.push_back(std::move(fragment));
    }
    done(std::move(bytes));
  };
  std::make_shared<FetchFragments>(std::move(context), spec, request, std::move(joined))->Start();
}

}  // namespace openefs::datastore

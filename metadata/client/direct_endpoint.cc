// The endpoint of a service in the same process: a plain call.
#include <memory>
#include <utility>

#include "metadata/client/metadata_client.h"
#include "metadata/service/metadata_service.h"

namespace openefs::metadata {
namespace {

class DirectEndpoint final : public MetadataEndpoint {
 public:
  explicit DirectEndpoint(MetadataService* service) : service_(service) {}

  void Execute(std::unique_ptr<pb::SegmentRequest> request, SegmentCallback done) override {
    service_->Execute(std::move(request), std::move(done));
  }

  std::unique_ptr<pb::SegmentResponse> TryRead(const pb::SegmentRequest& request) override {
    return service_->TryRead(request);
  }

 private:
  MetadataService* const service_;
};

}  // namespace

std::unique_ptr<MetadataEndpoint> MakeDirectEndpoint(MetadataService* service) {
  return std::make_unique<DirectEndpoint>(service);
}

}  // namespace openefs::metadata

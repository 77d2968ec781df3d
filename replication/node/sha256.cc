#include "replication/node/sha256.h"

#include <openssl/evp.h>

#include "common/check.h"

namespace openefs::replication {

struct Sha256::State {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                  &EVP_MD_CTX_free};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  OPENEFS_CHECK(EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;

void Sha256::Add(std::string_view bytes) {
  OPENEFS_CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::Finish() {
  std::string digest(32, '\0');
  unsigned int size = 0;
  OPENEFS_CHECK(EVP_DigestFinal_ex(state_->context.get(),
                                   reinterpret_cast<unsigned char*>(digest.data()), &size) == 1);
  OPENEFS_CHECK(size == digest.size());
  return digest;
}

}  // namespace openefs::replication

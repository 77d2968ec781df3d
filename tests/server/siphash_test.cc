#include "server/nfs4/siphash.h"

#include <openssl/evp.h>
#include <openssl/params.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>

namespace openefs::nfs4 {
namespace {

std::string Counting(size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) text.push_back(static_cast<char>(i));
  return text;
}

// The same MAC by OpenSSL, which has its own implementation.
uint64_t ByOpenSsl(const std::string& key, const std::string& message) {
  std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac(EVP_MAC_fetch(nullptr, "SIPHASH", nullptr),
                                                        &EVP_MAC_free);
  std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context(EVP_MAC_CTX_new(mac.get()),
                                                                    &EVP_MAC_CTX_free);
  size_t size = 8;
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_size_t("size", &size),
                             OSSL_PARAM_construct_end()};
  REQUIRE(EVP_MAC_init(context.get(), reinterpret_cast<const unsigned char*>(key.data()),
                       key.size(), parameters) == 1);
  EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(message.data()),
                 message.size());
  uint64_t result = 0;
  size_t written = 0;
  REQUIRE(EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(&result), &written, 8) ==
          1);
  REQUIRE(written == 8);
  return result;
}

TEST_CASE("SipHash-2-4: the vector of the paper") {
  // Appendix A: key 00..0f, message 00..0e.
  CHECK(SipHash24(MakeSipHashKey(Counting(16)), Counting(15)) == 0xa129ca6149be45e5);
}

TEST_CASE("SipHash-2-4: the same as OpenSSL's for every length up to 64") {
  const std::string key = "a key of 16 byte";
  for (size_t length = 0; length <= 64; ++length) {
    INFO(length);
    CHECK(SipHash24(MakeSipHashKey(key), Counting(length)) == ByOpenSsl(key, Counting(length)));
  }
}

}  // namespace
}  // namespace openefs::nfs4

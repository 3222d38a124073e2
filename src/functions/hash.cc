// MD5, SHA1 and the SHA-2 family over text, in hexadecimal digits.
#include "functions/bind.h"
#include "base/digest.h"
#include "functions/families.h"
#include "functions/per_row.h"

namespace millrace {
namespace {

// Text or bytes, and a number of bits where there is one.
Bind TextOrBytes(std::vector<SqlType> more) {
  return [=](const std::vector<SqlType>& args) {
    const bool bytes = !args.empty() && args[0].IsBinary();
    std::vector<SqlType> types = {bytes ? SqlType::Bytes() : SqlType::String()};
    types.insert(types.end(), more.begin(), more.end());
    return Fixed(types, SqlType::String())(args);
  };
}

using Digest = void (*)(std::string_view text, std::string* out);

void AddDigest(FunctionRegistry& registry, const char* name, Digest digest, const char* of_abc) {
  registry.Add({.name = name, .signature = fmt::format("{}(STRING) -> STRING", name),
                .doc = fmt::format("The {} digest in hexadecimal digits.", name),
                .examples = {{fmt::format("LEFT({}('abc'), 16)", name), of_abc}},
                .bind = TextOrBytes({}),
                .eval = PerRow<Text(std::string_view)>(digest)});
}

Digest DigestOfLength(int32_t bits) {
  switch (bits) {
    case 224: return AppendSha224;
    case 256: return AppendSha256;
    case 384: return AppendSha384;
    case 512: return AppendSha512;
    default: return nullptr;
  }
}

Status Sha2(std::string_view text, int32_t bits, std::string* out) {
  const Digest digest = DigestOfLength(bits);
  if (digest == nullptr) return UserError("SHA2 has 224, 256, 384 or 512 bits, not {}", bits);
  digest(text, out);
  return Status::OK();
}

}  // namespace

void RegisterHash(FunctionRegistry& registry) {
  AddDigest(registry, "MD5", AppendMd5, "900150983cd24fb0");
  AddDigest(registry, "SHA1", AppendSha1, "a9993e364706816a");
  AddDigest(registry, "SHA224", AppendSha224, "23097d223405d822");
  AddDigest(registry, "SHA256", AppendSha256, "ba7816bf8f01cfea");
  AddDigest(registry, "SHA384", AppendSha384, "cb00753f45a35e8b");
  AddDigest(registry, "SHA512", AppendSha512, "ddaf35a193617aba");
  registry.Add({.name = "SHA2", .signature = "SHA2(STRING, bits) -> STRING",
                .doc = "The SHA-2 digest of 224, 256, 384 or 512 bits in hexadecimal digits.",
                .examples = {{"LEFT(SHA2('abc', 256), 16)", "ba7816bf8f01cfea"}},
                .bind = TextOrBytes({SqlType::Int()}),
                .eval = PerRow<Text(std::string_view, int32_t)>(Sha2), .may_fail = true});
}

}  // namespace millrace

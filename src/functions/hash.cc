// MD5, SHA1 and the SHA-2 family over text, in hexadecimal digits.
#include <algorithm>

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

// Digests of the first argument; the others only count where they are NULL.
Result<arrow::Datum> EvalDigest(Digest digest, const Call& call) {
  MILL_ASSIGN(const Operands operands, MakeOperands(call.args, call.rows));
  MILL_ASSIGN(const Validity validity, Validity::Of(operands));
  MILL_ASSIGN(Writer<Text> writer, Writer<Text>::Make(operands.rows));
  const Reader<std::string_view> values(operands.items[0]);
  const size_t digits = DigestDigits(digest);
  char out[kDigestLanes * kMaxDigestDigits];
  for (int64_t row = 0; row < operands.rows;) {
    const int64_t end = std::min<int64_t>(row + kDigestLanes, operands.rows);
    std::string_view texts[kDigestLanes];
    size_t count = 0;
    for (int64_t i = row; i < end; ++i) {
      if (validity.IsValid(i)) texts[count++] = values[i];
    }
    WriteDigests(digest, {texts, count}, out);
    const char* next = out;
    for (; row < end; ++row) {
      if (validity.IsValid(row)) {
        writer.text()->append(next, digits);
        next += digits;
      }
      writer.End(row, true);
    }
    if (writer.IsFull()) return UserError("more than 2 GB of text in one batch");
  }
  MILL_ASSIGN(auto buffers, writer.Finish());
  buffers[0] = validity.buffer();
  return AsDatum(arrow::ArrayData::Make(call.type.ToArrow(), operands.rows, std::move(buffers),
                                        validity.null_count()),
                 operands.scalar);
}

void AddDigest(FunctionRegistry& registry, const char* name, Digest digest, const char* of_abc) {
  registry.Add({.name = name, .signature = fmt::format("{}(STRING) -> STRING", name),
                .doc = fmt::format("The {} digest in hexadecimal digits.", name),
                .examples = {{fmt::format("LEFT({}('abc'), 16)", name), of_abc}},
                .bind = TextOrBytes({}),
                .eval = [digest](const Call& call) { return EvalDigest(digest, call); }});
}

Result<Digest> DigestOfLength(int32_t bits) {
  switch (bits) {
    case 224: return Digest::kSha224;
    case 256: return Digest::kSha256;
    case 384: return Digest::kSha384;
    case 512: return Digest::kSha512;
    default: return UserError("SHA2 has 224, 256, 384 or 512 bits, not {}", bits);
  }
}

Status Sha2(std::string_view text, int32_t bits, std::string* out) {
  MILL_ASSIGN(const Digest digest, DigestOfLength(bits));
  char digits[kMaxDigestDigits];
  WriteDigests(digest, {&text, 1}, digits);
  out->append(digits, DigestDigits(digest));
  return Status::OK();
}

Result<arrow::Datum> EvalSha2(const Call& call) {
  if (call.args[1].is_scalar() && call.args[1].scalar()->is_valid) {
    const auto& bits = static_cast<const arrow::Int32Scalar&>(*call.args[1].scalar());
    MILL_ASSIGN(const Digest digest, DigestOfLength(bits.value));
    return EvalDigest(digest, call);
  }
  return RunPerRow<Text(std::string_view, int32_t)>(call, Sha2);
}

}  // namespace

void RegisterHash(FunctionRegistry& registry) {
  AddDigest(registry, "MD5", Digest::kMd5, "900150983cd24fb0");
  AddDigest(registry, "SHA1", Digest::kSha1, "a9993e364706816a");
  AddDigest(registry, "SHA224", Digest::kSha224, "23097d223405d822");
  AddDigest(registry, "SHA256", Digest::kSha256, "ba7816bf8f01cfea");
  AddDigest(registry, "SHA384", Digest::kSha384, "cb00753f45a35e8b");
  AddDigest(registry, "SHA512", Digest::kSha512, "ddaf35a193617aba");
  registry.Add({.name = "SHA2", .signature = "SHA2(STRING, bits) -> STRING",
                .doc = "The SHA-2 digest of 224, 256, 384 or 512 bits in hexadecimal digits.",
                .examples = {{"LEFT(SHA2('abc', 256), 16)", "ba7816bf8f01cfea"}},
                .bind = TextOrBytes({SqlType::Int()}),
                .eval = EvalSha2, .may_fail = true});
}

}  // namespace millrace

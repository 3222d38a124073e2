// Where .proto files are found.
#include <filesystem>
#include <fstream>
#include <map>

#include "formats/protobuf/proto_file.h"

namespace millrace {
namespace {

constexpr std::streamsize kMaxBytes = 16 << 20;  // of a file

// As they are on the wire, of what comes with every protoc.
const std::map<std::string, std::string>& WellKnownFiles() {
  static const std::map<std::string, std::string> kFiles = [] {
    std::map<std::string, std::string> files = {
        {"timestamp", "message Timestamp { int64 seconds = 1; int32 nanos = 2; }"},
        {"duration", "message Duration { int64 seconds = 1; int32 nanos = 2; }"},
        {"any", "message Any { string type_url = 1; bytes value = 2; }"},
        {"empty", "message Empty {}"},
        {"field_mask", "message FieldMask { repeated string paths = 1; }"},
        {"struct",
         "message Struct { map<string, Value> fields = 1; } enum NullValue { NULL_VALUE = 0; }"
         "message ListValue { repeated Value values = 1; }"
         "message Value { oneof kind { NullValue null_value = 1; double number_value = 2;"
         " string string_value = 3; bool bool_value = 4; Struct struct_value = 5;"
         " ListValue list_value = 6; } }"},
        {"descriptor", ""}};
    for (const char* type : {"Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool",
                             "String", "Bytes"}) {
      std::string scalar = type;
      for (char& c : scalar) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
      files["wrappers"] += fmt::format("message {}Value {{ {} value = 1; }}", type, scalar);
    }
    std::map<std::string, std::string> named;
    for (const auto& [name, text] : files) {
      named[fmt::format("google/protobuf/{}.proto", name)] =
          "syntax = \"proto3\"; package google.protobuf; " + text;
    }
    return named;
  }();
  return kFiles;
}

Result<std::string> ReadText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamsize size = file ? static_cast<std::streamsize>(file.tellg()) : -1;
  if (size < 0) return UserError("'{}' cannot be read", path.string());
  if (size > kMaxBytes) return UserError("'{}' is too big", path.string());
  std::string text(static_cast<size_t>(size), '\0');
  file.seekg(0);
  if (!file.read(text.data(), size)) return UserError("'{}' cannot be read", path.string());
  return text;
}

// Looks in `folder` and in those above.
Result<std::string> ReadImport(std::filesystem::path folder, const std::string& name) {
  while (true) {
    std::error_code error;
    if (std::filesystem::is_regular_file(folder / name, error)) return ReadText(folder / name);
    if (folder == folder.parent_path()) break;
    folder = folder.parent_path();
  }
  const auto known = WellKnownFiles().find(name);
  if (known != WellKnownFiles().end()) return known->second;
  return UserError("import \"{}\" is neither in the folder of the file nor in one above it", name);
}

}  // namespace

Result<std::shared_ptr<const ProtoDescriptors>> ReadProtoFile(const std::string& path) {
  MILL_ASSIGN(const std::string text, ReadText(path));
  std::error_code error;
  const auto folder = std::filesystem::absolute(path, error).lexically_normal().parent_path();
  if (error) return UserError("'{}': {}", path, error.message());
  return ParseProtoText(std::filesystem::path(path).filename().string(), text,
                        [folder](const std::string& name) { return ReadImport(folder, name); });
}

}  // namespace millrace

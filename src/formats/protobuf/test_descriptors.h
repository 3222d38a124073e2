// For tests: the descriptor set of shop.proto, made by hand.
//
//   syntax = "proto3"; package shop;
//   enum Color { RED = 0; BLUE = 2; }
//   message Item { string name = 1; int32 n = 2; }
//   message Order {
//     int64 id = 1; optional string who = 2; repeated sint32 xs = 3; repeated Item items = 4;
//     map<string, int64> counts = 5; Color color = 6; double d = 7; uint32 u = 8; Item item = 9;
//     bytes b = 10; bool f = 11; fixed32 x = 12; float y = 13;
//   }
#pragma once

#include <string>

#include "formats/protobuf/wire.h"

namespace millrace {

inline std::string ProtoBytes(uint32_t number, const std::string& bytes) {
  std::string out;
  AppendTag(out, number, WireType::kBytes);
  AppendVarint(out, bytes.size());
  return out + bytes;
}

inline std::string ProtoNumber(uint32_t number, uint64_t value) {
  std::string out;
  AppendTag(out, number, WireType::kVarint);
  AppendVarint(out, value);
  return out;
}

// A FieldDescriptorProto within its message; `label` 3 is repeated.
inline std::string ProtoFieldBytes(const std::string& name, uint32_t number, uint32_t type,
                                   uint32_t label = 1, const std::string& of = "",
                                   const std::string& more = "") {
  std::string field = ProtoBytes(1, name) + ProtoNumber(3, number) + ProtoNumber(4, label) +
                      ProtoNumber(5, type);
  if (!of.empty()) field += ProtoBytes(6, of);
  return ProtoBytes(2, field + more);
}

inline std::string ShopDescriptors() {
  const std::string color = ProtoBytes(1, "Color") +
                            ProtoBytes(2, ProtoBytes(1, "RED") + ProtoNumber(2, 0)) +
                            ProtoBytes(2, ProtoBytes(1, "BLUE") + ProtoNumber(2, 2));
  const std::string item =
      ProtoBytes(1, "Item") + ProtoFieldBytes("name", 1, 9) + ProtoFieldBytes("n", 2, 5);
  const std::string entry = ProtoBytes(1, "CountsEntry") + ProtoFieldBytes("key", 1, 9) +
                            ProtoFieldBytes("value", 2, 3) + ProtoBytes(7, ProtoNumber(7, 1));
  const std::string order =
      ProtoBytes(1, "Order") + ProtoFieldBytes("id", 1, 3) +
      ProtoFieldBytes("who", 2, 9, 1, "", ProtoNumber(9, 0) + ProtoNumber(17, 1)) +
      ProtoFieldBytes("xs", 3, 17, 3) + ProtoFieldBytes("items", 4, 11, 3, ".shop.Item") +
      ProtoFieldBytes("counts", 5, 11, 3, ".shop.Order.CountsEntry") +
      ProtoFieldBytes("color", 6, 14, 1, ".shop.Color") + ProtoFieldBytes("d", 7, 1) +
      ProtoFieldBytes("u", 8, 13) + ProtoFieldBytes("item", 9, 11, 1, ".shop.Item") +
      ProtoFieldBytes("b", 10, 12) + ProtoFieldBytes("f", 11, 8) + ProtoFieldBytes("x", 12, 7) +
      ProtoFieldBytes("y", 13, 2) + ProtoBytes(3, entry);
  const std::string file = ProtoBytes(1, "shop.proto") + ProtoBytes(2, "shop") +
                           ProtoBytes(4, order) + ProtoBytes(4, item) + ProtoBytes(5, color) +
                           ProtoBytes(12, "proto3");
  return ProtoBytes(1, file);
}

}  // namespace millrace

// Values, types and partition transforms, by the examples of Iceberg's table spec.
#include "connectors/iceberg/transforms.h"

#include <gtest/gtest.h>

#include "connectors/iceberg/metadata.h"
#include "connectors/iceberg/pruning.h"

namespace millrace {
namespace {

IcebergType Type(const std::string& text) { return ParseIcebergType(text).ValueOrDie(); }

uint32_t Hash(const IcebergValue& value, const std::string& type) {
  // The hash is what a bucket's number is made of: two coprime widths give it away.
  const IcebergTransform wide{IcebergTransform::Kind::kBucket, 0x7FFFFFFF, ""};
  return static_cast<uint32_t>(std::get<int64_t>(wide.Apply(value, Type(type))));
}

uint32_t Bucket(int32_t hash) {
  return (static_cast<uint32_t>(hash) & 0x7FFFFFFF) % 0x7FFFFFFF;
}

TEST(IcebergTransforms, BucketsHashAsTheSpecSays) {
  EXPECT_EQ(Hash(int64_t{34}, "int"), Bucket(2017239379));
  EXPECT_EQ(Hash(int64_t{34}, "long"), Bucket(2017239379));
  EXPECT_EQ(Hash(arrow::Decimal128(1420), "decimal(4, 2)"), Bucket(-500754589));
  EXPECT_EQ(Hash(int64_t{17486}, "date"), Bucket(-653330422));
  EXPECT_EQ(Hash(int64_t{81068000000}, "time"), Bucket(-662762989));
  EXPECT_EQ(Hash(int64_t{1510871468000000}, "timestamp"), Bucket(-2047944441));
  EXPECT_EQ(Hash(std::string("iceberg"), "string"), Bucket(1210000089));
  EXPECT_EQ(Hash(std::string("\0\1\2\3", 4), "binary"), Bucket(-188683207));
  const std::string uuid("\xf7\x9c\x3e\x09\x67\x7c\x4b\xbd\xa4\x79\x3f\x34\x9c\xb7\x85\xe7", 16);
  EXPECT_EQ(Hash(uuid, "uuid"), Bucket(1488055340));
}

TEST(IcebergTransforms, TruncateAsTheSpecSays) {
  const auto cut = [](const IcebergValue& value, int width, const std::string& type) {
    return IcebergTransform{IcebergTransform::Kind::kTruncate, width, ""}.Apply(value, Type(type));
  };
  EXPECT_EQ(cut(int64_t{1}, 10, "int"), IcebergValue(int64_t{0}));
  EXPECT_EQ(cut(int64_t{-1}, 10, "long"), IcebergValue(int64_t{-10}));
  EXPECT_EQ(cut(arrow::Decimal128(1065), 50, "decimal(9, 2)"),
            IcebergValue(arrow::Decimal128(1050)));
  EXPECT_EQ(cut(std::string("iceberg"), 3, "string"), IcebergValue(std::string("ice")));
  EXPECT_EQ(cut(std::string("h\u00e9\u00e9lo"), 2, "string"), IcebergValue(std::string("h\u00e9")));
  EXPECT_EQ(cut(std::string("\1\2\3\4"), 3, "binary"), IcebergValue(std::string("\1\2\3")));
}

TEST(IcebergTransforms, TimesBeforeAndAfter1970) {
  const auto text = [](const std::string& transform, int64_t value, const std::string& type) {
    const IcebergTransform made = IcebergTransform::Parse(transform);
    return made.Text(made.Apply(value, Type(type)), Type(type));
  };
  EXPECT_EQ(text("year", -1, "timestamp"), "1969");
  EXPECT_EQ(text("month", -1, "timestamp"), "1969-12");
  EXPECT_EQ(text("day", -1, "timestamp"), "1969-12-31");
  EXPECT_EQ(text("hour", -1, "timestamp"), "1969-12-31-23");
  EXPECT_EQ(text("month", 17486, "date"), "2017-11");
  EXPECT_EQ(text("hour", 1510871468000000, "timestamptz"), "2017-11-16-22");
  EXPECT_EQ(IcebergTransform::Parse("year").Apply(int64_t{-1}, Type("date")),
            IcebergValue(int64_t{-1}));
}

TEST(IcebergTransforms, ElementsOfThePartitioningOption) {
  const auto read = [](const std::string& text) {
    const auto made = ParsePartitioning(text).ValueOrDie();
    return made.first.ToString() + " " + made.second;
  };
  EXPECT_EQ(read(" country "), "identity country");
  EXPECT_EQ(read("days(ts)"), "day ts");
  EXPECT_EQ(read("bucket(16, id)"), "bucket[16] id");
  EXPECT_EQ(read("truncate( 4 ,name)"), "truncate[4] name");
  for (const char* wrong : {"bucket(id)", "week(ts)", "bucket(0, id)", "day(ts", "day()"}) {
    const auto failed = ParsePartitioning(wrong);
    ASSERT_FALSE(failed.ok()) << wrong;
    EXPECT_NE(failed.status().message().find(wrong), std::string::npos) << failed.status();
  }
}

TEST(IcebergValues, BytesThereAndBack) {
  const auto there_and_back = [](const IcebergValue& value, const std::string& type) {
    return FromBytes(ToBytes(value, Type(type)), Type(type)).ValueOrDie() == value;
  };
  EXPECT_TRUE(there_and_back(true, "boolean"));
  EXPECT_TRUE(there_and_back(int64_t{-5}, "int"));
  EXPECT_TRUE(there_and_back(int64_t{1} << 40, "long"));
  EXPECT_TRUE(there_and_back(2.5F, "float"));
  EXPECT_TRUE(there_and_back(-2.5, "double"));
  EXPECT_TRUE(there_and_back(arrow::Decimal128(-1), "decimal(38, 10)"));
  EXPECT_TRUE(there_and_back(std::string("x\0y", 3), "binary"));
  EXPECT_EQ(ToBytes(int64_t{34}, Type("int")), std::string("\x22\0\0\0", 4));
  EXPECT_EQ(ToBytes(arrow::Decimal128(1420), Type("decimal(4, 2)")), std::string("\x05\x8C", 2));
  EXPECT_EQ(ToBytes(arrow::Decimal128(128), Type("decimal(4, 2)")), std::string("\0\x80", 2));
  EXPECT_EQ(ToBytes(arrow::Decimal128(-129), Type("decimal(4, 2)")), std::string("\xFF\x7F", 2));
  // A column that was widened still has the bounds of its narrow time.
  EXPECT_EQ(FromBytes(std::string("\x22\0\0\0", 4), Type("long")).ValueOrDie(),
            IcebergValue(int64_t{34}));
  EXPECT_FALSE(FromBytes("abc", Type("int")).ok());
}

TEST(IcebergTypes, SchemasThereAndBack) {
  Schema columns;
  SqlType row = SqlType::Of(TypeKind::kRow);
  row.children = {{"a", std::make_shared<SqlType>(SqlType::Int().NotNull())},
                  {"b", std::make_shared<SqlType>(SqlType::Array(SqlType::String()))}};
  columns.columns = {{"id", SqlType::BigInt().NotNull()},
                     {"price", SqlType::Of(TypeKind::kDecimal, 10, 2)},
                     {"raw", SqlType::Of(TypeKind::kBinary, 16)},
                     {"r", row},
                     {"m", SqlType::Map(SqlType::String(), SqlType::TimestampLtz(6))}};
  const IcebergSchema schema = IcebergSchemaOf(columns, {"id"}).ValueOrDie();
  const std::string text = ToJson(schema).ToText();
  const IcebergSchema again = ParseIcebergSchema(JsonTree::Parse(text).ValueOrDie()).ValueOrDie();
  EXPECT_EQ(again.fields, schema.fields);
  EXPECT_EQ(again.identifier_ids, std::vector<int>{1});
  EXPECT_EQ(again.Find("r")->type.ToString(), "struct<a: int, b: list<string>>");
  EXPECT_EQ(again.FindId(again.Find("r")->type.fields[0].id)->name, "a");
  for (const Column& column : columns.columns) {
    EXPECT_TRUE(IsReadableAs(again.Find(column.name)->type, column.type)) << column.name;
    EXPECT_TRUE(IsWritableFrom(again.Find(column.name)->type, column.type)) << column.name;
  }
  EXPECT_FALSE(IsWritableFrom(Type("int"), SqlType::BigInt()));
  EXPECT_FALSE(IsReadableAs(Type("timestamp"), SqlType::TimestampLtz(6)));
  int ids = 0;
  const auto failed = IcebergTypeOf(SqlType::Timestamp(9), &ids);
  EXPECT_NE(failed.status().message().find("TIMESTAMP(9)"), std::string::npos);
}

// The partition field of `transform` over one column holds what lies between two values.
bool MayHold(const ColumnCondition& test, const IcebergColumn& column, const std::string& transform,
             int64_t value) {
  IcebergPartitionSpec spec{1, {{column.field.id, 1000, "p", IcebergTransform::Parse(transform)}}};
  IcebergDataFile file;
  file.rows = 1;
  file.partition = {IcebergTransform::Parse(transform).Apply(value, column.field.type)};
  std::optional<int64_t> latest;
  return IcebergPruner({{test, column}}, std::nullopt).MayPass(file, spec, &latest);
}

TEST(IcebergPruning, PartitionsThatCannotMeetAConditionAreLeftOut) {
  using Kind = ColumnCondition::Kind;
  const IcebergColumn id{{1, "id", false, Type("long"), ""}, {"id", SqlType::BigInt()}};
  const ColumnCondition is_seven{"id", Kind::kEqual, {int64_t{7}}, ""};
  EXPECT_TRUE(MayHold(is_seven, id, "bucket[16]", 7));
  EXPECT_FALSE(MayHold(is_seven, id, "bucket[1000000]", 8));
  EXPECT_TRUE(MayHold(is_seven, id, "truncate[10]", 3));
  EXPECT_FALSE(MayHold(is_seven, id, "truncate[10]", 13));
  const ColumnCondition below{"id", Kind::kLess, {int64_t{20}}, ""};
  EXPECT_TRUE(MayHold(below, id, "truncate[10]", 25));
  EXPECT_FALSE(MayHold(below, id, "truncate[10]", 30));
  EXPECT_TRUE(MayHold(below, id, "bucket[4]", 1000));
  const IcebergColumn ts{{2, "ts", false, Type("timestamp"), ""}, {"ts", SqlType::Timestamp(3)}};
  constexpr int64_t kDay = 86400000;
  const ColumnCondition late{"ts", Kind::kGreaterEqual, {10 * kDay}, ""};
  EXPECT_TRUE(MayHold(late, ts, "day", 10 * kDay * 1000));
  EXPECT_FALSE(MayHold(late, ts, "day", 10 * kDay * 1000 - 1));
  EXPECT_TRUE(MayHold(late, ts, "bucket[4]", 0));  // milliseconds do not tell the bucket
  const ColumnCondition null{"ts", Kind::kIsNull, {}, ""};
  EXPECT_FALSE(MayHold(null, ts, "day", 5));
}

TEST(IcebergPruning, BoundsOfColumnsLeaveFilesOutAndTellTheLatestTime) {
  using Kind = ColumnCondition::Kind;
  const IcebergColumn n{{1, "n", false, Type("int"), ""}, {"n", SqlType::Int()}};
  const IcebergColumn ts{{2, "ts", false, Type("timestamp"), ""}, {"ts", SqlType::Timestamp(3)}};
  IcebergDataFile file;
  file.rows = 10;
  file.null_counts = {{1, 0}, {2, 0}};
  file.lower_bounds = {{1, ToBytes(int64_t{5}, n.field.type)},
                       {2, ToBytes(int64_t{0}, ts.field.type)}};
  file.upper_bounds = {{1, ToBytes(int64_t{9}, n.field.type)},
                       {2, ToBytes(int64_t{7000999}, ts.field.type)}};
  const auto passes = [&](Kind kind, int64_t value, std::optional<int64_t>* latest) {
    return IcebergPruner({{{"n", kind, {value}, ""}, n}}, ts).MayPass(file, {}, latest);
  };
  std::optional<int64_t> latest;
  EXPECT_TRUE(passes(Kind::kGreater, 8, &latest));
  EXPECT_FALSE(latest.has_value());
  EXPECT_FALSE(passes(Kind::kGreater, 9, &latest));
  EXPECT_EQ(latest, 7000);
  file.null_counts[2] = 1;  // a row without a time is a bad one, which must be told
  EXPECT_TRUE(passes(Kind::kGreater, 9, &latest));
}

TEST(IcebergMetadata, CommitsChangeTheDocumentAndKeepWhatIsNotKnown) {
  IcebergSchema schema = IcebergSchemaOf({{{"id", SqlType::BigInt()}}}, {}).ValueOrDie();
  JsonTree json = NewIcebergMetadata("u-1", "/t", schema, {}, {}, 1000);
  json.Set("statistics", JsonTree::Array{JsonTree("kept")});
  const IcebergMetadata table = IcebergMetadata::Parse(json).ValueOrDie();
  EXPECT_EQ(table.current(), nullptr);
  const auto update = [](const std::string& text) { return JsonTree::Parse(text).ValueOrDie(); };
  const JsonTree::Array none{
      update(R"({"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":null})")};
  EXPECT_TRUE(HoldsRequirements(table, none));
  const JsonTree changed =
      UpdatedMetadata(table,
                      {update(R"({"action":"add-snapshot","snapshot":{"snapshot-id":7,
                          "sequence-number":1,"timestamp-ms":5,"manifest-list":"m",
                          "summary":{"a":"b"}}})"),
                       update(R"({"action":"set-snapshot-ref","ref-name":"main","type":"branch",
                          "snapshot-id":7})")},
                      "v1.json", 2000)
          .ValueOrDie();
  const IcebergMetadata after = IcebergMetadata::Parse(changed).ValueOrDie();
  ASSERT_NE(after.current(), nullptr);
  EXPECT_EQ(after.current()->id, 7);
  EXPECT_EQ(after.current()->summary.at("a"), "b");
  EXPECT_EQ(after.last_sequence_number, 1);
  EXPECT_EQ(after.snapshot_log.size(), 1U);
  EXPECT_EQ(after.json.ListOrEmpty("statistics").size(), 1U);
  EXPECT_EQ(after.json.ListOrEmpty("metadata-log")[0].TextOr("metadata-file", ""), "v1.json");
  EXPECT_FALSE(HoldsRequirements(after, none));
}

}  // namespace
}  // namespace millrace

#include "columns.h"

#include <arrow/api.h>

#include <functional>
#include <random>

#include "data/type.h"
#include "functions/calendar.h"
#include "functions/expression.h"

namespace millrace::bench {
namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;

constexpr int64_t kNewYear = 1767225600000;  // 2026-01-01 in ms

class Maker {
 public:
  void Add(const std::string& name, SqlType type, ArrayPtr values) {
    fields_.push_back(arrow::field(name, type.ToArrow()));
    types_.push_back(std::move(type));
    arrays_.push_back(std::move(values));
  }
  void AddText(const std::string& name, const std::function<std::string(int64_t)>& value) {
    arrow::StringBuilder builder;
    for (int64_t row = 0; row < kRows; ++row) MILL_CHECK(builder.Append(value(row)).ok());
    Add(name, SqlType::String(), builder.Finish().ValueOrDie());
  }
  template <typename Builder>
  void AddNumbers(const std::string& name, SqlType type,
                  const std::function<typename Builder::value_type(int64_t)>& value) {
    Builder builder(type.ToArrow(), arrow::default_memory_pool());
    for (int64_t row = 0; row < kRows; ++row) MILL_CHECK(builder.Append(value(row)).ok());
    Add(name, std::move(type), builder.Finish().ValueOrDie());
  }
  // A column as another's text or number.
  void AddCast(const std::string& name, const std::string& of, SqlType type) {
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (fields_[i]->name() != of) continue;
      auto made = CastDatum(arrow::Datum(arrays_[i]), types_[i], type, EvalContext(), false);
      return Add(name, std::move(type), made.ValueOrDie().make_array());
    }
  }

  std::shared_ptr<arrow::RecordBatch> Batch() const {
    return arrow::RecordBatch::Make(arrow::schema(fields_), kRows, arrays_);
  }
  Scope MakeScope() const {
    Plan plan;
    for (size_t i = 0; i < fields_.size(); ++i) {
      plan.schema.columns.push_back({fields_[i]->name(), types_[i]});
    }
    return Scope(plan, "t");
  }

  uint64_t Random() { return random_(); }
  std::string Letters(size_t count, bool capitals) {
    std::string text(count, ' ');
    for (char& c : text) {
      const char first = capitals && Random() % 4 == 0 ? 'A' : 'a';
      c = static_cast<char>(first + static_cast<char>(Random() % 26));
    }
    return text;
  }

 private:
  std::mt19937_64 random_{1};
  arrow::FieldVector fields_;
  std::vector<SqlType> types_;
  arrow::ArrayVector arrays_;
};

void AddTexts(Maker& make) {
  make.AddText("word", [&](int64_t) { return make.Letters(12, true); });
  make.AddText("padded", [&](int64_t) { return "  " + make.Letters(12, true) + " "; });
  make.AddText("city", [&](int64_t) {
    constexpr const char* kCities[] = {"Zürich", "São Paulo", "Łódź", "København", "Kyōto"};
    return kCities[make.Random() % 5] + std::string(" ") + make.Letters(4, true);
  });
  make.AddText("path",
               [&](int64_t) { return fmt::format("/shop/p/{}/view", make.Random() % 10000); });
  make.AddText("url", [&](int64_t row) {
    std::string url = "https://www.nexmark.com";
    for (int part = 0; part < 3; ++part) url += "/" + make.Letters(5, false);
    url += "/item.htm?query=1";
    return row % 2 == 0 ? url : url + fmt::format("&channel_id={}", make.Random() % 1000000000);
  });
  make.AddText("agent", [&](int64_t) {
    return fmt::format("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
                       "(KHTML, like Gecko) Chrome/{}.0.2357.130 Safari/537.36",
                       90 + make.Random() % 40);
  });
  make.AddText("json", [&](int64_t row) {
    return fmt::format(R"({{"id":{},"name":"{}","tags":["a","b"],"geo":{{"lat":{}.5,"city":"{}"}}}})",
                       row, make.Letters(8, true), make.Random() % 90, make.Letters(9, true));
  });
}

void AddValues(Maker& make) {
  make.AddNumbers<arrow::Int64Builder>("n", SqlType::BigInt(), [&](int64_t) {
    return static_cast<int64_t>(make.Random() % 10'000'000'000) - 1'000'000'000;
  });
  make.AddNumbers<arrow::Int32Builder>("i", SqlType::Int(), [&](int64_t) {
    return static_cast<int32_t>(make.Random() % 100);
  });
  make.AddNumbers<arrow::DoubleBuilder>("x", SqlType::Double(), [&](int64_t) {
    return static_cast<double>(make.Random() % 10'000'000) / 100;
  });
  make.AddNumbers<arrow::TimestampBuilder>("ts", SqlType::Timestamp(3),
                                           [](int64_t row) { return kNewYear + row * 37; });
  make.AddNumbers<arrow::TimestampBuilder>("at", SqlType::Timestamp(3), [&](int64_t) {
    return kNewYear + static_cast<int64_t>(make.Random() % 31'536'000'000);
  });
  make.AddCast("price", "x", SqlType::Of(TypeKind::kDecimal, 12, 2));
  make.AddCast("n_text", "n", SqlType::String());
  make.AddCast("x_text", "x", SqlType::String());
  make.AddCast("price_text", "price", SqlType::String());
  make.AddCast("ts_text", "at", SqlType::String());
  make.AddText("day_text", [](int64_t row) {
    return fmt::format("2026-{:02}-{:02}", row % 12 + 1, row % 28 + 1);
  });
  make.AddText("flag_text",
               [](int64_t row) { return std::string(row % 3 == 0 ? "true" : "FALSE"); });
}

}  // namespace

Columns::Columns() {
  Maker make;
  AddTexts(make);
  AddValues(make);
  batch_ = make.Batch();
  scope_ = make.MakeScope();
}

std::shared_ptr<arrow::Array> Columns::Get(const char* name) const {
  return batch_->GetColumnByName(name);
}

const arrow::StringArray& Columns::Texts(const char* name) const {
  return static_cast<const arrow::StringArray&>(*Get(name));
}

}  // namespace millrace::bench

#include "operators/unnest.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>

#include <algorithm>

namespace millrace {
namespace {

// Where the elements of a collection column lie.
struct Elements {
  const int32_t* offsets = nullptr;  // row i: [offsets[i], offsets[i + 1])
  arrow::ArrayVector columns;        // of the elements
};

Result<Elements> ElementsOf(const arrow::Array& collection) {
  Elements elements;
  if (collection.type_id() == arrow::Type::MAP) {
    const auto& map = static_cast<const arrow::MapArray&>(collection);
    elements.offsets = map.raw_value_offsets();
    elements.columns = {map.keys(), map.items()};
    return elements;
  }
  if (collection.type_id() != arrow::Type::LIST) {
    return Status::TypeError("UNNEST of ", collection.type()->ToString());
  }
  const auto& list = static_cast<const arrow::ListArray&>(collection);
  elements.offsets = list.raw_value_offsets();
  if (list.values()->type_id() == arrow::Type::STRUCT) {
    MILL_ASSIGN(elements.columns, static_cast<const arrow::StructArray&>(*list.values()).Flatten());
  } else {
    elements.columns = {list.values()};
  }
  return elements;
}

class Unnest : public Operator {
 public:
  explicit Unnest(UnnestSpec spec) : spec_(std::move(spec)) {}

  Result<Progress> OnBatch(int, const Batch& rows, Output& out) override {
    rows_ = rows;
    next_ = 0;
    element_ = 0;
    return OnMore(out);
  }

  Result<Progress> OnMore(Output& out) override {
    if (rows_.num_rows() == 0) return Progress::kDone;
    MILL_ASSIGN(const Elements elements, ElementsOf(*rows_.rows->columns().back()));
    while (next_ < rows_.num_rows()) {
      if (out.Full()) return Progress::kMore;
      MILL_RETURN(EmitChunk(elements, out));
    }
    rows_ = Batch();
    return Progress::kDone;
  }

  std::string Describe() const override { return spec_.outer ? "Unnest(outer)" : "Unnest"; }

 private:
  static constexpr size_t kMaxRows = 8192;

  Status EmitChunk(const Elements& elements, Output& out) {
    std::vector<int32_t> from, ordinals;
    arrow::Int32Builder at;
    while (next_ < rows_.num_rows() && from.size() < kMaxRows) {
      MILL_RETURN(TakeElements(elements, from, ordinals, at));
    }
    if (from.empty()) return Status::OK();
    MILL_ASSIGN(auto positions, at.Finish());
    Batch input = rows_;
    const int last = rows_.rows->num_columns() - 1;
    MILL_ASSIGN(input.rows, rows_.rows->RemoveColumn(last));
    const auto count = static_cast<int64_t>(from.size());
    MILL_ASSIGN(input, input.Take(from));
    arrow::ArrayVector columns = input.rows->columns();
    for (const auto& column : elements.columns) {
      MILL_ASSIGN(auto taken, arrow::compute::Take(*column, *positions));
      columns.push_back(std::move(taken));
    }
    if (spec_.with_ordinality) {
      MILL_ASSIGN(auto numbers, Ordinals(ordinals));
      columns.push_back(std::move(numbers));
    }
    return out.Emit(input.With(arrow::RecordBatch::Make(spec_.output, count, std::move(columns))));
  }

  // Adds what is left of the elements of the row at next_, as far as there is room.
  Status TakeElements(const Elements& elements, std::vector<int32_t>& from,
                      std::vector<int32_t>& ordinals, arrow::Int32Builder& at) {
    const bool null = rows_.rows->columns().back()->IsNull(next_);
    const int32_t begin = elements.offsets[next_];
    const int32_t count = null ? 0 : elements.offsets[next_ + 1] - begin;
    if (count == 0 && spec_.outer) {
      from.push_back(static_cast<int32_t>(next_));
      ordinals.push_back(0);
      MILL_RETURN(at.AppendNull());
    }
    for (; element_ < count && from.size() < kMaxRows; ++element_) {
      from.push_back(static_cast<int32_t>(next_));
      ordinals.push_back(element_ + 1);
      MILL_RETURN(at.Append(begin + element_));
    }
    if (element_ >= count) {
      element_ = 0;
      ++next_;
    }
    return Status::OK();
  }

  // 0 stands for none.
  static Result<std::shared_ptr<arrow::Array>> Ordinals(const std::vector<int32_t>& ordinals) {
    arrow::Int32Builder builder;
    for (const int32_t number : ordinals) {
      MILL_RETURN(number == 0 ? builder.AppendNull() : builder.Append(number));
    }
    return builder.Finish();
  }

  UnnestSpec spec_;
  Batch rows_;           // being taken apart
  int64_t next_ = 0;     // its row
  int32_t element_ = 0;  // and the element there
};

}  // namespace

std::unique_ptr<Operator> MakeUnnest(UnnestSpec spec) {
  return std::make_unique<Unnest>(std::move(spec));
}

}  // namespace millrace

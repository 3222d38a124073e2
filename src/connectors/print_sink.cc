// Prints rows to the terminal, one line each, as Flink's print sink does: `+I[1, abc]`. At least
// once: rows appear when they are written.
#include <cstdio>

#include "connectors/builtin.h"
#include "data/pretty.h"

namespace millrace {
namespace {

class PrintSink : public Sink {
 public:
  PrintSink(std::string prefix, std::FILE* out) : prefix_(std::move(prefix)), out_(out) {}

  Status Open() override { return Status::OK(); }

  Status Write(const Batch& batch) override {
    std::string text;
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      text += prefix_;
      text += FormatRow(*batch.rows, row, batch.kind(row));
      text += '\n';
    }
    const bool written = std::fwrite(text.data(), 1, text.size(), out_) == text.size();
    if (!written || std::fflush(out_) != 0) return ExternalError("cannot print to the terminal");
    return Status::OK();
  }

  Result<Committable> Stage(int64_t epoch) override { return Committable{epoch, ""}; }
  Status Publish(const Committable&) override { return Status::OK(); }
  Status Abort() override { return Status::OK(); }
  bool takes_changelog() const override { return true; }

 private:
  std::string prefix_;
  std::FILE* out_;
};

Result<std::unique_ptr<Sink>> MakePrintSink(const TableInfo& table) {
  MILL_ASSIGN(bool to_stderr, BoolOption(table.options, "standard-error", false));
  const std::string identifier = StringOption(table.options, "print-identifier", "");
  return std::make_unique<PrintSink>(identifier.empty() ? "" : identifier + "> ",
                                     to_stderr ? stderr : stdout);
}

}  // namespace

Connector PrintConnector() {
  Connector connector;
  connector.name = "print";
  connector.doc = "Prints rows to the terminal, at least once.";
  connector.options = {
      {"print-identifier", "STRING", "", "Text before each row, followed by '> '."},
      {"standard-error", "BOOLEAN", "false", "Print to the standard error."},
  };
  connector.make_sink = MakePrintSink;
  return connector;
}

}  // namespace millrace

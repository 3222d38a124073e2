// The sink that swallows every row: for measuring.
#include "connectors/builtin.h"

namespace millrace {
namespace {

class BlackholeSink : public Sink {
 public:
  Status Open() override { return Status::OK(); }
  Status Write(const Batch&) override { return Status::OK(); }
  Result<Committable> Stage(int64_t epoch) override { return Committable{epoch, ""}; }
  Status Publish(const Committable&) override { return Status::OK(); }
  Status Abort() override { return Status::OK(); }
  bool takes_changelog() const override { return true; }
};

}  // namespace

Connector BlackholeConnector() {
  Connector connector;
  connector.name = "blackhole";
  connector.doc = "Swallows all rows, at least once.";
  connector.make_sink = [](const TableInfo&) -> Result<std::unique_ptr<Sink>> {
    return std::make_unique<BlackholeSink>();
  };
  return connector;
}

}  // namespace millrace

// Drives an exactly-once Kafka sink by hand, so that tests can kill it between any two steps:
//
//   kafka_sink_driver SERVERS TOPIC FOLDER COMMAND...
//     stage:EPOCH:FROM:TO   writes the rows FROM..TO-1, stages them into FOLDER/EPOCH
//     publish:EPOCH         publishes what FOLDER/EPOCH holds, from whichever process
//     crash:STEP            from now on: kills itself when publishing reaches STEP
//     wait:NAME             makes FOLDER/waiting and waits for FOLDER/NAME
#include <arrow/api.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "connectors/kafka/sink.h"

namespace millrace {
namespace {

class Driver {
 public:
  Status Start(const std::string& servers, const std::string& topic, std::string folder) {
    folder_ = std::move(folder);
    TableInfo table;
    table.name = "k";
    table.schema.columns = {{"n", SqlType::String()}};
    table.options = {{"connector", "kafka"},
                     {"topic", topic},
                     {"format", "raw"},
                     {"properties.bootstrap.servers", servers},
                     {"sink.delivery-guarantee", "exactly-once"},
                     {"sink.transactional-id-prefix", topic}};
    MILL_ASSIGN(sink_, KafkaSink::Make(table, [this](const char* step) {
                  if (step == crash_) std::raise(SIGKILL);
                }));
    return sink_->Open();
  }

  Status Run(const std::string& command) {
    std::vector<std::string> words;
    std::istringstream text(command);
    for (std::string word; std::getline(text, word, ':');) words.push_back(word);
    if (words[0] == "crash") {
      crash_ = words[1];
      return Status::OK();
    }
    if (words[0] == "wait") return Wait(words[1]);
    const int64_t epoch = std::stoll(words[1]);
    if (words[0] == "publish") return Publish(epoch);
    return Stage(epoch, std::stoll(words[2]), std::stoll(words[3]));
  }

 private:
  Status Stage(int64_t epoch, int64_t from, int64_t to) {
    arrow::StringBuilder builder;
    for (int64_t n = from; n < to; ++n) MILL_RETURN(builder.Append(std::to_string(n)));
    MILL_ASSIGN(auto column, builder.Finish());
    const auto schema = arrow::schema({arrow::field("n", arrow::utf8())});
    Batch batch;
    batch.rows = arrow::RecordBatch::Make(schema, to - from, {column});
    MILL_RETURN(sink_->Write(batch));
    MILL_ASSIGN(const Committable staged, sink_->Stage(epoch));
    std::ofstream(Path(std::to_string(epoch)), std::ios::binary) << staged.payload;
    return Status::OK();
  }

  Status Publish(int64_t epoch) {
    std::ifstream file(Path(std::to_string(epoch)), std::ios::binary);
    std::ostringstream payload;
    payload << file.rdbuf();
    return sink_->Publish({epoch, payload.str()});
  }

  Status Wait(const std::string& name) {
    std::ofstream{Path("waiting")};
    for (int i = 0; i < 3000 && !std::filesystem::exists(Path(name)); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return Status::OK();
  }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  std::string folder_;
  std::string crash_;
  std::unique_ptr<KafkaSink> sink_;
};

Status RunAll(const std::vector<std::string>& arguments) {
  Driver driver;
  MILL_RETURN(driver.Start(arguments[0], arguments[1], arguments[2]));
  for (size_t i = 3; i < arguments.size(); ++i) MILL_RETURN(driver.Run(arguments[i]));
  return Status::OK();
}

}  // namespace
}  // namespace millrace

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  if (words.size() < 4) return 2;
  const millrace::Status status = millrace::RunAll(words);
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}

// The connector 'filesystem': its options, source and sink.
#include "connectors/builtin.h"
#include "connectors/file_sink.h"
#include "connectors/file_source.h"

namespace millrace {

Connector FilesystemConnector() {
  Connector connector;
  connector.name = "filesystem";
  connector.doc = "Files and folders, also compressed (.gz, .zst) ones when read.";
  connector.takes_format = true;
  connector.options = {
      {"path", "STRING", "", "A file, a folder (read recursively) or a glob; a folder to write.",
       true},
      {"source.monitor-interval", "DURATION", "", "Keep looking for new files this often."},
      {"sink.rolling-policy.file-size", "STRING", "128MB", "Start a new file at this size."},
      {"sink.rolling-policy.rollover-interval", "DURATION", "30 min",
       "Accepted as in Flink; each checkpoint starts new files anyway."},
      {"sink.rolling-policy.check-interval", "DURATION", "1 min", "Accepted as in Flink."},
  };
  connector.make_source = MakeFileSources;
  connector.make_sink = [](const TableInfo& table) -> Result<std::unique_ptr<Sink>> {
    return FileSink::Make(table);
  };
  return connector;
}

}  // namespace millrace

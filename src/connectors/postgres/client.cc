#include "connectors/postgres/client.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace millrace {
namespace {

// What a session is to have: results as the engine means them, and a server that lets go of the
// locks of a client that has vanished.
constexpr const char* kSession =
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'iso_8601'; "
    "SET extra_float_digits = 1; SET bytea_output = 'hex'; SET standard_conforming_strings = on; "
    "SET idle_in_transaction_session_timeout = '60s'; SET statement_timeout = 0; "
    "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3";

// In seconds, and ms: how a silent network shows.
constexpr std::pair<const char*, const char*> kDefaults[] = {
    {"connect_timeout", "5"},      {"client_encoding", "UTF8"},  {"application_name", "millrace"},
    {"keepalives_idle", "30"},     {"keepalives_interval", "10"}, {"keepalives_count", "3"},
    {"tcp_user_timeout", "60000"},
};

void IgnoreNotice(void*, const PGresult*) {}

// libpq's messages end in newlines and may have several lines; an attempt without TLS says the same
// as the one with it before.
std::string OneLine(const char* message) {
  std::string line;
  std::istringstream lines(message ? message : "");
  for (std::string each; std::getline(lines, each);) {
    each.erase(0, std::min(each.find_first_not_of(" \t"), each.size()));
    if (each.empty() || line.find(each) != line.npos) continue;
    line += (line.empty() ? "" : " ") + each;
  }
  return line;
}

std::string Field(const PGresult* result, int field) {
  return OneLine(PQresultErrorField(result, field));
}

// "duplicate key value violates unique constraint "a". Key (id)=(1) already exists."
std::string MessageOf(const PGresult* result) {
  std::string message = Field(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string detail = Field(result, PG_DIAG_MESSAGE_DETAIL);
  const std::string context = Field(result, PG_DIAG_CONTEXT);
  const std::string hint = Field(result, PG_DIAG_MESSAGE_HINT);
  if (!detail.empty()) message += ". " + detail;
  if (!context.empty()) message += " (" + context + ")";
  if (!hint.empty()) message += ". hint: " + hint;
  return message;
}

struct Connecting {
  std::vector<const char*> keywords, values;
};

Connecting Prepared(const PostgresClient::Parameters& parameters) {
  Connecting all;
  for (const auto& [key, value] : kDefaults) {
    all.keywords.push_back(key);
    all.values.push_back(value);
  }
  for (const auto& [key, value] : parameters) {
    all.keywords.push_back(key.c_str());
    all.values.push_back(value.c_str());
  }
  all.keywords.push_back(nullptr);
  all.values.push_back(nullptr);
  return all;
}

// A server that answers pings but not us has a reason that waiting does not change, but for this.
bool IsCrowded(const std::string& message) {
  return message.find("too many clients") != message.npos ||
         message.find("connection slots are reserved") != message.npos ||
         message.find("too many connections") != message.npos;
}

}  // namespace

PostgresFault FaultOf(std::string_view sqlstate) {
  if (sqlstate.size() != 5) return PostgresFault::kAgain;
  const std::string_view kind = sqlstate.substr(0, 2);
  // A wrong binary format is a mistake of types, not of one row.
  if (sqlstate == "22P03") return PostgresFault::kSetup;
  if (sqlstate == "P0001") return PostgresFault::kRows;  // a trigger's own error
  for (const char* rows : {"21", "22", "23", "44", "54"}) {
    if (kind == rows) return PostgresFault::kRows;
  }
  for (const char* again : {"08", "40", "53", "55", "57", "58", "XX"}) {
    if (kind == again) return PostgresFault::kAgain;
  }
  if (sqlstate == "25P03") return PostgresFault::kAgain;  // idle in a transaction for too long
  if (sqlstate == "25006") return PostgresFault::kAgain;  // read-only: a standby, for now
  return PostgresFault::kSetup;
}

PostgresRows::~PostgresRows() { PQclear(result_); }
int PostgresRows::size() const { return PQntuples(result_); }
bool PostgresRows::IsNull(int row, int column) const {
  return PQgetisnull(result_, row, column) != 0;
}
std::string PostgresRows::Text(int row, int column) const {
  return PQgetvalue(result_, row, column);
}
int64_t PostgresRows::Integer(int row, int column) const {
  return std::strtoll(PQgetvalue(result_, row, column), nullptr, 10);
}
int64_t PostgresRows::changed() const {
  return std::strtoll(PQcmdTuples(result_), nullptr, 10);
}
std::string PostgresRows::command() const { return PQcmdStatus(result_); }

Status PostgresClient::CheckAddress(const std::string& address) {
  char* error = nullptr;
  PQconninfoOption* const read = PQconninfoParse(address.c_str(), &error);
  const bool known = read != nullptr;
  PQconninfoFree(read);
  PQfreemem(error);  // not shown: it may quote a password
  if (known) return Status::OK();
  return UserError("option 'url' is no address that libpq can read. hint: write "
                   "'postgresql://host:5432/database' and the password as option 'password'");
}

Result<std::unique_ptr<PostgresClient>> PostgresClient::Connect(const Parameters& parameters,
                                                                PostgresFault* fault) {
  const Connecting all = Prepared(parameters);
  std::string message;
  // Twice: a server that has just started refuses the first time and answers the ping then.
  for (int attempt = 0; attempt < 2; ++attempt) {
    std::unique_ptr<PostgresClient> client(
        new PostgresClient(PQconnectdbParams(all.keywords.data(), all.values.data(), 1)));
    if (client->alive()) {
      PQsetNoticeReceiver(client->connection_, IgnoreNotice, nullptr);
      const Status set = client->Run(kSession);
      *fault = client->fault();
      MILL_RETURN(set);
      return client;
    }
    message = OneLine(PQerrorMessage(client->connection_));
    const PGPing ping = PQpingParams(all.keywords.data(), all.values.data(), 1);
    *fault = ping == PQPING_OK && !IsCrowded(message) ? PostgresFault::kSetup
                                                      : PostgresFault::kAgain;
    if (ping == PQPING_NO_ATTEMPT) *fault = PostgresFault::kSetup;
    if (*fault == PostgresFault::kAgain) break;
  }
  if (*fault == PostgresFault::kAgain) return ExternalError("cannot connect: {}", message);
  return UserError("cannot connect: {}", message);
}

PostgresClient::~PostgresClient() { PQfinish(connection_); }

bool PostgresClient::alive() const { return PQstatus(connection_) == CONNECTION_OK; }

Status PostgresClient::Failed(const PGresult* result) {
  const char* state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  fault_ = alive() ? FaultOf(state ? state : "") : PostgresFault::kAgain;
  std::string message = state ? MessageOf(result) : OneLine(PQerrorMessage(connection_));
  if (message.empty()) message = "the connection is lost";
  if (fault_ == PostgresFault::kAgain) return Status::IOError(message);
  return Status::Invalid(message);
}

Status PostgresClient::Run(const std::string& sql) {
  fault_ = PostgresFault::kNone;
  return PQsendQuery(connection_, sql.c_str()) == 1 ? Drain() : Failed(nullptr);
}

Result<PostgresRows> PostgresClient::Query(const std::string& sql,
                                           const std::vector<std::string>& parameters) {
  fault_ = PostgresFault::kNone;
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  PGresult* const result =
      PQexecParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr,
                   values.data(), nullptr, nullptr, 0);
  PostgresRows rows(result);
  const ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return rows;
  return Failed(result);
}

Status PostgresClient::RunBinary(const std::string& sql,
                                 const std::vector<std::string_view>& values) {
  fault_ = PostgresFault::kNone;
  std::vector<const char*> data;
  std::vector<int> sizes;
  const std::vector<int> formats(values.size(), 1);
  for (const std::string_view value : values) {
    data.push_back(value.data());
    sizes.push_back(static_cast<int>(value.size()));
  }
  PGresult* const result =
      PQexecParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr, data.data(),
                   sizes.data(), formats.data(), 0);
  const PostgresRows owner(result);
  return PQresultStatus(result) == PGRES_COMMAND_OK ? Status::OK() : Failed(result);
}

Status PostgresClient::Drain() {
  Status first;
  while (PGresult* const result = PQgetResult(connection_)) {
    const PostgresRows owner(result);
    const ExecStatusType status = PQresultStatus(result);
    const bool fine = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!fine && first.ok()) first = Failed(result);
    if (!alive()) break;
  }
  if (first.ok() && !alive()) first = Failed(nullptr);
  return first;
}

Status PostgresClient::BeginCopyIn(const std::string& sql) {
  fault_ = PostgresFault::kNone;
  PGresult* const result = PQexec(connection_, sql.c_str());
  const PostgresRows owner(result);
  return PQresultStatus(result) == PGRES_COPY_IN ? Status::OK() : Failed(result);
}

Status PostgresClient::PutCopy(std::string_view bytes) {
  constexpr size_t kMost = 1 << 20;  // libpq counts in int
  for (size_t at = 0; at < bytes.size(); at += kMost) {
    const auto size = static_cast<int>(std::min(kMost, bytes.size() - at));
    if (PQputCopyData(connection_, bytes.data() + at, size) != 1) return Failed(nullptr);
  }
  return Status::OK();
}

Status PostgresClient::EndCopyIn() {
  if (PQputCopyEnd(connection_, nullptr) != 1) return Failed(nullptr);
  return Drain();
}

Status PostgresClient::BeginCopyOut(const std::string& sql) {
  fault_ = PostgresFault::kNone;
  PGresult* const result = PQexec(connection_, sql.c_str());
  const PostgresRows owner(result);
  return PQresultStatus(result) == PGRES_COPY_OUT ? Status::OK() : Failed(result);
}

Result<PostgresClient::Got> PostgresClient::GetCopy(std::chrono::milliseconds wait,
                                                    std::string* out) {
  for (bool waited = false;; waited = true) {
    char* piece = nullptr;
    const int size = PQgetCopyData(connection_, &piece, 1);
    if (size > 0) {
      out->append(piece, static_cast<size_t>(size));
      PQfreemem(piece);
      return Got::kData;
    }
    if (size == -1) {
      MILL_RETURN(Drain());
      return Got::kEnd;
    }
    if (size < -1) return Failed(nullptr);
    if (waited) return Got::kNothing;
    pollfd socket{PQsocket(connection_), POLLIN, 0};
    poll(&socket, 1, static_cast<int>(wait.count()));
    if (PQconsumeInput(connection_) != 1) return Failed(nullptr);
  }
}

std::string PostgresClient::QuotedLiteral(const std::string& text) {
  char* const quoted = PQescapeLiteral(connection_, text.data(), text.size());
  std::string literal = quoted ? quoted : "NULL";
  PQfreemem(quoted);
  return literal;
}

std::string QuotedIdentifier(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

}  // namespace millrace

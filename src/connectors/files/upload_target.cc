#include "connectors/files/upload_target.h"

#include <algorithm>
#include <charconv>

#include "connectors/storage/file_system.h"

namespace millrace {
namespace {

constexpr const char* kPartSize = "s3.upload.min.part.size";
constexpr const char* kPayload = "s3 uploads 1";  // the first line: what it is, and its version

// An object as it is staged.
struct StagedObject {
  S3Upload upload;
  int64_t bytes = 0;
  std::vector<std::string> etags;
};

// Lines: kPayload, the bucket, then key, upload id, bytes and etags of each object.
std::string ToPayload(const std::string& bucket, const std::vector<StagedObject>& objects) {
  std::string payload = fmt::format("{}\n{}\n", kPayload, bucket);
  for (const StagedObject& object : objects) {
    payload += fmt::format("{}\n{}\n{}\n{}\n", object.upload.key, object.upload.id, object.bytes,
                           fmt::join(object.etags, " "));
  }
  return payload;
}

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

Result<std::vector<StagedObject>> FromPayload(const std::string& payload,
                                              const std::string& bucket) {
  constexpr size_t kHead = 2, kLines = 4;
  const std::vector<std::string> lines = Split(payload, '\n');
  if (lines.size() < kHead || lines[0] != kPayload || (lines.size() - kHead) % kLines != 0) {
    return Status::Invalid("not what a filesystem sink has staged in an object store");
  }
  if (lines[1] != bucket) {
    return UserError("the checkpoint has staged objects in the bucket '{}', the table is in '{}'",
                     lines[1], bucket);
  }
  std::vector<StagedObject> objects;
  for (size_t at = kHead; at < lines.size(); at += kLines) {
    StagedObject object{{lines[at], lines[at + 1]}, 0, Split(lines[at + 3], ' ')};
    const std::string& bytes = lines[at + 2];
    std::from_chars(bytes.data(), bytes.data() + bytes.size(), object.bytes);
    objects.push_back(std::move(object));
  }
  return objects;
}

// An upload under way. Small objects are one part, sent when they are sealed.
class UploadFile : public PendingFile {
 public:
  UploadFile(std::shared_ptr<S3Client> client, std::string key, int64_t part_bytes)
      : client_(std::move(client)), part_bytes_(static_cast<size_t>(part_bytes)) {
    object_.upload.key = std::move(key);
  }
  ~UploadFile() override {
    if (!taken_ && begun()) (void)client_->AbortOnce(object_.upload);
  }

  Status Write(const void* data, int64_t bytes) override {
    if (closed_) return Status::Invalid("the upload is closed");
    std::string_view text(static_cast<const char*>(data), static_cast<size_t>(bytes));
    while (!text.empty()) {
      const size_t count = std::min(text.size(), part_bytes_ - part_.size());
      part_.append(text.substr(0, count));
      text.remove_prefix(count);
      object_.bytes += static_cast<int64_t>(count);
      if (part_.size() == part_bytes_) MILL_RETURN(SendPart());
    }
    return Status::OK();
  }
  using Writable::Write;
  Result<int64_t> Tell() const override { return object_.bytes; }
  Status Close() override {
    closed_ = true;
    return Status::OK();
  }
  bool closed() const override { return closed_; }
  int64_t held() const override { return static_cast<int64_t>(part_.capacity()); }

  // An object without bytes is one empty part.
  Status Seal() override {
    if (!part_.empty() || object_.etags.empty()) MILL_RETURN(SendPart());
    part_ = std::string();
    return Close();
  }
  // What is to be staged; the upload is the epoch's from now on.
  StagedObject Take() {
    taken_ = true;
    return object_;
  }

 private:
  bool begun() const { return !object_.upload.id.empty(); }
  Status SendPart() {
    if (!begun()) {
      MILL_ASSIGN(object_.upload, client_->Begin(object_.upload.key));
    }
    const int number = static_cast<int>(object_.etags.size()) + 1;
    MILL_ASSIGN(std::string etag, client_->UploadPart(object_.upload, number, part_));
    object_.etags.push_back(std::move(etag));
    part_.clear();
    return Status::OK();
  }

  std::shared_ptr<S3Client> client_;
  size_t part_bytes_;
  StagedObject object_;
  std::string part_;  // not sent yet
  bool closed_ = false, taken_ = false;
};

// S3 takes at most 10,000 parts of an object, each of 5 MB to 5 GB.
Result<int64_t> PartBytes(const Options& options) {
  constexpr int64_t kLeast = 5 << 20, kMost = int64_t{1} << 30, kMostParts = 9000;
  MILL_ASSIGN(const int64_t wanted, ParseMemorySize(StringOption(options, kPartSize, "5MB")));
  MILL_ASSIGN(const int64_t file,
              ParseMemorySize(StringOption(options, "sink.rolling-policy.file-size", "128MB")));
  if (wanted < kLeast || wanted > kMost) {
    return UserError("option '{}': {} bytes are not between 5 MB and 1 GB", kPartSize, wanted);
  }
  return std::max(wanted, std::min(file / kMostParts, kMost));
}

}  // namespace

Result<std::unique_ptr<OutputTarget>> UploadTarget::Make(const TableInfo& table,
                                                         const std::string& ending) {
  std::unique_ptr<UploadTarget> target(new UploadTarget);
  const std::string url = StringOption(table.options, "path", "");
  MILL_ASSIGN(const Location location, OpenLocation(url, table.options));
  const size_t slash = location.path.find('/');
  if (slash != location.path.npos) target->prefix_ = location.path.substr(slash + 1) + "/";
  if (url.find_first_of("\n\r\t") != url.npos) {
    return UserError("option 'path': '{}' holds a control character", url);
  }
  MILL_ASSIGN(target->part_bytes_, PartBytes(table.options));
  MILL_ASSIGN(target->client_, S3Client::Make(url, table.options));
  target->ending_ = ending;
  target->owner_ = OwnerPart(table.owner);
  target->writer_ = NewWriter(target->owner_);
  return target;
}

// The listing tells at once of a missing bucket and of wrong credentials.
Status UploadTarget::Open() { return client_->Uploads(prefix_).status(); }

Result<std::shared_ptr<PendingFile>> UploadTarget::Create(const std::string& folder,
                                                          const std::string& stem) {
  const std::string own = fmt::format("{}-{}", writer_, sequence_++);
  return std::make_shared<UploadFile>(client_, KeyOf(folder, stem.empty() ? own : stem),
                                      part_bytes_);
}

Result<bool> UploadTarget::IsShown(const std::string& folder, const std::string& stem) {
  MILL_ASSIGN(const auto size, client_->SizeOf(KeyOf(folder, stem)));
  return size.has_value();
}

Result<std::string> UploadTarget::Stage(int64_t, std::vector<std::shared_ptr<PendingFile>> files) {
  std::vector<StagedObject> objects;
  for (const auto& file : files) {
    objects.push_back(static_cast<UploadFile&>(*file).Take());
    staged_.push_back(objects.back().upload);
  }
  return ToPayload(client_->bucket(), objects);
}

Status UploadTarget::Publish(const std::string& payload) {
  MILL_ASSIGN(const auto objects, FromPayload(payload, client_->bucket()));
  for (const StagedObject& object : objects) {
    MILL_RETURN(client_->Complete(object.upload, object.etags, object.bytes));
    std::erase_if(staged_, [&](const S3Upload& each) { return each.key == object.upload.key; });
  }
  return Status::OK();
}

Status UploadTarget::DropLeftovers(const std::vector<std::string>&) {
  const std::string mine = "part-" + owner_, live = "part-" + writer_;
  MILL_ASSIGN(const auto uploads, client_->Uploads(prefix_));
  for (const S3Upload& upload : uploads) {
    const std::string name = upload.key.substr(upload.key.rfind('/') + 1);
    if (!name.starts_with(mine) || name.starts_with(live)) continue;
    MILL_RETURN(client_->Abort(upload));
  }
  return Status::OK();
}

void UploadTarget::DropStaged() {
  for (const S3Upload& upload : staged_) (void)client_->AbortOnce(upload);
  staged_.clear();
}

}  // namespace millrace

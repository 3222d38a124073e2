// A table's properties.* as librdkafka's settings: Java's names and the JAAS line are translated,
// Java's own matters (serializers) left out, secrets put in.
#pragma once

#include <map>
#include <string>

#include "base/status.h"

namespace millrace {

Result<std::map<std::string, std::string>> LibrdkafkaProperties(
    const std::map<std::string, std::string>& properties);

}  // namespace millrace

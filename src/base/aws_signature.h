// AWS Signature Version 4 for requests to object stores, as in Amazon's "Signature Calculations for
// the Authorization Header" (S3: the path is encoded once).
#pragma once

#include <ctime>

#include "base/http.h"

namespace millrace {

// Adds the headers x-amz-date, x-amz-content-sha256, x-amz-security-token and Authorization to
// `request`, and puts its query in canonical order. All headers that are there before are signed.
// `now` is in seconds since 1970.
void SignRequest(const AwsSignature& signature, std::time_t now, HttpRequest* request);

}  // namespace millrace

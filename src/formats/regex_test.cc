#include "formats/decode_testing.h"
#include "formats/regex_pattern.h"

namespace millrace {
namespace {

using Texts = std::vector<std::string>;

constexpr char kElb[] =
    "^(?<ts>\\S+) (?<elb>\\S+) (?<client>[^:]+):(?<port>\\d+) (?<backend>\\S+) "
    "(?<request_time>\\S+) "
    "(?<backend_time>\\S+) (?<response_time>\\S+) (?<status>\\S+) (?<backend_status>\\S+) "
    "(?<received>\\d+) (?<sent>\\d+) \"(?<verb>\\S+) (?<url>.*) (?<protocol>\\S+)\" "
    "\"(?<agent>.*)\" (?<cipher>\\S+) (?<ssl>\\S+)$";
constexpr char kLine[] =
    "2015-07-22T09:00:28.019143Z marketpalce-shop 100.67.67.205:54635 10.0.6.158:80 0.000022 "
    "0.026109 0.00002 200 200 0 699 \"GET https://paytm.com:443/shop/authresponse HTTP/1.1\" "
    "\"Mozilla/5.0 (Windows NT 6.1; WOW64)\" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2\n";

TEST(RegexDecoder, ReadsLoadBalancerLogs) {
  const Schema schema{{{"client", SqlType::String()},
                       {"ts", SqlType::Timestamp(3)},
                       {"status", SqlType::Int()},
                       {"url", SqlType::String()},
                       {"backend_time", SqlType::Double()}}};
  const Decoded got = Decode("regex", schema, {{"regex.pattern", kElb}},
                             std::string(kLine) + "garbage\n\n" + kLine);
  const std::string row =
      "100.67.67.205, 2015-07-22 09:00:28.019, 200, https://paytm.com:443/shop/authresponse, "
      "0.026109";
  EXPECT_EQ(got.rows, (Texts{row, row}));
  EXPECT_EQ(got.bad, Texts{"2: the line does not match regex.pattern"});
}

TEST(RegexDecoder, Timestamps) {
  const Options options{{"regex.pattern", "^(?<v>.*)$"}};
  const std::string text = "2015-07-22T09:00:28.019143Z";
  EXPECT_EQ(DecodeOne("regex", SqlType::TimestampLtz(3), options, text), "2015-07-22 09:00:28.019");
  EXPECT_EQ(DecodeOne("regex", SqlType::Timestamp(6), options, text), "2015-07-22 09:00:28.019143");
}

TEST(RegexDecoder, ConversionsAndCharacters) {
  const Options options{{"regex.pattern", "^(?<v>.?)(x(?<w>\\d))?$"}};
  EXPECT_EQ(DecodeOne("regex", SqlType::Int(), options, "é\n"),
            "bad: field `v`: cannot read \"é\" as INT");
  EXPECT_EQ(DecodeOne("regex", SqlType::String(), options, "é\n"), "é");
  EXPECT_EQ(DecodeOne("regex", SqlType::String(), options, "\xFF\n"), "bad: invalid UTF-8");
  const Schema two{{{"v", SqlType::Int()}, {"w", SqlType::String()}}};
  EXPECT_EQ(Decode("regex", two, options, "1x2\n3\nx4\n").rows,
            (Texts{"1, 2", "3, null", "null, 4"}));
}

TEST(RegexDecoder, WrongPatterns) {
  const Schema schema{{{"v", SqlType::Int()}}};
  EXPECT_FALSE(MakeDecoder("regex", schema, schema, {}).ok());
  EXPECT_FALSE(MakeDecoder("regex", schema, schema, {{"regex.pattern", "(?<v>"}}).ok());
  EXPECT_FALSE(MakeDecoder("regex", schema, schema, {{"regex.pattern", "(?<w>.)"}}).ok());
}

TEST(RegexDecoder, GivesUpOnRunawayPatterns) {
  const Options options{{"regex.pattern", "^(?<v>(a+)+)$"}};
  const std::string reason =
      DecodeOne("regex", SqlType::String(), options, std::string(40, 'a') + "!\n");
  EXPECT_EQ(reason.substr(0, 18), "bad: regex.pattern");
}

TEST(RegexPattern, DropsUnusedGroups) {
  EXPECT_EQ(WithoutUnusedGroups("(?<a>x)(?<b>y)(z)[(?<a>]", {"b"}), "(?:x)(?<b>y)(z)[(?<a>]");
  EXPECT_EQ(WithoutUnusedGroups("\\(?<a>(?<=q)(?P<c>y)", {}), "\\(?<a>(?<=q)(?:y)");
  EXPECT_EQ(WithoutUnusedGroups("(?<a>x)\\k<a>", {}), "(?<a>x)\\k<a>");
}

}  // namespace
}  // namespace millrace

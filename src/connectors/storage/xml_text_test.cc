#include "connectors/storage/xml_text.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

constexpr std::string_view kList =
    R"(<?xml version="1.0"?><List xmlns="http://x"><Upload><Key>a&amp;b&#34;c</Key>)"
    R"(<UploadId>1</UploadId></Upload><UploadMarker/><Upload><Key/><UploadId>2</UploadId></Upload>)"
    R"(<IsTruncated>true</IsTruncated></List>)";

TEST(XmlText, FindsElementsByTheirWholeName) {
  const auto uploads = XmlElements(kList, "Upload");
  ASSERT_EQ(uploads.size(), 2u);
  EXPECT_EQ(XmlText(uploads[0], "Key"), "a&b\"c");
  EXPECT_EQ(XmlText(uploads[0], "UploadId"), "1");
  EXPECT_EQ(XmlText(uploads[1], "Key"), "");
  EXPECT_EQ(XmlText(uploads[1], "UploadId"), "2");
  EXPECT_EQ(XmlText(kList, "IsTruncated"), "true");
  EXPECT_EQ(XmlText(kList, "Code"), "");
  EXPECT_FALSE(XmlElement(kList, "List").empty());
}

TEST(XmlText, BrokenTextHasNoElements) {
  for (const char* text :
       {"", "<", "<Key", "<Key>", "<Key>x</Ke", "</Key>", "<Keys>x</Keys>", "<>"}) {
    EXPECT_TRUE(XmlElements(text, "Key").empty()) << text;
  }
  EXPECT_EQ(XmlText("<Key>&#x41;&#x110000;&nope;&</Key>", "Key"), "A&#x110000;&nope;&");
}

TEST(XmlText, WhatIsEscapedComesBack) {
  const std::string text = "a<b>&\"'";
  EXPECT_EQ(XmlText("<Key>" + XmlEscaped(text) + "</Key>", "Key"), text);
}

}  // namespace
}  // namespace millrace

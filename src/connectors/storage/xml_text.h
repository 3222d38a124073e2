// Texts of XML elements, as far as S3's answers need it: no attributes, namespaces or CDATA.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// The content of the first <name> element, its markup kept; "" if there is none.
std::string_view XmlElement(std::string_view xml, std::string_view name);
// The contents of all <name> elements that are not within another <name>.
std::vector<std::string_view> XmlElements(std::string_view xml, std::string_view name);
// The text of the first <name> element, its entities replaced.
std::string XmlText(std::string_view xml, std::string_view name);
// `text` as it may stand in an element.
std::string XmlEscaped(std::string_view text);

}  // namespace millrace

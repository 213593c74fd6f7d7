#pragma once
// Bytes as text, for pictures that stand inside JSON and HTML.

#include <string>
#include <string_view>

namespace totum {

/// RFC 4648, section 4: with padding, without line breaks.
std::string base64(std::string_view bytes);

}  // namespace totum

#include "reports/html_resources.h"

// The assembler reads the files, so that five megabytes of plotting library cost no compile time.
#define TOTUM_INCLUDE_FILE(name, path)                                                                 \
  asm(".section .rodata\n.global totum_html_" #name "\ntotum_html_" #name                              \
      ":\n"                                                                                            \
      ".incbin \"" path "\"\n.global totum_html_" #name "_end\ntotum_html_" #name                      \
      "_end:\n.byte 0\n.previous\n");                                                                  \
  extern "C" const char totum_html_##name[];                                                           \
  extern "C" const char totum_html_##name##_end[];                                                     \
  std::string_view totum::html::name() {                                                               \
    return {totum_html_##name, static_cast<std::size_t>(totum_html_##name##_end - totum_html_##name)}; \
  }

TOTUM_INCLUDE_FILE(page, TOTUM_HTML_FOLDER "/page.html")
TOTUM_INCLUDE_FILE(css, TOTUM_HTML_FOLDER "/report.css")
TOTUM_INCLUDE_FILE(js, TOTUM_HTML_FOLDER "/report.js")
TOTUM_INCLUDE_FILE(plotly, TOTUM_PLOTLY_JS)

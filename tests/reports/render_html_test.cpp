#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/base64.h"
#include "core/files.h"
#include "core/random.h"
#include "core/sha256.h"
#include "reports/overlay_planes.h"
#include "reports/render.h"
#include "reports/report.h"
#include "tests/core/temporary_folder.h"
#include "tests/reports/synthetic_runs.h"

namespace totum {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

const std::string kAttack =
    "</script><script>document.title='attacked'</script><img src=x onerror=throw+1>{{JS}}";

class RenderHtmlTest : public testing::Test {
 protected:
  // A report with training curves, a failed run, and labels and reasons that try to become markup.
  json report() const {
    const fs::path runs = folder_.path() / "runs";
    write_synthetic_grid(runs);
    write_file_atomically(runs / "ablation_c/seed-0/log.jsonl",
                          "{\"done_iterations\":10,\"losses\":{\"loss\":1.5}}\n"
                          "{\"validation_sum\":0.7,\"iteration\":10}\n{\"cut sh");
    fs::remove(runs / "ablation_a/seed-0/done.json");
    json made = make_report(read_runs(runs, synthetic_tables()), shipped_numbers(), {200, 1, 1});
    made["times"]["created_at"] = "2026-01-01T00:00:00Z";
    for (json& table : made["tables"]) table["entries"][0]["label"] = kAttack;
    made["failures"][0]["reason"] = kAttack;
    made["tables"][0]["patients"][0]["values"][0]["case"] = kAttack;
    draw_one_overlay(made["overlays"]);
    made["title"] = "a title with <b> & \"quotes\"";
    return made;
  }
  // The first case gets pictures, the others a reason.
  static void draw_one_overlay(json& overlays) {
    const std::vector<float> image{0, 1, 2, 3, 4, 5, 6, 7};
    const std::vector<std::uint8_t> reference{0, 6, 6, 0, 0, 6, 6, 0}, prediction{0, 6, 0, 0, 0, 6, 0, 0};
    overlays.erase("why");
    for (json& chosen : overlays["cases"]) chosen["why"] = kAttack;
    json& first = overlays["cases"][0];
    first.erase("why");
    first["planes"] = overlay_planes({{2, 2, 2}, {1, 1, 1}, image, reference, prediction, reference}, 6);
  }
  // Eight cases (two tables, two modalities, worst and disputed) of noise, which no picture shrinks.
  static void draw_large_overlays(json& overlays) {
    const Shape3 shape{20, 240, 240};
    const auto voxels = static_cast<std::size_t>(shape[0] * shape[1] * shape[2]);
    RandomStream noise(1, "noise");
    std::vector<float> image(voxels);
    for (float& voxel : image) voxel = static_cast<float>(noise.uniform());
    std::vector<std::uint8_t> labels(voxels);
    for (std::size_t i = 0; i < voxels; ++i) labels[i] = static_cast<std::uint8_t>(i / 30 % 14);
    json chosen = overlays["cases"][0];
    chosen["planes"] = overlay_planes({shape, {2, 1, 1}, image, labels, labels, labels}, 6);
    overlays["cases"] = json::array();
    for (int i = 0; i < 8; ++i) overlays["cases"].push_back(chosen);
    overlays.erase("why");
  }
  TemporaryFolder folder_;
};

// The JSON that stands in the page.
std::string data_of(const std::string& page) {
  const std::string opening = "<script type=\"application/json\" id=\"report\">";
  const auto begin = page.find(opening) + opening.size();
  return page.substr(begin, page.find("</script>", begin) - begin);
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(RenderHtmlTest, HoldsTheWholeReportAndNothingFromOutside) {
  const json whole = report();
  const std::string page = render_html(whole);
  EXPECT_EQ(json::parse(data_of(page)), whole);

  EXPECT_THAT(page, Not(HasSubstr("<link rel=\"stylesheet\"")));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));  // the browser refuses every request, too
}

TEST_F(RenderHtmlTest, TextFromDataNeverBecomesMarkup) {
  const std::string page = render_html(report());
  EXPECT_THAT(page, Not(HasSubstr("<script>document.title")));
  EXPECT_THAT(page, Not(HasSubstr("<img src=x")));
  EXPECT_THAT(page, HasSubstr("a title with &lt;b&gt; &amp; &quot;quotes&quot;"));
  EXPECT_EQ(occurrences(page, "</script>"), 4U);  // the data, the metrics, the library, the page's own script
}

TEST_F(RenderHtmlTest, ANameThatIsAScriptIsEscapedInEveryFormat) {
  json made = report();
  made["title"] = kAttack;
  made["tables"][0]["title"] = kAttack;
  made["tables"][0]["notes"].push_back(kAttack);
  for (const auto& [name, text] : rendered_files(made)) {
    if (name.ends_with(".md")) {
      EXPECT_EQ(occurrences(text, "<script"), occurrences(text, "\\<script")) << name;
    } else if (name.ends_with(".html")) {
      EXPECT_EQ(occurrences(text, "</script>"), 4U) << name;
    } else if (!name.ends_with(".csv")) {
      EXPECT_THAT(text, Not(HasSubstr("<script"))) << name;
    }
  }
}

TEST_F(RenderHtmlTest, SaysItsSizeAtTopAndBottomEvenWithoutScripts) {
  const std::string page = render_html(report());
  EXPECT_EQ(occurrences(page, "<p class=\"size\""), 2U);
  EXPECT_GE(occurrences(page, "smoke, phantom: not a result about patients"), 4U);  // these, and in the data
}

TEST_F(RenderHtmlTest, StaysUnderTwelveMegabytesFor18MethodsAnd48Cases) {
  TableSpec table = synthetic_tables()[0];
  const TableEntry entry = table.entries[0];
  table.entries.clear();
  const fs::path runs = folder_.path() / "many";
  for (int i = 0; i < 18; ++i) {
    table.entries.push_back(entry);
    table.entries.back().id = "method_" + std::to_string(i);
    write_synthetic_run(runs, {table.entries.back().id, 0, 24, {}});
  }
  table.tests.reference = "method_0";
  const json made = [&] {
    json report = make_report(read_runs(runs, {table}), shipped_numbers(), {50, 1, 1});
    report["times"]["created_at"] = "2026-01-01T00:00:00Z";
    draw_large_overlays(report["overlays"]);
    return report;
  }();
  EXPECT_EQ(made["tables"][0]["patients"][0]["values"].size(), 24U);
  EXPECT_GT(made["overlays"].dump().size(), 500'000U);
  EXPECT_LT(render_html(made).size(), 12'000'000U);
}

TEST_F(RenderHtmlTest, CurvesComeFromTheLogAndALineCutShortIsLeftOut) {
  const json made = report();
  ASSERT_EQ(made["training"].size(), 1U);
  EXPECT_EQ(made["training"][0]["loss"], json::parse("[[10, 1.5]]"));
  EXPECT_EQ(made["training"][0]["validation"], json::parse("[[10, 0.7]]"));
}

TEST_F(RenderHtmlTest, PatientsAreTheMeansThatTheirScoresGive) {
  const fs::path runs = folder_.path() / "rule";
  const auto rule = [](std::int64_t number, Modality, std::int64_t organ) {  // CT is intra for 5…9 and 11…13
    return std::optional(0.01 * static_cast<double>(organ) + 0.1 * static_cast<double>(number));
  };
  for (const char* id : {"single", "ablation_a", "ablation_c"}) write_synthetic_run(runs, {id, 0, 2, rule});
  const json made = make_report(read_runs(runs, synthetic_tables()), shipped_numbers(), {50, 1, 1});
  const json& first = made["tables"][0]["patients"][0];
  EXPECT_EQ(first["cell"], "ct_ct");
  EXPECT_EQ(first["values"][1]["case"], "amos_0002");
  EXPECT_NEAR(first["values"][1]["value"], 0.2 + (5 + 6 + 7 + 8 + 9 + 11 + 12 + 13) / 800.0, 1e-12);
}

// The page with a script of the test before its own ones, which the page's policy must name to let it run.
std::string probed(std::string page, const std::string& script) {
  const std::string digits = sha256(std::string_view(script));
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2)
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  page.insert(page.find("<title>"), "<script>" + script + "</script>");
  const std::string place = "script-src ";
  page.insert(page.find(place) + place.size(), "'sha256-" + base64(bytes) + "' ");
  return page;
}

bool has_browser() { return std::system("command -v chromium >/dev/null 2>&1") == 0; }

// The document as it stands after the page's scripts have run in a browser.
std::string drawn_in_browser(const fs::path& folder, const std::string& page) {
  const fs::path file = folder / "report.html";
  write_file_atomically(file, page);
  const fs::path dump = folder / "dump.html";
  const std::string command =
      "timeout 60 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir=" +
      (folder / "profile").string() + " --virtual-time-budget=20000 --dump-dom file://" + file.string() +
      " >" + dump.string() + " 2>/dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0);
  return read_file(dump);
}

// Notes every error, and every fault that the page's policy stops, where the dumped document shows it.
const std::string kProbe =
    "addEventListener('error',e=>document.documentElement.dataset.fault=e.message);"
    "addEventListener('securitypolicyviolation',e=>document.documentElement.dataset.fault=e."
    "violatedDirective+' '+e.blockedURI);"
    "const told=console.error;console.error=(...a)=>{document.documentElement.dataset.fault=a.join(' "
    "');told(...a)};";

TEST_F(RenderHtmlTest, ThePolicyNamesItsScriptsAndLetsNothingOut) {
  const std::string page = render_html(report());
  const std::string policy = page.substr(page.find("Content-Security-Policy"), 400);
  for (const char* part :
       {"default-src 'none'", "script-src 'sha256-", "form-action 'none'", "base-uri 'none'"})
    EXPECT_THAT(policy, HasSubstr(part));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe-eval")));
  const std::string scripts =
      policy.substr(policy.find("script-src"), policy.find("style-src") - policy.find("script-src"));
  EXPECT_THAT(scripts, Not(HasSubstr("unsafe")));
}

TEST_F(RenderHtmlTest, ABrowserDrawsEveryFigureWithoutErrors) {
  if (!has_browser()) GTEST_SKIP() << "chromium is not installed (Debian: chromium)";
  const std::string drawn = drawn_in_browser(folder_.path(), probed(render_html(report()), kProbe));
  EXPECT_THAT(drawn, Not(HasSubstr("data-fault")));
  // Each of two tables: organs, patients, differences, critical difference, ranks, cost; but no ranks where a
  // single method has scores (table 2, since ablation_a failed). Then loss and validation.
  EXPECT_EQ(occurrences(drawn, "data-drawn=\"yes\""), 12U);
  // Three planes of four panels; sortable tables of agreement, order and power.
  EXPECT_EQ(occurrences(drawn, "class=\"picture\""), 12U);
  EXPECT_EQ(occurrences(drawn, "class=\"layer\""), 12U);
  for (const char* table :
       {"Agreement of the schemes", "How sure is the order by mean?", "What these tests could find"})
    EXPECT_THAT(drawn, HasSubstr(table));
  EXPECT_THAT(drawn, HasSubstr("&lt;/script&gt;&lt;script&gt;document.title="));  // the label, as text
  EXPECT_THAT(drawn, Not(HasSubstr("<img src=\"x\"")));
}

// Presses every control of the page: the buttons over each figure, those that sort, every choice and
// every summary. What would leave the page is replaced by something that takes notes.
TEST_F(RenderHtmlTest, NoControlOpensAWindowOrMakesARequest) {
  if (!has_browser()) GTEST_SKIP() << "chromium is not installed (Debian: chromium)";
  const std::string takes_notes =
      "const root=document.documentElement;root.dataset.left='';"
      "const note=what=>(...a)=>{root.dataset.left+=what+' '};"
      "window.open=note('open');window.fetch=note('fetch');navigator.sendBeacon=note('beacon');"
      "XMLHttpRequest.prototype.open=note('request');XMLHttpRequest.prototype.send=note('request');"
      "HTMLFormElement.prototype.submit=note('form');HTMLFormElement.prototype.requestSubmit=note('form');"
      "addEventListener('submit',note('form'),true);"
      "window.WebSocket=note('socket');window.EventSource=note('events');"
      "const press=()=>{const all=[...document.querySelectorAll('.modebar-btn,button,summary')];"
      "const titles=new Set(all.map(e=>e.dataset.title||''));"
      "all.forEach(e=>e.dispatchEvent(new MouseEvent('click',{bubbles:true,cancelable:true})));"
      "document.querySelectorAll('select').forEach(s=>[...s.options].forEach((o,i)=>"
      "{s.selectedIndex=i;s.dispatchEvent(new Event('change'))}));"
      "root.dataset.offered=[...titles].join('|');"
      "root.dataset.pressed=document.querySelectorAll('.modebar-btn').length};"
      "setTimeout(press,9000);";
  const std::string drawn =
      drawn_in_browser(folder_.path(), probed(render_html(report()), kProbe + takes_notes));
  EXPECT_THAT(drawn, HasSubstr("data-left=\"\""));
  EXPECT_THAT(drawn, Not(HasSubstr("data-fault")));
  EXPECT_THAT(drawn, Not(HasSubstr("data-pressed=\"0\"")));
  EXPECT_THAT(drawn, HasSubstr("Download plot"));  // so the buttons were there
  const auto offered = drawn.substr(drawn.find("data-offered="), 600);
  for (const char* word : {"cloud", "Share", "Chart Studio", "Produced with"})
    EXPECT_THAT(offered, Not(HasSubstr(word)));
}

}  // namespace
}  // namespace totum

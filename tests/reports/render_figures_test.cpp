#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/files.h"
#include "reports/figure.h"
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

class RenderFiguresTest : public testing::Test {
 protected:
  json report() const {
    const fs::path runs = folder_.path() / "runs";
    write_synthetic_grid(runs);
    return make_report(read_runs(runs, synthetic_tables()), shipped_numbers(), {200, 1, 1});
  }
  TemporaryFolder folder_;
};

TEST_F(RenderFiguresTest, EveryFigureIsThereAsSvgAndAsPdf) {
  const auto files = render_figures(report());
  for (const char* what : {"patients", "differences", "critical_difference", "ranks"}) {
    for (const char* cell : {"ct_ct", "ct_mr", "mr_ct", "mr_mr"}) {
      for (const char* ending : {".svg", ".pdf"})
        EXPECT_TRUE(files.contains(std::string("figures/table1_") + what + "_" + cell + ending))
            << what << cell;
    }
  }
}

TEST_F(RenderFiguresTest, AreVectorsThatNeedNothingFromOutside) {
  for (const auto& [name, bytes] : render_figures(report())) {
    if (name.ends_with(".svg")) {
      EXPECT_THAT(bytes, HasSubstr("<svg")) << name;
      EXPECT_THAT(bytes, Not(HasSubstr("<image"))) << name;
      EXPECT_THAT(bytes, Not(HasSubstr("href=\"http"))) << name;
    } else {
      EXPECT_TRUE(bytes.starts_with("%PDF-")) << name;
      EXPECT_THAT(bytes, Not(HasSubstr("/Subtype /Image"))) << name;
    }
  }
}

TEST_F(RenderFiguresTest, TheSameReportGivesTheSameBytes) {
  const json made = report();
  EXPECT_EQ(render_figures(made), render_figures(made));
}

TEST_F(RenderFiguresTest, AnotherProgramReadsTheMethodsAndTheSizeInThePdf) {
  if (std::system("command -v pdftotext >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "pdftotext is not installed (Debian: poppler-utils)";
  const auto files = render_figures(report());
  write_file_atomically(folder_.path() / "figure.pdf", files.at("figures/table1_patients_ct_ct.pdf"));
  const std::string text = (folder_.path() / "figure.txt").string();
  ASSERT_EQ(std::system(("pdftotext " + (folder_.path() / "figure.pdf").string() + " " + text).c_str()), 0);
  for (const char* words : {"Single", "(a) plain network", "(c) APRN", "Dice in percent",
                            "smoke, phantom: not a result about patients"}) {
    EXPECT_THAT(read_file(text), HasSubstr(words));
  }
}

TEST_F(RenderFiguresTest, ASinglePatientAndEqualValuesCanBeDrawn) {
  const fs::path runs = folder_.path() / "one";
  const auto rule = [](std::int64_t, Modality, std::int64_t) { return std::optional(0.0); };
  for (const char* id : {"single", "ablation_a", "ablation_c"}) write_synthetic_run(runs, {id, 0, 1, rule});
  const json made = make_report(read_runs(runs, synthetic_tables()), shipped_numbers(), {50, 1, 1});
  for (const auto& [name, bytes] : render_figures(made)) EXPECT_THAT(bytes, Not(HasSubstr("nan"))) << name;
}

TEST(Figure, TicksAreRoundNumbersWithinTheAxis) {
  const auto near = [](const std::vector<double>& expected) {
    return testing::Pointwise(testing::DoubleNear(1e-9), expected);
  };
  EXPECT_THAT(figure::ticks(0, 100), near({0, 20, 40, 60, 80, 100}));
  EXPECT_THAT(figure::ticks(-3.4, 4.1), near({-3, -2, -1, 0, 1, 2, 3, 4}));
  EXPECT_THAT(figure::ticks(0.11, 0.19), near({0.12, 0.14, 0.16, 0.18}));
  EXPECT_THAT(figure::ticks(0.5, 3.5, 1), near({1, 2, 3}));  // of ranks
}

TEST(Figure, TickTextsAreShortAndHaveAMinusSign) {
  EXPECT_EQ(figure::tick_text(0), "0");
  EXPECT_EQ(figure::tick_text(-1e-17), "0");
  EXPECT_EQ(figure::tick_text(12.5), "12.5");
  EXPECT_EQ(figure::tick_text(-3), "−3");
}

TEST(Figure, NotesAreBrokenBetweenWords) {
  const std::string word(50, 'x');
  EXPECT_EQ(figure::note_lines({word + " " + word + " end", "short"}),
            (std::vector<std::string>{word + " " + word, "end", "short"}));
  EXPECT_EQ(figure::note_lines({std::string(200, 'y')}).size(), 1U);
}

}  // namespace
}  // namespace totum

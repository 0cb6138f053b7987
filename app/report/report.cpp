#include "app/report/report.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cli/progress.hpp"
#include "app/config/config.hpp"
#include "app/report/chart.hpp"
#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/file/json.hpp"
#include "io/run/folder.hpp"
#include "io/run/metrics.hpp"

namespace accord::app {
namespace {

using Format = Chart::Format;

io::MetricsTable metrics_of(std::filesystem::path const& run) {
  std::filesystem::path const file = run / "metrics.jsonl";
  if (!std::filesystem::exists(file))
    throw DataError(fmt::format("{}: no metrics.jsonl here; --run takes the log.directory of a run",
                                run.string()));
  io::MetricsTable table = io::read_metrics(file);
  if (!table.find("step"))
    throw DataError(fmt::format("{}: no step has been logged yet", file.string()));
  return table;
}

bool ends_with(std::string const& text, std::string const& end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

Series series_of(io::MetricsTable const& table, std::string const& column,
                 std::string const& shown_as) {
  return {shown_as, *table.find("step"), *table.find(column)};
}

/// One chart of the columns that exist; none when none does.
std::optional<Chart> chart_of(io::MetricsTable const& table, std::string const& title,
                              std::vector<std::pair<std::string, std::string>> const& columns,
                              Format format, bool from_zero) {
  Chart chart;
  chart.title = title;
  chart.format = format;
  chart.from_zero = from_zero;
  for (auto const& [column, name] : columns)
    if (table.find(column)) chart.series.push_back(series_of(table, column, name));
  if (chart.series.empty()) return std::nullopt;
  return chart;
}

/// All columns that end alike, "itc_loss" and its kin, shown without the ending.
std::vector<std::pair<std::string, std::string>> columns_ending(io::MetricsTable const& table,
                                                                std::string const& end) {
  std::vector<std::pair<std::string, std::string>> found;
  for (std::string const& name : table.names)
    if (ends_with(name, end)) found.emplace_back(name, name.substr(0, name.size() - end.size()));
  return found;
}

Chart loss_chart(io::MetricsTable const& table) {
  std::vector<std::pair<std::string, std::string>> columns = columns_ending(table, "_loss");
  columns.insert(columns.begin(), {"loss", "loss"});
  return chart_of(table, "Loss and its terms", columns, Format::number, false)
      .value_or(Chart{"Loss", {}});
}

std::vector<Chart> detail_charts(io::MetricsTable const& table) {
  std::vector<Chart> charts;
  auto const add = [&](std::optional<Chart> chart) {
    if (chart) charts.push_back(std::move(*chart));
  };
  add(chart_of(table, "Right partner first within the batch", columns_ending(table, "_accuracy"),
               Format::percent, true));
  add(chart_of(table, "Gradient norm before clipping", {{"grad_norm", ""}}, Format::number, true));
  add(chart_of(table, "Learning rate", {{"learning_rate", ""}}, Format::scientific, true));
  if (!charts.empty() && charts.back().format == Format::scientific) charts.back().noisy = false;
  add(chart_of(table, "Samples per second", {{"samples_per_second", ""}}, Format::number, true));
  add(chart_of(table, "Seconds per step",
               {{"step_seconds", "step"}, {"data_wait_seconds", "waiting for data"}},
               Format::seconds, true));
  add(chart_of(table, "Logit scale", {{"logit_scale", ""}}, Format::number, false));
  add(chart_of(table, "TFLOP/s per rank",
               {{"executed_tflops_per_rank", "executed"}, {"model_tflops_per_rank", "model"}},
               Format::number, true));
  return charts;
}

/// R@1 on data.validation; none where that was not measured.
std::optional<Chart> validation_chart(std::filesystem::path const& file) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  io::MetricsTable const table = io::read_metrics(file);
  std::optional<Chart> chart = chart_of(table, "Right partner first in held-out data (R@1)",
                                        columns_ending(table, "_r1"), Format::percent, true);
  if (!chart) return std::nullopt;
  chart->noisy = false;
  for (Series& series : chart->series)
    for (double& percent : series.y) percent /= 100;
  return chart;
}

double last_of(io::MetricsTable const& table, std::string const& column) {
  std::vector<double> const* values = table.find(column);
  return values ? values->back() : std::nan("");
}

/// Mean of the last tenth: one step says little.
double recent(io::MetricsTable const& table, std::string const& column) {
  std::vector<double> const* values = table.find(column);
  if (!values) return std::nan("");
  std::size_t const n = std::max<std::size_t>(1, values->size() / 10);
  double sum = 0;
  for (std::size_t i = values->size() - n; i < values->size(); ++i) sum += (*values)[i];
  return sum / static_cast<double>(n);
}

/// Time spent in steps: each line speaks for the steps since the one before.
double training_seconds(io::MetricsTable const& table) {
  std::vector<double> const* seconds = table.find("step_seconds");
  std::vector<double> const& steps = *table.find("step");
  double sum = 0;
  for (std::size_t i = 0; seconds && i < steps.size(); ++i)
    if (std::isfinite((*seconds)[i])) sum += (*seconds)[i] * (steps[i] - (i ? steps[i - 1] : 0));
  return sum;
}

class Page {
 public:
  explicit Page(std::filesystem::path const& run)
      : run_(run), folder_(run), table_(metrics_of(run)) {
    try {
      config_ = parse_config(folder_.configuration(), "config.toml");
    } catch (UsageError const&) {
      // Written by another version, or missing: the page does without the figures that come from
      // it.
    }
  }

  std::string html() {
    head();
    figures();
    out_ += fmt::format("<section class=\"card wide\">{}</section>\n",
                        to_svg(loss_chart(table_), 1120, 380));
    out_ += "<div class=\"charts\">\n";
    std::vector<Chart> charts = detail_charts(table_);
    if (auto held_out = validation_chart(folder_.validation()))
      charts.insert(charts.begin(), std::move(*held_out));
    for (Chart const& chart : charts)
      out_ += fmt::format("<section class=\"card\">{}</section>\n", to_svg(chart, 550, 260));
    out_ += "</div>\n";
    evaluations();
    events();
    configuration();
    out_ += "</main>\n</body>\n</html>\n";
    return std::move(out_);
  }

 private:
  void head() {
    std::string const name = std::filesystem::weakly_canonical(run_).filename().string();
    out_ = fmt::format(R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>{0} · Accord</title>
<style>{1}{2}</style>
</head>
<body>
<main>
<header><h1>{0}</h1>{3}</header>
)",
                       escaped(name), page_style(), chart_style(), status());
    if (config_) out_ += fmt::format("<p class=\"summary\">{}</p>\n", escaped(summary(*config_)));
  }

  static std::string summary(Config const& config) {
    StackConfig const& encoder = config.model.encoder;
    std::string modalities;
    for (ModalityConfig const& modality : config.model.modalities)
      modalities += (modalities.empty() ? "" : " and ") + modality.name;
    return fmt::format("{} · {} layers of width {}, {} heads · batch {} · seed {}", modalities,
                       encoder.layers, encoder.embed_dim, encoder.heads, config.train.global_batch,
                       config.train.seed);
  }

  std::string status() const {
    std::optional<io::RunRecord> const record = folder_.record();
    if (!record) return "<span class=\"chip open\">no record of an end: running, or killed</span>";
    char const* kind = record->reason == "finished" ? "done" : "open";
    return fmt::format("<span class=\"chip {}\">{}</span>", kind, escaped(record->reason));
  }

  void figure(std::string const& label, std::string const& value, std::string const& note = "") {
    out_ += fmt::format(
        "<div class=\"figure\"><span class=\"label\">{}</span><span class=\"value\">{}</span>"
        "<span class=\"note\">{}</span></div>\n",
        escaped(label), escaped(value), escaped(note));
  }

  void figures() {
    out_ += "<section class=\"figures\">\n";
    double const step = last_of(table_, "step");
    std::string of_all;
    if (config_ && config_->train.steps > 0) of_all = fmt::format("of {}", config_->train.steps);
    figure("Step", fmt::format("{:.0f}", step), of_all);
    if (std::vector<double> const* loss = table_.find("loss"))
      figure("Loss", readable(recent(table_, "loss"), Format::number),
             fmt::format("from {}", readable(loss->front(), Format::number)));
    for (auto const& [column, name] : columns_ending(table_, "_accuracy"))
      figure(name + " in the batch", readable(recent(table_, column), Format::percent),
             config_ ? fmt::format("chance {}",
                                   readable(1.0 / static_cast<double>(config_->train.global_batch),
                                            Format::percent))
                     : "");
    if (table_.find("samples_per_second"))
      figure("Samples / second", readable(recent(table_, "samples_per_second"), Format::number),
             fmt::format("{} in steps", duration(training_seconds(table_))));
    double const step_seconds = recent(table_, "step_seconds"),
                 waited = recent(table_, "data_wait_seconds");
    if (step_seconds > 0 && waited >= 0)
      figure("Waiting for data", readable(waited / step_seconds, Format::percent), "of the step");
    if (double const bytes = last_of(table_, "peak_memory_bytes"); bytes > 0)
      figure("Peak memory",
             bytes < 1e9 ? fmt::format("{:.0f} MB", bytes / 1e6)
                         : fmt::format("{:.1f} GB", bytes / 1e9),
             "per rank");
    if (double const skipped = last_of(table_, "skipped_samples"); skipped > 0)
      figure("Skipped samples", fmt::format("{:.0f}", skipped), "unreadable, replaced");
    out_ += "</section>\n";
  }

  void evaluations() {
    std::vector<std::filesystem::path> files;
    for (auto const& entry : std::filesystem::directory_iterator(run_))
      if (entry.path().extension() == ".json" && entry.path().filename() != "run.json")
        files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::string rows;
    for (std::filesystem::path const& file : files) {
      auto const json = io::try_parse_json<nlohmann::ordered_json>(io::read_file(file));
      try {
        if (json.is_object()) rows += evaluation_rows(file.stem().string(), json);
      } catch (nlohmann::ordered_json::exception const& error) {
        throw DataError(fmt::format("{}: not figures of an evaluation: {}; move it away",
                                    file.string(), error.what()));
      }
    }
    if (rows.empty()) return;
    out_ +=
        "<section "
        "class=\"card\"><h2>Evaluation</h2>\n<table>\n<thead><tr><th>result</th><th>direction</th>"
        "<th class=\"number\">R@1</th><th class=\"number\">R@5</th><th class=\"number\">R@10</th>"
        "<th class=\"number\">queries</th></tr></thead>\n<tbody>\n" +
        rows + "</tbody>\n</table>\n</section>\n";
  }

  static std::string evaluation_rows(std::string const& name, nlohmann::ordered_json const& json) {
    std::string rows;
    for (auto const& [direction, result] : json.items()) {
      if (!result.is_object() || !result.contains("r1")) continue;
      nlohmann::ordered_json const chance =
          json.contains("chance")
              ? json["chance"].value(direction, nlohmann::ordered_json::object())
              : nlohmann::ordered_json::object();
      rows += fmt::format("<tr><td>{}</td><td>{}</td>", escaped(name), escaped(direction));
      for (char const* key : {"r1", "r5", "r10"})
        rows += recall_cell(result.value(key, 0.0), chance.value(key, -1.0));
      rows += fmt::format("<td class=\"number\">{}</td></tr>\n",
                          result.value("count", json.value("count", std::int64_t{0})));
    }
    if (json.contains("accuracy") && json["accuracy"].is_number())
      rows += fmt::format(
          "<tr><td>{}</td><td>accuracy</td>{}<td></td><td></td><td class=\"number\">{}</td></tr>\n",
          escaped(name), recall_cell(json["accuracy"].get<double>(), -1.0),
          json.value("count", std::int64_t{0}));
    return rows;
  }

  static std::string recall_cell(double percent, double chance) {
    return fmt::format(
        "<td class=\"number\"><span class=\"bar\" style=\"width: {:.1f}%\"></span>{:.1f} %{}</td>",
        std::clamp(percent, 0.0, 100.0), percent,
        chance < 0 ? "" : fmt::format("<span class=\"note\"> chance {:.1f}</span>", chance));
  }

  void events() {
    std::vector<io::Event> const events = folder_.events();
    if (events.empty()) return;
    constexpr double last_second = 253402300799;  // of the year 9999
    out_ += "<section class=\"card\"><h2>Events</h2>\n<table>\n<tbody>\n";
    for (io::Event const& event : events)
      out_ += fmt::format(
          "<tr><td class=\"time\">{:%Y-%m-%d %H:%M:%S} UTC</td><td class=\"number\">step "
          "{}</td><td>{}</td></tr>\n",
          fmt::gmtime(static_cast<std::time_t>(std::clamp(event.unix_seconds, 0.0, last_second))),
          event.step, escaped(event.text));
    out_ += "</tbody>\n</table>\n</section>\n";
  }

  void configuration() {
    std::string const toml = folder_.configuration();
    if (toml.empty()) return;
    out_ += fmt::format(
        "<section "
        "class=\"card\"><details><summary><h2>Configuration</h2></summary><pre>{}</pre></details></"
        "section>\n",
        escaped(toml));
  }

  static std::string page_style() {
    return R"(
:root { color-scheme: light dark; --page: #f4f6f9; --card: #ffffff; --edge: #e3e7ee; --text: #1c2430; --soft: #667085;
  --bar: #d7e4ff; --done: #0f8a5f; --open: #a65a00; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0f1218; --card: #171b22; --edge: #262c36; --text: #e8ebf1; --soft: #98a2b3; --bar: #23395f;
    --done: #4ccf9b; --open: #ffa657; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 32px 24px 64px; }
header { display: flex; align-items: center; gap: 14px; flex-wrap: wrap; }
h1 { font-size: 26px; margin: 0; } h2 { font-size: 16px; margin: 0; display: inline-block; }
.summary { color: var(--soft); margin: 4px 0 20px; }
.chip { border: 1px solid currentColor; border-radius: 999px; padding: 1px 12px; font-size: 13px; }
.chip.done { color: var(--done); } .chip.open { color: var(--open); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px; margin-bottom: 16px; }
.figure, .card { background: var(--card); border: 1px solid var(--edge); border-radius: 12px; }
.figure { padding: 12px 16px; display: flex; flex-direction: column; }
.label, .note { color: var(--soft); font-size: 12.5px; }
.value { font-size: 24px; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.3; }
.card { padding: 16px; margin-bottom: 16px; overflow-x: auto; }
.card > svg { display: block; width: 100%; height: auto; margin: -6px -4px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); gap: 16px; margin-bottom: 16px; }
.charts .card { margin: 0; }
table { border-collapse: collapse; width: 100%; margin-top: 10px; font-size: 14px; }
th { text-align: left; color: var(--soft); font-weight: 500; }
th, td { padding: 7px 10px; border-bottom: 1px solid var(--edge); }
tbody tr:last-child td { border-bottom: 0; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; position: relative; }
td.time { color: var(--soft); white-space: nowrap; font-variant-numeric: tabular-nums; }
.bar { position: absolute; left: 4px; bottom: 3px; height: 3px; border-radius: 2px; background: var(--done); max-width: calc(100% - 8px); }
summary { cursor: pointer; } pre { overflow-x: auto; font-size: 12.5px; line-height: 1.45; margin: 12px 0 0; }
)";
  }

  std::filesystem::path run_;
  io::RunFolder folder_;
  io::MetricsTable table_;
  std::optional<Config> config_;
  std::string out_;
};

}  // namespace

std::string report_html(std::filesystem::path const& run) { return Page(run).html(); }

std::string loss_curve_svg(std::filesystem::path const& run) {
  return to_svg_file(loss_chart(metrics_of(run)), 960, 420);
}

}  // namespace accord::app

#include "app/train/trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/comm/gather_lists.hpp"
#include "io/file/file.hpp"

namespace accord::app {
namespace {

namespace fs = std::filesystem;

double seconds(Trace::Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}
double microseconds(Trace::Clock::duration duration) { return 1e6 * seconds(duration); }

std::string args_of(TraceValue const& value) {
  return value.key.empty() ? "{}" : fmt::format("{{\"{}\":{}}}", value.key, value.value);
}

TraceSummary summary_from(nlohmann::json const& json) {
  TraceSummary summary;
  summary.steps = json.at("steps");
  summary.seconds = json.at("seconds");
  for (Activity const activity : all_activities)
    summary.seconds_of[activity] = json.at("activities").value(name_of(activity), 0.0);
  for (auto const& [name, part] : json.at("parts").items()) {
    TraceSummary::Part& p = summary.parts[name];
    for (Activity const activity : all_activities)
      if (part.at("activity") == name_of(activity)) p.activity = activity;
    p.calls = part.at("calls");
    p.seconds = part.at("seconds");
    p.bytes = part.at("bytes");
  }
  return summary;
}

nlohmann::ordered_json json_of(TraceSummary const& summary) {
  nlohmann::ordered_json json = {{"steps", summary.steps}, {"seconds", summary.seconds}};
  for (auto const& [activity, seconds] : summary.seconds_of)
    json["activities"][std::string(name_of(activity))] = seconds;
  json["parts"] = nlohmann::ordered_json::object();
  for (auto const& [name, part] : summary.parts)
    json["parts"][name] = {{"activity", name_of(part.activity)},
                           {"calls", part.calls},
                           {"seconds", part.seconds},
                           {"bytes", part.bytes}};
  return json;
}

}  // namespace

std::string to_chrome_json(Trace const& trace, int rank, std::string const& label) {
  std::string json = fmt::format(
      "{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
      "{{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{0},\"tid\":0,\"args\":{{\"name\":\"{1}\"}}"
      "}}",
      rank, label);
  auto const out = std::back_inserter(json);
  for (Trace::Span const& span : trace.spans())
    fmt::format_to(out,
                   ",\n{{\"ph\":\"X\",\"name\":\"{}\",\"cat\":\"{}\",\"ts\":{:.3f},\"dur\":{:.3f},"
                   "\"pid\":{},\"tid\":0,\"args\":{}}}",
                   span.name, name_of(span.activity), microseconds(span.begin),
                   microseconds(span.end - span.begin), rank, args_of(span.value));
  std::size_t id = 0;
  for (Trace::Transfer const& transfer : trace.transfers()) {
    for (bool const begins : {true, false})
      fmt::format_to(out,
                     ",\n{{\"ph\":\"{}\",\"name\":\"{}\",\"cat\":\"transfer\",\"id\":\"{}.{}\","
                     "\"ts\":{:.3f},\"pid\":{},\"tid\":0,\"args\":{}}}",
                     begins ? 'b' : 'e', transfer.name, rank, id,
                     microseconds(begins ? transfer.begin : transfer.end), rank,
                     args_of(transfer.value));
    ++id;
  }
  json += "\n]}\n";
  return json;
}

std::string to_table(std::vector<TraceSummary> const& ranks) {
  std::string table =
      fmt::format("{:<30} {:>8} {:>16} {:>16}\n", "share of the time", "mean", "least", "most");
  constexpr std::pair<Activity, char const*> rows[] = {
      {Activity::compute, "compute"},
      {Activity::communication, "exposed communication"},
      {Activity::bubble, "pipeline bubble"},
      {Activity::storage, "data and checkpoints"},
      {Activity::step, "other"}};
  for (auto const& [activity, name] : rows) {
    std::vector<double> shares;
    for (TraceSummary const& rank : ranks) shares.push_back(100 * rank.share(activity));
    auto const [least, most] = std::minmax_element(shares.begin(), shares.end());
    double mean = 0;
    for (double const share : shares) mean += share / static_cast<double>(shares.size());
    auto const place = [&](auto which) {
      return fmt::format("{:.1f} % rank {}", *which, which - shares.begin());
    };
    table +=
        fmt::format("{:<30} {:>6.1f} % {:>16} {:>16}\n", name, mean, place(least), place(most));
  }

  std::map<std::string, TraceSummary::Part> parts;
  double steps = 0;
  for (TraceSummary const& rank : ranks) {
    steps += static_cast<double>(rank.steps);
    for (auto const& [name, part] : rank.parts) {
      TraceSummary::Part& sum = parts[name];
      sum.activity = part.activity;
      sum.calls += part.calls;
      sum.seconds += part.seconds;
      sum.bytes += part.bytes;
    }
  }
  std::vector<std::pair<std::string, TraceSummary::Part>> sorted(parts.begin(), parts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](auto const& a, auto const& b) {
    return a.second.seconds > b.second.seconds;
  });
  table += fmt::format("\n{:<30} {:>10} {:>12} {:>12}  {}\n", "part", "ms/step", "calls/step",
                       "MB/step", "counts as");
  for (auto const& [name, part] : sorted)
    table += fmt::format(
        "{:<30} {:>10.3f} {:>12.1f} {:>12}  {}\n",
        part.activity == Activity::step ? "(not named)" : name, 1e3 * part.seconds / steps,
        static_cast<double>(part.calls) / steps,
        part.bytes > 0 ? fmt::format("{:.3f}", 1e-6 * static_cast<double>(part.bytes) / steps) : "",
        part.activity == Activity::step ? "other" : name_of(part.activity));
  return table;
}

RunTrace::RunTrace(LogConfig const& log, Queue& queue, Communicator& world,
                   parallel::MeshCoordinates const& at)
    : log_(log),
      queue_(queue),
      world_(world),
      label_(fmt::format("rank {} (data {}, pipeline {}, tensor {})", world.rank(), at.data,
                         at.pipeline, at.tensor)) {}

void RunTrace::next_step(Index step) {
  if (!log_.trace) return;
  step_.reset();
  ++steps_;
  if (steps_ == log_.trace_skip + 1) begin(step);
  if (steps_ == log_.trace_skip + log_.trace_steps + 1) finish();
  if (trace_) step_.emplace(queue_, Activity::step, "step", TraceValue{"step", step});
}

void RunTrace::begin(Index step) {
  first_ = step;
  if (world_.rank() == 0) {
    std::error_code error;  // what matters is seen when the files are written
    fs::remove_all(fs::path(log_.directory) / "trace", error);
    fs::create_directories(fs::path(log_.directory) / "trace", error);
  }
  world_.barrier(queue_);  // so that the ranks' clocks begin together
  trace_ = std::make_unique<Trace>();
  queue_.record_trace(trace_.get());
}

void RunTrace::write(fs::path const& file, std::string const& content) {
  try {
    io::write_file_atomically(file, content);
  } catch (IoError const& error) {
    if (!failure_) failure_ = error;
  }
}

void RunTrace::finish() {
  step_.reset();
  if (!trace_) return;
  queue_.record_trace(nullptr);
  auto const trace = std::move(trace_);
  fs::path const folder = fs::path(log_.directory) / "trace";
  write(folder / fmt::format("rank-{:04}.json", world_.rank()),
        to_chrome_json(*trace, world_.rank(), label_));
  std::vector<std::string> const texts =
      gather_lists(queue_, world_, json_of(summarise(trace->spans())).dump());
  if (world_.rank() != 0) return;
  std::vector<TraceSummary> ranks;
  nlohmann::ordered_json summary = {{"first_step", first_}, {"ranks", nlohmann::json::array()}};
  for (std::string const& text : texts) {
    auto const json = nlohmann::ordered_json::parse(text);
    summary["ranks"].push_back(json);
    ranks.push_back(summary_from(json));
  }
  write(folder / "summary.json", summary.dump(1) + "\n");
  report_ = fmt::format("Trace of {} steps from step {} on, {} ranks, in {}\n{}", ranks[0].steps,
                        first_, ranks.size(), folder.string(), to_table(ranks));
}

}  // namespace accord::app

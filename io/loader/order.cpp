#include "io/loader/order.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/base/check.hpp"
#include "io/file/json.hpp"
#include "io/file/json_integer.hpp"
#include "io/loader/permutation.hpp"

namespace accord::io {

std::string to_json(OrderState const& state) {
  nlohmann::json sources = nlohmann::json::array();
  for (SourceState const& s : state.sources)
    sources.push_back({{"name", s.name},
                       {"epoch", s.epoch},
                       {"first", s.first},
                       {"samples", s.samples},
                       {"index", s.index},
                       {"weight", s.weight}});
  return nlohmann::json{
      {"position", state.position}, {"global_batch", state.global_batch}, {"sources", sources}}
      .dump();
}

OrderState order_state_from_json(std::string_view text) {
  try {
    nlohmann::json const json = parse_json(text);
    OrderState state;
    auto const integer = [](nlohmann::json const& value) {
      return json_integer<std::uint64_t>(value);
    };
    state.position = integer(json.at("position"));
    state.global_batch = integer(json.at("global_batch"));
    for (nlohmann::json const& s : json.at("sources"))
      state.sources.push_back({s.at("name"), integer(s.at("epoch")), integer(s.at("first")),
                               integer(s.at("samples")), s.at("index"), s.at("weight")});
    return state;
  } catch (nlohmann::json::exception const& error) {
    throw DataError(fmt::format("the state of the loader cannot be read: {}", error.what()));
  }
}

Order::Order(std::vector<OrderSource> sources, std::uint64_t global_batch, std::uint32_t seed,
             OrderState const* start)
    : lone_(sources.size() == 1),
      global_batch_(global_batch),
      order_(seed, Purpose::order),
      slots_(seed, Purpose::source) {
  ACCORD_CHECK(!sources.empty() && global_batch > 0, "an order of {} sources, batch {}",
               sources.size(), global_batch);
  if (start && start->sources.size() != sources.size())
    throw UsageError(fmt::format(
        "the run was begun with {} data sources, the configuration names {}: a run keeps "
        "the sources it began with",
        start->sources.size(), sources.size()));
  if (start && start->global_batch != global_batch)
    throw UsageError(fmt::format(
        "the run was begun with train.global_batch = {}, now it is {}: a run keeps its batch",
        start->global_batch, global_batch));
  constexpr std::uint64_t kAlways = std::numeric_limits<std::uint64_t>::max();
  for (std::size_t j = 0; j < sources.size(); ++j) {
    OrderSource const& now = sources[j];
    if (now.samples < (lone_ ? global_batch : 1))
      throw DataError(
          fmt::format("data source {} has {} samples, fewer than one global batch of {}: reduce "
                      "train.global_batch or add data",
                      now.name, now.samples, lone_ ? global_batch : 1));
    Source source{
        now, {now.name, 0, 0, now.samples, now.index, now.weight}, lone_ ? 0 : kAlways, 0, 0};
    if (start) {
      source.bound = start->sources[j];
      if (source.bound.name != now.name)
        throw UsageError(fmt::format(
            "data source {} was {} when the run began: a run keeps its sources and their order",
            now.name, source.bound.name));
      if (source.bound.weight != now.weight && !lone_)
        throw UsageError(fmt::format(
            "data source {} had weight {} when the run began, now it is {}: a run keeps "
            "its mixture",
            now.name, source.bound.weight, now.weight));
      if (epoch_length(source.bound.samples) == 0 ||
          (lone_ && source.bound.first > start->position))
        throw DataError(fmt::format(
            "the state of the loader is damaged: at position {}, an epoch of source {} with {} "
            "samples that began at {}",
            start->position, now.name, source.bound.samples, source.bound.first));
      if (source.bound.samples > now.samples)
        throw DataError(fmt::format(
            "data source {} has {} samples but had {} when its epoch began: shards are missing",
            now.name, now.samples, source.bound.samples));
      if (lone_)
        source.bound_end =
            source.bound.first +
            (start->position > source.bound.first ? epoch_length(source.bound.samples) : 0);
    }
    sources_.push_back(std::move(source));
  }
  if (!lone_) set_quotas();
}

void Order::set_quotas() {
  double total = 0;
  for (Source const& source : sources_) {
    if (!(source.now.weight > 0 && std::isfinite(source.now.weight)))
      throw UsageError(fmt::format("data source {} has weight {}: expected a positive number",
                                   source.now.name, source.now.weight));
    total += source.now.weight;
  }
  std::vector<double> remainder;
  std::uint64_t left = mixture_window;
  for (Source& source : sources_) {
    double const share = source.now.weight / total * static_cast<double>(mixture_window);
    source.quota = static_cast<std::uint64_t>(share);
    remainder.push_back(share - std::floor(share));
    left -= source.quota;
  }
  std::vector<std::size_t> by_remainder(sources_.size());
  std::iota(by_remainder.begin(), by_remainder.end(), std::size_t{0});
  std::stable_sort(by_remainder.begin(), by_remainder.end(),
                   [&](std::size_t a, std::size_t b) { return remainder[a] > remainder[b]; });
  for (std::size_t i = 0; i < left; ++i) ++sources_[by_remainder[i]].quota;

  std::uint64_t slot = 0;
  for (Source& source : sources_) {
    if (source.quota == 0)
      throw UsageError(
          fmt::format("data source {} has weight {} of {}: less than one position in {}, leave it "
                      "out or raise it",
                      source.now.name, source.now.weight, total, mixture_window));
    source.first_slot = slot;
    slot += source.quota;
  }
}

std::uint64_t Order::epoch_length(std::uint64_t samples) const {
  return lone_ ? samples / global_batch_ * global_batch_ : samples;
}

Order::Given Order::given(std::uint64_t position) const {
  if (lone_) return {0, position};
  std::uint64_t const window = position / mixture_window;
  std::uint64_t const slot =
      Permutation(mixture_window, slots_, window, 0, 0)(position % mixture_window);
  std::size_t j = 0;
  while (j + 1 < sources_.size() && sources_[j + 1].first_slot <= slot) ++j;
  return {j, window * sources_[j].quota + (slot - sources_[j].first_slot)};
}

Order::Turn Order::turn(Source const& source, std::uint64_t k) const {
  SourceState const& bound = source.bound;
  ACCORD_CHECK(k >= bound.first, "source {} is asked for what it gave before its epoch began",
               bound.name);
  std::uint64_t const bound_length = epoch_length(bound.samples);
  if (k < source.bound_end) {
    std::uint64_t const epochs = (k - bound.first) / bound_length;
    return {&bound, bound.epoch + epochs, bound.first + epochs * bound_length, bound.samples};
  }
  std::uint64_t const begun = (source.bound_end - bound.first) / bound_length;
  std::uint64_t const length = epoch_length(source.now.samples);
  std::uint64_t const epochs = (k - source.bound_end) / length;
  return {nullptr, bound.epoch + begun + epochs, source.bound_end + epochs * length,
          source.now.samples};
}

Order::Place Order::at(std::uint64_t position, int attempt) const {
  auto const [j, k] = given(position);
  Turn const t = turn(sources_[j], k);
  EpochOrder const order(t.samples, order_,
                         static_cast<std::uint32_t>(t.epoch) + static_cast<std::uint32_t>(attempt),
                         static_cast<std::uint32_t>(j));
  return {static_cast<int>(j), order(k - t.first)};
}

std::uint64_t Order::steps_per_epoch() const {
  std::uint64_t samples = 0;
  for (Source const& source : sources_) samples += source.now.samples;
  return samples / global_batch_;
}

std::uint64_t Order::epoch(std::uint64_t position) const {
  return turn(sources_[0], lone_ ? position : position / mixture_window * sources_[0].quota).epoch;
}

OrderState Order::state(std::uint64_t position) const {
  OrderState state{position, global_batch_, {}};
  for (Source const& source : sources_) {
    Turn const t = turn(source, lone_ ? position : position / mixture_window * source.quota);
    state.sources.push_back({source.now.name, t.epoch, t.first, t.samples,
                             t.bound ? t.bound->index : source.now.index, source.now.weight});
  }
  return state;
}

}  // namespace accord::io

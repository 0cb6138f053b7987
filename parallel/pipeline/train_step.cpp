#include "parallel/pipeline/train_step.hpp"

#include <algorithm>

#include "core/base/trace.hpp"

namespace accord::parallel {
namespace {

View view_of(std::vector<double>& values) {
  return {values.data(), DType::float64, Shape{static_cast<Index>(values.size())}};
}

bool contrasted(Model const& model) {
  return std::any_of(model.passes().begin(), model.passes().end(),
                     [](Pass const& pass) { return pass.contrasted; });
}

}  // namespace

class TrainStep::Run {
 public:
  Run(TrainStep& step, std::vector<MicroBatch> const& micro_batches)
      : queue_(step.queue_),
        model_(step.model_),
        groups_(step.groups_),
        options_(step.options_),
        micro_batches_(micro_batches),
        schedule_(make_schedule(step.schedule_, groups_.pipeline->rank(), groups_.pipeline->size(),
                                static_cast<int>(micro_batches.size()),
                                static_cast<int>(model_.chunks().size()))),
        links_(queue_, groups_) {
    for (MicroBatch const& batch : micro_batches) begin_.push_back(begin_.back() + batch.samples());
    ModelConfig const& config = model_.config();
    DType const statistics = accumulator_of(model_.dtype());
    auto const zeros = [&](std::size_t count) {
      return Tensor::zeros(queue_, statistics, Shape{static_cast<Index>(count)});
    };
    terms_ = zeros(config.objectives.size());
    correct_ = zeros(count_names(config).size());
    if (model_.chunks().back().last) contrast_.emplace(queue_, model_, options_, begin_.back());
  }

  /// Embeddings of all micro-batches, if something is contrasted, and the contrast, which needs
  /// them all.
  void first_pass() {
    TraceSpan const span(queue_, Activity::compute, "first pass");
    if (contrasted(model_))
      for (StageStep const& at : schedule_)
        if (at.direction == Direction::forward) {
          MicroStep step = micro_step(at, MicroStep::Passes::contrasted);
          if (forward(at, step)) contrast_->keep(step, begin_of(at), count_of(at));
        }
    if (contrast_) contrast_->run(*groups_.data, sums());
  }

  /// Forwards with activations and backwards, in the schedule's order.
  void train_pass(Stack::Ready const& ready) {
    std::map<std::pair<int, int>, MicroStep> held;  // by micro-batch and chunk
    for (std::size_t i = 0; i < schedule_.size(); ++i) {
      StageStep const& at = schedule_[i];
      std::pair const key{at.micro_batch, at.chunk};
      if (at.direction == Direction::forward) {
        MicroStep& step = held.emplace(key, micro_step(at, MicroStep::Passes::all)).first->second;
        if (forward(at, step)) meet_contrast(at, step);
      } else {
        backward(at, held.at(key), completes_gradients(i) ? ready : Stack::Ready{});
        held.erase(key);
      }
    }
    links_.finish();
  }

  /// The replica's figures, on all its ranks: the last stage knows them.
  StepFigures figures() {
    std::vector<double> all,
        scalars = contrast_ ? contrast_->scalars()
                            : std::vector<double>(scalar_names(model_.config()).size());
    auto const append = [&](Tensor const& values) {
      if (values.dtype() == DType::float64) {
        std::vector<double> const doubles = to_host<double>(queue_, values);
        all.insert(all.end(), doubles.begin(), doubles.end());
      } else {
        std::vector<float> const floats = to_host<float>(queue_, values);
        all.insert(all.end(), floats.begin(), floats.end());
      }
    };
    append(terms_);
    append(correct_);
    all.insert(all.end(), scalars.begin(), scalars.end());
    groups_.pipeline->broadcast(queue_, view_of(all), groups_.pipeline->size() - 1);
    auto const terms = all.begin() + terms_.size(), correct = terms + correct_.size();
    return {{all.begin(), terms}, {terms, correct}, {correct, all.end()}};
  }

 private:
  StepSums sums() { return {terms_, correct_}; }
  MicroBatch const& batch_of(StageStep const& at) const {
    return micro_batches_[static_cast<std::size_t>(at.micro_batch)];
  }
  Index begin_of(StageStep const& at) const {
    return begin_[static_cast<std::size_t>(at.micro_batch)];
  }
  Index count_of(StageStep const& at) const { return batch_of(at).samples(); }
  LayerChunk const& chunk_of(StageStep const& at) const {
    return model_.chunks()[static_cast<std::size_t>(at.chunk)];
  }
  MicroStep micro_step(StageStep const& at, MicroStep::Passes passes) const {
    TraceSpan const span = traced("plan", at);
    return {queue_, model_, options_, batch_of(at), passes, at.chunk};
  }

  TraceSpan traced(char const* name, StageStep const& at) const {
    return {queue_, Activity::compute, name, {"micro_batch", at.micro_batch}};
  }

  /// \returns whether the micro-batch has reached the end of the model: its embeddings are there
  bool forward(StageStep const& at, MicroStep& step) {
    TraceSpan const span = traced("forward", at);
    return links_.forward(chunk_of(at), model_.dtype(), step);
  }

  void backward(StageStep const& at, MicroStep& step, Stack::Ready const& ready) {
    TraceSpan const span = traced("backward", at);
    Tensor doutput;
    if (chunk_of(at).last) {
      doutput = step.losses(sums(), contrast_->gradients(begin_of(at), count_of(at)));
    } else {
      doutput = links_.receive(Direction::backward, model_.dtype(), step.output_gradient_shape());
    }
    Tensor dinput = step.backward(std::move(doutput), ready);
    if (!chunk_of(at).first) links_.send(Direction::backward, std::move(dinput));
  }

  void meet_contrast(StageStep const& at, MicroStep const& step) {
    if (micro_batches_.size() > 1) {
      if (options_.compare_passes)
        contrast_->expect_kept(step, begin_of(at), count_of(at), at.micro_batch);
      return;
    }
    contrast_->keep(step, begin_of(at), count_of(at));
    contrast_->run(*groups_.data, sums());
  }

  /// Whether step i adds for the last time to the gradients of its chunk and of all behind it.
  bool completes_gradients(std::size_t i) const {
    return std::none_of(schedule_.begin() + static_cast<std::ptrdiff_t>(i) + 1, schedule_.end(),
                        [&](StageStep const& later) {
                          return later.direction == Direction::backward &&
                                 later.chunk >= schedule_[i].chunk;
                        });
  }

  Queue& queue_;
  Model& model_;
  MeshGroups& groups_;
  StepOptions const& options_;
  std::vector<MicroBatch> const& micro_batches_;
  std::vector<Index> begin_{0};  ///< first sample of each micro-batch, and the end
  StageSchedule schedule_;
  StageLinks links_;
  Tensor terms_, correct_;
  std::optional<BatchContrast> contrast_;  ///< on the last stage
};

TrainStep::TrainStep(Queue& queue, Model& model, MeshGroups& groups, StepOptions const& options,
                     ScheduleKind schedule)
    : queue_(queue), model_(model), groups_(groups), options_(options), schedule_(schedule) {}

StepFigures TrainStep::run(std::vector<MicroBatch> const& micro_batches,
                           Stack::Ready const& ready) {
  Run run(*this, micro_batches);
  if (micro_batches.size() > 1) run.first_pass();
  run.train_pass(ready);
  return run.figures();
}

void add_over_replicas(Queue& queue, MeshGroups& groups, StepFigures& figures) {
  groups.data->all_reduce(queue, view_of(figures.terms));
  groups.data->all_reduce(queue, view_of(figures.correct));
}

}  // namespace accord::parallel

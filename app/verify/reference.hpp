#pragma once
// One reference file under verification: what it holds, what this build computes, and how far the
// two are apart.

#include <memory>
#include <string>
#include <vector>

#include "core/tensor/tensor.hpp"
#include "io/hdf5/hdf5_reader.hpp"

namespace accord::app {

/// How far a result may be from its reference. A tensor passes if any given bound holds.
struct Tolerance {
  double relative = 0;    ///< ||got - want|| / ||want||
  double absolute = 0;    ///< max |got - want|
  double norm_floor = 0;  ///< ||got - want||
  double share_within =
      0;  ///< with `within`: at least this share of elements is that close as well
  double within = 0;
};

/// Tolerances by kind of quantity, as the reference files' documentation recommends them for each
/// type.
enum class Quantity : std::uint8_t {
  unit_output,
  unit_gradient,
  model_output,
  loss,
  model_gradient,
  contrastive,
  trajectory_loss,
  trajectory_norm,
  trajectory_weights,
  exact
};
Tolerance tolerance_of(Quantity quantity, DType dtype);

/// One compared tensor.
struct Compared {
  std::string name;
  double relative = 0, absolute = 0;
  bool pass = false;
};

class Reference {
 public:
  /// \param tokenizer  the vocabulary's folder, for files of tokens; empty: the file's own, or one
  /// near it
  Reference(std::filesystem::path const& file, DType dtype, std::string tokenizer = "");
  ~Reference();

  io::Hdf5Reader const& file() const { return file_; }
  std::string const& name() const { return name_; }  ///< the attribute `case`
  DType dtype() const { return dtype_; }
  std::string const& tokenizer() const { return tokenizer_; }

  /// The attribute `config` by JSON pointer ("/model/encoder/embed_dim"). \throws DataError if it
  /// is not there.
  double number(std::string const& pointer) const;
  std::string text(std::string const& pointer) const;
  bool flag(std::string const& pointer) const { return number(pointer) != 0; }
  Index integer(std::string const& pointer) const { return static_cast<Index>(number(pointer)); }
  bool has(std::string const& pointer) const;
  bool has_text(std::string const& pointer) const;

  std::vector<double> values(std::string const& dataset) const {
    return file_.read<double>(dataset);
  }
  std::vector<Index> shape(std::string const& dataset) const {
    return file_.dataset(dataset).shape;
  }
  /// The largest extent of an axis among the inputs of this name, in whatever group: of all steps
  /// and ranks. 0 if there is none.
  Index widest(std::string const& input, std::size_t axis) const;
  /// A dataset as a tensor of the run's type.
  Tensor tensor(Queue& queue, std::string const& dataset) const;
  /// Host values as a tensor of the run's type.
  Tensor tensor(Queue& queue, std::vector<double> const& values, Shape shape) const;

  /// Compares with a dataset of the file and notes the result.
  void compare(std::string const& dataset, std::vector<double> const& got,
               Tolerance const& tolerance);
  void compare(Queue& queue, std::string const& dataset, ConstView got, Tolerance const& tolerance);
  /// Compares with values the case has picked or derived itself.
  void compare_values(std::string const& name, std::vector<double> const& got,
                      std::vector<double> const& want, Tolerance const& tolerance);
  /// Notes a check that is true or not.
  void expect(std::string const& name, bool holds);

  std::vector<Compared> const& results() const { return results_; }
  bool passed() const;

 private:
  struct Config;
  io::Hdf5Reader file_;
  std::string name_;
  DType dtype_;
  std::string tokenizer_;
  std::unique_ptr<Config> config_;
  std::vector<Compared> results_;
};

/// A view's elements in double.
std::vector<double> as_doubles(Queue& queue, ConstView view);

}  // namespace accord::app

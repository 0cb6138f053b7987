#pragma once
// What a checkpoint holds, said without any word of how ranks are arranged.

#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/tensor/shape.hpp"
#include "io/checkpoint/run_state.hpp"

namespace accord::io {

/// A logical tensor. All ranks list the same tensors in the same order, whoever holds their values.
struct TensorInfo {
  std::string kind;              ///< weight | exp_avg | exp_avg_sq | ...: any word without '/'
  std::string name;              ///< official state_dict name
  Shape shape;                   ///< of the whole
  DType dtype = DType::float32;  ///< of the values in memory: float32 or float64

  std::string path() const { return kind + "/" + name; }  ///< also the dataset's name in its file
};

/// Elements [begin, begin + count), row-major, of tensor number `tensor` of the list, in this
/// rank's host memory. When saving, every element of every tensor belongs to exactly one piece of
/// one rank; when loading, a rank names what it wants.
template <class Pointer>
struct BasicPiece {
  int tensor = 0;
  Index begin = 0;
  Index count = 0;
  Pointer data = nullptr;
};
using Piece = BasicPiece<void*>;
using ConstPiece = BasicPiece<void const*>;

/// Everything that is not a tensor. Texts are UTF-8.
struct Documents {
  std::string configuration;  ///< resolved, TOML
  std::string loader;         ///< state of the data loader, JSON
  std::string algorithms;     ///< choices timed before the first step, JSON; "" if none
  std::map<std::string, std::string> tokenizer;  ///< file name -> content
  RunState run;                                  ///< what produced it, and must remember
};

}  // namespace accord::io

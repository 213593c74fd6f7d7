#pragma once
// A first-in-first-out memory of vectors for each class.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <string>
#include <vector>

#include "methods/method.h"

namespace totum {

class MemoryBank {
 public:
  /// capacity  most vectors of each class; one entry a class
  /// width     numbers in a vector
  MemoryBank(const std::vector<std::int64_t>& capacity, std::int64_t width, const c10::Device& device);

  /// Adds vectors [N,width], the last one the newest. Where the class is full, the oldest give way; of more
  /// than it can hold only the newest stay.
  void append(std::int64_t c, const at::Tensor& vectors);

  [[nodiscard]] std::int64_t size(std::int64_t c) const;
  /// The vectors of a class, [size,width], in no order of age; a view that the next append changes.
  [[nodiscard]] at::Tensor vectors(std::int64_t c) const;

  /// As PREFIX + class. Only the vectors that are there go into a checkpoint.
  void visit_state(StateVisitor& visitor, const std::string& prefix);

 private:
  struct Ring {
    at::Tensor buffer;          // [capacity,width]; memory is touched only as it fills
    std::int64_t appended = 0;  // vectors so far; the next one goes to row appended mod capacity
  };
  [[nodiscard]] const Ring& ring(std::int64_t c) const { return rings_.at(static_cast<std::size_t>(c)); }

  std::vector<Ring> rings_;  // by class
};

}  // namespace totum

#include "baselines/memory_bank.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace totum {

MemoryBank::MemoryBank(const std::vector<std::int64_t>& capacity, std::int64_t width,
                       const c10::Device& device) {
  for (const std::int64_t rows : capacity) {
    TORCH_CHECK(rows > 0 && width > 0, "a memory bank of ", rows, " vectors of ", width, " numbers");
    rings_.push_back({at::empty({rows, width}, at::TensorOptions(at::kFloat).device(device))});
  }
}

void MemoryBank::append(std::int64_t c, const at::Tensor& vectors) {
  Ring& ring = rings_.at(static_cast<std::size_t>(c));
  TORCH_CHECK(vectors.dim() == 2 && vectors.size(1) == ring.buffer.size(1),
              "expected vectors [N,width], width ", ring.buffer.size(1));
  const std::int64_t capacity = ring.buffer.size(0);
  const std::int64_t kept = std::min(vectors.size(0), capacity);
  ring.appended += vectors.size(0) - kept;
  const at::Tensor newest = vectors.detach().narrow(0, vectors.size(0) - kept, kept);
  const std::int64_t start = ring.appended % capacity;
  const std::int64_t before_the_end = std::min(kept, capacity - start);
  ring.buffer.narrow(0, start, before_the_end).copy_(newest.narrow(0, 0, before_the_end));
  ring.buffer.narrow(0, 0, kept - before_the_end)
      .copy_(newest.narrow(0, before_the_end, kept - before_the_end));
  ring.appended += kept;
}

std::int64_t MemoryBank::size(std::int64_t c) const {
  return std::min(ring(c).appended, ring(c).buffer.size(0));
}

at::Tensor MemoryBank::vectors(std::int64_t c) const { return ring(c).buffer.narrow(0, 0, size(c)); }

void MemoryBank::visit_state(StateVisitor& visitor, const std::string& prefix) {
  for (std::size_t c = 0; c < rings_.size(); ++c) {
    const std::string name = prefix + std::to_string(c);
    visitor.rows(name, rings_[c].buffer, size(static_cast<std::int64_t>(c)));
    visitor.counter(name + ".appended", rings_[c].appended);
  }
}

}  // namespace totum

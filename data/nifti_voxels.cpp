#include "data/nifti_voxels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

namespace totum {

namespace {

// The stored numbers of one type in one byte order; both are known when a loop over them is compiled.
template <class T, bool kSwapped>
class StoredVoxels {
 public:
  using Value = T;
  explicit StoredVoxels(const char* begin) : begin_(begin) {}
  T operator[](std::size_t i) const {
    T value{};
    std::memcpy(&value, begin_ + i * sizeof(T), sizeof(T));
    if constexpr (!kSwapped) return value;
    auto bytes = std::bit_cast<std::array<char, sizeof(T)>>(value);
    std::reverse(bytes.begin(), bytes.end());
    return std::bit_cast<T>(bytes);
  }

 private:
  const char* begin_;
};

// Calls action(StoredVoxels) for the header's data type and byte order.
template <class Action>
void with_voxels(std::string_view file, const NiftiHeader& header, Action&& action) {
  const auto act = [&]<class T>(T) {
    const char* begin = file.data() + header.voxel_offset;
    if (header.swapped) return action(StoredVoxels<T, true>(begin));
    return action(StoredVoxels<T, false>(begin));
  };
  switch (header.datatype) {
    case 2:
      return act(std::uint8_t{});
    case 4:
      return act(std::int16_t{});
    case 8:
      return act(std::int32_t{});
    case 16:
      return act(float{});
    case 64:
      return act(double{});
    case 256:
      return act(std::int8_t{});
    case 512:
      return act(std::uint16_t{});
    case 768:
      return act(std::uint32_t{});
    case 1024:
      return act(std::int64_t{});
    case 1280:
      return act(std::uint64_t{});
    default:  // refused with the header
      return;
  }
}

bool is_scaled(const NiftiHeader& header) { return header.slope != 1 || header.intercept != 0; }

// Without a scale slope and intercept are 1 and 0, which change nothing.
float value_of(double stored, const NiftiHeader& header) {
  return static_cast<float>(stored * header.slope + header.intercept);
}

std::size_t count_of(const NiftiHeader& header) { return static_cast<std::size_t>(header.geometry.voxels()); }

// Whole numbers as they are stored: one pass without a branch, and a second look only if something is unfit.
template <class T, class Stored>
void copy_whole(const Stored stored, T least, T most, WholeVoxels<T>& out) {
  const auto fits = [&](auto value) {
    return std::cmp_greater_equal(value, least) && std::cmp_less_equal(value, most);
  };
  typename Stored::Value lowest = 0;
  typename Stored::Value highest = 0;
  T* const to = out.values.data();  // bytes may alias everything, so nothing is looked up within the loop
  const std::size_t count = out.values.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = stored[i];
    lowest = std::min(lowest, value);
    highest = std::max(highest, value);
    to[i] = static_cast<T>(value);
  }
  if (fits(lowest) && fits(highest)) return;
  for (std::size_t i = 0; out.unfit == kNoVoxel; ++i) {
    if (fits(stored[i])) continue;
    out.unfit = i;
    out.unfit_value = static_cast<double>(stored[i]);
  }
}

// Numbers that should be whole; float32 is how exact they are asked to be.
template <class T, class Stored>
void round_whole(const Stored& stored, const NiftiHeader& header, T least, T most, WholeVoxels<T>& out) {
  constexpr double kNearly = 1e-3;
  for (std::size_t i = 0; i < out.values.size(); ++i) {
    const auto value = static_cast<double>(value_of(static_cast<double>(stored[i]), header));
    const double whole = std::round(value);
    if (std::abs(value - whole) <= kNearly && whole >= static_cast<double>(least) &&
        whole <= static_cast<double>(most)) {  // false for NaN
      out.values[i] = static_cast<T>(whole);
      out.rounded += value != whole ? 1 : 0;
    } else if (out.unfit == kNoVoxel) {
      out.unfit = i;
      out.unfit_value = value;
    }
  }
}

template <class T>
WholeVoxels<T> whole_voxels(std::string_view file, const NiftiHeader& header, T least, T most) {
  WholeVoxels<T> out;
  out.values.resize(count_of(header));
  with_voxels(file, header, [&]<class Stored>(const Stored& stored) {
    if constexpr (std::is_integral_v<typename Stored::Value>) {
      if (!is_scaled(header)) return copy_whole(stored, least, most, out);
    }
    round_whole(stored, header, least, most, out);
  });
  return out;
}

}  // namespace

std::vector<float> voxels_as_float(std::string_view file, const NiftiHeader& header) {
  std::vector<float> voxels(count_of(header));
  with_voxels(file, header, [&](const auto& stored) {
    if (!is_scaled(header)) {
      for (std::size_t i = 0; i < voxels.size(); ++i) voxels[i] = static_cast<float>(stored[i]);
      return;
    }
    for (std::size_t i = 0; i < voxels.size(); ++i)
      voxels[i] = value_of(static_cast<double>(stored[i]), header);
  });
  return voxels;
}

WholeVoxels<std::uint8_t> voxels_as_labels(std::string_view file, const NiftiHeader& header,
                                           std::uint8_t most) {
  return whole_voxels<std::uint8_t>(file, header, 0, most);
}

WholeVoxels<std::int32_t> voxels_as_int32(std::string_view file, const NiftiHeader& header) {
  return whole_voxels<std::int32_t>(file, header, std::numeric_limits<std::int32_t>::min(),
                                    std::numeric_limits<std::int32_t>::max());
}

}  // namespace totum

#include "data/orientation.h"

namespace totum {

AxisOrder nearest_ras_order(const Geometry& geometry) {
  const auto codes = axis_codes(geometry);
  AxisOrder order;
  for (std::size_t stored = 0; stored < 3; ++stored) {
    const char code = codes[stored];
    const std::size_t world = code == 'R' || code == 'L' ? 0 : code == 'A' || code == 'P' ? 1 : 2;
    order.axis[world] = stored;
    order.flipped[world] = code == 'L' || code == 'P' || code == 'I';
  }
  return order;
}

Geometry to_ras(const Geometry& geometry) {
  const AxisOrder order = nearest_ras_order(geometry);
  Geometry out;
  out.affine = geometry.affine;
  for (std::size_t a = 0; a < 3; ++a) {
    const std::size_t stored = order.axis[a];
    out.size_xyz[a] = geometry.size_xyz[stored];
    for (std::size_t row = 0; row < 3; ++row) {
      out.affine[row][a] = geometry.affine[row][stored] * (order.flipped[a] ? -1.0 : 1.0);
      if (order.flipped[a]) {
        out.affine[row][3] +=
            geometry.affine[row][stored] * static_cast<double>(geometry.size_xyz[stored] - 1);
      }
    }
  }
  return out;
}

}  // namespace totum

#include "data/registration.h"

#include <fmt/format.h>
#include <itkAffineTransform.h>
#include <itkBSplineTransform.h>
#include <itkCompositeTransform.h>
#include <itkImageRegistrationMethodv4.h>
#include <itkLBFGSBOptimizerv4.h>
#include <itkMattesMutualInformationImageToImageMetricv4.h>
#include <itkRegistrationParameterScalesFromPhysicalShift.h>
#include <itkRegularStepGradientDescentOptimizerv4.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "data/gaussian_blur.h"
#include "data/resample.h"

namespace totum {

namespace {

using ItkImage = itk::Image<float, 3>;
using Metric = itk::MattesMutualInformationImageToImageMetricv4<ItkImage, ItkImage>;
using Transform = itk::Transform<double, 3, 3>;
using Affine = itk::AffineTransform<double, 3>;
using BSpline = itk::BSplineTransform<double, 3, 3>;

constexpr std::int64_t kLongestAxis = 48;
constexpr float kMrClip = 3;
constexpr unsigned kBins = 32;
constexpr unsigned kIntervals = 4;      // of the B-spline on each axis
constexpr double kBoundInterval = 0.4;  // of a coefficient, below the 0.48 at which a cubic B-spline may fold
constexpr double kSampledShare = 0.2;   // of the voxels, for the B-spline
constexpr int kSeed = 1;                // of the sampled places
constexpr std::int64_t kLatticePoints = 4 * kIntervals + 1;

ItkImage::Pointer to_itk(const ImageVolume& image) {
  auto out = ItkImage::New();
  ItkImage::SizeType size;
  ItkImage::SpacingType spacing;
  ItkImage::PointType origin;
  for (unsigned axis = 0; axis < 3; ++axis) {
    size[axis] = static_cast<itk::SizeValueType>(image.geometry.size_xyz[axis]);
    spacing[axis] = image.geometry.affine[axis][axis];
    origin[axis] = image.geometry.affine[axis][3];
  }
  out->SetRegions(ItkImage::RegionType(size));
  out->SetSpacing(spacing);
  out->SetOrigin(origin);
  out->Allocate();
  std::copy(image.voxels.begin(), image.voxels.end(), out->GetBufferPointer());
  return out;
}

// Extent of the whole volume (x,y,z), in the unit of its spacing; it begins at 0.
Vector3 extent_xyz(const ImageVolume& image) {
  Vector3 extent{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    extent[axis] = image.geometry.affine[axis][axis] * static_cast<double>(image.geometry.size_xyz[axis]);
  }
  return extent;
}

Metric::Pointer make_metric() {
  auto metric = Metric::New();
  metric->SetNumberOfHistogramBins(kBins);
  metric->SetMaximumNumberOfWorkUnits(1);  // sums in one order: equal bytes
  metric->SetUseMovingImageGradientFilter(false);
  metric->SetUseFixedImageGradientFilter(false);
  return metric;
}

// Negative mutual information of the two images under a map, over all voxels of `fixed`.
double cost_of(ItkImage* fixed, ItkImage* moving, Transform* transform) {
  auto metric = make_metric();
  metric->SetFixedImage(fixed);
  metric->SetMovingImage(moving);
  metric->SetMovingTransform(transform);
  metric->SetVirtualDomainFromImage(fixed);
  metric->Initialize();
  return metric->GetValue();
}

Affine::Pointer centred_identity(const Vector3& extent) {
  auto affine = Affine::New();
  Affine::InputPointType centre;
  for (unsigned axis = 0; axis < 3; ++axis) centre[axis] = extent[axis] / 2;
  affine->SetCenter(centre);
  return affine;
}

void optimise_affine(ItkImage* fixed, ItkImage* moving, Affine* affine) {
  using Method = itk::ImageRegistrationMethodv4<ItkImage, ItkImage, Affine>;
  auto metric = make_metric();
  auto scales = itk::RegistrationParameterScalesFromPhysicalShift<Metric>::New();
  scales->SetMetric(metric);
  scales->SetTransformForward(true);
  auto optimiser = itk::RegularStepGradientDescentOptimizerv4<double>::New();
  optimiser->SetScalesEstimator(scales);
  optimiser->SetDoEstimateLearningRateOnce(false);
  optimiser->SetLearningRate(1.0);  // voxels of the atlas
  optimiser->SetMinimumStepLength(0.01);
  optimiser->SetRelaxationFactor(0.6);
  optimiser->SetNumberOfIterations(150);
  optimiser->SetNumberOfWorkUnits(1);
  auto method = Method::New();
  method->SetFixedImage(fixed);
  method->SetMovingImage(moving);
  method->SetMetric(metric);
  method->SetOptimizer(optimiser);
  method->SetInitialTransform(affine);
  method->InPlaceOn();
  method->SetNumberOfWorkUnits(1);
  constexpr unsigned kLevels = 3;
  Method::ShrinkFactorsArrayType shrink(kLevels);
  Method::SmoothingSigmasArrayType sigma(kLevels);
  for (unsigned level = 0; level < kLevels; ++level) {
    shrink[level] = level == 0 ? 2 : 1;
    sigma[level] = static_cast<double>(kLevels - 1 - level);
  }
  method->SetNumberOfLevels(kLevels);
  method->SetShrinkFactorsPerLevel(shrink);
  method->SetSmoothingSigmasPerLevel(sigma);
  method->SetSmoothingSigmasAreSpecifiedInPhysicalUnits(false);
  method->Update();
}

BSpline::Pointer identity_spline(const Vector3& extent) {
  auto spline = BSpline::New();
  BSpline::OriginType origin;
  BSpline::PhysicalDimensionsType dimensions;
  for (unsigned axis = 0; axis < 3; ++axis) {
    origin[axis] = 0;
    dimensions[axis] = extent[axis];
  }
  BSpline::MeshSizeType mesh;
  mesh.Fill(kIntervals);
  spline->SetTransformDomainOrigin(origin);
  spline->SetTransformDomainPhysicalDimensions(dimensions);
  spline->SetTransformDomainMeshSize(mesh);
  spline->SetIdentity();
  return spline;
}

itk::LBFGSBOptimizerv4::Pointer bounded_optimiser(const BSpline* spline, const Vector3& extent) {
  auto optimiser = itk::LBFGSBOptimizerv4::New();
  const auto parameters = spline->GetNumberOfParameters();
  itk::LBFGSBOptimizerv4::BoundSelectionType both(parameters);
  itk::LBFGSBOptimizerv4::BoundValueType bound(parameters);
  both.Fill(2);
  for (unsigned p = 0; p < parameters; ++p)  // all coefficients along x, then along y, then along z
    bound[p] = kBoundInterval * extent[p / (parameters / 3)] / kIntervals;
  optimiser->SetBoundSelection(both);
  optimiser->SetUpperBound(bound);
  for (unsigned p = 0; p < parameters; ++p) bound[p] = -bound[p];
  optimiser->SetLowerBound(bound);
  optimiser->SetCostFunctionConvergenceFactor(1e9);
  optimiser->SetGradientConvergenceTolerance(1e-6);
  optimiser->SetNumberOfIterations(20);
  optimiser->SetMaximumNumberOfFunctionEvaluations(30);
  optimiser->SetMaximumNumberOfCorrections(8);
  return optimiser;
}

void optimise_spline(ItkImage* fixed, ItkImage* moving, Affine* affine, BSpline* spline,
                     const Vector3& extent) {
  using Method = itk::ImageRegistrationMethodv4<ItkImage, ItkImage, BSpline>;
  auto method = Method::New();
  method->SetFixedImage(fixed);
  method->SetMovingImage(moving);
  method->SetMetric(make_metric());
  method->SetOptimizer(bounded_optimiser(spline, extent));
  method->SetMovingInitialTransform(affine);
  method->SetInitialTransform(spline);
  method->InPlaceOn();
  method->SetNumberOfWorkUnits(1);
  method->SetMetricSamplingStrategy(Method::MetricSamplingStrategyEnum::REGULAR);
  method->MetricSamplingReinitializeSeed(kSeed);
  method->SetNumberOfLevels(1);
  Method::ShrinkFactorsArrayType shrink(1);
  Method::SmoothingSigmasArrayType sigma(1);
  shrink.Fill(1);
  sigma.Fill(0.5);
  method->SetShrinkFactorsPerLevel(shrink);
  method->SetSmoothingSigmasPerLevel(sigma);
  method->SetSmoothingSigmasAreSpecifiedInPhysicalUnits(false);
  method->SetMetricSamplingPercentage(kSampledShare);
  method->Update();
}

Warp warp_of(const Transform& transform, const Vector3& extent, std::int64_t points) {
  Warp warp{{points, points, points}, {}};
  const auto volume = static_cast<std::size_t>(points * points * points);
  warp.displacement.resize(3 * volume);
  const auto last = static_cast<double>(points - 1);
  std::size_t point = 0;
  for (std::int64_t z = 0; z < points; ++z) {
    for (std::int64_t y = 0; y < points; ++y) {
      for (std::int64_t x = 0; x < points; ++x, ++point) {
        Transform::InputPointType from;
        const Shape3 at{x, y, z};
        for (unsigned axis = 0; axis < 3; ++axis) {
          const double inside =
              std::min(static_cast<double>(at[axis]) / last, 1 - 1e-9);  // of the spline's domain
          from[axis] = inside * extent[axis];
        }
        const auto to = transform.TransformPoint(from);
        for (unsigned axis = 0; axis < 3; ++axis) {
          warp.displacement[(2 - axis) * volume + point] =
              static_cast<float>((to[axis] - from[axis]) / extent[axis]);
        }
      }
    }
  }
  return warp;
}

[[noreturn]] void refuse(const std::string& why) {
  throw DataError(fmt::format(
      "the registration with the atlas did not converge: {}. Leave the case out, or use atlas/alignment "
      "\"resize\"",
      why));
}

void check_plausible(const Affine& affine, const Warp& warp) {
  const double volume = std::abs(vnl_determinant(affine.GetMatrix().GetVnlMatrix().as_matrix()));
  constexpr double kLargestChange = 4;
  if (!(volume <= kLargestChange && volume >= 1 / kLargestChange))
    refuse(fmt::format("it changes the volume by a factor of {:.2g}", volume));
  // A box that Otsu's threshold cut too small (it happens in MR) moves its corners by almost half.
  constexpr float kFarthest = 0.8F;
  for (const float d : warp.displacement) {
    if (!(std::abs(d) <= kFarthest)) refuse("it moves a place by more than 0.8 of the volume");
  }
}

void check_not_constant(const ImageVolume& image, const char* which) {
  const auto [low, high] = std::minmax_element(image.voxels.begin(), image.voxels.end());
  if (!(*high > *low)) refuse(fmt::format("the {} image is constant", which));
}

Warp registered(const ImageVolume& fixed_volume, const ImageVolume& moving_volume, Registration kind) {
  // Sums of several threads would come in another order each time. ITK's thread pool has no other switch that
  // the metric's two threaders both obey; everywhere else filters have one work unit anyway.
  itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(1);
  itk::Object::GlobalWarningDisplayOff();  // "L-BFGS-B does not support scaling": it is not asked to
  const auto fixed = to_itk(fixed_volume);
  const auto moving = to_itk(moving_volume);
  const Vector3 extent = extent_xyz(fixed_volume);
  const auto affine = centred_identity(extent);
  const double start = cost_of(fixed, moving, affine);
  optimise_affine(fixed, moving, affine);
  auto whole = itk::CompositeTransform<double, 3>::New();
  whole->AddTransform(affine);
  const double after_affine = cost_of(fixed, moving, whole);
  double end = after_affine;
  if (kind == Registration::deformable) {
    const auto spline = identity_spline(extent);
    optimise_spline(fixed, moving, affine, spline, extent);
    whole->AddTransform(spline);  // the last one is applied first
    end = cost_of(fixed, moving, whole);
  }
  if (!(after_affine <= start && end <= after_affine)) {
    refuse(fmt::format(
        "the mutual information is {:.4g} at the start, {:.4g} after the affine step, {:.4g} at the end",
        -start, -after_affine, -end));
  }
  const Warp warp = warp_of(*whole, extent, kind == Registration::affine ? 2 : kLatticePoints);
  check_plausible(*affine, warp);
  return warp;
}

}  // namespace

ImageVolume registration_image(std::span<const float> voxels, const Shape3& shape, Modality modality,
                               const Shape3& extent) {
  ImageVolume image{{{shape[2], shape[1], shape[0]}, {}}, {voxels.begin(), voxels.end()}};
  Geometry grid;
  Vector3 sigma{};
  for (std::size_t axis = 0; axis < 3; ++axis) {  // z,y,x
    const std::size_t column = 2 - axis;
    const std::int64_t size = std::min(extent[axis], kLongestAxis);
    const double old_step = static_cast<double>(extent[axis]) / static_cast<double>(shape[axis]);
    const double step = static_cast<double>(extent[axis]) / static_cast<double>(size);
    image.geometry.affine[column] = {};
    image.geometry.affine[column][column] = old_step;
    image.geometry.affine[column][3] = old_step / 2;
    grid.size_xyz[column] = size;
    grid.affine[column][column] = step;
    grid.affine[column][3] = step / 2;
    const double shrink = step / old_step;
    sigma[axis] = shrink > 1 ? 0.5 * shrink : 0;
  }
  image.geometry.affine[3] = {0, 0, 0, 1};
  if (modality == Modality::mr) {
    for (float& value : image.voxels) value = std::clamp(value, -kMrClip, kMrClip);
  }
  gaussian_blur(std::span(image.voxels), shape, sigma);
  return resample_linear(image, grid, Outside::edge);
}

Warp register_images(const ImageVolume& fixed, const ImageVolume& moving, Registration kind) {
  if (fixed.geometry.size_xyz != moving.geometry.size_xyz)
    throw DataError("images to be registered must lie on one grid");
  check_not_constant(fixed, "first");
  check_not_constant(moving, "second");
  try {
    return registered(fixed, moving, kind);
  } catch (const itk::ExceptionObject& error) {
    refuse(error.GetDescription());
  }
}

}  // namespace totum

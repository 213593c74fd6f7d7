#pragma once
// The mean teacher (U²PL, PCL): a copy of a network that is never trained but follows it.

namespace torch::nn {
class Module;
}

namespace totum {

/// θ_T <- m θ_T + (1 - m) θ for every parameter and every floating-point buffer; other buffers are copied.
/// m = 0 copies the student. Both modules have the same entries in the same order (TORCH_CHECK). No gradient
/// is made, and the teacher's parameters must not require one (`freeze`).
void follow_student(torch::nn::Module& teacher, torch::nn::Module& student, double momentum);

/// No parameter of the module requires a gradient any more.
void freeze(torch::nn::Module& module);

}  // namespace totum

// LineFit where the library was built without CUDA: it only says so.
#include <stdexcept>

#include "line_fit/line_fit.hpp"

struct LineFit::State {};

const char* LineFit::what_is_missing() {
  return "built without CUDA; configure ranklog with -DRANKLOG_WITH_CUDA=ON (nvcc 12 or newer)";
}

LineFit::LineFit(int) { throw std::logic_error(what_is_missing()); }
LineFit::~LineFit() = default;
void LineFit::step() {}
const float* LineFit::losses() const { return nullptr; }
std::size_t LineFit::n_samples() const { return 0; }
const float* LineFit::slope() const { return nullptr; }
CUstream_st* LineFit::stream() const { return nullptr; }

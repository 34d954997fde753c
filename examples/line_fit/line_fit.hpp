// A line fitted on the device by gradient descent: enough of a training step for the example.
#pragma once

#include <cstddef>
#include <memory>

struct CUstream_st;  // what cudaStream_t points to

class LineFit {
 public:
  // Null if this can run; else what is missing, in words.
  [[nodiscard]] static const char* what_is_missing();

  // On the current GPU. The samples depend on `seed`.
  explicit LineFit(int seed);
  ~LineFit();
  LineFit(const LineFit&) = delete;
  LineFit& operator=(const LineFit&) = delete;

  // Queues one step of gradient descent. Does not wait.
  void step();

  // On the device, valid behind the work in stream().
  [[nodiscard]] const float* losses() const;  // one for each sample
  [[nodiscard]] std::size_t n_samples() const;
  [[nodiscard]] const float* slope() const;
  [[nodiscard]] CUstream_st* stream() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

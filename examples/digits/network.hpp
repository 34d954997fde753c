// A network of 64 inputs, 32 tanh units and 10 softmax outputs, trained by gradient descent with
// momentum. Plain loops in double: small enough to read, and the same result everywhere.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "dataset.hpp"

namespace digits {

inline constexpr std::size_t n_hidden = 32;

// A number in [0, 1). The distributions of the standard library may differ between compilers;
// this does not.
inline double uniform(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11) * 0x1.0p-53;
}

// What a set of images gave: sums, so that the sums of several ranks can be added up. The means
// of no images are NaN.
struct Score {
  double loss_sum = 0;
  std::int64_t n_correct = 0;
  std::int64_t n_images = 0;

  [[nodiscard]] double loss() const { return loss_sum / static_cast<double>(n_images); }
  [[nodiscard]] double accuracy() const {
    return static_cast<double>(n_correct) / static_cast<double>(n_images);
  }
};

class Network {
 public:
  // The same seed gives the same weights on every rank, so nothing has to be sent.
  explicit Network(std::mt19937_64& random) : parameters_(n_parameters), velocity_(n_parameters) {
    // Glorot and Bengio 2010, equation 16.
    const double hidden_range = std::sqrt(6.0 / (n_pixels + n_hidden));
    const double output_range = std::sqrt(6.0 / (n_hidden + n_classes));
    const std::span<double> all(parameters_);
    for (double& w : all.subspan(hidden_weights, n_pixels * n_hidden)) {
      w = hidden_range * (2 * uniform(random) - 1);
    }
    for (double& w : all.subspan(output_weights, n_hidden * n_classes)) {
      w = output_range * (2 * uniform(random) - 1);
    }
  }

  [[nodiscard]] static std::vector<double> zero_gradient() {
    return std::vector<double>(n_parameters);
  }

  // Adds this image to `score`.
  void evaluate(const Image& image, Score& score) const { add_to(score, image, forward(image)); }

  // Adds this image to `score`, and the gradient of its loss to `gradient`.
  void learn(const Image& image, Score& score, std::span<double> gradient) const {
    Activations a = forward(image);
    add_to(score, image, a);
    a.probability[image.label] -= 1;  // now the derivative of the loss by the output's input
    std::array<double, n_hidden> back{};
    for (std::size_t k = 0; k < n_classes; ++k) {
      const std::size_t row = output_weights + k * n_hidden;
      for (std::size_t j = 0; j < n_hidden; ++j) {
        gradient[row + j] += a.probability[k] * a.hidden[j];
        back[j] += a.probability[k] * parameters_[row + j];
      }
      gradient[output_bias + k] += a.probability[k];
    }
    for (std::size_t j = 0; j < n_hidden; ++j) {
      const double delta = back[j] * (1 - a.hidden[j] * a.hidden[j]);
      const std::size_t row = hidden_weights + j * n_pixels;
      for (std::size_t i = 0; i < n_pixels; ++i) gradient[row + i] += delta * image.pixels[i];
      gradient[hidden_bias + j] += delta;
    }
  }

  void step(std::span<const double> gradient, double learning_rate, double momentum) {
    for (std::size_t i = 0; i < n_parameters; ++i) {
      velocity_[i] = momentum * velocity_[i] - learning_rate * gradient[i];
      parameters_[i] += velocity_[i];
    }
  }

 private:
  // All parameters lie in one vector, so that all gradients are one collective call.
  static constexpr std::size_t hidden_weights = 0;
  static constexpr std::size_t hidden_bias = hidden_weights + n_pixels * n_hidden;
  static constexpr std::size_t output_weights = hidden_bias + n_hidden;
  static constexpr std::size_t output_bias = output_weights + n_hidden * n_classes;
  static constexpr std::size_t n_parameters = output_bias + n_classes;

  struct Activations {
    std::array<double, n_hidden> hidden;
    std::array<double, n_classes> probability;
  };

  [[nodiscard]] Activations forward(const Image& image) const {
    Activations a;
    for (std::size_t j = 0; j < n_hidden; ++j) {
      const std::size_t row = hidden_weights + j * n_pixels;
      double input = parameters_[hidden_bias + j];
      for (std::size_t i = 0; i < n_pixels; ++i) input += parameters_[row + i] * image.pixels[i];
      a.hidden[j] = std::tanh(input);
    }
    for (std::size_t k = 0; k < n_classes; ++k) {
      const std::size_t row = output_weights + k * n_hidden;
      a.probability[k] = parameters_[output_bias + k];
      for (std::size_t j = 0; j < n_hidden; ++j) {
        a.probability[k] += parameters_[row + j] * a.hidden[j];
      }
    }
    softmax(a.probability);
    return a;
  }

  static void softmax(std::array<double, n_classes>& values) {
    const double highest = *std::max_element(values.begin(), values.end());  // against overflow
    double sum = 0;
    for (double& value : values) sum += value = std::exp(value - highest);
    for (double& value : values) value /= sum;
  }

  static void add_to(Score& score, const Image& image, const Activations& a) {
    const auto best = std::max_element(a.probability.begin(), a.probability.end());
    score.loss_sum -= std::log(a.probability[image.label]);
    score.n_correct += best - a.probability.begin() == static_cast<std::ptrdiff_t>(image.label);
    score.n_images += 1;
  }

  std::vector<double> parameters_;
  std::vector<double> velocity_;
};

inline double norm(std::span<const double> vector) {
  double squares = 0;
  for (const double x : vector) squares += x * x;
  return std::sqrt(squares);
}

}  // namespace digits

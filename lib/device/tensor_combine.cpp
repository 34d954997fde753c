#include "device/tensor_combine.hpp"

namespace ranklog::gpu {

void combine_on_host(const void* parts, void* result, const Combination& how) {
  with_element(how.element, [&]<class T>(T*) {
    const auto* from = static_cast<const T*>(parts);
    auto* to = static_cast<T*>(result);
    for (std::int64_t i = 0; i < how.n_each; ++i) combine_element(from, to, i, how);
  });
}

}  // namespace ranklog::gpu

#include "ranklog/record_block.hpp"
#include "ranklog/tracker.hpp"

namespace ranklog {

void GeneralTracker::log_block(const RecordBlock& block) {
  const Config no_options;
  Record record;
  for (std::size_t row = 0; row < block.n_rows(); ++row) {
    block.copy_row(row, record);
    log(record, no_options);
  }
}

}  // namespace ranklog

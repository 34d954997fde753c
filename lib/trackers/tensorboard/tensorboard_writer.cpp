#include "ranklog/tensorboard_writer.hpp"

#include <utility>

#include "trackers/support/run_output.hpp"
#include "trackers/tensorboard/event_messages.hpp"
#include "trackers/tensorboard/event_writer.hpp"
#include "trackers/tensorboard/scalar_event.hpp"

namespace ranklog {

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& run_dir,
                                     std::chrono::duration<double> flush_interval)
    : file_(std::make_shared<trackers::EventWriter>(run_dir, flush_interval)) {}

TensorBoardWriter::TensorBoardWriter(std::shared_ptr<trackers::EventWriter> file)
    : file_(std::move(file)) {}

TensorBoardWriter::~TensorBoardWriter() = default;

void TensorBoardWriter::add_scalar(std::string_view tag, double value, std::int64_t step) {
  thread_local trackers::ScalarEvent event;
  event.begin(step, trackers::support::now_s());
  event.add(tag, value);
  file_->write(event);
}

void TensorBoardWriter::add_text(std::string_view tag, std::string_view text, std::int64_t step) {
  trackers::Event event;
  trackers::begin_event(event, step, trackers::support::now_s());
  trackers::add_text(event, tag, text);
  file_->write(event);
}

void TensorBoardWriter::flush() { file_->flush(); }

const std::filesystem::path& TensorBoardWriter::path() const noexcept { return file_->path(); }

}  // namespace ranklog

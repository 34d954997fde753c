#include "reduce/agreement.hpp"

#include <fmt/format.h>

#include <cstring>
#include <exception>
#include <limits>

#include "ranklog/error.hpp"

namespace ranklog::reduce {
namespace {

struct Failure {
  ErrorCode code = ErrorCode::none;
  std::string message;
  std::exception_ptr original;
};

Failure run(const std::function<void()>& work, int rank) {
  try {
    work();
    return {};
  } catch (const Error& error) {
    return {error.code(), error.what(), std::current_exception()};
  } catch (const std::exception& error) {
    return {ErrorCode::foreign, fmt::format("rank {}: {}", rank, error.what()),
            std::current_exception()};
  } catch (...) {
    return {ErrorCode::foreign,
            fmt::format("rank {} threw an object that is no std::exception", rank),
            std::current_exception()};
  }
}

Bytes pack(const Failure& failure) {
  Bytes bytes(sizeof(ErrorCode) + failure.message.size());
  std::memcpy(bytes.data(), &failure.code, sizeof(ErrorCode));
  std::memcpy(bytes.data() + sizeof(ErrorCode), failure.message.data(), failure.message.size());
  return bytes;
}

}  // namespace

void agree(const Communicator& comm, const std::function<void()>& work) {
  const Failure failure = run(work, comm.rank());
  const bool has_failed = failure.code != ErrorCode::none;
  std::int64_t first_failed = has_failed ? comm.rank() : std::numeric_limits<std::int64_t>::max();
  comm.all_reduce(std::span(&first_failed, 1), Communicator::Op::min);
  if (first_failed == std::numeric_limits<std::int64_t>::max()) return;

  const auto told =
      comm.broadcast(has_failed ? pack(failure) : Bytes{}, static_cast<int>(first_failed));
  if (comm.rank() == first_failed) std::rethrow_exception(failure.original);
  if (told.size() < sizeof(ErrorCode))
    throw CommunicationError("another rank failed without saying why");
  ErrorCode code = ErrorCode::none;
  std::memcpy(&code, told.data(), sizeof(ErrorCode));
  std::string message(told.size() - sizeof(ErrorCode), '\0');
  std::memcpy(message.data(), told.data() + sizeof(ErrorCode), message.size());
  throw_error(code, message);
}

}  // namespace ranklog::reduce

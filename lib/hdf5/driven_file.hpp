// What HDF5 sees of a file that we read and write for it (see file_driver.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "hdf5/handle.hpp"

namespace ranklog::h5 {

class DrivenFile {
 public:
  DrivenFile() = default;
  DrivenFile(const DrivenFile&) = delete;
  DrivenFile& operator=(const DrivenFile&) = delete;
  virtual ~DrivenFile() = default;

  // Bytes that were written, or that the file holds, or zeros behind its end. 0 or an errno.
  [[nodiscard]] virtual int read(std::uint64_t offset, std::span<std::byte> into) const = 0;
  // Bytes of later turns become visible after those of earlier ones. 0 or an errno.
  [[nodiscard]] virtual int write(std::uint64_t offset, std::span<const std::byte> bytes,
                                  std::uint8_t turn) = 0;
  // How long the file is to be, and how long it is.
  virtual void set_end(std::uint64_t n_bytes) noexcept = 0;
  [[nodiscard]] virtual std::uint64_t end() const noexcept = 0;
  [[nodiscard]] virtual std::uint64_t physical_end() const noexcept = 0;
  virtual void flush() = 0;
  [[nodiscard]] virtual int* descriptor() noexcept = 0;

  using Driver = Handle<H5FDunregister>;
  // HDF5 looks into a file's driver once more after it has let go of it, to close the file.
  void keep(Driver driver) noexcept { driver_ = std::move(driver); }

 private:
  Driver driver_;
};

}  // namespace ranklog::h5

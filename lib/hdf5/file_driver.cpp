// HDF5's interface for file drivers: H5FDpublic.h up to 1.12, H5FDdevelop.h from 1.14.
#include "hdf5/file_driver.hpp"

#include <hdf5.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "hdf5/library.hpp"

namespace ranklog::h5 {
namespace {

#if H5_VERSION_GE(1, 13, 0)
// Up to 511 is for drivers that are not registered with the HDF Group.
constexpr H5FD_class_value_t own_value = 480;
#endif

struct DriverInfo {
  DrivenFile* file;
  bool is_new;
};

// What HDF5 holds for an open file: its own part first.
struct OpenDriven {
  H5FD_t shared;
  DrivenFile* file;
};

DrivenFile& file_of(const H5FD_t* opened) {
  return *reinterpret_cast<const OpenDriven*>(opened)->file;
}

// When bytes that change in place are written: what others point to comes before what points to
// it, and the datasets' extents, in the object headers, last; so who reads the file in between
// meets rows only when they are there. A node of a version 1 B-tree that is split gets its new
// neighbour's entry in the level above first, and is cut short afterwards.
std::uint8_t turn_of(H5FD_mem_t type, const std::byte* bytes, std::size_t n_bytes) {
  enum : std::uint8_t { superblock, heap, tree, other_tree = 64, unknown, header };
  constexpr std::size_t level_offset = 5;
  constexpr std::uint8_t max_level = 32;
  switch (type) {
    case H5FD_MEM_SUPER:
      return superblock;
    case H5FD_MEM_DRAW:
    case H5FD_MEM_GHEAP:
    case H5FD_MEM_LHEAP:
      return heap;
    case H5FD_MEM_BTREE:
      if (n_bytes > level_offset && std::memcmp(bytes, "TREE", 4) == 0) {
        const auto level = std::min(static_cast<std::uint8_t>(bytes[level_offset]), max_level);
        return static_cast<std::uint8_t>(tree + max_level - level);
      }
      return other_tree;
    case H5FD_MEM_OHDR:
      return header;
    default:
      return unknown;
  }
}

// No exception may pass through HDF5.
template <class Body>
herr_t guarded(Body body) noexcept {
  try {
    return body() == 0 ? 0 : -1;
  } catch (const std::bad_alloc&) {
    return -1;
  }
}

H5FD_t* open_file(const char*, unsigned flags, hid_t access, haddr_t) {
  const auto* const info = static_cast<const DriverInfo*>(H5Pget_driver_info(access));
  // To create a file HDF5 first tries to open it, and takes success for "it exists".
  if (info == nullptr || (info->is_new && (flags & H5F_ACC_CREAT) == 0)) return nullptr;
  auto* const opened = new (std::nothrow) OpenDriven{};
  if (opened == nullptr) return nullptr;
  opened->file = info->file;
  return &opened->shared;
}

herr_t close_file(H5FD_t* opened) {
  delete reinterpret_cast<OpenDriven*>(opened);
  return 0;
}

herr_t query(const H5FD_t*, unsigned long* flags) {
  // No accumulation of metadata: the driver does that itself, and wants to know what is what.
  if (flags != nullptr) {
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DATA_SIEVE;
  }
  return 0;
}

haddr_t get_end(const H5FD_t* opened, H5FD_mem_t) { return file_of(opened).end(); }

herr_t set_end(H5FD_t* opened, H5FD_mem_t, haddr_t end) {
  file_of(opened).set_end(end);
  return 0;
}

haddr_t get_physical_end(const H5FD_t* opened, H5FD_mem_t) {
  return file_of(opened).physical_end();
}

herr_t get_handle(H5FD_t* opened, hid_t, void** handle) {
  *handle = file_of(opened).descriptor();
  return 0;
}

herr_t read(H5FD_t* opened, H5FD_mem_t, hid_t, haddr_t offset, std::size_t n_bytes, void* into) {
  return guarded([&] {
    return file_of(opened).read(offset, {static_cast<std::byte*>(into), n_bytes});
  });
}

herr_t write(H5FD_t* opened, H5FD_mem_t type, hid_t, haddr_t offset, std::size_t n_bytes,
             const void* from) {
  return guarded([&] {
    const auto* const bytes = static_cast<const std::byte*>(from);
    return file_of(opened).write(offset, {bytes, n_bytes}, turn_of(type, bytes, n_bytes));
  });
}

// Never fails: HDF5 1.10 cannot give up a file that it could not write, and crashes at exit. The
// file knows how its last commit went.
herr_t flush(H5FD_t* opened, hid_t, hbool_t) {
  return guarded([&] {
    file_of(opened).flush();
    return 0;
  });
}

H5FD_class_t make_class() {
  H5FD_class_t driver{};
#if H5_VERSION_GE(1, 13, 0)
  driver.version = H5FD_CLASS_VERSION;
  driver.value = own_value;
#endif
  driver.name = "ranklog";
  driver.maxaddr = (static_cast<haddr_t>(1) << 62) - 1;
  driver.fc_degree = H5F_CLOSE_WEAK;
  driver.fapl_size = sizeof(DriverInfo);
  driver.open = open_file;
  driver.close = close_file;
  driver.query = query;
  driver.get_eoa = get_end;
  driver.set_eoa = set_end;
  driver.get_eof = get_physical_end;
  driver.get_handle = get_handle;
  driver.read = read;
  driver.write = write;
  driver.flush = flush;
  constexpr H5FD_mem_t own_map[H5FD_MEM_NTYPES] = H5FD_FLMAP_DICHOTOMY;
  std::copy(std::begin(own_map), std::end(own_map), std::begin(driver.fl_map));
  return driver;
}

}  // namespace

PropertyList access_through(DrivenFile& file, bool is_new) {
  const H5FD_class_t driver = make_class();
  // As each file has its own driver, HDF5 never takes it for another that the program has opened.
  DrivenFile::Driver id(checked(H5FDregister(&driver), "register", "the file driver"));
  PropertyList access(checked(H5Pcreate(H5P_FILE_ACCESS), "make", "a file access list"));
  const DriverInfo info{&file, is_new};
  checked(H5Pset_driver(access.get(), id.get(), &info), "set", "the file driver");
  file.keep(std::move(id));
  return access;
}

}  // namespace ranklog::h5

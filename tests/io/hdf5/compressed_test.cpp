#include <gtest/gtest.h>
#include <hdf5.h>

#include <vector>

#include "core/base/error.hpp"
#include "io/hdf5/hdf5_reader.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

class Compressed : public TemporaryFolder {
 protected:
  /// A file of datasets of zeros, as other programs write them.
  void write(std::vector<hsize_t> const& sizes) const {
    hid_t const file = H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      hsize_t const chunk = 1 << 20;
      hid_t const space = H5Screate_simple(1, &sizes[i], nullptr);
      hid_t const plist = H5Pcreate(H5P_DATASET_CREATE);
      H5Pset_chunk(plist, 1, &chunk);
      H5Pset_deflate(plist, 1);
      hid_t const dataset = H5Dcreate2(file, std::to_string(i).c_str(), H5T_NATIVE_UINT8, space,
                                       H5P_DEFAULT, plist, H5P_DEFAULT);
      std::vector<std::uint8_t> const zeros(sizes[i]);
      H5Dwrite(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros.data());
      H5Dclose(dataset);
      H5Pclose(plist);
      H5Sclose(space);
    }
    H5Fclose(file);
  }

  std::filesystem::path path_ = folder_ / "a.h5";
  static constexpr hsize_t megabyte = 1 << 20;
};

TEST_F(Compressed, DatasetsTakeWhatTheFilesSizeAllows) {
  write({30 * megabyte, 30 * megabyte, 30 * megabyte});
  Hdf5Reader const file(path_);
  EXPECT_EQ(file.read<std::uint8_t>("0").size(), 30 * megabyte);
  EXPECT_EQ(file.read<std::uint8_t>("1").size(), 30 * megabyte);
  EXPECT_EQ(file.read<std::uint8_t>("0").size(), 30 * megabyte) << "what was read counts once";
  EXPECT_THROW(file.read<std::uint8_t>("2"), DataError) << "together they are too large";
}

TEST_F(Compressed, ADatasetThatGrowsTooFarIsRefused) {
  write({100 * megabyte});
  EXPECT_THROW(Hdf5Reader(path_).read<std::uint8_t>("0"), DataError);
}

TEST_F(Compressed, AWiderTypeCountsAsItLiesInMemory) {
  write({30 * megabyte});
  EXPECT_THROW(Hdf5Reader(path_).read<double>("0"), DataError);
}

}  // namespace
}  // namespace accord::io

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>

#include "core/base/error.hpp"
#include "io/checkpoint/read.hpp"
#include "io/file/file.hpp"
#include "io/hdf5/hdf5_reader.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "sample_checkpoint.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::io;
using testing::AllOf;
using testing::HasSubstr;

namespace {

class SaveAndLoad : public TemporaryFolder {
 protected:
  void save(int ranks, Index step, SaveOptions const& options, DType dtype = DType::float32) {
    parallel::ThreadGroup(ranks).run([&](Communicator& world) {
      Queue queue(Backend::reference);
      Holding holding(sample_infos(dtype), world.rank(), world.size(), 17);
      holding.fill(step);
      save_checkpoint(world, queue, folder_, step, sample_infos(dtype), holding.const_pieces(),
                      world.rank() == 0 ? sample_documents(step) : Documents{}, options);
    });
  }

  /// Wrong values over all ranks, each rank wanting what another division of the elements gives it.
  Index load(int ranks, Index step, DType dtype = DType::float32) {
    Index wrong = 0;
    std::mutex mutex;
    parallel::ThreadGroup(ranks).run([&](Communicator& world) {
      Queue queue(Backend::reference);
      std::vector<TensorInfo> const infos = sample_infos(dtype);
      Holding holding(infos, world.rank(), world.size(), 99);
      std::optional<OpenCheckpoint> const loaded =
          load_newest(world, queue, folder_, infos, holding.pieces(), {});
      std::lock_guard const lock(mutex);
      if (!loaded || loaded->manifest.step != step) throw Error("another step");
      EXPECT_EQ(loaded->manifest.documents.loader, sample_documents(step).loader);
      wrong += holding.wrong(step);
    });
    return wrong;
  }

  std::string load_error(std::vector<TensorInfo> const& infos, Unlisted unlisted) {
    SelfCommunicator self;
    Queue queue(Backend::reference);
    Holding holding(infos, 0, 1, 1);
    try {
      load_newest(self, queue, folder_, infos, holding.pieces(),
                  {.unlisted = unlisted, .announce = {}, .check = {}});
    } catch (Error const& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::data);
      return error.what();
    }
    return "";
  }
};

}  // namespace

TEST_F(SaveAndLoad, GiveTheSameContentAtAnyRanksAndAnyFiles) {
  Index step = 0;
  for (int saving : {1, 2, 3, 4})
    for (int files : {1, 2, 5}) {
      ++step;
      SaveOptions options;
      options.files = files;
      options.run_bytes = files == 2 ? 256 : max_run_bytes;
      save(saving, step, options);
      for (int loading : {1, 2, 3, 4})
        EXPECT_EQ(load(loading, step), 0) << saving << " ranks, " << files << " files, " << loading;
    }
}

TEST_F(SaveAndLoad, WriteTheSameBytesWhateverTheRanks) {
  SaveOptions options;
  options.files = 2;
  save(1, 5, options);
  std::string const alone = read_file(folder_ / "step-00000005/data-0001.h5");
  save(3, 5, options);
  EXPECT_EQ(read_file(folder_ / "step-00000005/data-0001.h5"), alone);
}

TEST_F(SaveAndLoad, ConvertBetweenFloatTypesAndSaySo) {
  SelfCommunicator self;
  Queue queue(Backend::reference);
  for (auto const& [stored, wanted] :
       {std::pair{DType::float32, DType::float64}, std::pair{DType::float64, DType::float32}}) {
    std::filesystem::remove_all(folder_);
    save(2, 1, {}, stored);
    Holding holding(sample_infos(wanted), 0, 1, 5);
    std::vector<std::string> notices;
    LoadOptions options;
    options.announce = [&](std::string const& notice) { notices.push_back(notice); };
    load_newest(self, queue, folder_, sample_infos(wanted), holding.pieces(), options);
    EXPECT_EQ(holding.wrong(1), 0);
    ASSERT_EQ(notices.size(), 1u);
    EXPECT_THAT(notices[0], HasSubstr("holds " + std::string(name_of(stored))));
  }
}

TEST_F(SaveAndLoad, KeepEveryBitOfFloat64) {
  SelfCommunicator self;
  Queue queue(Backend::reference);
  std::vector<TensorInfo> const infos{{"weight", "x", Shape{2}, DType::float64}};
  std::array const values{1.0 / 3, -0.0};
  std::vector<ConstPiece> const pieces{{0, 0, 2, values.data()}};
  save_checkpoint(self, queue, folder_, 1, infos, pieces, {}, {});
  std::array<double, 2> loaded{};
  Piece const target{0, 0, 2, loaded.data()};
  load_newest(self, queue, folder_, infos, {&target, 1}, {});
  using Bits = std::array<std::uint64_t, 2>;
  EXPECT_EQ(std::bit_cast<Bits>(loaded), std::bit_cast<Bits>(values));
}

TEST_F(SaveAndLoad, NameTensorsThatAreMissingUnknownOrReshaped) {
  save(2, 1, {});
  std::vector<TensorInfo> infos = sample_infos();
  infos.push_back({"weight", "new.weight", Shape{3}, DType::float32});
  infos[4].shape = Shape{11, 31};
  std::string error = load_error(infos, Unlisted::refuse);
  EXPECT_THAT(error, AllOf(HasSubstr("lacks weight/new.weight"),
                           HasSubstr("weight/layers.1.fc.weight [31, 11], here [11, 31]")));
  infos = sample_infos();
  infos.pop_back();
  EXPECT_THAT(load_error(infos, Unlisted::refuse), HasSubstr("unknown here: weight/frozen"));
  EXPECT_EQ(load_error(infos, Unlisted::skip), "");
}

TEST_F(SaveAndLoad, ReadOnlyTheRunsThatAreWanted) {
  SaveOptions options;
  options.run_bytes = 64;
  save(1, 1, options);
  OpenCheckpoint const checkpoint = open_checkpoint(step_folder(folder_, 1));
  StoredTensor const* stored = &checkpoint.manifest.tensors[4];
  ASSERT_EQ(stored->info.shape, (Shape{31, 11}));
  {  // damage far behind what is wanted
    File file = File::open_write(checkpoint.folder / "data-0000.h5");
    std::byte const value{0x55};
    file.write_at(stored->offset + 1000, {&value, 1});
  }
  DType const dtype = DType::float32;
  std::vector<float> values(50);
  Piece const near{0, 20, 50, values.data()}, far{0, 240, 50, values.data()};
  read_pieces(checkpoint, {&stored, 1}, {&dtype, 1}, {&near, 1});
  EXPECT_EQ(values[0], static_cast<float>(sample_value(4, 20, 1)));
  EXPECT_EQ(values[49], static_cast<float>(sample_value(4, 69, 1)));
  EXPECT_THROW(read_pieces(checkpoint, {&stored, 1}, {&dtype, 1}, {&far, 1}), DataError);
}

TEST_F(SaveAndLoad, StoreTensorsAsPlainHdf5) {
  SaveOptions options;
  options.files = 3;
  save(3, 1, options);
  OpenCheckpoint const checkpoint = open_checkpoint(step_folder(folder_, 1));
  for (std::size_t t = 0; t < checkpoint.manifest.tensors.size(); ++t) {
    StoredTensor const& tensor = checkpoint.manifest.tensors[t];
    Hdf5Reader const reader(checkpoint.folder /
                            checkpoint.manifest.files[static_cast<std::size_t>(tensor.file)].name);
    EXPECT_EQ(reader.dataset(tensor.info.path()).offset, tensor.offset);
    EXPECT_EQ(reader.dataset(tensor.info.path()).shape.size(),
              static_cast<std::size_t>(tensor.info.shape.rank()));
    std::vector<float> const values = reader.read<float>(tensor.info.path());
    ASSERT_EQ(static_cast<Index>(values.size()), tensor.info.shape.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      ASSERT_EQ(values[i],
                static_cast<float>(sample_value(static_cast<int>(t), static_cast<Index>(i), 1)))
          << tensor.info.path();
  }
}

TEST_F(SaveAndLoad, LinkEveryTensorFromTheIndex) {
  if (std::system("python3 -c 'import h5py' 2>/dev/null") != 0)
    GTEST_SKIP() << "python3 has no h5py (Debian: python3-h5py)";
  SaveOptions options;
  options.files = 3;
  save(2, 1, options);
  std::string const script =
      "import h5py, sys, os\n"
      "os.chdir('/')\n"
      "f = h5py.File(sys.argv[1])\n"
      "assert sorted(f) == ['exp_avg', 'exp_avg_sq', 'weight'], list(f)\n"
      "assert len(f['weight']) == 6 and len(f['exp_avg']) == 5\n"
      "assert f['weight/layers.1.fc.weight'].shape == (31, 11)\n"
      "assert f['weight/logit_scale'].shape == ()\n"
      "assert all(d[()].size > 0 for g in f.values() for d in g.values())\n";
  write_file_atomically(folder_ / "check.py", script);
  EXPECT_EQ(std::system(("python3 " + (folder_ / "check.py").string() + " " +
                         (folder_ / "step-00000001/index.h5").string())
                            .c_str()),
            0);
}

TEST_F(SaveAndLoad, RefuseWhatTheRanksDoNotAgreeOn) {
  auto const error_of = [&](auto const& change) -> std::string {
    try {
      parallel::ThreadGroup(2).run([&](Communicator& world) {
        Queue queue(Backend::reference);
        std::vector<TensorInfo> infos = sample_infos();
        Holding holding(infos, world.rank(), world.size(), 17);
        std::vector<ConstPiece> pieces = holding.const_pieces();
        if (world.rank() == 1) change(infos, pieces);
        save_checkpoint(world, queue, folder_, 1, infos, pieces, {}, {});
      });
    } catch (Error const& error) {
      return error.what();
    }
    return "";
  };
  using Infos = std::vector<TensorInfo>&;
  using Pieces = std::vector<ConstPiece>&;
  EXPECT_THAT(error_of([](Infos infos, Pieces) { infos[3].name = "other"; }),
              HasSubstr("different tensors"));
  EXPECT_THAT(error_of([](Infos, Pieces pieces) { pieces.pop_back(); }),
              HasSubstr("belong to no rank"));
  EXPECT_THAT(error_of([](Infos, Pieces pieces) { pieces.push_back(pieces[0]); }),
              HasSubstr("belong to two ranks"));
  EXPECT_TRUE(list_checkpoints(folder_).empty());
}

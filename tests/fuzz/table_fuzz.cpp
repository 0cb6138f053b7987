#include "io/dataset/source.hpp"
#include "tests/fuzz/checking_sink.hpp"
#include "tests/fuzz/format.hpp"
#include "tests/fuzz/memory_file.hpp"

namespace accord::fuzz {

std::vector<std::string> seeds() {
  std::string const picture =  // one pixel, PNG
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/"
      "pLvAAAAAElFTkSuQmCC";
  std::string const series =  // two numbers, .npy
      "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsKSwgfSAg"
      "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIA/AAAAQA==";
  return {"image_id\timage\tcaption\n1\t" + picture + "\ta caption\n2\t" + picture + "\tb\r\n",
          "uniq_id\tlabel\taudio\ttext\na\t3\tmissing.wav\ta sound\n\nb\t\t\t\n",
          "id\tmotion\tcaption\na\t" + series + "\ta walk\n"};
}

void read(std::string const& input) {
  MemoryFile const file(input);
  read_all(*io::open_tables({file.path()}, {.modalities = {"image", "text", "audio", "motion"}}));
}

}  // namespace accord::fuzz

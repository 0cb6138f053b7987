#pragma once
// What the program shows: free of what would control a terminal, and known to have arrived.

#include <streambuf>
#include <string_view>

namespace accord::app {

/// Passes text on to another buffer, as printable_lines() shows it: names and texts come from files
/// that others wrote. Each piece holds whole characters. What a progress bar erases its line with
/// passes on a terminal.
class ShownText final : public std::streambuf {
 public:
  ShownText(std::streambuf& to, bool on_terminal) : to_(to), on_terminal_(on_terminal) {}

 protected:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(char const* text, std::streamsize count) override;
  int sync() override { return to_.pubsync(); }

 private:
  bool pass_on(std::string_view text);

  std::streambuf& to_;
  bool on_terminal_;
};

/// std::cout and std::cerr show text so, for as long as this lives.
class StandardStreams {
 public:
  StandardStreams();
  ~StandardStreams();
  StandardStreams(StandardStreams const&) = delete;
  StandardStreams& operator=(StandardStreams const&) = delete;

  /// Waits for all of standard output. \throws IoError if a part of it could not be written
  void finish();

 private:
  ShownText out_, err_;
  std::streambuf *plain_out_, *plain_err_;
};

}  // namespace accord::app

#pragma once
// What the program shows: free of what would control a terminal, and known to have arrived.

#include <streambuf>
#include <string>
#include <string_view>

namespace accord::app {

/// Passes text on to another buffer. Names and texts come from files that others wrote: of control
/// characters only line ends and tabs pass, and what a progress bar draws on a terminal; others,
/// marks that turn the direction of writing, and bytes that are no UTF-8 appear as \xNN.
class ShownText final : public std::streambuf {
 public:
  /// \param on_terminal  whether what erases a line passes
  ShownText(std::streambuf& to, bool on_terminal) : to_(to), on_terminal_(on_terminal) {}

 protected:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(char const* text, std::streamsize count) override;
  int sync() override;

 private:
  bool pass_on(std::string_view text, bool last);

  std::streambuf& to_;
  bool on_terminal_;
  std::string held_;  ///< the beginning of a character whose rest is still to come
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

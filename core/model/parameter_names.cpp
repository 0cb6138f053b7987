#include "core/model/parameter_names.hpp"

#include <algorithm>
#include <string_view>

namespace accord::official {
namespace {

constexpr std::string_view of_adapter = "_adapter", of_ffn = "_ffn", of_norm = "_layer_norm",
                           of_projection = "_proj", of_mask_token = "_mask_token",
                           of_mask_head = "_mask_head", before_embed = "decoder_",
                           behind_embed = "_embed";

std::string with(std::string const& modality, std::string_view ending) {
  return modality + std::string(ending);
}

/// The components of a name, one after the other.
class Components {
 public:
  explicit Components(std::string_view name) : rest_(name) {}
  std::string_view next() {
    std::string_view const component = rest_.substr(0, rest_.find('.'));
    rest_.remove_prefix(std::min(component.size() + 1, rest_.size()));
    return component;
  }

 private:
  std::string_view rest_;
};

/// What stands before one of the endings; empty: the component has none of them.
std::string before(std::string_view component, std::initializer_list<std::string_view> endings) {
  for (std::string_view const ending : endings)
    if (component.ends_with(ending))
      return std::string(component.substr(0, component.size() - ending.size()));
  return {};
}

/// Below a wrapper.
std::string modality_within(Components components) {
  std::string_view const first = components.next();
  if (first != fusion_model) return before(first, {of_adapter});
  std::string_view const part = components.next();
  if (part != "layers") return before(part, {of_norm});
  components.next();  // its number
  return before(components.next(), {of_ffn});
}

}  // namespace

std::string layer(Index number) { return "layers." + std::to_string(number); }
std::string adapter(std::string const& modality) { return with(modality, of_adapter); }
std::string ffn(std::string const& modality) { return with(modality, of_ffn); }
std::string output_norm(std::string const& modality) { return with(modality, of_norm); }
std::string projection(std::string const& modality) { return with(modality, of_projection); }
std::string decoder_embed(std::string const& modality) {
  return std::string(before_embed) + with(modality, behind_embed);
}
std::string mask_token(std::string const& modality) { return with(modality, of_mask_token); }
std::string mask_head(std::string const& modality) { return with(modality, of_mask_head); }
std::string bias_table(Index number) {
  return "rel_pos_table_list." + std::to_string(number) + ".weight";
}

std::string prefix(std::initializer_list<std::string> components) {
  std::string text;
  for (std::string const& component : components) text += component + ".";
  return text;
}

std::string first_component(std::string const& name) { return name.substr(0, name.find('.')); }

std::string modality_of(std::string const& name) {
  Components components(name);
  std::string_view const first = components.next();
  if (first == encoder || first == decoder) return modality_within(components);
  if (first.starts_with(before_embed) && first.ends_with(behind_embed))
    return before(first.substr(before_embed.size()), {behind_embed});
  return before(first, {of_projection, of_mask_token, of_mask_head});
}

}  // namespace accord::official

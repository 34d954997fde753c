// Aim's trees, frames, objects and hashes, byte by byte as aim 3.29.1 encodes them; and trees from
// a server that sends what it likes.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "http/json_answer.hpp"
#include "ranklog/error.hpp"
#include "trackers/aim/aim_frame.hpp"
#include "trackers/aim/aim_hash.hpp"
#include "trackers/aim/aim_objects.hpp"
#include "trackers/aim/aim_series.hpp"
#include "trackers/aim/aim_settings.hpp"
#include "trackers/aim/aim_tree.hpp"

using namespace ranklog;
using namespace ranklog::trackers::aim;

namespace {

std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const unsigned byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

std::string from_hex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

std::string packed(const ConfigValue& value) {
  TreeWriter writer;
  writer.value(value);
  return hex(writer.bytes());
}

std::string packed(const Point& point) {
  TreeWriter writer;
  std::get<Frame::Write>(point.value)(writer);
  return hex(writer.bytes());
}

// {"module_name": "builtins", "class_name": "KeyError", "args": "[\"a\"]", "message": "'a'"}
constexpr std::string_view exception =
    "0c0000006d6f64756c655f6e616d65fe0009000000046275696c74696e730b000000636c6173735f6e616d65"
    "fe0009000000044b65794572726f720500000061726773fe0006000000045b2261225d080000006d65737361"
    "6765fe000400000004276127";

}  // namespace

TEST_CASE("paths and values are encoded as Aim does it") {
  CHECK(hex(encode_path({"foo", 19, "a", -1})) ==
        "666f6ffefe0000000000000013fe61fefefffffffffffffffffe");
  CHECK(packed(Config()) == "00000000000100000007");
  const Config tree{{"l", ConfigValue::List{1, -2, 2.5, nullptr, true, "é", Config()}},
                    {"d", Config{{"k", Config{{"e", ConfigValue::List()}}}}}};
  CHECK(packed(tree) ==
        "020000006cfe0001000000060c0000006cfefe0000000000000000fe00090000000201000000000000000c00"
        "00006cfefe0000000000000001fe000900000002feffffffffffffff0c0000006cfefe0000000000000002fe"
        "00090000000300000000000004400c0000006cfefe0000000000000003fe0001000000000c0000006cfefe00"
        "00000000000004fe000200000001010c0000006cfefe0000000000000005fe000300000004c3a90c0000006c"
        "fefe0000000000000006fe0001000000070600000064fe6bfe65fe000100000006");
}

TEST_CASE("what Aim could not decode is replaced, and an empty key has a name") {
  CHECK(decodable("späße") == "späße");
  CHECK(decodable("a\xFE\x80z\xC3") == "a\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD");
  CHECK(hex(encode_path({"", "\xFF"})) == "efbfbdfeefbfbdfe");
}

TEST_CASE("a frame of instructions is the one that Aim's client sends") {
  Frame one;
  CHECK(one.empty());
  one.set("H", {"meta", "chunks", "abc", "end_time"}, ConfigValue());
  CHECK(one.bytes().size() == 433);
  CHECK(hex(one.bytes()).ends_with("fefe0000000000000001fe000100000000"));
  Frame two;
  two.update(
      "Q", {"seqs", -5, "val"}, 1, [](std::size_t) -> Key { return hash_of("loss"); },
      [](std::size_t, TreeWriter& writer) { writer.real(0.5); });
  two.set_attribute("R", "name", "run");
  CHECK(hex(two.bytes()) ==
        "000000000001000000060a000000fe0000000000000000fe00010000000614000000fe0000000000000000fe"
        "fe0000000000000000fe0002000000045114000000fe0000000000000000fefe0000000000000001fe000700"
        "00000475706461746514000000fe0000000000000000fefe0000000000000002fe0001000000061e000000fe"
        "0000000000000000fefe0000000000000002fefe0000000000000000fe00010000000628000000fe00000000"
        "00000000fefe0000000000000002fefe0000000000000000fefe0000000000000000fe000500000004736571"
        "7328000000fe0000000000000000fefe0000000000000002fefe0000000000000000fefe0000000000000001"
        "fe000900000002fbffffffffffffff28000000fe0000000000000000fefe0000000000000002fefe00000000"
        "00000000fefe0000000000000002fe00040000000476616c1e000000fe0000000000000000fefe0000000000"
        "000002fefe0000000000000001fe00010000000628000000fe0000000000000000fefe0000000000000002fe"
        "fe0000000000000001fefe0000000000000000fe00010000000632000000fe0000000000000000fefe000000"
        "0000000002fefe0000000000000001fefe0000000000000000fefe0000000000000000fe0009000000020154"
        "7a0f0e853abb32000000fe0000000000000000fefe0000000000000002fefe0000000000000001fefe000000"
        "0000000000fefe0000000000000001fe000900000003000000000000e03f0a000000fe0000000000000001fe"
        "00010000000614000000fe0000000000000001fefe0000000000000000fe0002000000045214000000fe0000"
        "000000000001fefe0000000000000001fe000c000000046e616d652e73657474657214000000fe0000000000"
        "000001fefe0000000000000002fe0001000000061e000000fe0000000000000001fefe0000000000000002fe"
        "fe0000000000000000fe00040000000472756e");
}

TEST_CASE("texts and histograms are Aim's objects; uneven bins have no place there") {
  CHECK(packed(text_point("hi é")) ==
        "0000000000090000000f61696d2e746578740500000064617461fe010600000004686920c3a9");
  const auto histogram = histogram_point(Histogram({0, 1, 2, 3}, {1, 0, 5}));
  REQUIRE(histogram);
  CHECK(packed(*histogram) ==
        "0000000000110000000f61696d2e646973747269627574696f6e0500000064617461fe011900000005000000"
        "000000f03f00000000000000000000000000001440060000006474797065fe000800000004666c6f61743634"
        "0600000072616e6765fe0001000000061000000072616e6765fefe0000000000000000fe0009000000030000"
        "0000000000001000000072616e6765fefe0000000000000001fe00090000000300000000000008400a000000"
        "62696e5f636f756e74fe0009000000020300000000000000");
  CHECK_FALSE(histogram_point(Histogram({0, 1, 3}, {1, 2})));
}

TEST_CASE("numbers, texts, lists and contexts hash as Aim hashes them") {
  constexpr auto infinity = std::numeric_limits<double>::infinity();
  CHECK(hash_of(0) == 487590686800389010);
  CHECK(hash_of(false) == hash_of(0));
  CHECK(hash_of(-0.0) == hash_of(0));
  CHECK(hash_of(1) == 6813614137041369426);
  CHECK(hash_of(true) == hash_of(1));
  CHECK(hash_of(2) == -901861262945818715);
  CHECK(hash_of(3) == -4635844459148357575);
  CHECK(hash_of(3.0) == hash_of(3));
  CHECK(hash_of(-1) == -2031535777419256979);
  CHECK(hash_of(-7) == 6047015011043479254);
  CHECK(hash_of(1000) == -1219901322750360787);
  CHECK(hash_of(std::int64_t{1} << 53) == -5667485957076255568);
  CHECK(hash_of((std::int64_t{1} << 61) - 1) == 6813614137041369426);
  CHECK(hash_of(std::numeric_limits<std::int64_t>::max()) == 959237082491885421);
  CHECK(hash_of(std::numeric_limits<std::int64_t>::min()) == -1605165261942922965);
  CHECK(hash_of(0.5) == -3745591848707183511);
  CHECK(hash_of(-1.5) == 4993227422411043412);
  CHECK(hash_of(1e300) == -8526786551268721049);
  CHECK(hash_of(5e-324) == 6347604886970453728);
  CHECK(hash_of(infinity) == 3372801684980267467);
  CHECK(hash_of(-infinity) == 8531898805919798013);
  CHECK(hash_of(std::nan("")) == hash_of(0));
  CHECK(hash_of(nullptr) == 1393794177995070132);
  CHECK(hash_of("loss") == -4955502144532098047);
  CHECK(hash_of("späße") == -4698805074232610891);
  CHECK(hash_of("") == 6849049062142317862);
  CHECK(hash_of(ConfigValue::List{1, 2}) == 3353234803786202970);
  CHECK(hash_of(ConfigValue::List{1, ConfigValue::List{2, "x"}}) == 125233385145274131);
  CHECK(hash_of(Config()) == -4504863053055089774);
  CHECK(hash_of(Config{{"subset", "train"}}) == -8686149688933388395);
  CHECK(hash_of(Config{{"subset", "val"}, {"rank", 0}}) == -5894743800836725612);
  CHECK(hash_of(Config{{"b", "2"}, {"a", 1}}) == hash_of(Config{{"a", 1}, {"b", "2"}}));
  CHECK(hash_of(Config{{"b", "2"}, {"a", 1}}) == 5325398346658541013);
  CHECK(hash_of(Config{{"a", ConfigValue::List{1, nullptr}}, {"b", Config{{"c", true}}}}) ==
        2547511962564318340);
}

TEST_CASE("a sequence keeps one kind of value, save that whole and other numbers mix") {
  const auto point = [](auto value) {
    Point one;
    one.value = value;
    return one;
  };
  Series numbers("run", 1, "loss");
  CHECK(numbers.add(integer_type, point(std::int64_t{1})));
  CHECK(numbers.add(real_type, point(0.5)));
  CHECK(numbers.type() == number_type);
  CHECK_FALSE(numbers.add(text_type, text_point("no")));
  Series images("run", 1, "image");
  images.resume({std::string(images_type), 7, 0, 0, 2, true, true});
  CHECK_FALSE(images.add(real_type, point(0.5)));
  CHECK_FALSE(images.has_pending());
}

TEST_CASE("points are cut into frames of a bounded size, each with whole columns") {
  Series series("run", 1, "loss");
  constexpr int n_points = 100;
  for (int step = 0; step < n_points; ++step) {
    Point point;
    point.step = step;
    point.value = 0.5 * step;
    REQUIRE(series.add(real_type, std::move(point)));
  }
  const Handlers handlers{"M", "Q", "R"};
  int n_frames = 0;
  for (; series.has_pending(); ++n_frames) {
    Frame frame;
    series.write(frame, handlers);
    CHECK(frame.bytes().size() < Frame::wanted_bytes * 3 / 2);
  }
  CHECK(n_frames == 5);
}

TEST_CASE("an exception of the server is read; a torn tree is refused at any length") {
  const auto whole = from_hex(exception);
  const auto tree = Tree::decode(whole);
  CHECK(tree.text({"class_name"}) == "KeyError");
  CHECK(tree.text({"message"}) == "'a'");
  CHECK_FALSE(tree.integer({"message"}));
  CHECK_FALSE(tree.text({"nothing"}));
  CHECK_FALSE(tree.number({"class_name"}));
  int n_refused = 0;
  for (std::size_t n = 1; n < whole.size(); ++n) {
    try {
      static_cast<void>(Tree::decode(std::string_view(whole).substr(0, n)));
    } catch (const http::BadAnswerError&) {
      ++n_refused;
    }
  }
  CHECK(n_refused == static_cast<int>(whole.size()) - 1 - 3);  // three ends between two pairs
}

TEST_CASE("a tree of random bytes, or with huge lengths, is refused or decoded without harm") {
  CHECK_THROWS_AS(static_cast<void>(Tree::decode("\xFF\xFF\xFF\xFF")), http::BadAnswerError);
  std::string many;
  constexpr int too_many = 100'001;
  for (int i = 0; i < too_many; ++i) many += std::string(9, '\0');
  CHECK_THROWS_AS(static_cast<void>(Tree::decode(many)), http::BadAnswerError);
  const auto whole = from_hex(exception);
  std::uint32_t state = 12345;
  constexpr int n_rounds = 2000;
  for (int round = 0; round < n_rounds; ++round) {
    auto bytes = whole;
    for (int i = 0; i < 4; ++i) {
      state = state * 1664525U + 1013904223U;
      bytes[state % bytes.size()] = static_cast<char>(state >> 24);
    }
    try {
      const auto tree = Tree::decode(bytes);
      static_cast<void>(tree.text({"class_name"}));
      static_cast<void>(tree.number({"args"}));
    } catch (const http::BadAnswerError&) {
      continue;
    }
  }
}

TEST_CASE("the address of the server comes from the option or the variable, and a folder is none") {
  TrackerContext context;
  context.project_name = "p";
  context.run_name = "r";
  context.run_id = "0123456789abcdef";
  std::string variable = "aim://host:53800/base/";
  const auto environment = [&](const char* name) -> const char* {
    return std::string_view(name) == "RANKLOG_AIM_REPO" ? variable.c_str() : nullptr;
  };
  CHECK(read_settings(context, environment).client.server.text == "http://host:53800/base");
  context.options = Config{{"repo", "https://alice:secret@other"}};
  const auto settings = read_settings(context, environment);
  CHECK(settings.client.server.text == "https://other");
  CHECK(settings.client.server.password == "secret");
  CHECK(settings.experiment == "p");
  CHECK(settings.run_name == "r");
  CHECK(own_hash(context).size() == 24);
  CHECK(own_hash(context).starts_with(context.run_id));
  for (const std::string wrong : {"", "./runs", "aim:///x"}) {
    CAPTURE(wrong);
    variable = wrong;
    context.options = Config();
    CHECK_THROWS_AS(static_cast<void>(read_settings(context, environment)), UsageError);
  }
  context.options = Config{{"repo", "aim://host"}, {"run_hash", "../../etc"}};
  CHECK_THROWS_AS(static_cast<void>(read_settings(context, environment)), UsageError);
}

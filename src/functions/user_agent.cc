// USER_AGENT: who sent a request, by its User-Agent header. An addition of ours. Products name
// each other for
// compatibility ("Chrome ... Safari ... Edg"), so the tables go from the most particular mark to
// the most
// common one, and the first that is found counts.
#include <algorithm>
#include <span>
#include <unordered_map>

#include "functions/bind.h"
#include "functions/families.h"
#include "functions/per_row.h"

namespace millrace {
namespace {

using View = std::string_view;

const SqlType kString = SqlType::String();

struct Mark {
  View mark;  // as it stands in the header
  View name;
};

constexpr Mark kBots[] = {{"Googlebot", "Googlebot"}, {"bingbot", "Bingbot"},
                          {"DuckDuckBot", "DuckDuckBot"}, {"YandexBot", "YandexBot"},
                          {"Baiduspider", "Baiduspider"}, {"AhrefsBot", "AhrefsBot"},
                          {"facebookexternalhit", "Facebook"}, {"Twitterbot", "Twitterbot"},
                          {"Applebot", "Applebot"}, {"GPTBot", "GPTBot"},
                          {"PhantomJS", "PhantomJS"}, {"WordPress", "WordPress"}};

// The version stands behind the mark.
constexpr Mark kBrowsers[] = {
    {"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"}, {"Edge/", "Edge"},
    {"OPR/", "Opera"}, {"Opera Mini/", "Opera Mini"}, {"Opera Mobi/", "Opera Mobile"},
    {"Opera/", "Opera"}, {"Opera ", "Opera"}, {"SamsungBrowser/", "Samsung Internet"},
    {"YaBrowser/", "Yandex Browser"}, {"Vivaldi/", "Vivaldi"}, {"UCBrowser/", "UC Browser"},
    {"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"}, {"CriOS/", "Chrome"},
    {"HeadlessChrome/", "Chrome"}, {"Chrome/", "Chrome"}, {"Version/", "Safari"},
    {"MSIE ", "Internet Explorer"}, {"Trident/", "Internet Explorer"}, {"curl/", "curl"},
    {"Wget/", "Wget"}, {"python-requests/", "python-requests"}, {"okhttp/", "OkHttp"},
    {"Go-http-client/", "Go"}, {"PostmanRuntime/", "Postman"}, {"VLC/", "VLC"},
    {"ExoPlayer", "ExoPlayer"}, {"AppleCoreMedia/", "AppleCoreMedia"}};

constexpr Mark kSystems[] = {
    {"Windows Phone", "Windows Phone"}, {"Xbox", "Xbox"}, {"Symb", "Symbian"},
    {"Series60", "Symbian"}, {"S60;", "Symbian"}, {"Windows", "Windows"}, {"BB10", "BlackBerry"},
    {"BlackBerry", "BlackBerry"},
    {"iPad", "iPadOS"}, {"iPhone", "iOS"}, {"iPod", "iOS"}, {"Apple TV", "tvOS"},
    {"AppleTV", "tvOS"}, {"Macintosh", "macOS"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"},
    {"Tizen", "Tizen"}, {"Web0S", "webOS"}, {"webOS", "webOS"}, {"PlayStation", "PlayStation"},
    {"Android", "Android"}, {"; Adr ", "Android"}, {"MeeGo", "MeeGo"}, {"Linux", "Linux"}, {"FreeBSD", "FreeBSD"}};

constexpr View kTelevisions[] = {"SmartTV", "Smart-TV", "SMART-TV", "GoogleTV", "Google TV",
                                 "AppleTV", "Apple TV", "Android TV", "BRAVIA", "AFT", "Roku",
                                 "HbbTV", "Web0S", "CrKey", "NetCast"};

// Of telephones that do not say "Mobile".
constexpr View kPhones[] = {"iPhone", "Opera Mini", "Opera Mobi", "MIDP", "Symb", "BlackBerry",
                            "NetFront"};

// Programs that fetch pages for nobody.
constexpr View kBotWords[] = {"bot", "Bot", "crawler", "Crawler", "spider", "Spider",
                              "Health Check", "HealthChecker", "Headless"};

bool HasAny(View text, std::span<const View> marks) {
  return std::any_of(marks.begin(), marks.end(),
                     [&](View mark) { return text.find(mark) != View::npos; });
}

template <size_t kCount>
const Mark* FirstFound(View text, const Mark (&marks)[kCount]) {
  const Mark* found = std::find_if(std::begin(marks), std::end(marks), [&](const Mark& mark) {
    return text.find(mark.mark) != View::npos;
  });
  return found == std::end(marks) ? nullptr : found;
}

bool IsBot(View text) { return FirstFound(text, kBots) != nullptr || HasAny(text, kBotWords); }

const Mark* BrowserOf(View text) {
  if (const Mark* bot = FirstFound(text, kBots)) return bot;
  return FirstFound(text, kBrowsers);
}

View VersionOf(View text) {
  const Mark* browser = BrowserOf(text);
  if (browser == nullptr) return {};
  View mark = browser->mark;
  // Opera stayed at 9.80 for those who could not read two digits.
  constexpr View kOpera = "Opera/9.80", kVersion = "Version/";
  if (text.find(kOpera) != View::npos && mark == "Opera/" && text.find(kVersion) != View::npos) {
    mark = kVersion;
  }
  View rest = text.substr(text.find(mark) + mark.size());
  if (rest.starts_with('/')) rest.remove_prefix(1);
  return rest.substr(0, std::min(rest.find_first_not_of("0123456789."), rest.size()));
}

View DeviceOf(View text) {
  if (IsBot(text)) return "bot";
  if (HasAny(text, kTelevisions)) return "tv";
  if (text.find("PlayStation") != View::npos || text.find("Xbox") != View::npos) return "console";
  const bool android = text.find("Android") != View::npos,
             mobile = text.find("Mobile") != View::npos;
  if (text.find("iPad") != View::npos || text.find("Tablet") != View::npos) return "tablet";
  if (HasAny(text, kPhones)) return "phone";
  if (android && !mobile) return "tablet";
  if (mobile) return "phone";
  const Mark* system = FirstFound(text, kSystems);
  return system != nullptr && BrowserOf(text) != nullptr ? "desktop" : View();
}

Status CheckPart(View part) {
  for (const View known : {View("browser"), View("version"), View("os"), View("device")}) {
    if (part == known) return Status::OK();
  }
  return UserError("USER_AGENT has no part '{}'. hint: browser, version, os, device", part);
}

View PartOf(View text, View part) {
  if (part == "device") return DeviceOf(text);
  if (part == "version") return VersionOf(text);
  const Mark* mark = part == "os" ? FirstFound(text, kSystems) : BrowserOf(text);
  return mark == nullptr ? View() : mark->name;
}

// Headers repeat: a batch has far fewer of them than rows.
class Answers {
 public:
  // Empty: not known. The header must outlive this.
  Result<View> Get(View header, View part) {
    if (part != part_ || part_.empty()) {
      MILL_RETURN(CheckPart(part));
      part_ = part;
      answers_.clear();
    }
    const auto [known, added] = answers_.try_emplace(header);
    if (added) known->second = PartOf(header, part_);
    return known->second;
  }

 private:
  std::string part_;
  std::unordered_map<View, View> answers_;
};

Result<arrow::Datum> EvalUserAgent(const Call& call) {
  Status failure;
  Answers answers;
  auto result =
      RunPerRow<Text(View, View)>(call, [&](View text, View part, std::string* out) -> bool {
        const Result<View> answer = answers.Get(text, part);
        if (!answer.ok()) failure = answer.status();
        if (!answer.ok() || answer->empty()) return false;
        out->append(*answer);
        return true;
      });
  MILL_RETURN(failure);
  return result;
}

}  // namespace

void RegisterUserAgent(FunctionRegistry& registry) {
  registry.Add(
      {.name = "USER_AGENT",
       .signature = "USER_AGENT(STRING, part) -> STRING",
       .doc = "A part of a User-Agent header: 'browser', 'version', 'os', or 'device' (desktop, "
              "phone, tablet, tv, console, bot). NULL if it is not known. Not in Flink.",
       .examples = {{"USER_AGENT('Mozilla/5.0 (Windows NT 10.0) Chrome/120.0 Safari/537 "
                     "Edg/120.1', 'browser')",
                     "Edge"},
                    {"USER_AGENT('Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) "
                     "Version/17.0 Mobile Safari', 'device')",
                     "phone"},
                    {"USER_AGENT('Mozilla/5.0 (X11; Linux x86_64) Firefox/121.0', 'os')", "Linux"}},
       .bind = [](const std::vector<SqlType>& args) -> Result<Binding> {
         MILL_ASSIGN(Binding binding, Fixed({kString, kString}, kString)(args));
         binding.type.nullable = true;
         return binding;
       },
       .eval = EvalUserAgent,
       .may_fail = true});
}

}  // namespace millrace

#include "tests/support/json_schema.h"

#include <set>

namespace capacity::testing {
namespace {

using nlohmann::json;

class Checker {
 public:
  explicit Checker(const json& root) : root_(root) {}

  void Check(const json& schema, const json& value, const std::string& path) {
    static const std::set<std::string> kKnown = {"$schema",
                                                 "$defs",
                                                 "$ref",
                                                 "title",
                                                 "description",
                                                 "type",
                                                 "required",
                                                 "properties",
                                                 "items",
                                                 "enum",
                                                 "const",
                                                 "anyOf",
                                                 "additionalProperties"};
    for (const auto& [keyword, unused] : schema.items()) {
      if (!kKnown.count(keyword)) violations.push_back(path + ": schema keyword " + keyword);
    }
    if (schema.contains("$ref")) {
      const std::string pointer = schema["$ref"].get<std::string>().substr(1);
      Check(root_.at(json::json_pointer(pointer)), value, path);
    }
    if (schema.contains("const") && value != schema["const"])
      Fail(path, "is not " + schema["const"].dump());
    if (schema.contains("enum")) CheckEnum(schema["enum"], value, path);
    if (schema.contains("type")) CheckType(schema["type"], value, path);
    if (schema.contains("anyOf")) CheckAnyOf(schema["anyOf"], value, path);
    if (value.is_object()) CheckObject(schema, value, path);
    if (value.is_array() && schema.contains("items")) {
      for (std::size_t i = 0; i < value.size(); ++i) {
        Check(schema["items"], value[i], path + "/" + std::to_string(i));
      }
    }
  }

  std::vector<std::string> violations;

 private:
  void Fail(const std::string& path, const std::string& what) {
    violations.push_back(path + ": " + what);
  }

  void CheckEnum(const json& allowed, const json& value, const std::string& path) {
    for (const json& one : allowed) {
      if (one == value) return;
    }
    Fail(path, value.dump() + " is not one of " + allowed.dump());
  }

  static bool HasType(const std::string& type, const json& value) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    return type == "null" && value.is_null();
  }

  void CheckType(const json& type, const json& value, const std::string& path) {
    if (type.is_string() ? HasType(type, value) : AnyType(type, value)) return;
    Fail(path, value.dump().substr(0, 60) + " is not of type " + type.dump());
  }

  static bool AnyType(const json& types, const json& value) {
    for (const json& type : types) {
      if (HasType(type, value)) return true;
    }
    return false;
  }

  void CheckAnyOf(const json& options, const json& value, const std::string& path) {
    for (const json& option : options) {
      Checker attempt(root_);
      attempt.Check(option, value, path);
      if (attempt.violations.empty()) return;
    }
    Fail(path, "matches no alternative");
  }

  void CheckObject(const json& schema, const json& value, const std::string& path) {
    if (schema.contains("required")) {
      for (const json& name : schema["required"]) {
        if (!value.contains(name.get<std::string>())) Fail(path, "lacks " + name.dump());
      }
    }
    const json& properties = schema.contains("properties") ? schema["properties"] : json::object();
    for (const auto& [name, field] : value.items()) {
      if (properties.contains(name)) {
        Check(properties[name], field, path + "/" + name);
      } else if (schema.contains("additionalProperties") &&
                 schema["additionalProperties"].is_object()) {
        Check(schema["additionalProperties"], field, path + "/" + name);
      }
    }
  }

  const json& root_;
};

}  // namespace

std::vector<std::string> SchemaViolations(const nlohmann::json& schema,
                                          const nlohmann::json& document) {
  Checker checker(schema);
  checker.Check(schema, document, "");
  return checker.violations;
}

}  // namespace capacity::testing

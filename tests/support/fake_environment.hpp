// An environment for code that takes a function instead of calling getenv.
#pragma once

#include <initializer_list>
#include <map>
#include <string>

namespace ranklog::test_support {

class FakeEnvironment {
 public:
  struct Variable {
    std::string name;
    std::string value;
  };
  FakeEnvironment(std::initializer_list<Variable> variables) {
    for (const Variable& variable : variables) values_[variable.name] = variable.value;
  }

  const char* operator()(const char* name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : found->second.c_str();
  }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace ranklog::test_support

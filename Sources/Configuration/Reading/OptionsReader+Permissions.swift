import Subjects

/// Permissions of users, accounts and clusters (FEATURES 3.256 to 3.258).
extension OptionsReader {
  /// `place` is what an error about the block itself is blamed on.
  func permissions(
    _ block: ConfigurationValue, at place: ConfigurationValue?
  ) throws(ConfigurationProblem) -> Permissions {
    guard let map = block.map else {
      throw ConfigurationProblem("Expected permissions to be a map/struct, got \(block.text)", at: place)
    }
    var result = Permissions()
    readFields(of: map) { [self] (name, key, value) throws(ConfigurationProblem) in
      switch name {
      case "pub", "publish", "import":
        result.publish = try subjectPermission(value, allowQueue: false)
      case "sub", "subscribe", "export":
        result.subscribe = try subjectPermission(value, allowQueue: true)
      case "publish_allow_responses", "allow_responses":
        if let isAllowed = value.boolean {
          if isAllowed { result.responses = ResponsePermission() }
        } else {
          result.responses = responsePermission(value)
        }
      default:
        if !value.isUsedAsVariable { fail("Unknown field \(GoText.quoted(key)) parsing permissions", at: value) }
      }
    }
    if result.responses != nil {
      // Whoever may reply may publish nothing else unless it says so.
      var publish = result.publish ?? SubjectPermission()
      publish.allow = publish.allow ?? []
      result.publish = publish
    }
    return result
  }

  private func subjectPermission(
    _ value: ConfigurationValue, allowQueue: Bool
  ) throws(ConfigurationProblem) -> SubjectPermission? {
    guard let map = value.map else {
      let subjects = try subjects(value, allowQueue: allowQueue, at: nil)
      return SubjectPermission(allow: subjects.isEmpty ? nil : subjects)
    }
    guard !map.entries.isEmpty else { return nil }
    var result = SubjectPermission()
    readFields(of: map) { [self] (name, key, field) throws(ConfigurationProblem) in
      switch name {
      case "allow":
        let allowed = try subjects(field, allowQueue: allowQueue, at: field)
        result.allow = allowed.isEmpty ? nil : allowed
      case "deny": result.deny = try subjects(field, allowQueue: allowQueue, at: field)
      default:
        if !field.isUsedAsVariable {
          fail(
            "Unknown field name \(GoText.quoted(key)) parsing subject permissions, "
              + "only 'allow' or 'deny' are permitted", at: field)
        }
      }
    }
    return result
  }

  /// One subject or a list. `place` is what an error is blamed on, which may be nothing.
  func subjects(
    _ value: ConfigurationValue, allowQueue: Bool, at place: ConfigurationValue?
  ) throws(ConfigurationProblem) -> [String] {
    var result: [String] = []
    switch value.content {
    case .string(let text): result = [text]
    case .array(let elements):
      for element in elements {
        guard let text = element.string else {
          throw ConfigurationProblem("Subject in permissions array cannot be cast to string", at: element)
        }
        result.append(text)
      }
    default:
      throw ConfigurationProblem(
        "Expected subject permissions to be a subject, or array of subjects, got \(value.typeName)", at: place)
    }
    if let problem = PermissionSubjects.problem(result, allowQueue: allowQueue) {
      throw ConfigurationProblem(problem, at: place)
    }
    return result
  }

  private func responsePermission(_ block: ConfigurationValue) -> ResponsePermission? {
    guard let map = block.map else {
      fail("error parsing response permissions, expected a boolean or a map", at: block)
      return nil
    }
    var result = ResponsePermission()
    for (key, value) in map.entries {
      do throws(ConfigurationProblem) {
        switch key.lowercased() {
        case "max", "max_msgs", "max_messages", "max_responses":
          let number = try value.requireInt()
          if number != 0 { result.maxMessages = number }
        case "expires", "expiration", "ttl":
          guard let text = value.string else {
            fail("error parsing expires, not a duration string", at: value)
            return nil
          }
          switch plainDuration(text) {
          case .success(let nanoseconds): if nanoseconds != 0 { result.expiresNanoseconds = nanoseconds }
          case .failure(let failure):
            fail("error parsing expires: \(failure.description)", at: value)
            return nil
          }
        default:
          if !value.isUsedAsVariable { fail("Unknown field \(GoText.quoted(key)) parsing permissions", at: value) }
        }
      } catch {
        fail(error)
        return nil
      }
    }
    return result
  }
}

/// Which subjects may stand in permissions.
enum PermissionSubjects {
  /// What is wrong with the first bad subject; `subject queue` is good where queues are allowed.
  static func problem(_ subjects: [String], allowQueue: Bool) -> String? {
    for subject in subjects where !Subject.isValid(subject) {
      let invalid = "subject \(GoText.quoted(subject)) is not a valid subject"
      guard allowQueue else { return invalid }
      let parts = subject.unicodeScalars.split(whereSeparator: ConfigurationCharacter.isSpace).map(String.init)
      guard parts.count == 2 else { return invalid }
      if !Subject.isValid(parts[0]) { return "subject \(GoText.quoted(parts[0])) is not a valid subject" }
      if !Subject.isValid(parts[1]) { return "queue \(GoText.quoted(parts[1])) is not a valid queue" }
    }
    return nil
  }
}

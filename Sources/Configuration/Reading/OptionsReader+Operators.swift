import Crypto

/// Operators, trusted keys and resolvers (FEATURES 3.087 to 3.093).
extension OptionsReader {
  func readOperators(_ value: ConfigurationValue) {
    var names: [String] = []
    switch value.content {
    case .string(let text): names = [text]
    case .array(let elements):
      for element in elements {
        guard let text = element.string else {
          fail("error parsing operators: unsupported type *conf.token where string is expected", at: value)
          break
        }
        names.append(text)
      }
    default: fail("error parsing operators: unsupported type \(value.typeName)", at: value)
    }
    for name in names {
      if let problem = operatorProblem(name) {
        fail("error parsing operator JWT: \(problem)", at: value)
      } else {
        options.operatorMode.operators.append(name)
      }
    }
  }

  /// What is wrong with an operator's JWT, given as the name of a file or itself.
  private func operatorProblem(_ name: String) -> String? {
    var contents: [UInt8]
    switch access.read(name) {
    case .success(let bytes): contents = bytes
    case .failure(let failure):
      // A name that is no file may be the JWT itself.
      guard name.hasPrefix("eyJ") else { return failure.description }
      contents = Array(name.utf8)
    }
    contents = Self.decoratedToken(in: contents) ?? contents
    while contents.last == UInt8(ascii: "\n") || contents.last == UInt8(ascii: "\r") { contents.removeLast() }
    do throws(JWTError) {
      return try JWT(decoding: String(decoding: contents, as: UTF8.self)).kind == .operator ? nil : "not operator claim"
    } catch {
      return error.description
    }
  }

  /// The line between two lines of dashes with a title, as `nsc` writes tokens into files.
  private static func decoratedToken(in contents: [UInt8]) -> [UInt8]? {
    let lines = contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
      line.last == UInt8(ascii: "\r") ? line.dropLast() : line
    }
    let dashes = Array("---".utf8)
    for index in lines.indices.dropFirst().dropLast() {
      let (before, line, after) = (lines[index - 1], lines[index], lines[index + 1])
      let isToken = line.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
          UInt8(ascii: "="):
          true
        default: false
        }
      }
      if isToken, !line.isEmpty, before.count >= 6, before.suffix(3).elementsEqual(dashes), after.count >= 6,
        after.starts(with: dashes), after.suffix(3).elementsEqual(dashes)
      {
        return Array(line)
      }
    }
    return nil
  }

  func readTrustedKeys(_ value: ConfigurationValue) {
    var keys: [String] = []
    var last = value
    switch value.content {
    case .string(let text): keys = [text]
    case .array(let elements):
      for element in elements {
        last = element
        guard let text = element.string else {
          fail("error parsing trusted: unsupported type in array \(element.typeName)", at: element)
          continue
        }
        keys.append(text)
      }
    default: fail("error parsing trusted: unsupported type \(value.typeName)", at: value)
    }
    options.operatorMode.trustedKeys = keys
    for key in keys where !NKey.isValid(key, as: .operator) {
      fail("trust key \(GoText.quoted(key)) required to be a valid public operator nkey", at: last)
    }
  }

  func readResolverPreload(_ value: ConfigurationValue) throws(ConfigurationProblem) {
    guard let map = value.map else {
      throw ConfigurationProblem("preload should be a map of account_public_key:account_jwt", at: value)
    }
    options.operatorMode.preload = [:]
    for (account, field) in map.entries {
      guard let token = field.string else {
        fail("preload map value should be a string JWT", at: field)
        continue
      }
      options.operatorMode.preload[account] = token
    }
  }

  func readResolverPinnedAccounts(_ value: ConfigurationValue) throws(ConfigurationProblem) {
    switch value.content {
    case .string(let text): options.operatorMode.pinnedAccounts = [text]
    case .array(let elements):
      options.operatorMode.pinnedAccounts = []
      for element in elements {
        guard let text = element.string else {
          fail(
            "error parsing resolver_pinned_accounts: unsupported type in array \(element.typeName)", at: element)
          continue
        }
        options.operatorMode.pinnedAccounts.insert(text)
      }
    default:
      throw ConfigurationProblem(
        "error parsing resolver_pinned_accounts: unsupported type \(value.typeName)", at: value)
    }
  }

  // MARK: Resolver

  func readResolver(_ value: ConfigurationValue) throws(ConfigurationProblem) {
    switch value.content {
    case .string(let text): options.operatorMode.resolver = try resolver(named: text, at: value)
    case .map(let map): options.operatorMode.resolver = try directoryResolver(map, at: value)
    default:
      throw ConfigurationProblem("error parsing operator resolver, wrong type \(value.typeName)", at: value)
    }
    if options.operatorMode.resolver == nil {
      fail(
        "error parsing account resolver, should be MEM or  URL(\"url\") or a map containing dir and type "
          + "state=[FULL|CACHE])", at: value)
    }
  }

  /// `MEM`, `MEMORY` or `URL("...")`, in any case, anywhere in the text.
  private func resolver(
    named text: String, at value: ConfigurationValue
  ) throws(ConfigurationProblem) -> ResolverOptions? {
    let upper = text.uppercased()
    if upper.firstRange(of: "MEM") != nil { return .memory }
    guard let start = upper.firstRange(of: "URL")?.upperBound else { return nil }
    let address = addressInParentheses(text[start...])
    _ = try url(address, kind: "account resolver", at: value)
    return .url(address.hasSuffix("/") ? address : address + "/")
  }

  /// The address of `( "address" )`, quotes and blanks being optional; empty for anything else.
  private func addressInParentheses(_ text: Substring) -> String {
    guard text.first == "(" else { return "" }
    var inner = text.dropFirst().drop { $0.isWhitespace }
    if inner.first == "\"" { inner = inner.dropFirst() }
    let run = inner.prefix { !$0.isWhitespace && $0 != "\"" }
    var after = inner.dropFirst(run.count)
    if after.first == "\"" { after = after.dropFirst() }
    if after.drop(while: { $0.isWhitespace }).first == ")" { return String(run) }
    return run.lastIndex(of: ")").map { String(run[..<$0]) } ?? ""
  }

  private func directoryResolver(
    _ map: ConfigurationMap, at value: ConfigurationValue
  ) throws(ConfigurationProblem) -> ResolverOptions? {
    var result = DirectoryResolverOptions()
    func interval(_ name: String) throws(ConfigurationProblem) -> Int64 {
      guard let field = map[name] else { return 0 }
      switch plainDuration(try field.requireString()) {
      case .success(let nanoseconds): return nanoseconds
      case .failure(let failure): throw ConfigurationProblem(failure.description, at: value)
      }
    }
    result.directory = try map["dir"]?.requireString() ?? ""
    let kind = try map["type"]?.requireString() ?? ""
    result.allowDelete = try map["allow_delete"]?.requireBoolean() ?? false
    result.hardDelete = try map["hard_delete"]?.requireBoolean() ?? false
    result.limit = try map["limit"]?.requireInteger() ?? 0
    result.ttlNanoseconds = try interval("ttl")
    result.syncIntervalNanoseconds = try interval("interval")
    result.timeoutNanoseconds = try interval("timeout")
    let setsHardDelete = map["hard_delete"] != nil
    switch kind.uppercased() {
    case "CACHE":
      checkDirectory(result.directory, at: value)
      if result.syncIntervalNanoseconds != 0 { fail("CACHE does not accept sync", at: value) }
      if result.allowDelete { fail("CACHE does not accept allow_delete", at: value) }
      if setsHardDelete { fail("CACHE does not accept hard_delete", at: value) }
      return .cache(result)
    case "FULL":
      checkDirectory(result.directory, at: value)
      if result.ttlNanoseconds != 0 { fail("FULL does not accept ttl", at: value) }
      if setsHardDelete, !result.allowDelete { fail("hard_delete has no effect without delete", at: value) }
      return .full(result)
    case "MEM", "MEMORY": return .memory
    default: return nil
    }
  }

  private func checkDirectory(_ path: String, at value: ConfigurationValue) {
    if path.isEmpty {
      fail("dir has no value and needs to point to a directory", at: value)
      return fail("mkdir : no such file or directory", at: value)
    }
    // A directory cannot be read as a file; what can is none.
    if case .success = access.read(path) {
      fail("dir needs to point to an accessible directory", at: value)
      fail("mkdir \(path): not a directory", at: value)
    }
  }
}

extension String {
  fileprivate func firstRange(of text: String) -> Range<String.Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
      start = index(after: start)
    }
    return nil
  }
}

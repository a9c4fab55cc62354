import Subjects

/// Subject mappings (FEATURES 3.094, 3.215, 2.021 to 2.024).
extension OptionsReader {
  /// Mappings at the top level belong to the global account.
  func readGlobalMappings(_ value: ConfigurationValue) {
    var account = AccountOptions(name: Defaults.globalAccount)
    collecting { () throws(ConfigurationProblem) in account.mappings = try mappings(value) }
    options.accounts.append(account)
  }

  func mappings(_ block: ConfigurationValue) throws(ConfigurationProblem) -> [MappingOptions] {
    var result: [MappingOptions] = []
    for (source, value) in try block.requireMap().entries {
      guard Subject.isValid(source) else {
        fail("Subject \(GoText.quoted(source)) is not a valid subject", at: block)
        continue
      }
      do throws(ConfigurationProblem) {
        guard let mapping = try mapping(of: source, value) else { continue }
        result.removeAll { $0.source == source }
        result.append(mapping)
      } catch {
        fail(error)
      }
    }
    return result
  }

  private func mapping(
    of source: String, _ value: ConfigurationValue
  ) throws(ConfigurationProblem) -> MappingOptions? {
    var result = MappingOptions(source: source, destinations: [])
    var start = "Error adding mapping for \(GoText.quoted(source))"
    switch value.content {
    case .string(let text):
      result.destinations = [MappingDestination(subject: text)]
      start += " to \(GoText.quoted(text))"
    case .array(let elements):
      for element in elements {
        do throws(ConfigurationProblem) {
          result.destinations.append(try destination(element))
        } catch {
          fail(error)
        }
      }
    default: result.destinations = [try destination(value)]
    }
    do throws(AccountMapping.Invalid) {
      _ = try AccountMapping(source: source, destinations: result.destinations.map(AccountMapping.Destination.init))
    } catch {
      throw ConfigurationProblem("\(start) : \(error.description)", at: value)
    }
    return result
  }

  private func destination(_ value: ConfigurationValue) throws(ConfigurationProblem) -> MappingDestination {
    guard let map = value.map else {
      throw ConfigurationProblem("Expected an entry for the mapping destination", at: value)
    }
    var result = MappingDestination(subject: "", weight: 0)
    var hasWeight = false
    for (key, field) in map.entries {
      switch key.lowercased() {
      case "dest", "destination": result.subject = try field.requireString(blaming: value)
      case "weight":
        result.weight = try weight(field)
        hasWeight = true
      case "cluster": result.cluster = try field.requireString(blaming: value)
      default:
        throw ConfigurationProblem(
          "Unknown field \(GoText.quoted(key)) for mapping destination", at: field)
      }
    }
    guard hasWeight else {
      throw ConfigurationProblem(
        "Missing weight for mapping destination \(GoText.quoted(result.subject))", at: value)
    }
    return result
  }

  private func weight(_ value: ConfigurationValue) throws(ConfigurationProblem) -> Int {
    let number: Int64
    switch value.content {
    case .integer(let integer): number = integer
    case .string(let text):
      let digits = text.hasSuffix("%") ? String(text.dropLast()) : text
      guard case .success(let parsed) = GoInteger.parse(digits) else {
        throw ConfigurationProblem("Invalid weight \(GoText.quoted(digits)) for mapping destination", at: value)
      }
      number = parsed
    default: throw ConfigurationProblem("Unknown entry type for weight of \(value.text)\n", at: value)
    }
    guard (0...100).contains(number) else {
      throw ConfigurationProblem("Invalid weight \(number) for mapping destination", at: value)
    }
    return Int(number)
  }
}

extension AccountMapping.Destination {
  fileprivate init(_ options: MappingDestination) {
    self.init(subject: options.subject, weight: options.weight, cluster: options.cluster)
  }
}

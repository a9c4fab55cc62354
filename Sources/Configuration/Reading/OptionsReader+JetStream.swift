/// `jetstream` of the server and of accounts (FEATURES 3.173 to 3.209, 3.219 to 3.227).
///
/// A field of the wrong type is blamed on the block, and the first error ends it.
extension OptionsReader {
  func readJetStream(_ block: ConfigurationValue) throws(ConfigurationProblem) {
    switch block.content {
    case .boolean(let isOn): options.jetStream.enabled = isOn
    case .string(let text): options.jetStream.enabled = try isEnabled(text, at: block)
    case .map(let map):
      var enabled = true
      for (key, value) in map.entries {
        let name = key.lowercased()
        if name == "enable" || name == "enabled" {
          enabled = try value.requireBoolean(blaming: block)
        } else if try !readStore(name, key, value, of: block), try !readTuning(name, key, value, of: block) {
          unknownField(key, value)
        }
      }
      options.jetStream.enabled = enabled
    default:
      throw ConfigurationProblem(
        "Expected map, bool or string to define JetStream, got \(block.typeName)", at: block)
    }
  }

  private func readStore(
    _ name: String, _ key: String, _ value: ConfigurationValue, of block: ConfigurationValue
  ) throws(ConfigurationProblem) -> Bool {
    switch name {
    case "store", "store_dir", "storedir":
      guard options.jetStream.storeDirectory.isEmpty else {
        throw ConfigurationProblem("Duplicate 'store_dir' configuration", at: value)
      }
      options.jetStream.storeDirectory = try value.requireString(blaming: block)
    case "sync", "sync_interval":
      if value.string?.lowercased() == "always" {
        options.jetStream.syncAlways = true
        options.jetStream.syncIntervalNanoseconds = Defaults.syncIntervalNanoseconds
      } else {
        options.jetStream.syncIntervalNanoseconds = try duration(value, field: key, blaming: block)
      }
    case "max_memory_store", "max_mem_store", "max_mem":
      options.jetStream.maxMemory = try storageSize(value, "max_mem_store")
    case "max_file_store", "max_file": options.jetStream.maxStore = try storageSize(value, "max_file_store")
    case "domain": options.jetStream.domain = try value.requireString(blaming: block)
    case "key", "ek", "encryption_key": options.jetStream.key = try value.requireString(blaming: block)
    case "prev_key", "prev_ek", "prev_encryption_key":
      options.jetStream.previousKey = try value.requireString(blaming: block)
    case "cipher": try readCipher(value, of: block)
    case "tpm": try readTPM(value, of: block)
    case "unique_tag":
      options.jetStream.uniqueTag = try value.requireString(blaming: block).trimmingSpaces().lowercased()
    case "extension_hint": options.jetStream.extensionHint = try value.requireString(blaming: block)
    default: return false
    }
    return true
  }

  private func readTuning(
    _ name: String, _ key: String, _ value: ConfigurationValue, of block: ConfigurationValue
  ) throws(ConfigurationProblem) -> Bool {
    switch name {
    case "strict":
      guard let isStrict = value.boolean else {
        throw ConfigurationProblem(
          "Expected 'true' or 'false' for bool value, got '\(GoText.stringVerb(value))'", at: value)
      }
      options.jetStream.strict = isStrict
    case "limits": try readLimits(value, of: block)
    case "max_outstanding_catchup": options.jetStream.maxCatchup = try storageSize(value, name)
    case "max_buffered_size": options.jetStream.maxBufferedSize = try storageSize(value, name)
    case "max_buffered_msgs": options.jetStream.maxBufferedMessages = Int(try size(value, key))
    case "request_queue_limit": options.jetStream.requestQueueLimit = try size(value, key)
    case "info_queue_limit": options.jetStream.infoQueueLimit = try size(value, key)
    case "meta_compact":
      guard let number = value.integer, number >= 0 else { throw notAbsolute(value, key) }
      options.jetStream.metaCompact = UInt64(number)
    case "meta_compact_size":
      let number = try storageSize(value, name)
      guard number >= 0 else { throw notAbsolute(value, key) }
      options.jetStream.metaCompactSize = UInt64(number)
    case "meta_compact_sync": options.jetStream.metaCompactSync = try value.requireBoolean(blaming: block)
    case "max_concurrent_io":
      guard let number = value.integer, (4...8192).contains(number) else {
        throw ConfigurationProblem(
          "Expected an absolute size for \(GoText.quoted(key)) between 4 and 8192, got \(value.text)", at: value)
      }
      options.jetStream.maxConcurrentIO = Int(number)
    default: return false
    }
    return true
  }

  private func notAbsolute(_ value: ConfigurationValue, _ key: String) -> ConfigurationProblem {
    ConfigurationProblem("Expected an absolute size for \(GoText.quoted(key)), got \(value.text)", at: value)
  }

  private func size(_ value: ConfigurationValue, _ key: String) throws(ConfigurationProblem) -> Int64 {
    guard let number = value.integer else {
      throw ConfigurationProblem(
        "Expected a parseable size for \(GoText.quoted(key)), got \(value.text)", at: value)
    }
    return number
  }

  /// Bytes as a number, or as text with K, M, G or T for powers of 1024 (FEATURES 3.007).
  private func storageSize(_ value: ConfigurationValue, _ name: String) throws(ConfigurationProblem) -> Int64 {
    if let number = value.integer { return number }
    func refuse(_ text: String) -> ConfigurationProblem { ConfigurationProblem("\(name) \(text)", at: value) }
    guard let text = value.string else { throw refuse("must be int64 or string") }
    guard let suffix = text.last else { return 0 }
    let digits = String(text.dropLast())
    let number: Int64
    switch GoInteger.parse(digits) {
    case .success(let parsed): number = parsed
    case .failure(let problem): throw refuse("strconv.ParseInt: parsing \(GoText.quoted(digits)): \(problem.text)")
    }
    guard let power = "KMGT".firstIndex(of: suffix) else {
      throw refuse("sizes defined as strings must end in K, M, G, T")
    }
    return number &* (1 << (10 * Int64("KMGT".distance(from: "KMGT".startIndex, to: power) + 1)))
  }

  private func readCipher(
    _ value: ConfigurationValue, of block: ConfigurationValue
  ) throws(ConfigurationProblem) {
    let text = try value.requireString(blaming: block)
    switch text.lowercased() {
    case "chacha", "chachapoly": options.jetStream.cipher = .chaChaPoly
    case "aes": options.jetStream.cipher = .aes
    default: throw ConfigurationProblem("Unknown cipher type: \(GoText.quoted(text))", at: value)
    }
  }

  private func readLimits(
    _ value: ConfigurationValue, of block: ConfigurationValue
  ) throws(ConfigurationProblem) {
    guard let map = value.map else {
      throw ConfigurationProblem(
        "Expected a map to define JetStreamLimits, got \(value.typeName)", at: value)
    }
    var limits = JetStreamLimits()
    for (key, field) in map.entries {
      switch key.lowercased() {
      case "max_ack_pending": limits.maxAckPending = try field.requireInt(blaming: block)
      case "max_ha_assets": limits.maxHAAssets = try field.requireInt(blaming: block)
      case "default_max_consumers": limits.defaultMaxConsumers = try field.requireInt(blaming: block)
      case "max_request_batch": limits.maxRequestBatch = try field.requireInt(blaming: block)
      case "duplicate_window":
        limits.duplicateWindowNanoseconds = unplacedDuration(try field.requireString(blaming: block))
      case "batch": try readBatchLimits(field, of: block, into: &limits)
      default: unknownField(key, field)
      }
    }
    options.jetStream.limits = limits
  }

  private func readBatchLimits(
    _ value: ConfigurationValue, of block: ConfigurationValue, into limits: inout JetStreamLimits
  ) throws(ConfigurationProblem) {
    guard let map = value.map else {
      throw ConfigurationProblem("Expected a map to define batch limits, got \(value.typeName)", at: value)
    }
    for (key, field) in map.entries {
      switch key.lowercased() {
      case "max_inflight_per_stream": limits.maxBatchInflightPerStream = try field.requireInt(blaming: block)
      case "max_inflight_total": limits.maxBatchInflightTotal = try field.requireInt(blaming: block)
      case "max_msgs": limits.maxBatchSize = try field.requireInt(blaming: block)
      case "timeout":
        limits.maxBatchTimeoutNanoseconds = unplacedDuration(try field.requireString(blaming: block))
      default: unknownField(key, field)
      }
    }
  }

  /// A duration whose error names no place, as in nats-server.
  private func unplacedDuration(_ text: String) -> Int64 {
    switch plainDuration(text) {
    case .success(let nanoseconds): return nanoseconds
    case .failure(let failure):
      fail(failure.description, at: nil)
      return 0
    }
  }

  private func readTPM(_ value: ConfigurationValue, of block: ConfigurationValue) throws(ConfigurationProblem) {
    guard let map = value.map else {
      throw ConfigurationProblem(
        "Expected a map to define JetStreamLimits, got \(value.typeName)", at: value)
    }
    var tpm = TPMOptions()
    for (key, field) in map.entries {
      switch key.lowercased() {
      case "keys_file": tpm.keysFile = try field.requireString(blaming: block)
      case "encryption_password": tpm.encryptionPassword = try field.requireString(blaming: block)
      case "srk_password": tpm.srkPassword = try field.requireString(blaming: block)
      case "pcr": tpm.pcr = try field.requireInt(blaming: block)
      case "cipher": try readCipher(field, of: block)
      default: unknownField(key, field)
      }
    }
    options.jetStream.tpm = tpm
  }

  // MARK: Accounts

  /// JetStream of one account. An error about the value as a whole names no place, as in nats-server.
  func accountJetStream(
    _ value: ConfigurationValue, account: String
  ) throws(ConfigurationProblem) -> AccountJetStreamOptions? {
    switch value.content {
    case .boolean(let isOn): return isOn ? AccountJetStreamOptions() : nil
    case .string(let text): return try isEnabled(text, at: nil) ? AccountJetStreamOptions() : nil
    case .map(let map):
      var result = AccountJetStreamOptions()
      for (key, field) in map.entries { try readAccountLimit(key, field, account: account, into: &result) }
      return result
    default:
      throw ConfigurationProblem(
        "Expected map, bool or string to define JetStream, got \(value.typeName)", at: nil)
    }
  }

  private func isEnabled(_ text: String, at place: ConfigurationValue?) throws(ConfigurationProblem) -> Bool {
    switch text.lowercased() {
    case "enabled", "enable": return true
    case "disabled", "disable": return false
    default:
      throw ConfigurationProblem(
        "Expected 'enabled' or 'disabled' for string value, got '\(text)'", at: place)
    }
  }

  private func readAccountLimit(
    _ key: String, _ value: ConfigurationValue, account: String, into result: inout AccountJetStreamOptions
  ) throws(ConfigurationProblem) {
    switch key.lowercased() {
    case "max_memory", "max_mem", "mem", "memory": result.maxMemory = try size(value, key)
    case "max_store", "max_file", "max_disk", "store", "disk": result.maxStore = try size(value, key)
    case "max_streams", "streams": result.maxStreams = Int(try size(value, key))
    case "max_consumers", "consumers": result.maxConsumers = Int(try size(value, key))
    case "max_bytes_required", "max_stream_bytes", "max_bytes":
      guard let isRequired = value.boolean else {
        throw ConfigurationProblem(
          "Expected a parseable bool for \(GoText.quoted(key)), got \(value.text)", at: value)
      }
      result.maxBytesRequired = isRequired
    case "mem_max_stream_bytes", "memory_max_stream_bytes": result.memoryMaxStreamBytes = try size(value, key)
    case "disk_max_stream_bytes", "store_max_stream_bytes": result.storeMaxStreamBytes = try size(value, key)
    case "max_ack_pending": result.maxAckPending = Int(try size(value, key))
    case "cluster_traffic":
      guard let text = value.string else {
        throw ConfigurationProblem(
          "Expected either 'system' or 'owner' string value for \(GoText.quoted(key)), got \(value.text)", at: value)
      }
      switch text {
      case "system", "": result.clusterTraffic = ""
      case "owner": result.clusterTraffic = account
      default:
        throw ConfigurationProblem(
          "Expected 'system' or 'owner' string value for \(GoText.quoted(key)), got \(text)", at: value)
      }
    default: unknownField(key, value)
    }
  }
}

import Bytes

/// Text in quotes as Go prints it.
func quoted(_ bytes: UnsafeRawBufferPointer) -> String { GoString.quote(bytes) }
func quoted(_ text: String) -> String { GoString.quote(text) }
func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

// What a connection writes to the log: `address - cid:n - text`, and the trace of its protocol (FEATURES 3.037 to 3.048).

extension Connection {
  /// How log lines name the connection.
  var label: String { "\(address) - cid:\(identifier)\(details)" }

  /// Client library and name, then account and user, once CONNECT has been accepted.
  private var details: String {
    guard isBound else { return "" }
    var parts: [String] = []
    if !options.version.isEmpty { parts.append("v" + options.version) }
    if !options.language.isEmpty { parts.append(options.language) }
    if !options.name.isEmpty { parts.append(options.name) }
    let client = parts.isEmpty ? "" : " - \(quoted(parts.joined(separator: ":")))"
    return client + (userLabel.isEmpty ? "" : " - \(quoted("\(account.name)/\(userLabel)"))")
  }

  private var userLabel: String {
    if !options.nkey.isEmpty { return "nkey:\(options.nkey)" }
    if !options.user.isEmpty { return "user:\(options.user)" }
    return options.token.isEmpty ? "" : "token"
  }

  func logError(_ text: @autoclosure () -> String) { server.logger.error("\(label) - \(text())") }

  func traceIn(_ verb: String, _ arguments: UnsafeRawBufferPointer?) {
    guard let arguments else {
      server.logger.trace("\(label) - <<- [\(verb)]")
      return
    }
    let line = text(arguments)
    server.logger.trace("\(label) - <<- [\(verb) \(verb == "CONNECT" ? Redaction.redact(line) : line)]")
  }

  func traceOut(_ verb: String, _ arguments: String?) {
    guard state.pointee.flags.contains(.tracing) else { return }
    server.logger.trace("\(label) - ->> [\(verb)\(arguments.map { " " + $0 } ?? "")]")
  }

  /// The payload of a received message.
  func traceMessage(_ message: Message) {
    server.logger.trace("\(label) - <<- MSG_PAYLOAD: [\(quoted(tracedPart(message.bodyBytes, message.headerLength)))]")
  }

  func traceMapping(_ from: UnsafeRawBufferPointer, _ to: UnsafeRawBufferPointer) {
    server.logger.trace("\(label) - <<- [MAPPING \(text(from)) -> \(text(to))]")
  }

  /// A message that is being sent to this connection. Any loop.
  func traceDelivery(_ line: UnsafeRawBufferPointer, _ message: Message, _ stripped: Int) {
    server.logger.trace("\(label) - ->> [\(text(line))]")
    let body = UnsafeRawBufferPointer(rebasing: message.bodyBytes[stripped...])
    let shown = tracedPart(body, max(0, message.headerLength - stripped))
    server.logger.trace("\(label) - ->> MSG_PAYLOAD: [\(quoted(shown))]")
  }

  private func tracedPart(_ body: UnsafeRawBufferPointer, _ headerLength: Int) -> UnsafeRawBufferPointer {
    let log = server.settings.options.log
    var part = body
    if log.traceHeaders { part = UnsafeRawBufferPointer(rebasing: part.prefix(headerLength)) }
    if log.maxTracedMessageLength > 0 {
      part = UnsafeRawBufferPointer(rebasing: part.prefix(log.maxTracedMessageLength))
    }
    return part
  }
}

/// Hides what must not be logged in a CONNECT line: passwords, tokens, signatures.
enum Redaction {
  private static let secrets = ["\"pass\"", "\"auth_token\"", "\"sig\"", "\"proxy_sig\"", "\"jwt\""]

  static func redact(_ line: String) -> String {
    var bytes = Array(line.utf8)
    for secret in secrets { redact(Array(secret.utf8), &bytes) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Replaces the string values of `key` by `[REDACTED]`.
  private static func redact(_ key: [UInt8], _ bytes: inout [UInt8]) {
    var position = 0
    while position + key.count <= bytes.count {
      guard bytes[position..<position + key.count].elementsEqual(key) else {
        position += 1
        continue
      }
      var start = position + key.count
      while start < bytes.count, bytes[start] == 0x20 || bytes[start] == 0x09 || bytes[start] == 0x3A { start += 1 }
      guard start < bytes.count, bytes[start] == 0x22 else {
        position = start
        continue
      }
      var end = start + 1
      while end < bytes.count, bytes[end] != 0x22 { end += bytes[end] == 0x5C ? 2 : 1 }
      let replacement = Array("\"[REDACTED]".utf8)
      bytes.replaceSubrange(start..<min(end, bytes.count), with: replacement)
      position = start + replacement.count
    }
  }
}

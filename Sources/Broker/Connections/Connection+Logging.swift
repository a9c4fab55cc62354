import Bytes
import Configuration

/// Text in quotes as Go prints it.
func quoted(_ bytes: UnsafeRawBufferPointer) -> String { GoString.quote(bytes) }
func quoted(_ text: String) -> String { GoString.quote(text) }
func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

// What a connection writes to the log: `address - cid:n - text`, and the trace of its protocol (FEATURES 3.037 to 3.048).

extension Connection {
  /// How log lines name the connection. Owner loop.
  var label: String { "\(address) - cid:\(identifier)\(details)" }

  /// The same for other loops.
  private var labelForOthers: String { "\(address) - cid:\(identifier)\(announcement().details)" }

  /// Client library and name, then account and user, once CONNECT has been accepted. Owner loop.
  var details: String {
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
    guard state.flags.contains(.tracing) else { return }
    server.logger.trace("\(label) - ->> [\(verb)\(arguments.map { " " + $0 } ?? "")]")
  }

  /// The payload of a received message.
  func traceMessage(_ message: Message) {
    guard let shown = tracedPart(message.bodyBytes, message.headerLength) else { return }
    server.logger.trace("\(label) - <<- MSG_PAYLOAD: [\(shown)]")
  }

  func traceEnd(of subscription: SubscriptionPointer) {
    guard state.flags.contains(.tracing) else { return }
    server.logger.trace("\(label) - <-> [DELSUB \(text(subscription.sid))]")
  }

  /// A subscription has got as many messages as it asked for. Any loop.
  func logLimitReached(_ subscription: SubscriptionPointer) {
    let maximum = subscription.maximum
    let sid = text(subscription.sid)
    server.logger.debug("\(self.labelForOthers) - Auto-unsubscribe limit of \(maximum) reached for sid '\(sid)'")
  }

  func traceMapping(_ from: UnsafeRawBufferPointer, _ to: UnsafeRawBufferPointer) {
    server.logger.trace("\(label) - <<- [MAPPING \(text(from)) -> \(text(to))]")
  }

  /// A message that is being sent to this connection. Any loop.
  func traceDelivery(_ line: UnsafeRawBufferPointer, _ message: Message, _ stripped: Int) {
    let label = labelForOthers
    server.logger.trace("\(label) - ->> [\(text(line))]")
    let body = UnsafeRawBufferPointer(rebasing: message.bodyBytes[stripped...])
    guard let shown = tracedPart(body, max(0, message.headerLength - stripped)) else { return }
    server.logger.trace("\(label) - ->> MSG_PAYLOAD: [\(shown)]")
  }

  private func tracedPart(_ body: UnsafeRawBufferPointer, _ headerLength: Int) -> String? {
    server.settings.options.log.tracedPart(body, headerLength)
  }
}

extension LogOptions {
  /// What a trace shows of a message, in quotes; nothing of an empty one (FEATURES 3.040, 3.048).
  func tracedPart(_ body: UnsafeRawBufferPointer, _ headerLength: Int) -> String? {
    // Headers end with an empty line, which is not shown.
    let part = traceHeaders ? UnsafeRawBufferPointer(rebasing: body.prefix(max(0, headerLength - 4))) : body
    if part.isEmpty { return nil }
    guard maxTracedMessageLength > 0, part.count > maxTracedMessageLength else { return quoted(part) }
    let beginning = UnsafeRawBufferPointer(rebasing: part.prefix(maxTracedMessageLength))
    return quoted(beginning).dropLast() + "...\""
  }
}

extension Worker {
  /// A message of the server itself; in the system account only with `trace_verbose` (FEATURES 3.039).
  func traceOwn(_ subject: [UInt8], reply: [UInt8], header: [UInt8], payload: [UInt8], in account: Account) {
    let log = server.settings.options.log
    guard log.traceVerbose || !account.isSystem else { return }
    let sender = account.isSystem ? "SYSTEM" : "ACCOUNT"
    let (subject, reply) = (String(decoding: subject, as: UTF8.self), String(decoding: reply, as: UTF8.self))
    server.logger.trace("\(sender) - <<- [PUB \(subject) \(reply) \(header.count + payload.count)]")
    (header + payload).withUnsafeBytes { bytes in
      guard let shown = log.tracedPart(bytes, header.count) else { return }
      server.logger.trace("\(sender) - <<- MSG_PAYLOAD: [\(shown)]")
    }
  }
}

/// Hides what must not be logged in a CONNECT line: passwords, tokens, signatures, keys.
///
/// nats-server does not hide `jwt`; a bearer token in it would be enough to log in, so we do.
enum Redaction {
  private static let secrets = ["pass", "password", "auth_token", "sig", "proxy_sig", "nkey", "jwt"]

  static func redact(_ line: String) -> String {
    var bytes = Array(line.utf8)
    for secret in secrets { redact(Array("\"\(secret)\"".utf8), &bytes) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Replaces the values of `key` by `[REDACTED]`: strings, and whatever else stands there.
  private static func redact(_ key: [UInt8], _ bytes: inout [UInt8]) {
    var position = 0
    while position + key.count <= bytes.count {
      guard bytes[position..<position + key.count].elementsEqual(key) else {
        position += 1
        continue
      }
      var start = position + key.count
      while start < bytes.count, bytes[start] == 0x20 || bytes[start] == 0x09 || bytes[start] == 0x3A { start += 1 }
      let end: Int
      if start < bytes.count, bytes[start] == 0x22 {
        start += 1
        end = endOfString(bytes, from: start)
      } else {
        end = bytes[start...].firstIndex { $0 == 0x2C || $0 == 0x7D } ?? bytes.count
      }
      let replacement = Array("[REDACTED]".utf8)
      bytes.replaceSubrange(start..<end, with: replacement)
      position = start + replacement.count
    }
  }

  /// Where the quote is that ends a string; the end of the line when there is none.
  private static func endOfString(_ bytes: [UInt8], from start: Int) -> Int {
    var end = start
    while end < bytes.count, bytes[end] != 0x22 { end += bytes[end] == 0x5C ? 2 : 1 }
    return min(end, bytes.count)
  }
}

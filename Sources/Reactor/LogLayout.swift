import Bytes
import Glibc
import JSON

/// What a log line is about; `rawValue` is the tag tools look for.
public enum LogLevel: String, Sendable {
  case info = "INF"
  case debug = "DBG"
  case trace = "TRC"
  case warning = "WRN"
  case error = "ERR"
  case fatal = "FTL"

  /// The word of JSON lines.
  var word: StaticString {
    switch self {
    case .info: "info"
    case .debug: "debug"
    case .trace: "trace"
    case .warning: "warning"
    case .error: "error"
    case .fatal: "fatal"
    }
  }

  /// nats-server's colour on a terminal.
  fileprivate var color: String {
    switch self {
    case .info: "32"
    case .debug: "36"
    case .trace: "33"
    case .warning: "0;93"
    case .error, .fatal: "31"
    }
  }
}

/// How lines are written down.
public enum LogFormat: String, Sendable, Equatable {
  /// nats-server's: `[pid] 2026/01/02 15:04:05.000000 [INF] text` (FEATURES 3.031).
  case text
  /// One JSON object a line.
  case json
}

/// Turns what is logged into the bytes of a line.
struct LogLayout: Sendable {
  var format = LogFormat.text
  /// Time stamps (`logtime`).
  var showsTime = true
  var utc = false
  /// Terminals get coloured tags, as nats-server's do.
  var isColored = false
  let process: Int32

  /// A line with its newline.
  func line(_ level: LogLevel, _ text: String, at time: Timestamp) -> [UInt8] {
    switch format {
    case .text: textLine(level, text, at: time)
    case .json: body(level, text, at: time) + [0x0A]
    }
  }

  /// A message without newline for a syslog server, which adds time and process itself.
  func body(_ level: LogLevel, _ text: String, at time: Timestamp) -> [UInt8] {
    guard format == .json else { return Array(text.utf8) }
    // Lists of errors end with a newline.
    let text = text.last == "\n" ? String(text.dropLast()) : text
    var writer = JSONWriter(escapesHTML: false, capacity: 160 + text.utf8.count)
    writer.beginObject()
    if showsTime {
      let microseconds = Timestamp(seconds: time.seconds, nanoseconds: time.nanoseconds / 1000 * 1000)
      let offset = utc ? 0 : LogTime.localOffsetSeconds(at: time)
      writer.field("time", RFC3339.string(microseconds, offsetSeconds: offset))
    }
    writer.field("level", "\(level.word)")
    writer.field("pid", process)
    if let (label, message) = ConnectionLabel.split(text) {
      label.write(to: &writer)
      writer.field("message", message)
    } else {
      writer.field("message", text)
    }
    writer.endObject()
    return writer.bytes
  }

  private func textLine(_ level: LogLevel, _ text: String, at time: Timestamp) -> [UInt8] {
    var line: [UInt8] = []
    line.reserveCapacity(64 + text.utf8.count)
    line += "[\(process)] ".utf8
    if showsTime {
      LogTime.append(time, utc: utc, to: &line)
      line.append(0x20)
    }
    if isColored {
      line += "[\u{1B}[\(level.color)m\(level.rawValue)\u{1B}[0m] ".utf8
    } else {
      line.append(UInt8(ascii: "["))
      line += level.rawValue.utf8
      line += "] ".utf8
    }
    line += text.utf8
    if line.last != 0x0A { line.append(0x0A) }
    return line
  }
}

/// What nats-server puts before a text that is about a connection:
/// `127.0.0.1:4000 - cid:7 - "v1.2:go:name" - "ACCOUNT/user:name" - text`. In JSON lines its parts are fields.
struct ConnectionLabel: Equatable {
  var address = ""
  /// `cid`, `rid`, `gid`, `lid`, `mid`, `wid`.
  var kind = ""
  var identifier = ""
  /// Version, language and name of the client's library.
  var client = ""
  var account = ""
  var user = ""

  private static let kinds: Set<Substring> = ["cid", "rid", "gid", "lid", "mid", "wid"]

  /// The label and what stands behind it; nil for a text that has none.
  static func split(_ text: String) -> (ConnectionLabel, String)? {
    guard let (address, afterAddress) = cut(text[...]), !address.contains(" "), address.contains(":"),
      let (name, afterName) = cut(afterAddress), let colon = name.firstIndex(of: ":"),
      kinds.contains(name[..<colon]), UInt64(name[name.index(after: colon)...]) != nil
    else { return nil }
    var label = ConnectionLabel()
    label.address = String(address)
    label.kind = String(name[..<colon])
    label.identifier = String(name[name.index(after: colon)...])
    var rest = afterName
    while let (part, behind) = quoted(rest) {
      // The user's part has a slash behind the account; a client's version, language and name have colons.
      if let slash = part.firstIndex(of: "/"), !part[..<slash].contains(":") {
        label.account = String(part[..<slash])
        label.user = String(part[part.index(after: slash)...])
      } else if label.client.isEmpty, label.account.isEmpty {
        label.client = String(part)
      } else {
        break
      }
      rest = behind
    }
    return (label, String(rest))
  }

  func write(to writer: inout JSONWriter) {
    writer.field("address", address)
    writer.key(kind)
    writer.value(UInt64(identifier) ?? 0)
    writer.field("client", client, omitEmpty: true)
    writer.field("account", account, omitEmpty: true)
    writer.field("user", user, omitEmpty: true)
  }

  /// What stands before and behind the first ` - `.
  private static func cut(_ text: Substring) -> (Substring, Substring)? {
    var position = text.startIndex
    while let space = text[position...].firstIndex(of: " ") {
      if text[space...].hasPrefix(" - ") { return (text[..<space], text[space...].dropFirst(3)) }
      position = text.index(after: space)
    }
    return nil
  }

  /// A text in quotes at the beginning, followed by ` - `. Escapes stay as they are.
  private static func quoted(_ text: Substring) -> (Substring, Substring)? {
    guard text.first == "\"" else { return nil }
    var position = text.index(after: text.startIndex)
    while position < text.endIndex, text[position] != "\"" {
      if text[position] == "\\" { position = text.index(after: position) }
      if position < text.endIndex { position = text.index(after: position) }
    }
    guard position < text.endIndex else { return nil }
    let behind = text[text.index(after: position)...]
    guard behind.hasPrefix(" - ") else { return nil }
    return (text[text.index(after: text.startIndex)..<position], behind.dropFirst(3))
  }
}

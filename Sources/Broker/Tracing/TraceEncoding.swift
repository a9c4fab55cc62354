import HTTP
import S2

/// How a trace is compressed (FEATURES 2.034).
enum TraceEncoding {
  case plain
  case gzip
  case snappy
  /// Something was asked for that is not known.
  case unsupported

  init(accepting text: String) {
    let wanted = Array(text.lowercased().utf8)
    func mentions(_ name: StaticString) -> Bool { wanted.withUnsafeBytes { HeaderBlock.mentions(name, in: $0) } }
    if wanted.isEmpty {
      self = .plain
    } else if mentions("snappy") || mentions("s2") {
      self = .snappy
    } else {
      self = mentions("gzip") ? .gzip : .unsupported
    }
  }

  /// The header block, empty for none, and the payload.
  func encode(_ bytes: [UInt8]) -> (header: [UInt8], payload: [UInt8]) {
    switch self {
    case .plain: ([], bytes)
    case .gzip: (Self.header("gzip"), Gzip.compress(bytes))
    case .snappy: (Self.header("snappy"), Snappy.compress(bytes))
    case .unsupported: (Self.header("identity"), bytes)
    }
  }

  private static func header(_ value: String) -> [UInt8] { HeaderBlock.with("Content-Encoding", value) }
}

import HTTP
import JSON
import S2

/// A request to the server, kept until its answer is ready. May go from thread to thread.
struct SystemRequest: Sendable {
  let subject: String
  private let reply: [UInt8]
  let body: [UInt8]
  private let encoding: ContentEncoding?
  private let account: Account
  private let worker: Worker

  init(_ request: InternalRequest) {
    let message = request.message
    subject = String(decoding: message.subjectBytes, as: UTF8.self)
    reply = Array(message.replyBytes)
    body = Array(message.bodyBytes[message.headerLength...])
    let header = UnsafeRawBufferPointer(rebasing: message.bodyBytes[..<message.headerLength])
    encoding = ContentEncoding(accepting: HeaderBlock.value(of: "Accept-Encoding", in: header) ?? "")
    account = request.account
    worker = request.worker
  }

  var wantsAnswer: Bool { !reply.isEmpty }

  /// Publishes an answer. Any thread.
  func answer(_ payload: [UInt8], compressed: Bool = false) {
    var header: [UInt8] = []
    var body = payload
    if compressed, let encoding {
      header = HeaderBlock.with("Content-Encoding", encoding.name)
      body = encoding.encode(payload)
    }
    worker.loop.submit { [worker, reply, account, header, body] in
      // An answer to another account comes through its import, which leaves no empty reply behind.
      worker.publish(reply, reply: account.isSystem ? [] : nil, header: header, payload: body, in: account)
    }
  }

  /// The token of the subject at a position, counted from 0; nil when there is none.
  func token(_ position: Int) -> String? {
    let tokens = subject.split(separator: ".", omittingEmptySubsequences: false)
    return position < tokens.count ? String(tokens[position]) : nil
  }
}

/// How an answer is packed when the request asks for it.
enum ContentEncoding: Sendable, Equatable {
  case gzip
  case snappy
  /// What was asked for is not known.
  case identity

  /// nil when nothing was asked for.
  init?(accepting text: String) {
    let wanted = text.lowercased()
    if wanted.isEmpty { return nil }
    if wanted.contains(substring: "snappy") || wanted.contains(substring: "s2") {
      self = .snappy
    } else {
      self = wanted.contains(substring: "gzip") ? .gzip : .identity
    }
  }

  var name: String {
    switch self {
    case .gzip: "gzip"
    case .snappy: "snappy"
    case .identity: "identity"
    }
  }

  func encode(_ bytes: [UInt8]) -> [UInt8] {
    switch self {
    case .gzip: Gzip.compress(bytes)
    case .snappy: Snappy.compress(bytes)
    case .identity: bytes
    }
  }
}

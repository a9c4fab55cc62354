import JSON

/// The answer to a system request: who answers, and data or an error (FEATURES 11.100).
struct SystemResponse: Sendable, JSONWritable {
  enum Content: Sendable {
    case data(any JSONWritable & Sendable)
    /// - `hasData`: the kind of request has data, so that its lack is shown as `null`.
    case error(code: Int, text: String, hasData: Bool)
    case nothing
  }

  let server: EventServerInfo
  let content: Content

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("server", server)
    switch content {
    case .data(let data): writer.field("data", data)
    case .error(let code, let text, let hasData):
      if hasData {
        writer.key("data")
        writer.null()
      }
      writer.key("error")
      writer.beginObject()
      writer.field("code", code)
      writer.field("description", text, omitEmpty: true)
      writer.endObject()
    case .nothing: break
    }
    writer.endObject()
  }
}

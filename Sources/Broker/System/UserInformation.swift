import Configuration
import JSON

/// What a user learns about itself (FEATURES 4.072, 11.102).
struct UserInformation: Sendable, JSONWritable {
  let user: String
  let account: String
  let permissions: Permissions?

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("user", user)
    writer.field("account", account)
    writer.field("account_name", account, omitEmpty: true)
    if let permissions { write(permissions, to: &writer) }
    writer.endObject()
  }

  private func write(_ permissions: Permissions, to writer: inout JSONWriter) {
    writer.key("permissions")
    writer.beginObject()
    writer.permission("publish", permissions.publish ?? SubjectPermission())
    writer.permission("subscribe", permissions.subscribe ?? SubjectPermission())
    if let responses = permissions.responses {
      writer.key("responses")
      writer.beginObject()
      writer.field("max", responses.maxMessages)
      writer.field("ttl", responses.expiresNanoseconds)
      writer.endObject()
    }
    writer.endObject()
  }
}

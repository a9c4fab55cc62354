import JSON

/// One page of a list, read object by object: the whole tree is never in memory.
struct ListPage: Equatable {
  /// Of the list as a whole; a watch goes on from it.
  var resourceVersion = ""
  /// Where the next page begins; empty at the end of the list.
  var continuation = ""
  var count = 0

  /// - Parameter object: called for each one, in their order, before it is known whether the page is whole.
  init(_ bytes: [UInt8], each object: (JSONValue) -> Void) throws(JSONError) {
    var page = ListPage()
    try bytes.withUnsafeBytes { buffer in
      Result { () throws(JSONError) in
        var reader = JSONReader(buffer, maximumDepth: JSONLimits.treeDepth)
        try reader.beginObject()
        while try reader.nextKey() {
          if reader.keyIs("metadata") {
            page.take(metadata: try reader.readValue())
          } else if reader.keyIs("items") {
            if reader.readNull() { continue }
            try reader.beginArray()
            while try reader.nextElement() {
              page.count += 1
              object(try reader.readValue())
            }
          } else {
            try reader.skipValue()
          }
        }
        try reader.finish()
      }
    }.get()
    self = page
  }

  private init() {}

  private mutating func take(metadata: JSONValue) {
    resourceVersion = metadata["resourceVersion"]?.string ?? ""
    continuation = metadata["continue"]?.string ?? ""
  }
}

import JSON

/// What CONNECT says (FEATURES 1.008). Keys that are not named keep the values they had.
struct ConnectOptions: Sendable {
  var echo = true
  var verbose = true
  var pedantic = true
  var tlsRequired = false
  var nkey = ""
  var jwt = ""
  var signature = ""
  var token = ""
  var user = ""
  var password = ""
  var name = ""
  var language = ""
  var version = ""
  var protocolVersion = 0
  var account = ""
  var newAccount = false
  var headers = false
  var noResponders = false
  var proxySignature = ""

  /// Takes what the JSON says on top of what is there; on an error nothing is changed.
  mutating func merge(_ bytes: UnsafeRawBufferPointer) throws(JSONError) {
    var merged = self
    var reader = JSONReader(bytes)
    if reader.readNull() {
      try reader.finish()
      return
    }
    try reader.beginObject()
    while try reader.nextKey() {
      if try reader.peek() == .null {
        _ = reader.readNull()
      } else {
        try merged.readMember(&reader)
      }
    }
    try reader.finish()
    self = merged
  }

  private mutating func readMember(_ reader: inout JSONReader) throws(JSONError) {
    if reader.keyIs("verbose") {
      verbose = try reader.readBool()
    } else if reader.keyIs("pedantic") {
      pedantic = try reader.readBool()
    } else if reader.keyIs("echo") {
      echo = try reader.readBool()
    } else if reader.keyIs("tls_required") {
      tlsRequired = try reader.readBool()
    } else if reader.keyIs("headers") {
      headers = try reader.readBool()
    } else if reader.keyIs("no_responders") {
      noResponders = try reader.readBool()
    } else if reader.keyIs("new_account") {
      newAccount = try reader.readBool()
    } else if reader.keyIs("protocol") {
      protocolVersion = Int(try reader.readInt64())
    } else if reader.keyIs("nkey") {
      nkey = try reader.readString()
    } else if reader.keyIs("jwt") {
      jwt = try reader.readString()
    } else if reader.keyIs("sig") {
      signature = try reader.readString()
    } else if reader.keyIs("auth_token") {
      token = try reader.readString()
    } else if reader.keyIs("user") {
      user = try reader.readString()
    } else if reader.keyIs("pass") {
      password = try reader.readString()
    } else if reader.keyIs("name") {
      name = try reader.readString()
    } else if reader.keyIs("lang") {
      language = try reader.readString()
    } else if reader.keyIs("version") {
      version = try reader.readString()
    } else if reader.keyIs("account") {
      account = try reader.readString()
    } else if reader.keyIs("proxy_sig") {
      proxySignature = try reader.readString()
    } else {
      try reader.skipValue()
    }
  }

  /// Whether the bytes are one JSON document.
  static func isJSON(_ bytes: UnsafeRawBufferPointer) -> Bool {
    do {
      try JSONReader.validate(bytes)
      return true
    } catch {
      return false
    }
  }
}

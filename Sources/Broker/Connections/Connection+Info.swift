import CSystem
import JSON

extension Connection {
  /// Sends INFO as this connection should see it (FEATURES 1.002 to 1.007).
  ///
  /// - Parameter connectInfo: the one after the first PING, that names the account.
  /// - Parameter lameDuck: the one that asks clients to go elsewhere.
  func sendInfo(connectInfo: Bool = false, lameDuck: Bool = false) {
    var info = server.info
    info.lameDuckMode = lameDuck
    var writer = JSONWriter(capacity: 640)
    writer.beginObject()
    info.writeFields(&writer, for: self, connectInfo: connectInfo)
    writer.endObject()
    worker.send(Array("INFO ".utf8) + writer.bytes + Array(" \r\n".utf8), to: state)
  }
}

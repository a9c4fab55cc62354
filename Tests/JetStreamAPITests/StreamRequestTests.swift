import Foundation
import JSON
import Subjects
import Testing

@testable import JetStreamAPI

/// Requests and what nats-server 2.15.1 answered to them, in groups that begin without streams. Each request is
/// `[create or update, stream, request, [error number, text] or what differs from the default configuration]`.
struct StreamRequestTests {
  private static var base: [String: Any] {
    [
      "name": "S", "subjects": ["S"], "retention": "limits", "max_consumers": -1, "max_msgs": -1, "max_bytes": -1,
      "max_age": 0, "max_msgs_per_subject": -1, "max_msg_size": -1, "discard": "old", "storage": "file",
      "num_replicas": 1, "duplicate_window": 120_000_000_000, "compression": "none", "allow_direct": false,
      "mirror_direct": false, "sealed": false, "deny_delete": false, "deny_purge": false, "allow_rollup_hdrs": false,
      "consumer_limits": [String: Any](), "allow_msg_ttl": false, "metadata": ["_nats.req.level": "0"],
    ]
  }

  @Test("5.001 to 5.051, 7.002, 7.003, 7.042 requests are answered as nats-server answers them")
  func recorded() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Recordings/stream-requests")
    var count = 0
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      var streams: [String: StreamConfiguration] = [:]
      for case let step as [Any] in try JSONSerialization.jsonObject(with: Data(line.utf8)) as! [Any] {
        count += 1
        let request = step[2] as! String
        let outcome = Self.answer(step[0] as! String, step[1] as! String, request, &streams)
        if let error = step[3] as? [Any] {
          #expect(outcome == "\(error[0]) \(error[1])", "\(step[0]) \(request)")
        } else {
          let expected = Self.base.merging(step[3] as! [String: Any]) { $1 }.filter { !($1 is NSNull) }
          #expect(outcome == Self.text(expected), "\(step[0]) \(request)")
        }
      }
    }
    #expect(count > 1000)
  }

  @Test("5.099 room is looked for before all else only where the request says what to store in")
  func roomFirst() throws {
    var surroundings = StreamSurroundings(stream: { _ in nil }, overlaps: { _, _ in false })
    surroundings.serverMaximum = StorageAmounts(memory: 1000, file: 1000)
    func error(_ members: String) throws -> Int? {
      let request = #"{"name":"S","subjects":["a..b"],"max_bytes":5000\#(members)}"#
      let decoded = try StreamConfigurationRequest.decode(Array(request.utf8))
      do throws(JetStreamError) {
        _ = try decoded.creation(of: "S", in: surroundings)
        return nil
      } catch {
        return Int(error.number)
      }
    }
    #expect(try error("") == 10052)
    #expect(try error(#","storage":"file""#) == 10047)
    #expect(try error(#","storage":"memory""#) == 10028)
  }

  private static func answer(
    _ operation: String, _ name: String, _ request: String, _ streams: inout [String: StreamConfiguration]
  ) -> String {
    let known = streams
    var surroundings = StreamSurroundings(
      stream: { known[$0] },
      overlaps: { subjects, name in
        known.values.contains { other in
          other.name != name && other.subjects.contains { one in subjects.contains { Self.collide($0, one) } }
        }
      })
    surroundings.serverMaximum = StorageAmounts(memory: 1 << 40, file: 1 << 40)
    do throws(JetStreamError) {
      let decoded = try StreamConfigurationRequest.decode(Array(request.utf8))
      let configuration: StreamConfiguration
      if operation == "create" {
        switch try decoded.creation(of: name, in: surroundings) {
        case .create(let new), .exists(let new): configuration = new
        }
      } else {
        configuration = try decoded.update(of: name, in: surroundings)
      }
      streams[name] = configuration
      let tree = try! JSONSerialization.jsonObject(with: Data(configuration.json()))
      return Self.text(tree as! [String: Any])
    } catch {
      return "\(error.number) \(error.description)"
    }
  }

  private static func text(_ object: [String: Any]) -> String {
    String(decoding: try! JSONSerialization.data(withJSONObject: object, options: .sortedKeys), as: UTF8.self)
  }

  private static func collide(_ left: String, _ right: String) -> Bool { Subject.collide(left, right) }
}

import Bytes
import Configuration
import JSON
import Subjects

/// The answer of `/connz` (FEATURES 11.041).
struct Connz: Sendable, JSONWritable {
  let serverID: String
  let now: Int64
  let total: Int
  let offset: Int
  let limit: Int
  let showsUser: Bool
  let listing: SubscriptionListing
  var connections: [ConnectionInfo]
  /// The account asked for does not exist.
  var isOfNobody = false

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("server_id", serverID)
    writer.field("now", Timestamp(unixNanoseconds: now))
    writer.field("num_connections", connections.count)
    writer.field("total", total)
    writer.field("offset", offset)
    writer.field("limit", limit)
    writer.key("connections")
    if isOfNobody {
      writer.null()
      writer.endObject()
      return
    }
    writer.beginArray()
    for connection in connections {
      connection.write(to: &writer, now: now, showsUser: showsUser, listing: listing)
    }
    writer.endArray()
    writer.endObject()
  }
}

extension Monitor {
  /// Collects connections on their loops, sorts and cuts the list, then asks for the subscriptions of that page.
  func connz(_ options: ConnzOptions, _ completion: @escaping Completion) {
    let checked: CheckedConnzOptions
    do throws(MonitoringError) { checked = try options.checked() } catch {
      completion(.failed(error))
      return
    }
    let server = self.server
    let account = options.account
    if !account.isEmpty, server.settings.accounts[account] == nil {
      // An account that there is not has no connections, and the answer then lacks the server's name.
      completion(.answer(emptyConnz(checked)))
      return
    }
    guard options.state != .closed else {
      finishConnz(checked, open: [], openTotal: 0, completion)
      return
    }
    let filter = checked.filter
    let showsUser = options.showsUser
    ConnectionSurvey<ConnectionInfo>.run(server) { connection in
      if !account.isEmpty, connection.account.name != account { return nil }
      return connection.snapshot(withCertificates: showsUser)
    } completion: { [self] open in
      guard !filter.isEmpty else {
        finishConnz(checked, open: open, openTotal: open.count, completion)
        return
      }
      ConnectionSurvey<UInt64>.run(server, only: open.map(\.identifier)) { connection in
        connection.hasSubscription(collidingWith: filter) ? connection.identifier : nil
      } completion: { [self] matching in
        let chosen = Set(matching)
        finishConnz(
          checked, open: open.filter { chosen.contains($0.identifier) }, openTotal: open.count, completion)
      }
    }
  }

  private func emptyConnz(_ checked: CheckedConnzOptions) -> Connz {
    Connz(
      serverID: "", now: wallNanoseconds, total: 0, offset: checked.offset, limit: checked.limit, showsUser: false,
      listing: .none, connections: [], isOfNobody: true)
  }

  private func finishConnz(
    _ checked: CheckedConnzOptions, open: [ConnectionInfo], openTotal: Int, _ completion: @escaping Completion
  ) {
    background.submit { [self] in
      var page = connectionPage(checked, open: open, openTotal: openTotal)
      let wanted = page.connections.filter { $0.stop == nil && $0.subscriptionCount > 0 }.map(\.identifier)
      guard checked.options.listing != .none, !wanted.isEmpty else {
        completion(.answer(page))
        return
      }
      ConnectionSurvey<(UInt64, [SubscriptionDetail])>.run(server, only: wanted) { connection in
        (connection.identifier, connection.subscriptionDetails())
      } completion: { [self, page] lists in
        background.submit {
          var filled = page
          let byConnection = Dictionary(lists, uniquingKeysWith: { first, _ in first })
          for position in filled.connections.indices where filled.connections[position].stop == nil {
            filled.connections[position].subscriptions = byConnection[filled.connections[position].identifier] ?? []
          }
          completion(.answer(filled))
        }
      }
      page.connections = []
    }
  }

  private func connectionPage(_ checked: CheckedConnzOptions, open: [ConnectionInfo], openTotal: Int) -> Connz {
    let options = checked.options
    let now = wallNanoseconds
    let remembered = options.state == .open ? [] : closed.all
    // Closed connections of `$G` are not counted among those of an account of that name.
    let ofAccount =
      options.account.isEmpty
      ? remembered
      : remembered.filter { $0.account == options.account && options.account != Defaults.globalAccount }
    var list: [ConnectionInfo]
    if options.connection > 0 {
      let everywhere = (options.state == .closed ? [] : open) + ofAccount
      list = everywhere.first { $0.identifier == options.connection }.map { [$0] } ?? []
    } else {
      list = open + ofAccount
      if !options.user.isEmpty { list = list.filter { $0.user == options.user } }
      if !options.mqttClient.isEmpty { list = [] }
    }
    checked.order.sort(&list, now: now)
    let start = min(checked.offset, list.count)
    let end = start + min(checked.limit, list.count - start)
    return Connz(
      serverID: server.info.serverID, now: now, total: openTotal + ofAccount.count, offset: checked.offset,
      limit: checked.limit, showsUser: options.showsUser, listing: options.listing,
      connections: Array(list[start..<end]))
  }
}

extension Connection {
  /// Owner loop.
  fileprivate func hasSubscription(collidingWith filter: String) -> Bool {
    var found = false
    var filter = filter
    filter.withUTF8 { filter in
      subscriptions.forEach(in: server.records) { subscription in
        if found { return }
        found = account.index.subject(of: subscription).withUnsafeBytes {
          Subject.collide($0, UnsafeRawBufferPointer(filter))
        }
      }
    }
    return found
  }
}

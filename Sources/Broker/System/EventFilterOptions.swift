import Configuration

/// Which servers a request is for (FEATURES 11.101). Named as nats-server names it, which error texts show.
struct EventFilterOptions: Decodable, Sendable {
  private enum CodingKeys: String, CodingKey {
    case name = "server_name"
    case cluster
    case host
    case exactMatch = "exact_match"
    case tags
    case domain
  }

  let name: String
  let cluster: String
  let host: String
  let exactMatch: Bool
  let tags: [String]
  let domain: String

  /// Whether the server that is described is meant.
  func includes(name serverName: String, host serverHost: String, _ options: ServerOptions) -> Bool {
    func fits(_ wanted: String, _ actual: String) -> Bool {
      wanted.isEmpty || (exactMatch ? wanted == actual : actual.contains(substring: wanted))
    }
    return fits(name, serverName) && fits(host, serverHost) && fits(cluster, options.cluster?.name ?? "")
      && tags.allSatisfy { tag in options.serverTags.contains { $0.lowercased() == tag.lowercased() } }
      && (domain.isEmpty || domain == options.jetStream.domain)
  }
}

/// The body of a system request: its own options and the filter, in one object.
protocol SystemRequestOptions: Decodable, Sendable {
  var filter: EventFilterOptions { get }
}

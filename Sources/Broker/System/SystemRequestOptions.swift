import JSON

// Bodies of system requests (FEATURES 11.123). The types are named as nats-server names them: its error texts for
// members of the wrong type show these names.

/// A text with a type name of its own in error texts.
struct SortOpt: Decodable, Sendable, JSONNamed {
  static var jsonTypeName: String { "server.SortOpt" }
  let name: String
  init(from decoder: any Decoder) throws { name = try decoder.singleValueContainer().decode(String.self) }
}

/// A number with a type name of its own in error texts.
struct ConnState: Decodable, Sendable, JSONNamed {
  static var jsonTypeName: String { "server.ConnState" }
  let number: Int
  init(from decoder: any Decoder) throws { number = try decoder.singleValueContainer().decode(Int.self) }
}

struct PlainEventOptions: SystemRequestOptions {
  let filter: EventFilterOptions
  init(from decoder: any Decoder) throws { filter = try EventFilterOptions(from: decoder) }
}

struct ConnzEventOptions: SystemRequestOptions {
  private enum CodingKeys: String, CodingKey {
    case sort, auth, subscriptions, offset, limit, cid, state, user, acc
    case details = "subscriptions_detail"
    case mqttClient = "mqtt_client"
    case filterSubject = "filter_subject"
  }

  let filter: EventFilterOptions
  var options = ConnzOptions()

  init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: CodingKeys.self)
    options.sort = try members.decodeIfPresent(SortOpt.self, forKey: .sort)?.name ?? ""
    options.showsUser = try members.decode(Bool.self, forKey: .auth)
    let lists = try members.decode(Bool.self, forKey: .subscriptions)
    let details = try members.decode(Bool.self, forKey: .details)
    options.listing = details ? .details : lists ? .subjects : .none
    options.offset = try members.decode(Int.self, forKey: .offset)
    options.limit = try members.decode(Int.self, forKey: .limit)
    options.connection = try members.decode(UInt64.self, forKey: .cid)
    options.mqttClient = try members.decode(String.self, forKey: .mqttClient)
    options.state =
      ConnzOptions.State(rawValue: try members.decodeIfPresent(ConnState.self, forKey: .state)?.number ?? 0) ?? .open
    options.user = try members.decode(String.self, forKey: .user)
    options.account = try members.decode(String.self, forKey: .acc)
    options.filterSubject = try members.decode(String.self, forKey: .filterSubject)
    filter = try EventFilterOptions(from: decoder)
  }
}

struct SubszEventOptions: SystemRequestOptions {
  private enum CodingKeys: String, CodingKey { case offset, limit, subscriptions, account, test }

  let filter: EventFilterOptions
  var options = SubszOptions()

  init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: CodingKeys.self)
    options.offset = try members.decode(Int.self, forKey: .offset)
    options.limit = try members.decode(Int.self, forKey: .limit)
    options.lists = try members.decode(Bool.self, forKey: .subscriptions)
    options.account = try members.decode(String.self, forKey: .account)
    options.test = try members.decode(String.self, forKey: .test)
    filter = try EventFilterOptions(from: decoder)
  }
}

struct RoutezEventOptions: SystemRequestOptions {
  private enum CodingKeys: String, CodingKey {
    case subscriptions
    case details = "subscriptions_detail"
  }

  let filter: EventFilterOptions

  init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: CodingKeys.self)
    _ = try members.decode(Bool.self, forKey: .subscriptions)
    _ = try members.decode(Bool.self, forKey: .details)
    filter = try EventFilterOptions(from: decoder)
  }
}

struct GatewayzEventOptions: SystemRequestOptions {
  private enum CodingKeys: String, CodingKey {
    case name, accounts, subscriptions
    case accountName = "account_name"
    case details = "subscriptions_detail"
  }

  let filter: EventFilterOptions

  init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: CodingKeys.self)
    _ = try members.decode(String.self, forKey: .name)
    _ = try members.decode(Bool.self, forKey: .accounts)
    _ = try members.decode(String.self, forKey: .accountName)
    _ = try members.decode(Bool.self, forKey: .subscriptions)
    _ = try members.decode(Bool.self, forKey: .details)
    filter = try EventFilterOptions(from: decoder)
  }
}

struct LeafzEventOptions: SystemRequestOptions {
  private enum CodingKeys: String, CodingKey { case subscriptions, account }

  let filter: EventFilterOptions

  init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: CodingKeys.self)
    _ = try members.decode(Bool.self, forKey: .subscriptions)
    _ = try members.decode(String.self, forKey: .account)
    filter = try EventFilterOptions(from: decoder)
  }
}

struct AccountzEventOptions: SystemRequestOptions {
  private enum CodingKeys: String, CodingKey { case account }

  let filter: EventFilterOptions
  let account: String

  init(from decoder: any Decoder) throws {
    account = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .account)
    filter = try EventFilterOptions(from: decoder)
  }
}

struct AccountStatzEventOptions: SystemRequestOptions {
  private enum CodingKeys: String, CodingKey {
    case accounts
    case includesUnused = "include_unused"
  }

  let filter: EventFilterOptions
  var options = AccountStatzOptions()

  init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: CodingKeys.self)
    options.accounts = try members.decode([String].self, forKey: .accounts)
    options.includesUnused = try members.decode(Bool.self, forKey: .includesUnused)
    filter = try EventFilterOptions(from: decoder)
  }
}

struct JszEventOptions: SystemRequestOptions {
  private enum CodingKeys: String, CodingKey {
    case account, accounts, streams, consumer, config, offset, limit, raft
    case directConsumer = "direct_consumer"
    case leaderOnly = "leader_only"
    case streamLeaderOnly = "stream_leader_only"
  }

  let filter: EventFilterOptions
  var options = JszOptions()

  init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: CodingKeys.self)
    options.account = try members.decode(String.self, forKey: .account)
    options.accounts = try members.decode(Bool.self, forKey: .accounts)
    options.streams = try members.decode(Bool.self, forKey: .streams)
    options.consumers = try members.decode(Bool.self, forKey: .consumer)
    options.directConsumers = try members.decode(Bool.self, forKey: .directConsumer)
    options.configurations = try members.decode(Bool.self, forKey: .config)
    options.leaderOnly = try members.decode(Bool.self, forKey: .leaderOnly)
    options.offset = try members.decode(Int.self, forKey: .offset)
    options.limit = try members.decode(Int.self, forKey: .limit)
    options.raftGroups = try members.decode(Bool.self, forKey: .raft)
    options.streamLeaderOnly = try members.decode(Bool.self, forKey: .streamLeaderOnly)
    filter = try EventFilterOptions(from: decoder)
  }
}

struct HealthzEventOptions: SystemRequestOptions {
  private enum CodingKeys: String, CodingKey {
    case account, stream, consumer, details
    case enabled = "js-enabled"
    case enabledOnly = "js-enabled-only"
    case serverOnly = "js-server-only"
    case metaOnly = "js-meta-only"
  }

  let filter: EventFilterOptions
  var options = HealthzOptions()

  init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: CodingKeys.self)
    let isEnabled = try members.decode(Bool.self, forKey: .enabled)
    options.enabledOnly = try members.decode(Bool.self, forKey: .enabledOnly) || isEnabled
    _ = try members.decode(Bool.self, forKey: .metaOnly)
    options.serverOnly = try members.decode(Bool.self, forKey: .serverOnly)
    options.account = try members.decode(String.self, forKey: .account)
    options.stream = try members.decode(String.self, forKey: .stream)
    options.consumer = try members.decode(String.self, forKey: .consumer)
    options.hasDetails = try members.decode(Bool.self, forKey: .details)
    filter = try EventFilterOptions(from: decoder)
  }
}

struct IpqueueszEventOptions: SystemRequestOptions {
  private enum CodingKeys: String, CodingKey { case all, filter }

  let filter: EventFilterOptions
  let all: Bool
  let queues: String

  init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: CodingKeys.self)
    all = try members.decode(Bool.self, forKey: .all)
    queues = try members.decode(String.self, forKey: .filter)
    filter = try EventFilterOptions(from: decoder)
  }
}

struct ProfilezEventOptions: SystemRequestOptions {
  private enum CodingKeys: String, CodingKey { case name, debug, duration }

  let filter: EventFilterOptions
  let name: String
  let durationNanoseconds: Int64

  init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: CodingKeys.self)
    name = try members.decode(String.self, forKey: .name)
    _ = try members.decode(Int.self, forKey: .debug)
    durationNanoseconds = try members.decode(Int64.self, forKey: .duration)
    filter = try EventFilterOptions(from: decoder)
  }
}

/// KICK and LDM (FEATURES 1.058).
struct ClientRequestOptions: SystemRequestOptions {
  private enum CodingKeys: String, CodingKey { case cid }

  let filter: EventFilterOptions
  let cid: UInt64

  init(from decoder: any Decoder) throws {
    cid = try decoder.container(keyedBy: CodingKeys.self).decode(UInt64.self, forKey: .cid)
    filter = try EventFilterOptions(from: decoder)
  }
}

/// How many listen: asked by other servers.
struct SubscriberCountRequest: Decodable, Sendable {
  private enum CodingKeys: String, CodingKey {
    case account = "acc"
    case subject, queue
  }

  let account: String
  let subject: String
  /// Base64, as Go writes bytes.
  let queue: [UInt8]
}

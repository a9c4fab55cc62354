// Answers to requests about clusters and other accounts (FEATURES 7.031 to 7.037); a single server refuses them.

import JSON

/// STREAM.CANCEL_MOVE.
public struct StreamCancelMoveAnswer: APIAnswer {
  public static var type: StaticString { "stream_cancel_move_response" }
  public func writeMembers(to writer: inout JSONWriter) { writer.field("success", true) }
}

/// META.LEADER.STEPDOWN.
public struct MetaStepDownAnswer: APIAnswer {
  public static var type: StaticString { "meta_leader_stepdown_response" }
  public func writeMembers(to writer: inout JSONWriter) { writer.field("success", true) }
}

/// SERVER.REMOVE and SERVER.EVACUATE.
public struct MetaServerRemoveAnswer: APIAnswer {
  public static var type: StaticString { "meta_server_remove_response" }
  public func writeMembers(to writer: inout JSONWriter) { writer.field("success", true) }
}

/// META.RESCUE.
public struct MetaRescueAnswer: APIAnswer {
  public static var type: StaticString { "meta_rescue_response" }
  public func writeMembers(to writer: inout JSONWriter) { writer.field("success", true) }
}

/// ACCOUNT.PURGE.
public struct AccountPurgeAnswer: APIAnswer {
  public static var type: StaticString { "account_purge_response" }
  public func writeMembers(to writer: inout JSONWriter) { writer.field("initiated", true) }
}

import Subjects

extension Server {
  /// Bytes by what holds them, for a look at the process (`prof_port`). Any thread.
  public var memoryReport: [(name: String, bytes: Int)] {
    let accounts = settings.accounts.values.sorted { $0.name < $1.name }
    return accounts.prefix(100).map { ("subscriptions of account \($0.name)", $0.index.memoryBytes) }
  }
}

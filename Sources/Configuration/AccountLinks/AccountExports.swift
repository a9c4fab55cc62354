import Subjects

/// What one account offers, and to whom. Of several exports that cover a subject the first counts.
struct AccountExports {
  /// Who may import.
  struct Approval {
    /// Empty: everybody.
    var accounts: Set<String> = []
    /// One-based token that must be the importer's name; 0: none (FEATURES 4.032).
    var position = 0

    /// Nothing is changed when the position does not name a `*` token.
    mutating func restrict(_ subject: String, _ approved: [String], _ position: Int) -> Bool {
      if approved.isEmpty && position == 0 { return true }
      if position > 0 {
        let tokens = subject.split(separator: ".", omittingEmptySubsequences: false)
        guard position <= tokens.count, tokens[position - 1] == "*" else { return false }
      }
      self.position = position
      accounts.formUnion(approved)
      return true
    }

    /// - Parameter tokens: of the imported subject; nil when it is the exported subject itself.
    func allows(_ importer: String, _ tokens: [Substring]?) -> Bool {
      if position > 0 {
        guard let tokens, position <= tokens.count else { return false }
        return tokens[position - 1] == importer
      }
      return accounts.isEmpty || accounts.contains(importer)
    }
  }

  struct Stream {
    let subject: String
    var approval = Approval()
  }

  struct Service {
    var plan: AccountLinkPlan.ServiceExport
    var approval = Approval()
    var subject: String { plan.subject }
  }

  private(set) var streams: [Stream] = []
  private(set) var services: [Service] = []

  // MARK: adding

  /// False when the token position does not fit the subject. The same subject again adds to what is there.
  mutating func addStream(_ subject: String, _ approved: [String], position: Int) -> Bool {
    var stream = streams.first { $0.subject == subject } ?? Stream(subject: subject)
    guard stream.approval.restrict(subject, approved, position) else { return false }
    if let present = streams.firstIndex(where: { $0.subject == subject }) {
      streams[present] = stream
    } else {
      streams.append(stream)
    }
    return true
  }

  mutating func addService(_ options: ServiceExportOptions, _ approved: [String], position: Int) -> Bool {
    let subject = options.subject
    let present = services.firstIndex { $0.subject == subject }
    var service = present.map { services[$0] } ?? Service(plan: .init(subject: subject))
    if options.responseType != .singleton { service.plan.responseType = options.responseType }
    guard service.approval.restrict(subject, approved, position) else { return false }
    service.plan.responseThresholdNanoseconds = options.responseThresholdNanoseconds
    if let present { services[present] = service } else { services.append(service) }
    return true
  }

  /// Measures a service; the reason why not, otherwise.
  mutating func track(_ subject: String, _ latency: ServiceLatencyOptions) -> LinkReason? {
    guard Subject.isValidPublish(latency.subject), service(covering: latency.subject) == nil else {
      return .badPublishSubject
    }
    let position = services.firstIndex { $0.subject == subject }!
    guard services[position].plan.responseType == .singleton else { return .badServiceType }
    services[position].plan.latency = latency
    return nil
  }

  mutating func allowTrace(_ subject: String) {
    services[services.firstIndex { $0.subject == subject }!].plan.allowTrace = true
  }

  // MARK: asking

  func hasStream(covering subject: String) -> Bool {
    streams.contains { Subject.isSubset(subject, of: $0.subject) }
  }

  func service(covering subject: String) -> Service? {
    services.first { $0.subject == subject } ?? services.first { Subject.isSubset(subject, of: $0.subject) }
  }

  func allowsStream(_ subject: String, _ importer: String) -> Bool {
    guard Subject.isValid(subject) else { return false }
    if let export = streams.first(where: { $0.subject == subject }) { return export.approval.allows(importer, nil) }
    let export = streams.first { Subject.isSubset(subject, of: $0.subject) }
    return export?.approval.allows(importer, tokens(subject)) ?? false
  }

  func allowsService(_ subject: String, _ importer: String) -> Bool {
    if let export = services.first(where: { $0.subject == subject }) { return export.approval.allows(importer, nil) }
    let export = services.first { Subject.isSubset(subject, of: $0.subject) }
    return export?.approval.allows(importer, tokens(subject)) ?? false
  }

  private func tokens(_ subject: String) -> [Substring] {
    subject.split(separator: ".", omittingEmptySubsequences: false)
  }
}

import JSON

/// All pages of a list.
public struct Listing: Sendable, Equatable {
  /// Names, or infos.
  public var items: [JSONValue] = []
  /// Assets whose leader did not answer: they exist, but are not among the items.
  public var missing: [String] = []
  /// Assets that the server cannot run, with the reason.
  public var offline: [String: String] = [:]

  public init() {}
}

extension JetStreamClient {
  /// A list that changes while it is read is read anew so many times, lest something be passed over.
  private static let mostRestarts = 3

  struct Pages: Sendable {
    let subject: String
    let member: String
    let filter: String?
    var listing = Listing()
    var seen: Set<String> = []
    var offset: Int64 = 0
    var total: Int64?
    var restarts = 0

    enum Step: Equatable { case next, done, malformed(String) }

    /// The request for the page in turn.
    var body: JSONValue {
      var body: JSONObject = ["offset": JSONValue(offset)]
      if let filter { body["subject"] = .string(filter) }
      return .object(body)
    }

    /// Takes one page. An item is named by itself, by `name`, or by `config.name`.
    mutating func take(_ page: JSONValue) -> Step {
      guard let total = page["total"]?.int64 else { return .malformed("no total") }
      let items = page[member]?.array ?? []
      if let before = self.total, before != total, restarts < mostRestarts {
        self = Pages(subject: subject, member: member, filter: filter, restarts: restarts + 1)
        return .next
      }
      self.total = total
      for item in items {
        let name = item.string ?? item["name"]?.string ?? item["config"]?["name"]?.string
        guard let name else { return .malformed("an item without a name") }
        if seen.insert(name).inserted { listing.items.append(item) }
      }
      for name in (page["missing"]?.array ?? []).compactMap(\.string) where !listing.missing.contains(name) {
        listing.missing.append(name)
      }
      for member in page["offline"]?.object?.members ?? [] { listing.offline[member.key] = member.value.string ?? "" }
      offset += Int64(items.count)
      return items.isEmpty || offset >= total ? .done : .next
    }
  }

  func list(
    _ subject: String, _ member: String, subject filter: String? = nil, completed: @escaping Completion<Listing>
  ) {
    next(Pages(subject: subject, member: member, filter: filter), completed)
  }

  private func next(_ pages: Pages, _ completed: @escaping Completion<Listing>) {
    call(pages.subject, pages.body) { answer in
      var pages = pages
      switch answer {
      case .failure(let error): completed(.failure(error))
      case .success(let page):
        switch pages.take(page) {
        case .next: self.next(pages, completed)
        case .done: completed(.success(pages.listing))
        case .malformed(let text): completed(.failure(.malformed(text)))
        }
      }
    }
  }
}

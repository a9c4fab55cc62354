import JSON

/// Fields that several kinds have.
enum SharedFields {
  /// How to reach the server, and what the controller may not do. FEATURES 13.095-13.106 and their likes.
  static func control(_ kind: String) -> [Field] {
    [
      Field("account", .string(.name), "The Account resource whose connection is used."),
      Field("creds", .string(.plain), "The path of a credentials file.").defaults(to: .string("")),
      Field("nkey", .string(.plain), "The path of an NKey seed file.").defaults(to: .string("")),
      .flag("preventDelete", "Keep the \(kind) when the resource is deleted."),
      .flag("preventUpdate", "Leave the \(kind) alone when the resource changes."),
      Field("servers", .strings(.plain), "URLs of the servers to connect to.").defaults(to: .array([])),
      Field(
        "tls",
        .object([
          Field("clientCert", .string(.plain), "The path of the client certificate."),
          Field("clientKey", .string(.plain), "The path of the client's key."),
          Field("rootCas", .strings(.plain), "Paths of the authorities to trust."),
        ]), "TLS files of the connection."),
      .flag("tlsFirst", "Start TLS before the server's INFO."),
      Field("jsDomain", .string(.plain), "The JetStream domain."),
    ]
  }

  static let placement = Field(
    "placement",
    .object([
      Field("cluster", .string(.plain), "The cluster's name.", to: "cluster"),
      Field("tags", .strings(.plain), "Tags that the servers must have.", to: "tags"),
    ]), "Where the data lives.", to: "placement")

  static let transform = [
    Field("source", .string(.plain), "The subject to match.", to: "src"),
    Field("dest", .string(.plain), "The subject to write.", to: "dest"),
  ]

  static let republish = Field(
    "republish",
    .object([
      Field("destination", .string(.plain), "The subject to publish to.", to: "dest"),
      Field("source", .string(.plain), "The stored subjects to republish.", to: "src"),
      // In the original's types but not in its schema (FEATURES 13.029).
      Field("headersOnly", .boolean, "Leave the body out.", to: "headers_only").added(),
    ]), "Publish again what is stored.", to: "republish")

  /// A mirror or source. FEATURES 5.045-5.048, 13.052-13.060.
  static let origin: [Field] = [
    Field("name", .string(.plain), "The origin's name.", to: "name").required(),
    Field("optStartSeq", .integer, "The first sequence to copy.", to: "opt_start_seq"),
    Field("optStartTime", .string(.time), "The time to copy from, RFC 3339.", to: "opt_start_time"),
    Field("filterSubject", .string(.plain), "Copy these subjects only.", to: "filter_subject"),
    Field("externalApiPrefix", .string(.plain), "The API prefix of another domain or account.", to: "external.api"),
    Field(
      "externalDeliverPrefix", .string(.plain), "The delivery prefix of another domain or account.",
      to: "external.deliver"),
    Field("subjectTransforms", .objects(transform), "Filters and transforms.", to: "subject_transforms"),
    Field(
      "consumer",
      .object([
        Field("name", .string(.plain), "The durable consumer on the origin.", to: "name"),
        Field("deliverSubject", .string(.plain), "The subject that it delivers to.", to: "deliver_subject"),
      ]), "A consumer made beforehand to copy through.", to: "consumer"
    ).added(),
  ]

  static let metadata = Field("metadata", .map, "Free names and values kept with the asset.", to: "metadata")
}

import Reactor

/// Gets and keeps what goes into requests, on one loop; files and programs are read on a thread of its own.
///
/// Invariant: all state belongs to the loop's thread.
final class CredentialSource: @unchecked Sendable {
  typealias Answer = @Sendable (Result<Credential, ConfigurationProblem>) -> Void

  private let loop: EventLoop
  private let configuration: ClusterConfiguration
  private let background: BackgroundQueue
  private let fileNanoseconds: Int64
  private var state = CredentialState()
  private var waiting: [Answer] = []

  /// - Parameter fileNanoseconds: how long files are taken as read.
  init(
    loop: EventLoop, configuration: ClusterConfiguration, background: BackgroundQueue,
    fileNanoseconds: Int64 = 60_000_000_000
  ) {
    self.loop = loop
    self.configuration = configuration
    self.background = background
    self.fileNanoseconds = fileNanoseconds
  }

  /// Whether a new credential can differ from a refused one.
  private var canChange: Bool {
    switch configuration.login {
    case .anonymous, .token: configuration.namesFiles
    case .tokenFile, .exec: true
    }
  }

  /// Answers on the loop, at once when it can.
  func credential(_ answer: @escaping Answer) {
    if let usable = state.usable(now: now) { return answer(.success(usable)) }
    waiting.append(answer)
    guard waiting.count == 1 else { return }
    let configuration = configuration
    let rereads = now + fileNanoseconds
    let isAccepted = background.submit {
      let loaded = Self.load(configuration, rereads: rereads)
      self.loop.submit { self.loaded(loaded) }
    }
    if !isAccepted { loaded(.failure(ConfigurationProblem("too much waits for credentials"))) }
  }

  /// The server answered 401: true when the request is worth another try.
  func refuse(_ credential: Credential) -> Bool {
    canChange && state.refuse(credential, now: now)
  }

  private var now: Int64 { loop.clock.wallNanoseconds() }

  private func loaded(_ result: Result<Credential, ConfigurationProblem>) {
    var result = result
    switch result {
    case .success(let credential): state.take(credential)
    case .failure: if let fallback = state.fallback(now: now) { result = .success(fallback) }
    }
    let answers = waiting
    waiting = []
    for answer in answers { answer(result) }
  }

  private static func load(
    _ configuration: ClusterConfiguration, rereads: Int64
  ) -> Result<Credential, ConfigurationProblem> {
    Result { () throws(ConfigurationProblem) in
      var credential = Credential()
      switch configuration.login {
      case .anonymous: break
      case .token(let token): credential.token = token
      case .tokenFile(let path):
        credential.token = try ConfigurationFile.text(path)
        credential.rereads = rereads
      case .exec(let plugin): credential = try Credential(output: ExecRunner.run(plugin), of: plugin)
      }
      if credential.certificate == nil { credential.certificate = configuration.clientCertificate }
      if let parameters = try configuration.tlsParameters(certificate: credential.certificate) {
        // A certificate whose key has not been written yet is of no use.
        credential.tls = try ClientTLS(parameters)
      }
      if configuration.namesFiles { credential.rereads = rereads }
      return credential
    }
  }
}

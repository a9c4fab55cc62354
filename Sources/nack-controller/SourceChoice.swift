import Controlling
import Crypto
import Glibc
import Kubernetes
import KubernetesSource
import Reactor

/// Where resources come from.
struct SourceChoice {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  let source: any ResourceSource
  /// Looks at everything again (SIGHUP).
  let rescan: () -> Void

  static func make(_ options: ControllerOptions, loop: EventLoop, logger: Logger) throws -> SourceChoice {
    if options.usesKubernetes { return try kubernetes(options, loop: loop, logger: logger) }
    let folder = FolderSource(options.manifests, namespace: options.namespace, loop: loop, logger: logger)
    return SourceChoice(source: folder, rescan: folder.scan)
  }

  private static func kubernetes(
    _ options: ControllerOptions, loop: EventLoop, logger: Logger
  ) throws -> SourceChoice {
    var discovery = ClusterDiscovery()
    discovery.kubeconfig = options.kubernetes.kubeconfig
    discovery.url = options.kubernetes.api
    discovery.context = options.kubernetes.context
    let configuration: ClusterConfiguration
    do {
      configuration = try discovery.configuration()
    } catch {
      // The original's words.
      throw Failure(description: "get kubernetes rest config: \(error)")
    }
    let client = KubernetesClient(
      loop: loop, configuration: configuration, userAgent: "nack-controller/\(ControllerProgram.version)")
    var settings = KubernetesSource.Options(identity: "\(hostName)_\(NUID.next())")
    settings.namespace = options.namespace
    settings.electsLeader = options.kubernetes.electsLeader
    settings.leaseName = options.kubernetes.leaseName
    settings.leaseNamespace = options.kubernetes.leaseNamespace
    let source = KubernetesSource(client: client, options: settings) { logger.log($0, $1) }
    // Watches tell what changes.
    return SourceChoice(source: source, rescan: {})
  }

  private static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

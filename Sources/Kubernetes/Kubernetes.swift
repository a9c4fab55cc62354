// Kubernetes: a small client of the Kubernetes API, for controllers.
//
//   Cluster        where the API server is and who we are: kubeconfig files, the service account of a pod, a plain URL
//   Credentials    what goes into `Authorization` now: tokens, files that are re-read, exec plugins
//   Client         requests with retries, lists in pages, the server's errors
//   Watching       `Reflector`, the state machine of list and watch, and `ResourceWatch`, which runs it
//   Coordination   leader election by Lease, Events with counts
//
// Objects are `JSONValue`; what they mean is the business of the rooms above. The rules (reflector, election, backoff,
// retries, kubeconfig merge, event counting) are values without I/O and clock; the shells live on one event loop.

/// Bounds of this room. What happens at each stands with it.
public enum KubernetesLimits {
  /// Objects in one page of a list. A page that is still too large is asked for again with half as many.
  public static let pageObjects = 64
  /// Bytes of one answer: etcd's objects have 1.5 MiB at most. More fails the request with `tooLarge`.
  public static let answerBytes = 8 << 20
  /// Bytes of one event of a watch. More ends the watch; a list follows.
  public static let watchEventBytes = 8 << 20
  /// Requests at a time, beside watches and Leases; more wait. So a controller with much to do does not flood the server.
  public static let requests = 8
  /// Connections to the API server; further requests wait. Each watch holds one.
  public static let connections = 128
  /// Bytes that an exec plugin may print. More is an error.
  public static let execOutputBytes = 1 << 20
  /// Event series that are remembered for counting; the one used longest ago is forgotten.
  public static let eventSeries = 1024
  /// Bytes of a kubeconfig or of a file that it names. More is an error.
  public static let fileBytes = 4 << 20
}

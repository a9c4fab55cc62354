// Exporting: the exporter's flags, its requests to servers, and its scrape port.
//
// Lives here: what prometheus-nats-exporter's command line means (FEATURES 15.1), one scrape as a set of requests with a
// common deadline, and the HTTP paths. Does not live here: names, labels and types of families (`Metrics`), HTTP itself
// (`HTTP`).

public enum Exporter {
  public static let version = "0.1.0"
}

// Controlling: what nack-controller does between manifests and servers.
//
// Lives here: the engine that takes resources from a source (a folder, a Kubernetes API) and makes servers have what
// they describe; how a resource's connection is found; the source that reads files; flags, HTTP paths and metrics of
// the controller. Does not live here: what manifests mean and what is to be done about a difference
// (`Reconciliation`), the client (`NATSClient`), and Kubernetes.

/// Broker: who is connected and where a message goes.
///
/// Here live connections and what they may do (accounts, users, permissions), the path of a message from
/// the socket it arrives on to the sockets it leaves by, and the server around them: listeners, INFO, reload,
/// lame duck. The text protocol itself is in `Wire`, subject matching in `Subjects`, loops in `Reactor`.
///
/// The path of a PUB: `Connection+Reading` (bytes from the socket) -> `ClientParser` (frames, the fast path) ->
/// `MatchCache` (one hash lookup answers permission, mapping and receivers) -> `Delivery` (the message is copied
/// once per receiver into this loop's `Stage` for it) -> `Staging` (at the end of the batch one write per receiver).
///
/// The path over account borders (`Accounts`): `AccountLinks` says what an account imports. Of a stream, each
/// subscription that overlaps it gets a `Shadow` in the exporter's index, and messages reach it like any other
/// receiver, under the local subject. Of a service, a `ServiceImport` listens in the importer's index and
/// `ServiceForwarding` publishes the request again in the exporter's account, with a made-up reply subject;
/// `ServiceReplies` knows who awaits what comes back there. `Passage` is what a message has been through;
/// a message that is traced (`Tracing`) takes its notes along in it.
enum Broker {}

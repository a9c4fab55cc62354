/// Broker: who is connected and where a message goes.
///
/// Here live connections and what they may do (accounts, users, permissions), the path of a message from
/// the socket it arrives on to the sockets it leaves by, and the server around them: listeners, INFO, reload,
/// lame duck. The text protocol itself is in `Wire`, subject matching in `Subjects`, loops in `Reactor`.
///
/// The path of a PUB: `Connection+Reading` (bytes from the socket) -> `ClientParser` (frames, the fast path) ->
/// `MatchCache` (one hash lookup answers permission, mapping and receivers) -> `Delivery` (the message is copied
/// once per receiver into this loop's `Stage` for it) -> `Staging` (at the end of the batch one write per receiver).
enum Broker {}

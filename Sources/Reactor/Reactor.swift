/// Reactor: event loops and what they wait for.
///
/// Here live the epoll loops (one thread each), timers, mailboxes between loops, TCP listeners,
/// TLS streams, signals, the log writer, and the clock and disk interfaces that a simulation replaces.
/// Nothing here knows NATS: protocols are built on `EventSource` in the rooms above.
public enum Reactor {}

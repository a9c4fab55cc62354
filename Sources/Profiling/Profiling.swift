/// Profiling: where the CPU time and the memory of this process go (`prof_port`, FEATURES 3.051).
///
/// Here live the sampling CPU profile (the signal handler is in CSystem), its forms (pprof, folded stacks), the symbol
/// table of our own program, the numbers about threads and memory, and the HTTP endpoints under `/debug/pprof/`.
/// Nothing here knows NATS.
public enum Profiling {}

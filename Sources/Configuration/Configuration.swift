// Configuration: from bytes to typed options, and nothing that acts on them.
//
// Language/    the conf language (a superset of JSON): scanner, grammar, tree with positions, digest
// Options/     the typed options with their defaults
// Reading/     tree -> options: every name and alias, types, cross checks, unsupported features
// CommandLine/ flags -> what to do, precedence over the file, `-t`, `-sl`, help
// Reload/      old options + new options -> changes and log lines, or the reason for a refusal
//
// Loading certificates, opening listeners and logging live above. Files and environment come in as `FileAccess`.

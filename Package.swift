// swift-tools-version: 6.0
import PackageDescription

// The hot path crosses module borders (Bytes, Subjects, Broker): without whole-program
// specialisation a border inside the inner loop costs 24 to 35 % (docs/performance.md).
//
// Regular expressions and Swift's task runtime are not used; without their implicit imports they are not linked.
let shared: [SwiftSetting] = [
  .unsafeFlags([
    "-Xfrontend", "-disable-implicit-string-processing-module-import",
    "-Xfrontend", "-disable-implicit-concurrency-module-import",
  ])
]
// Overlapping accesses are checked while the program runs in debug builds, which the tests use; there they cost nothing
// that matters, in a release they cost 6 % of a publish.
let fast: [SwiftSetting] =
  shared + [
    .unsafeFlags(
      ["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release))
  ]
let small: [SwiftSetting] = shared + [.unsafeFlags(["-Osize"], .when(configuration: .release))]

/// A room that messages pass through.
func room(_ name: String, _ below: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: below, swiftSettings: fast)
}

/// A room that they do not: compiled for size.
func quietRoom(_ name: String, _ below: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: below, swiftSettings: small)
}

func tests(_ name: String, _ subject: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: subject)
}

let package = Package(
  name: "natsd",
  targets: [
    // C that Swift cannot import, and the system libraries.
    .target(name: "CSystem"),
    .systemLibrary(name: "COpenSSL"),
    .systemLibrary(name: "CZlib"),
    .systemLibrary(name: "CCrypt"),
    .systemLibrary(name: "CYAML"),

    // Rooms, ground floor first; a room imports only rooms above its line.
    room("Bytes", ["CSystem"]),
    quietRoom("JSON", ["Bytes"]),
    quietRoom("Crypto", ["Bytes", "JSON", "CSystem", "COpenSSL", "CCrypt"]),
    room("Reactor", ["Bytes", "JSON", "Crypto", "CSystem", "COpenSSL"]),
    room("Journal", ["Bytes", "Reactor", "CSystem"]),
    room("S2", ["CSystem"]),
    quietRoom("HTTP", ["Bytes", "JSON", "Crypto", "Reactor", "CZlib"]),
    quietRoom("Profiling", ["Bytes", "Reactor", "HTTP", "CSystem"]),
    quietRoom("Configuration", ["Bytes", "JSON", "Crypto", "Subjects"]),
    room("Wire", ["Bytes", "JSON"]),
    room("Subjects", ["Bytes", "CSystem"]),
    room(
      "Broker",
      ["Bytes", "JSON", "Crypto", "Reactor", "HTTP", "Configuration", "Wire", "Subjects", "Metrics", "S2", "CSystem"]),

    room("MessageStore", ["Bytes", "Reactor", "Journal", "Subjects", "S2", "CSystem"]),
    quietRoom("JetStreamAPI", ["Bytes", "JSON", "Subjects"]),
    room(
      "JetStream",
      [
        "Bytes", "JSON", "Crypto", "Reactor", "Configuration", "Subjects", "Journal", "MessageStore", "Broker",
        "JetStreamAPI", "S2", "CSystem",
      ]),

    quietRoom("NATSClient", ["Bytes", "JSON", "Crypto", "Reactor", "CSystem"]),

    quietRoom("Flags", ["CSystem"]),
    quietRoom("Metrics", ["Bytes", "JSON", "CSystem"]),
    quietRoom("Exporting", ["Bytes", "JSON", "Flags", "Crypto", "Reactor", "HTTP", "Metrics", "CSystem"]),

    quietRoom("Reconciliation", ["Bytes", "JSON", "CYAML"]),
    quietRoom("Kubernetes", ["Bytes", "JSON", "Reactor", "HTTP", "Reconciliation", "CSystem"]),
    quietRoom(
      "Controlling",
      [
        "Bytes", "JSON", "Crypto", "Flags", "Reactor", "HTTP", "Metrics", "NATSClient", "Reconciliation", "CSystem",
      ]),
    quietRoom(
      "KubernetesSource",
      ["Bytes", "JSON", "Crypto", "Reactor", "Metrics", "Reconciliation", "Kubernetes", "Controlling"]),

    .executableTarget(
      name: "natsd",
      dependencies: [
        "Bytes", "JSON", "HTTP", "Broker", "Configuration", "JetStream", "Profiling", "Reactor", "CSystem",
      ],
      swiftSettings: small),

    .executableTarget(
      name: "exporter", dependencies: ["Exporting", "Flags", "HTTP", "Reactor", "CSystem"], swiftSettings: small),

    // Measures, and is not shipped.
    .executableTarget(
      name: "journal-benchmark", dependencies: ["Journal", "Reactor", "CSystem"], path: "Benchmarks/journal",
      swiftSettings: fast),
    .executableTarget(
      name: "nack-controller",
      dependencies: ["Controlling", "Crypto", "Flags", "HTTP", "Kubernetes", "KubernetesSource", "Reactor", "CSystem"],
      swiftSettings: small),

    // Not shipped: how fast the stores are.
    .executableTarget(
      name: "measure-store", dependencies: ["MessageStore", "Reactor", "CSystem"], path: "Benchmarks/store",
      swiftSettings: fast),

    tests("BytesTests", ["Bytes"]),
    tests("FlagsTests", ["Flags"]),
    tests("JSONTests", ["JSON"]),
    tests("CryptoTests", ["Crypto"]),
    tests("ReactorTests", ["Bytes", "Reactor", "Crypto", "CSystem"]),
    tests("ProfilingTests", ["Profiling"]),
    .target(name: "StorageSimulation", dependencies: ["Reactor"], path: "Tests/StorageSimulation"),
    tests("JournalTests", ["Journal", "Reactor", "CSystem", "StorageSimulation"]),
    tests("S2Tests", ["S2"]),
    tests("HTTPTests", ["HTTP", "Reactor"]),
    tests("ConfigurationTests", ["Configuration"]),
    tests("WireTests", ["Wire"]),
    tests("SubjectsTests", ["Subjects"]),
    tests("BrokerTests", ["Broker", "Configuration", "HTTP", "Reactor", "S2", "Subjects", "CSystem"]),
    tests("MessageStoreTests", ["MessageStore", "Subjects", "Journal", "Reactor", "CSystem", "StorageSimulation"]),
    tests("JetStreamAPITests", ["JetStreamAPI", "JSON", "Subjects"]),
    tests(
      "JetStreamTests",
      [
        "JetStream", "JetStreamAPI", "MessageStore", "Journal", "Reactor", "JSON", "Configuration", "S2",
        "StorageSimulation",
      ]),
    tests("NATSClientTests", ["NATSClient", "Reactor", "Crypto", "JSON", "CSystem"]),
    tests("MetricsTests", ["Metrics"]),
    tests("ReconciliationTests", ["Reconciliation", "Bytes", "JSON"]),
    tests(
      "KubernetesTests",
      ["Kubernetes", "KubernetesSource", "Controlling", "Reconciliation", "HTTP", "Reactor", "JSON", "Bytes"]),
    tests(
      "ControllingTests",
      ["Controlling", "Reconciliation", "NATSClient", "Metrics", "HTTP", "Reactor", "Bytes", "JSON", "Flags"]),
    tests("ExporterTests", ["Exporting", "Flags", "HTTP", "Reactor"]),
  ],
  swiftLanguageModes: [.v6]
)

import CSystem
import JSON

/// The answer of `/debug/vars` (FEATURES 11.021): the command line, and the memory in the fields of Go's runtime. Fields
/// that only a garbage collector could fill are zero.
struct Expvarz: Sendable, JSONWritable {
  let residentBytes: Int

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.key("cmdline")
    writer.beginArray()
    for index in 0..<csys_argument_count() {
      writer.value(csys_argument(index).map { String(cString: $0) } ?? "")
    }
    writer.endArray()
    writer.key("memstats")
    writeMemory(to: &writer)
    writer.endObject()
  }

  private func writeMemory(to writer: inout JSONWriter) {
    let known: [String: Int] = [
      "Alloc": residentBytes, "Sys": residentBytes, "HeapAlloc": residentBytes, "HeapSys": residentBytes,
      "HeapInuse": residentBytes, "TotalAlloc": residentBytes,
    ]
    let numbers = [
      "Alloc", "TotalAlloc", "Sys", "Lookups", "Mallocs", "Frees", "HeapAlloc", "HeapSys", "HeapIdle", "HeapInuse",
      "HeapReleased", "HeapObjects", "StackInuse", "StackSys", "MSpanInuse", "MSpanSys", "MCacheInuse", "MCacheSys",
      "BuckHashSys", "GCSys", "OtherSys", "NextGC", "LastGC", "PauseTotalNs",
    ]
    writer.beginObject()
    for name in numbers {
      writer.key(name)
      writer.value(known[name] ?? 0)
    }
    for name in ["PauseNs", "PauseEnd"] {
      writer.key(name)
      writer.beginArray()
      for _ in 0..<256 { writer.value(0) }
      writer.endArray()
    }
    writer.field("NumGC", 0)
    writer.field("NumForcedGC", 0)
    writer.field("GCCPUFraction", 0.0)
    writer.field("EnableGC", false)
    writer.field("DebugGC", false)
    writer.emptyArray("BySize")
    writer.endObject()
  }
}

import Bytes
import CSystem
import Glibc

/// The functions of an ELF file, from the table that `strip` removes.
struct SymbolTable: Sendable {
  /// Larger files are not looked into.
  private static let mostBytes = 512 << 20

  private struct Function {
    let start: UInt64
    let size: UInt64
    let name: Int
  }

  /// The file's addresses are relative to where it is loaded.
  private(set) var isRelocatable = false
  /// Hex of the linker's identifier, by which pprof finds a copy with symbols; empty without one.
  private(set) var buildIdentifier = ""
  private var functions: [Function] = []
  private var strings: [UInt8] = []

  var isEmpty: Bool { functions.isEmpty }

  /// An empty table for a file that is none, or has none.
  static func read(_ path: String) -> SymbolTable {
    let none = SymbolTable(UnsafeRawBufferPointer(start: nil, count: 0))
    let descriptor = csys_open(path, O_RDONLY | O_CLOEXEC, 0)
    guard descriptor >= 0 else { return none }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size > 64, status.st_size <= mostBytes,
      let mapped = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0), mapped != MAP_FAILED
    else { return none }
    defer { munmap(mapped, Int(status.st_size)) }
    return SymbolTable(UnsafeRawBufferPointer(start: mapped, count: Int(status.st_size)))
  }

  init(_ file: UnsafeRawBufferPointer) {
    // 64 bits, little endian: all we are built for.
    guard file.count > 64, file.prefix(6).elementsEqual([0x7F, 0x45, 0x4C, 0x46, 2, 1]) else { return }
    func number<Value: FixedWidthInteger>(_ offset: Int, _: Value.Type) -> Value? {
      guard offset >= 0, offset <= file.count - MemoryLayout<Value>.size else { return nil }
      return file.loadUnaligned(fromByteOffset: offset, as: Value.self)
    }
    isRelocatable = number(16, UInt16.self) == 3
    guard let table = number(40, UInt64.self), let size = number(58, UInt16.self), let count = number(60, UInt16.self),
      size == 64, table <= UInt64(file.count)
    else { return }
    struct Section {
      var type: UInt32
      var offset: Int
      var size: Int
      var link: Int
    }
    var sections: [Section] = []
    for index in 0..<Int(count) {
      let at = Int(table) + index * 64
      guard let type = number(at + 4, UInt32.self), let offset = number(at + 24, UInt64.self),
        let size = number(at + 32, UInt64.self), let link = number(at + 40, UInt32.self)
      else { return }
      sections.append(
        Section(type: type, offset: Int(clamping: offset), size: Int(clamping: size), link: Int(link)))
    }
    func contents(_ section: Section) -> UnsafeRawBufferPointer? {
      guard section.offset <= file.count, section.size <= file.count - section.offset else { return nil }
      return UnsafeRawBufferPointer(rebasing: file[section.offset..<section.offset + section.size])
    }
    for section in sections where section.type == 7 {
      // A note: lengths of name and contents, type 3, `GNU\0`.
      guard let note = contents(section), note.count >= 16, note.loadUnaligned(as: UInt32.self) == 4,
        note.loadUnaligned(fromByteOffset: 8, as: UInt32.self) == 3
      else { continue }
      let length = Int(note.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
      guard length <= 64, note.count >= 16 + length else { continue }
      buildIdentifier = note[16..<16 + length].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
    guard let symbols = sections.first(where: { $0.type == 2 }), symbols.link < sections.count,
      let entries = contents(symbols), let names = contents(sections[symbols.link])
    else { return }
    strings = Array(names)
    for offset in stride(from: 0, to: entries.count - 23, by: 24) {
      guard entries[offset + 4] & 0xF == 2 else { continue }
      let start = entries.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
      let size = entries.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self)
      let name = Int(entries.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      if start != 0, name < strings.count { functions.append(Function(start: start, size: size, name: name)) }
    }
    functions.sort { $0.start < $1.start }
  }

  /// The function at an address of the file, as it was written in the source.
  func name(at address: UInt64) -> String? {
    var low = 0
    var high = functions.count
    while low < high {
      let middle = (low + high) / 2
      if functions[middle].start <= address { low = middle + 1 } else { high = middle }
    }
    guard low > 0 else { return nil }
    let function = functions[low - 1]
    guard address - function.start < max(function.size, 1) else { return nil }
    let name = String(decoding: strings[function.name...].prefix { $0 != 0 }, as: UTF8.self)
    return Self.demangled(name) ?? name
  }

  private static func demangled(_ name: String) -> String? {
    guard name.hasPrefix("$s") || name.hasPrefix("$S") else { return nil }
    return name.withCString { mangled in
      guard let text = demangle(mangled, strlen(mangled), nil, nil, 0) else { return nil }
      defer { free(text) }
      return String(cString: text)
    }
  }
}

/// The Swift runtime's.
@_silgen_name("swift_demangle")
private func demangle(
  _ name: UnsafePointer<CChar>, _ length: Int, _ output: UnsafeMutablePointer<CChar>?,
  _ outputLength: UnsafeMutablePointer<Int>?, _ flags: UInt32
) -> UnsafeMutablePointer<CChar>?

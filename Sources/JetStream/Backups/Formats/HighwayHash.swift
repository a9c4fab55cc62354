/// HighwayHash with 64 bits of result, by which nats-server's file store tells whether a record is whole. From the
/// algorithm's public description (Google, 2016).
struct HighwayHash {
  private var v0: SIMD4<UInt64>
  private var v1: SIMD4<UInt64>
  private var mul0 = SIMD4<UInt64>(
    0xDBE6_D5D5_FE4C_CE2F, 0xA409_3822_299F_31D0, 0x1319_8A2E_0370_7344, 0x243F_6A88_85A3_08D3)
  private var mul1 = SIMD4<UInt64>(
    0x3BD3_9E10_CB0E_F593, 0xC0AC_F169_B5F1_8A8C, 0xBE54_66CF_34E9_0C6C, 0x4528_21E6_38D0_1377)
  /// Of the packet that is not full yet.
  private var rest: [UInt8] = []

  private static let packet = 32
  private static let low = SIMD4<UInt64>(repeating: 0xFFFF_FFFF)

  /// - Parameter key: 32 bytes.
  init(key: [UInt8]) {
    precondition(key.count == Self.packet)
    let lanes = key.withUnsafeBytes { Self.lanes($0, 0) }
    v0 = mul0 ^ lanes
    v1 = mul1 ^ Self.halvesSwapped(lanes)
    rest.reserveCapacity(Self.packet)
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var place = 0
    if !rest.isEmpty {
      place = min(Self.packet - rest.count, bytes.count)
      rest.append(contentsOf: bytes[..<place])
      guard rest.count == Self.packet else { return }
      update(rest.withUnsafeBytes { Self.lanes($0, 0) })
      rest.removeAll(keepingCapacity: true)
    }
    while bytes.count - place >= Self.packet {
      update(Self.lanes(bytes, place))
      place += Self.packet
    }
    rest.append(contentsOf: bytes[place...])
  }

  /// The result; call nothing afterwards.
  mutating func finish() -> UInt64 {
    if !rest.isEmpty { updateRest() }
    for _ in 0..<4 {
      let permuted = SIMD4(v0[2], v0[3], v0[0], v0[1])
      update(Self.halvesSwapped(permuted))
    }
    return v0[0] &+ v1[0] &+ mul0[0] &+ mul1[0]
  }

  private static func lanes(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> SIMD4<UInt64> {
    func lane(_ index: Int) -> UInt64 {
      UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place + index * 8, as: UInt64.self))
    }
    return SIMD4(lane(0), lane(1), lane(2), lane(3))
  }

  private static func halvesSwapped(_ lanes: SIMD4<UInt64>) -> SIMD4<UInt64> { lanes &>> 32 | lanes &<< 32 }

  @inline(__always)
  private mutating func update(_ lanes: SIMD4<UInt64>) {
    v1 &+= mul0 &+ lanes
    mul0 ^= (v1 & Self.low) &* (v0 &>> 32)
    v0 &+= mul1
    mul1 ^= (v0 & Self.low) &* (v1 &>> 32)
    v0 &+= Self.zipped(v1)
    v1 &+= Self.zipped(v0)
  }

  private static func zipped(_ lanes: SIMD4<UInt64>) -> SIMD4<UInt64> {
    let (first, second) = zip(lanes[1], lanes[0])
    let (third, fourth) = zip(lanes[3], lanes[2])
    return SIMD4(first, second, third, fourth)
  }

  /// Mixes the bytes of two lanes: what is to be added to the lower one and to the upper one.
  @inline(__always)
  private static func zip(_ upper: UInt64, _ lower: UInt64) -> (UInt64, UInt64) {
    let first =
      ((lower & 0xFF00_0000 | upper & 0xFF_0000_0000) >> 24)
      | ((lower & 0xFF00_0000_0000 | upper & 0xFF_0000_0000_0000) >> 16) | (lower & 0xFF_0000)
      | ((lower & 0xFF00) << 32) | ((upper & 0xFF00_0000_0000_0000) >> 8) | (lower << 56)
    let second =
      ((upper & 0xFF00_0000 | lower & 0xFF_0000_0000) >> 24) | (upper & 0xFF_0000)
      | ((upper & 0xFF00_0000_0000) >> 16) | ((upper & 0xFF00) << 24) | ((lower & 0xFF_0000_0000_0000) >> 8)
      | ((upper & 0xFF) << 48) | (lower & 0xFF00_0000_0000_0000)
    return (first, second)
  }

  private mutating func updateRest() {
    let count = rest.count
    let size = UInt64(count)
    v0 &+= SIMD4(repeating: size << 32 &+ size)
    for index in 0..<4 {
      let low = UInt32(truncatingIfNeeded: v1[index])
      let high = UInt32(truncatingIfNeeded: v1[index] >> 32)
      let turned = (
        low << UInt32(count) | low >> UInt32(32 - count), high << UInt32(count) | high >> UInt32(32 - count)
      )
      v1[index] = UInt64(turned.0) | UInt64(turned.1) << 32
    }
    let whole = count & ~3
    let odd = count & 3
    var last = [UInt8](repeating: 0, count: Self.packet)
    last.replaceSubrange(..<whole, with: rest[..<whole])
    if count & 16 != 0 {
      for index in 0..<4 { last[28 + index] = rest[whole + index + odd - 4] }
    } else if odd > 0 {
      last[16] = rest[whole]
      last[17] = rest[whole + odd >> 1]
      last[18] = rest[whole + odd - 1]
    }
    update(last.withUnsafeBytes { Self.lanes($0, 0) })
  }
}

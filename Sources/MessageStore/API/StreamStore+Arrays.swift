extension StreamStore {
  /// `append` for arrays.
  public func append(
    sequence: UInt64, timestamp: Int64, flags: UInt8 = 0, subject: [UInt8], header: [UInt8] = [], payload: [UInt8]
  ) throws(StoreError) {
    let result: Result<Void, StoreError> = subject.withUnsafeBytes { subject in
      header.withUnsafeBytes { header in
        payload.withUnsafeBytes { payload in
          do throws(StoreError) {
            try append(
              sequence: sequence, timestamp: timestamp, flags: flags, subject: subject, header: header,
              payload: payload)
            return .success(())
          } catch {
            return .failure(error)
          }
        }
      }
    }
    try result.get()
  }
}

/// The files that the options name and that are loaded when the server starts or reloads.
extension ServerOptions {
  /// Certificates, keys and authorities of every block.
  public var certificateFiles: Set<String> {
    var blocks: [TLSOptions?] = [tls, cluster?.tls, gateway?.tls, leafNodes?.tls, webSocket?.tls, mqtt?.tls]
    blocks.append(operatorMode.resolverTLS)
    for remote in gateway?.gateways ?? [] { blocks.append(remote.tls) }
    for remote in leafNodes?.remotes ?? [] { blocks.append(remote.tls) }
    var files: Set<String> = []
    for block in blocks.compactMap({ $0 }) {
      files.formUnion([block.certificateFile, block.keyFile, block.caFile])
      for pair in block.certificates { files.formUnion([pair.certificateFile, pair.keyFile]) }
    }
    files.remove("")
    return files
  }
}

import Testing

@testable import Configuration

/// Files and environment in memory.
func memory(_ files: [String: String], environment: [String: String] = [:]) -> FileAccess {
  FileAccess(
    read: { path in
      files[path].map { .success(Array($0.utf8)) }
        ?? .failure(FileAccess.Failure("open \(path): no such file or directory"))
    },
    environment: { environment[$0] })
}

/// The JSON that the digest is made of, or the syntax error.
func parsed(_ text: String, files: [String: String] = [:], environment: [String: String] = [:]) -> String {
  do {
    let file = try ConfigurationFile.parse(
      Array(text.utf8), path: "main.conf", access: memory(files, environment: environment))
    return String(decoding: ConfigurationDigest.json(of: file.root).dropLast(), as: UTF8.self)
  } catch {
    return error.description
  }
}

/// Every problem of a configuration, warnings first.
func problems(_ text: String, files: [String: String] = [:]) -> [String] {
  do {
    let access = memory(files.merging(["main.conf": text]) { $1 })
    let loaded = try ConfigurationLoader(access: access).load("main.conf")
    return loaded.warnings + loaded.errors
  } catch {
    return [error.description]
  }
}

/// The options that a server starts with.
func started(_ text: String, _ arguments: [String] = [], files: [String: String] = [:]) throws -> ServerOptions {
  try plan(text, arguments, files: files).options
}

func plan(_ text: String, _ arguments: [String] = [], files: [String: String] = [:]) throws -> StartPlan {
  let access = memory(files.merging(["main.conf": text]) { $1 })
  switch Launch.decide(["-c", "main.conf"] + arguments, access: access) {
  case .run(let plan): return plan
  case .exit(let output): throw Refused(text: output.standardError)
  case .signal: throw Refused(text: "signal")
  }
}

struct Refused: Error, Equatable {
  let text: String
}

let userKey = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
let accountKey = "ADKGAJU55CHYOIF5H432K2Z2ME3NPSJ5S3VY5Q42Q3OTYOCYRRG7WOWV"

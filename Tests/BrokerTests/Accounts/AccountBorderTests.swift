import Configuration
import Foundation
import Testing

@testable import Broker

/// What crosses account borders leaves nothing behind (FEATURES 4.027 to 4.030).
@Suite struct AccountBorderTests {
  private static func exporter(_ edit: (inout ServiceExportOptions) -> Void = { _ in }) -> AccountOptions {
    testAccount("EXP") {
      var service = ServiceExportOptions(subject: "svc.>")
      edit(&service)
      $0.serviceExports = [service]
      $0.streamExports = [StreamExportOptions(subject: "s.>")]
    }
  }

  private static let importer = testAccount("IMP") {
    $0.serviceImports = [ServiceImportOptions(account: "EXP", subject: "svc.>")]
    var stream = StreamImportOptions(account: "EXP", subject: "s.>")
    stream.prefix = "from"
    $0.streamImports = [stream]
  }

  /// The reply subject of the last message.
  private func reply(in text: String) -> String {
    let line = text.components(separatedBy: "\r\n").last { $0.hasPrefix("MSG ") || $0.hasPrefix("HMSG ") } ?? ""
    return line.components(separatedBy: " ").first { $0.hasPrefix("_R_.") } ?? "none"
  }

  @Test("4.027 shadow subscriptions go with UNSUB, with the maximum and with the connection")
  func shadowsGo() throws {
    let test = try TestServer([Self.exporter(), Self.importer])
    let index = test.account("EXP").index
    // The server's own services are there from the start.
    let base = index.count
    let records = test.server.records.count
    let client = try test.connect("imp")
    client.send("SUB > 1\r\nSUB from.s.* q 2\r\nSUB other 3\r\nSUB from.s.a 4\r\n")
    client.barrier()
    #expect(index.count == base + 3)
    client.send("UNSUB 1\r\n")
    client.barrier()
    #expect(index.count == base + 2)
    let publisher = try test.connect("exp")
    publisher.publish("s.a", "x")
    publisher.barrier()
    #expect(client.barrier() == "MSG from.s.a 4 1\r\nx\r\nMSG from.s.a 2 1\r\nx\r\n")
    client.close()
    #expect(TestServer.eventually { index.count == base })
    publisher.publish("s.a", "x")
    publisher.barrier()
    #expect(TestServer.eventually { test.server.records.count == records })
  }

  @Test("4.029 a single answer ends what is kept of its request")
  func singleAnswer() throws {
    let test = try TestServer([Self.exporter(), Self.importer])
    let responder = try test.connect("exp")
    responder.send("SUB svc.x 1\r\n")
    responder.barrier()
    let requester = try test.connect("imp")
    requester.send("SUB inbox 1\r\n")
    requester.publish("svc.x", "hi", reply: "inbox")
    requester.barrier()
    let request = responder.barrier()
    #expect(request.contains("Nats-Request-Info: {\"acc\":\"IMP\",\"rtt\":"))
    #expect(test.account("EXP").replies.counts == (1, 0))
    #expect(test.account("IMP").replies.counts == (0, 1))
    responder.publish(reply(in: request), "yes")
    responder.publish(reply(in: request), "again")
    responder.barrier()
    #expect(requester.barrier() == "MSG inbox 1 3\r\nyes\r\n")
    #expect(test.account("EXP").replies.counts == (0, 0))
    #expect(test.account("IMP").replies.counts == (0, 0))
  }

  @Test("4.029 stream answers stay until the requester goes")
  func streamedAnswers() throws {
    let test = try TestServer([Self.exporter { $0.responseType = .stream }, Self.importer])
    let responder = try test.connect("exp")
    responder.send("SUB svc.x 1\r\n")
    responder.barrier()
    let requester = try test.connect("imp")
    requester.send("SUB inbox.* 1\r\n")
    for number in 0..<100 { requester.publish("svc.x", "\(number)", reply: "inbox.\(number)") }
    for _ in 0..<100 { requester.publish("svc.x", "same", reply: "inbox.same") }
    requester.barrier()
    let answer = reply(in: responder.barrier())
    responder.publish(answer, "1")
    responder.publish(answer, "2")
    responder.barrier()
    #expect(requester.barrier() == "MSG inbox.same 1 1\r\n1\r\nMSG inbox.same 1 1\r\n2\r\n")
    #expect(test.account("EXP").replies.counts == (200, 0))
    requester.close()
    #expect(TestServer.eventually { test.account("EXP").replies.counts == (0, 0) })
    #expect(test.account("IMP").replies.counts == (0, 0))
  }

  @Test("4.030 answers that are overdue are forgotten")
  func threshold() throws {
    let test = try TestServer([Self.exporter { $0.responseThresholdNanoseconds = 30_000_000 }, Self.importer])
    let responder = try test.connect("exp")
    responder.send("SUB svc.x 1\r\n")
    responder.barrier()
    let requester = try test.connect("imp")
    requester.send("SUB inbox 1\r\n")
    for _ in 0..<10 { requester.publish("svc.x", "hi", reply: "inbox") }
    requester.barrier()
    #expect(TestServer.eventually { test.account("EXP").replies.counts == (0, 0) })
    #expect(TestServer.eventually { test.account("IMP").replies.counts == (0, 0) })
  }

  @Test("4.028 a request that nobody gets leaves nothing")
  func nobody() throws {
    let test = try TestServer([Self.exporter(), Self.importer])
    let requester = try test.connect("imp", ",\"no_responders\":true")
    requester.send("SUB inbox 1\r\n")
    requester.publish("svc.x", "hi", reply: "inbox")
    #expect(requester.barrier() == "HMSG inbox 1 37 37\r\nNATS/1.0 503\r\nNats-Subject: svc.x\r\n\r\n\r\n")
    #expect(test.account("EXP").replies.counts == (0, 0))
  }

  @Test("4.028 services of the server itself answer in any account that imports them")
  func internalService() throws {
    let test = try TestServer([Self.exporter(), Self.importer])
    let account = test.account("EXP")
    account.listen(
      to: Array("svc.time".utf8),
      with: InternalService(account) { request in
        request.answer(Array("noon".utf8), header: HeaderBlock.with("A", "b"))
      })
    // An empty reply field where the server answers itself, none behind a border: as nats-server.
    for (user, space) in [("exp", "  "), ("imp", " ")] {
      let client = try test.connect(user)
      client.send("SUB inbox 1\r\n")
      client.publish("svc.time", "?", reply: "inbox")
      #expect(client.barrier() == "HMSG inbox 1\(space)18 22\r\nNATS/1.0\r\nA: b\r\n\r\nnoon\r\n", "\(user)")
    }
    #expect(account.replies.counts == (0, 0))
  }

  @Test("4.027 4.028 reloads take imports away and bring them back while messages flow")
  func reloads() throws {
    let withImports = [Self.exporter(), Self.importer]
    let without = [Self.exporter(), testAccount("IMP")]
    let test = try TestServer(withImports)
    let base = (exporter: test.account("EXP").index.count, importer: test.account("IMP").index.count)
    let client = try test.connect("imp")
    client.send("SUB from.s.> 1\r\n")
    client.barrier()
    let index = test.account("EXP").index
    let publisher = try test.connect("exp")
    for round in 0..<20 {
      try test.reload(round % 2 == 0 ? without : withImports)
      for _ in 0..<50 { publisher.publish("s.a", "x") }
      publisher.barrier()
      #expect(TestServer.eventually { index.count == base.exporter + round % 2 })
      #expect(test.account("IMP").index.count == base.importer + round % 2)
    }
    client.barrier()
    publisher.publish("s.a", "last")
    publisher.barrier()
    #expect(client.barrier() == "MSG from.s.a 1 4\r\nlast\r\n")
  }

  @Test("4.028 requests, answers and importers that come and go on all loops")
  func churn() throws {
    let test = try TestServer([Self.exporter(), Self.importer])
    let base = (exporter: test.account("EXP").index.count, importer: test.account("IMP").index.count)
    let responders = try (0..<4).map { number in
      let client = try test.connect("exp")
      client.send("SUB svc.x g 1\r\nSUB s.> 2\r\n")
      client.barrier()
      return client
    }
    let group = DispatchGroup()
    for client in responders {
      nonisolated(unsafe) let client = client
      DispatchQueue.global().async(group: group) {
        var done = false
        while !done {
          let line = client.take(through: "\r\n")
          if line.isEmpty { break }
          if line.hasPrefix("HMSG "), let subject = line.split(separator: " ").first(where: { $0.hasPrefix("_R_.") }) {
            client.publish(String(subject), "ok")
            client.publish("s.x", "ok")
          }
          done = line.hasPrefix("stop")
        }
      }
    }
    let rounds = 60
    DispatchQueue.concurrentPerform(iterations: 4) { worker in
      for round in 0..<rounds {
        guard let client = try? test.connect("imp") else { continue }
        client.send("SUB inbox.\(worker).\(round) 1\r\nSUB from.s.> 2\r\n")
        client.publish("svc.x", "hi", reply: "inbox.\(worker).\(round)")
        if round % 3 > 0 { _ = client.take(through: "MSG inbox.\(worker).\(round) 1 2\r\nok\r\n") }
        client.close()
      }
    }
    for client in responders { client.send("SUB stop.\(ObjectIdentifier(client).hashValue) 9\r\n") }
    let stopper = try test.connect("exp")
    for client in responders { stopper.publish("stop.\(ObjectIdentifier(client).hashValue)", "stop") }
    stopper.barrier()
    group.wait()
    #expect(TestServer.eventually { test.account("EXP").replies.counts == (0, 0) })
    #expect(test.account("IMP").replies.counts == (0, 0))
    // What is left of the exporter's subscriptions: the responders' own and the one for answers.
    #expect(TestServer.eventually { test.account("EXP").index.count == base.exporter + 4 * 3 + 1 })
    #expect(test.account("IMP").index.count == base.importer)
  }
}

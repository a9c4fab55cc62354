import HTTP
import JSON
import Testing

@testable import Kubernetes

@Suite struct RequestTests {
  private let streams = ResourceType(group: "jetstream.nats.io", version: "v1beta2", plural: "streams")
  private let key = ObjectKey(namespace: "team a", name: "orders")

  @Test func addresses() {
    let rows: [(ResourceRequest, String, String)] = [
      (.get(.secrets, key), "GET", "/api/v1/namespaces/team%20a/secrets/orders"),
      (
        .patch(streams, key, subresource: "status", .null), "PATCH",
        "/apis/jetstream.nats.io/v1beta2/namespaces/team%20a/streams/orders/status"
      ),
      (
        .patch(streams, key, as: .apply(manager: "me", force: true), .null), "PATCH",
        "/apis/jetstream.nats.io/v1beta2/namespaces/team%20a/streams/orders?fieldManager=me&force=true"
      ),
      (.create(.events, namespace: "n", .null), "POST", "/api/v1/namespaces/n/events"),
      (.update(.leases, key, .null), "PUT", "/apis/coordination.k8s.io/v1/namespaces/team%20a/leases/orders"),
      (.delete(streams, key), "DELETE", "/apis/jetstream.nats.io/v1beta2/namespaces/team%20a/streams/orders"),
      (
        .list(streams, .init(), limit: 64, continuation: "a/b="), "GET",
        "/apis/jetstream.nats.io/v1beta2/streams?limit=64&continue=a%2Fb%3D"
      ),
      (
        .watch(.secrets, .init(namespace: "n", fields: "metadata.name=x"), after: "7", seconds: 300), "GET",
        "/api/v1/namespaces/n/secrets?fieldSelector=metadata.name%3Dx&watch=true&allowWatchBookmarks=true"
          + "&resourceVersion=7&timeoutSeconds=300"
      ),
    ]
    for (request, method, target) in rows {
      #expect(request.method == method && request.target == target)
    }
  }

  @Test(arguments: [
    (KubernetesError.unreachable("x"), "POST", true), (.interrupted("x"), "POST", false),
    (.interrupted("x"), "PATCH", true), (.status(APIStatus(code: 429)), "POST", true),
    (.status(APIStatus(code: 503)), "POST", false), (.status(APIStatus(code: 503)), "GET", true),
    (.status(APIStatus(code: 504)), "PUT", true), (.status(APIStatus(code: 500)), "GET", false),
    (.status(APIStatus(code: 500, retryAfterSeconds: 1)), "GET", true),
    (.status(APIStatus(code: 409)), "PATCH", false), (.status(APIStatus(code: 403)), "GET", false),
    (.tooLarge, "GET", false), (.malformed("x"), "GET", false),
    (.status(APIStatus(code: 429, retryAfterSeconds: 31)), "GET", false),
  ])
  func whatIsSentAgain(_ error: KubernetesError, _ method: String, _ isRepeated: Bool) {
    var retry = RequestRetry(ResourceRequest(method, "/"))
    #expect((retry.wait(after: error, random: 0) != nil) == isRepeated)
  }

  @Test func whatHasANameIsNotMadeTwice() {
    for (metadata, isRepeated) in [
      (["name": .string("x")] as JSONObject, true), (["generateName": .string("x-")], false),
    ] {
      let request = ResourceRequest.create(.events, namespace: "n", .object(["metadata": .object(metadata)]))
      var retry = RequestRetry(request)
      #expect((retry.wait(after: .interrupted("x"), random: 0) != nil) == isRepeated)
    }
  }

  @Test func waitsGrowAreBoundedAndEnd() {
    var retry = RequestRetry(ResourceRequest("GET", "/"))
    let waits = (0..<5).map { _ in retry.wait(after: .unreachable("x"), random: 0) }
    #expect(waits == [100_000_000, 200_000_000, 400_000_000, 800_000_000, nil])
    var asked = RequestRetry(ResourceRequest("GET", "/"))
    #expect(asked.wait(after: .status(APIStatus(code: 429, retryAfterSeconds: 3)), random: 0.9) == 3_000_000_000)
    var backoff = Backoff(first: 10, most: 25)
    #expect((0..<4).map { _ in backoff.wait(random: 0) } == [10, 20, 25, 25])
    backoff.reset()
    #expect(backoff.wait(random: 0.5) == 12)
  }

  @Test func theServersStatusIsRead() {
    let body =
      #"{"kind":"Status","status":"Failure","message":"streams \"x\" is invalid","reason":"Invalid","code":422,"#
      + #""details":{"causes":[{"field":"spec.name","message":"too long"}],"retryAfterSeconds":4}}"#
    let status = APIStatus(code: 422, headers: HTTPHeaders(), body: Array(body.utf8))
    #expect(status.causes == ["spec.name: too long"] && status.retryAfterSeconds == 4)
    #expect(KubernetesError.status(status).isInvalid)
    let proxy = APIStatus(code: 502, headers: ["Retry-After": "9"], body: Array("<html>".utf8))
    #expect(proxy.message == "<html>" && proxy.retryAfterSeconds == 9 && proxy.reason.isEmpty)
    #expect("\(KubernetesError.status(APIStatus(code: 503)))" == "the API server answered 503 Service Unavailable")
    #expect(KubernetesError.status(APIStatus(code: 409, reason: "AlreadyExists")).isAlreadyExists)
    #expect(!KubernetesError.status(APIStatus(code: 409, reason: "AlreadyExists")).isConflict)
  }
}

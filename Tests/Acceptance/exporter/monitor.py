"""A monitoring port that answers what a test wants: canned JSON, garbage, errors, nothing, drop by drop."""
import http.server
import json
import socketserver
import threading
import time


class Monitor:
    """Answers `answers[path]`: bytes, a (status, bytes) pair, or a function that gets the request handler. Counts requests."""

    def __init__(self, answers=None, default=None, port=0):
        self.answers = dict(answers or {})
        self.default = default
        self.requests = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                owner.requests.append(self.path)
                answer = owner.answers.get(self.path.partition("?")[0], owner.default)
                if callable(answer):
                    answer(self)
                    return
                status, body = answer if isinstance(answer, tuple) else (200, answer)
                if body is None:
                    status, body = 404, b"404 page not found\n"
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

            def handle_error(self, request, address):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def silence(seconds):
    """Takes the request and says nothing for so long."""
    def answer(handler):
        time.sleep(seconds)
        handler.close_connection = True
    return answer


def drip(piece, times, pause):
    """A body that never comes to its end in time."""
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(piece) * times))
        handler.end_headers()
        for _ in range(times):
            handler.wfile.write(piece)
            time.sleep(pause)
    return answer


def hang_up(handler):
    """Half an answer."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"server_id": "')
    handler.close_connection = True


VARZ = json.dumps({
    "server_id": "NID", "server_name": "fake", "version": "2.15.1", "start": "2026-01-02T03:04:05.678Z",
    "connections": 3, "in_msgs": 42, "http_req_stats": {"/": 1, "/varz": 2}}, indent=2).encode()


def large_jsz(streams, consumers):
    """/jsz of a member of a three node cluster, as nats-server writes it, with so many consumers on each stream."""
    time_text = "2026-11-21T02:00:00.123456789Z"
    peers = [{"name": f"nats-{n}", "current": True, "active": 123456789, "peer": "yrzKKRBu"} for n in (1, 2)]
    cluster = {"name": "C1", "raft_group": "S-R3F-abcdefgh", "leader": "fake", "leader_since": time_text,
               "system_account": True, "traffic_account": "SYS", "replicas": peers}
    details = []
    for s in range(streams):
        details.append({
            "name": f"STREAM_{s:04}", "created": time_text, "cluster": cluster,
            "config": {"name": f"STREAM_{s:04}", "subjects": [f"orders.{s}.>"], "retention": "limits",
                       "max_consumers": -1, "max_msgs": -1, "max_bytes": 1 << 30, "max_age": 0,
                       "max_msgs_per_subject": -1, "max_msg_size": -1, "discard": "old", "storage": "file",
                       "num_replicas": 3, "duplicate_window": 120000000000, "compression": "none",
                       "allow_direct": True, "mirror_direct": False, "sealed": False, "deny_delete": False,
                       "deny_purge": False, "allow_rollup_hdrs": False, "consumer_limits": {},
                       "metadata": {"_nats.level": "1", "_nats.req.level": "0", "_nats.ver": "2.15.1"}},
            "state": {"messages": 123456 + s, "bytes": 98765432, "first_seq": 1, "first_ts": time_text,
                      "last_seq": 123456 + s, "last_ts": time_text, "num_subjects": 17, "consumer_count": consumers},
            "consumer_detail": [{
                "stream_name": f"STREAM_{s:04}", "name": f"consumer-{c:02}", "created": time_text,
                "config": {"durable_name": f"consumer-{c:02}", "name": f"consumer-{c:02}",
                           "description": f"worker pool {c}", "deliver_policy": "all", "ack_policy": "explicit",
                           "ack_wait": 30000000000, "max_deliver": -1, "filter_subject": f"orders.{s}.{c}",
                           "replay_policy": "instant", "max_waiting": 512, "max_ack_pending": 1000,
                           "num_replicas": 3,
                           "metadata": {"_nats.level": "1", "_nats.req.level": "0", "_nats.ver": "2.15.1"}},
                "delivered": {"consumer_seq": 1000 + c, "stream_seq": 2000 + c, "last_active": time_text},
                "ack_floor": {"consumer_seq": 900 + c, "stream_seq": 1900 + c, "last_active": time_text},
                "num_ack_pending": 100, "num_redelivered": c, "num_waiting": 1, "num_pending": 121456,
                "cluster": cluster, "ts": time_text} for c in range(consumers)],
            "stream_raft_group": "S-R3F-abcdefgh",
            "consumer_raft_groups": [{"name": f"consumer-{c:02}", "raft_group": "C-R3F-abcdefgh"} for c in range(consumers)]})
    return json.dumps({
        "server_id": "NID", "now": time_text,
        "config": {"max_memory": 1 << 34, "max_storage": 1 << 36, "store_dir": "/data/jetstream", "sync_interval": 120000000000},
        "limits": {}, "memory": 0, "storage": 98765432 * streams, "reserved_memory": 0, "reserved_storage": 0,
        "accounts": 1, "ha_assets": streams * (consumers + 1), "api": {"level": 5, "total": 12345, "errors": 3},
        "streams": streams, "consumers": streams * consumers, "messages": 123456 * streams, "bytes": 98765432 * streams,
        "meta_cluster": {"name": "C1", "leader": "fake", "peer": "abcd", "replicas": peers, "cluster_size": 3, "pending": 0},
        "account_details": [{
            "name": "APP", "id": "APP", "memory": 0, "storage": 98765432 * streams,
            "reserved_memory": 18446744073709551615, "reserved_storage": 18446744073709551615, "accounts": 0,
            "ha_assets": 0, "api": {"level": 0, "total": 12345, "errors": 3}, "stream_detail": details}],
        "total": 1}, indent=2).encode()

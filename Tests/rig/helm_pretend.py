"""A pretended API server for rendering: Helm has no way of rendering through its library but to install.

It knows which kinds a Kubernetes version has, takes everything and keeps only what Helm asks for again: definitions of
kinds and hooks. It listens on 127.0.0.1 on a port of its own."""
import http.server
import json
import re
import threading
import time

# group/version, the minor versions that serve it, Kind:plural with "*" for kinds outside of namespaces. Charts see this
# as .Capabilities.APIVersions.
KINDS = """
v1 0- Pod:pods Service:services ConfigMap:configmaps Secret:secrets ServiceAccount:serviceaccounts
v1 0- PersistentVolumeClaim:persistentvolumeclaims PersistentVolume:persistentvolumes* Namespace:namespaces*
v1 0- Endpoints:endpoints Event:events LimitRange:limitranges ResourceQuota:resourcequotas
apps/v1 0- StatefulSet:statefulsets Deployment:deployments DaemonSet:daemonsets ReplicaSet:replicasets
batch/v1 0- Job:jobs
batch/v1 21- CronJob:cronjobs
batch/v1beta1 0-24 CronJob:cronjobs
policy/v1 21- PodDisruptionBudget:poddisruptionbudgets
policy/v1beta1 0-24 PodDisruptionBudget:poddisruptionbudgets PodSecurityPolicy:podsecuritypolicies*
autoscaling/v2 23- HorizontalPodAutoscaler:horizontalpodautoscalers
networking.k8s.io/v1 19- NetworkPolicy:networkpolicies Ingress:ingresses IngressClass:ingressclasses*
networking.k8s.io/v1beta1 0-21 Ingress:ingresses IngressClass:ingressclasses*
rbac.authorization.k8s.io/v1 0- Role:roles RoleBinding:rolebindings ClusterRole:clusterroles*
rbac.authorization.k8s.io/v1 0- ClusterRoleBinding:clusterrolebindings*
storage.k8s.io/v1 0- StorageClass:storageclasses*
scheduling.k8s.io/v1 0- PriorityClass:priorityclasses*
coordination.k8s.io/v1 0- Lease:leases
discovery.k8s.io/v1 21- EndpointSlice:endpointslices
apiextensions.k8s.io/v1 0- CustomResourceDefinition:customresourcedefinitions*
monitoring.coreos.com/v1 0- PodMonitor:podmonitors ServiceMonitor:servicemonitors PrometheusRule:prometheusrules
cert-manager.io/v1 0- Certificate:certificates Issuer:issuers ClusterIssuer:clusterissuers*
gateway.networking.k8s.io/v1 0- Gateway:gateways HTTPRoute:httproutes
networking.istio.io/v1beta1 0- VirtualService:virtualservices
jetstream.nats.io/v1beta2 0- Stream:streams Consumer:consumers KeyValue:keyvalues ObjectStore:objectstores
jetstream.nats.io/v1beta2 0- Account:accounts
"""


class Listener(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


class PretendedServer:
    def __init__(self, minor):
        self.minor = minor
        self.kinds = {}  # group/version -> {plural: (Kind, whether in a namespace)}
        self.kept = {}  # path -> object
        for line in KINDS.strip().splitlines():
            group_version, served, *kinds = line.split()
            first, last = served.split("-")
            if int(first) <= minor <= int(last or minor):
                for kind in kinds:
                    self.add(group_version, *kind.rstrip("*").split(":"), not kind.endswith("*"))
        self.server = Listener(("127.0.0.1", 0), handler(self))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def kubeconfig(self):
        return json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server.server_port}"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {}}]})

    def add(self, group_version, kind, plural, namespaced):
        self.kinds.setdefault(group_version, {})[plural] = (kind, namespaced)

    def read(self, path):
        """The answer to a GET, None where there is nothing."""
        if path == "/version":
            return {"major": "1", "minor": str(self.minor), "gitVersion": f"v1.{self.minor}.0"}
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            return self.groups()
        if path in self.kept:
            return self.kept[path]
        name = re.sub("^/apis?/", "", path)
        return self.resources(name) if name in self.kinds else self.listing(path)

    def groups(self):
        groups = {}
        for group_version in self.kinds:
            group, slash, version = group_version.partition("/")
            if slash:
                groups.setdefault(group, []).append({"groupVersion": group_version, "version": version})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
            {"name": group, "versions": versions, "preferredVersion": versions[0]}
            for group, versions in groups.items()]}

    def resources(self, group_version):
        verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": [
            {"name": plural, "singularName": kind.lower(), "kind": kind, "namespaced": namespaced, "verbs": verbs}
            for plural, (kind, namespaced) in self.kinds[group_version].items()]}

    def listing(self, path):
        plural = path.rpartition("/")[2]
        for group_version, plurals in self.kinds.items():
            if plural in plurals and re.match(f"/apis?/{re.escape(group_version)}/", path):
                items = [kept for name, kept in self.kept.items() if name.rpartition("/")[0] == path]
                return {"kind": plurals[plural][0] + "List", "apiVersion": group_version,
                        "metadata": {"resourceVersion": "1"}, "items": items}
        return None

    def create(self, path, created):
        metadata = created.setdefault("metadata", {})
        if created.get("kind") == "CustomResourceDefinition":
            spec = created["spec"]
            for version in spec["versions"]:
                self.add(f"{spec['group']}/{version['name']}", spec["names"]["kind"], spec["names"]["plural"],
                         spec.get("scope") != "Cluster")
            conditions = ("Established", "NamesAccepted")
        elif "helm.sh/hook" in (metadata.get("annotations") or {}):
            conditions = ("Complete", "Ready")
        else:
            return created
        metadata.update({"resourceVersion": "1", "uid": "1", "generation": 1})
        created["status"] = {"conditions": [{"type": name, "status": "True"} for name in conditions],
                             "succeeded": 1, "phase": "Succeeded", "observedGeneration": 1}
        self.kept[f"{path}/{metadata.get('name')}"] = created
        return created


def failure(code, reason, message=""):
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code,
            "message": message}


def handler(api):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            """Silent."""

        def answer(self, code, content, kind="application/json"):
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def body(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if body[:4] == b"k8s\0":  # Helm's own record of the release, in protobuf
                return {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "release"}}
            return json.loads(body or b"{}")

        def do_GET(self):
            path, _, query = self.path.partition("?")
            if "sendInitialEvents=true" in query:  # refused, so that the client lists and watches instead
                self.answer(422, failure(422, "Invalid", "sendInitialEvents is not supported"))
            elif re.search("(^|&)watch=(1|true)(&|$)", query):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                time.sleep(2)
            elif path == "/openapi/v2":  # a document without types, in protobuf: Helm checks hooks against it
                self.answer(200, b"\x0a\x032.0", "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
            else:
                found = api.read(path.rstrip("/"))
                self.answer(*((404, failure(404, "NotFound")) if found is None else (200, found)))

        def do_POST(self):
            self.answer(201, api.create(self.path.partition("?")[0], self.body()))

        def do_PUT(self):
            self.answer(200, self.body())

        do_PATCH = do_PUT

        def do_DELETE(self):
            self.body()
            api.kept.pop(self.path.partition("?")[0], None)
            self.answer(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})

    return Handler

"""Scrapes metrics with a real Prometheus on 127.0.0.1 and says whether each target was up and what it gave.

Exit status 1 when a target is down or the result of a --query is empty."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import ports


def configuration(urls):
    jobs = []
    for number, url in enumerate(urls):
        parts = urllib.parse.urlsplit(url)
        job = {"job_name": f"target-{number}", "scheme": parts.scheme, "metrics_path": parts.path or "/metrics",
               "params": urllib.parse.parse_qs(parts.query), "static_configs": [{"targets": [parts.netloc]}]}
        if parts.scheme == "https":
            job["tls_config"] = {"insecure_skip_verify": True}
        jobs.append(job)
    return json.dumps({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs})


class Prometheus:
    """A running Prometheus; stopped at the end of `with`."""

    def __init__(self, urls):
        self.urls = urls
        # Not those of the acceptance tests.
        self.address = "127.0.0.1:%d" % next(filter(ports.is_free, ports.shuffled(range(17000, 17440))))

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        path = os.path.join(self.folder.name, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(configuration(self.urls))
        self.log = open(os.path.join(self.folder.name, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["prometheus", "--config.file=" + path, "--storage.tsdb.path=" + os.path.join(self.folder.name, "data"),
             "--web.listen-address=" + self.address], stdout=self.log, stderr=self.log)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.folder.cleanup()

    def get(self, path, **query):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise SystemExit(f"prometheus-scrape: {query.get('query')}: {json.load(error).get('error')}") from None

    def targets(self):
        """Targets that were scraped, by the number of their URL."""
        try:
            active = self.get("targets", state="active")["activeTargets"]
        except OSError:
            return {}
        return {int(target["scrapePool"].rpartition("-")[2]): target
                for target in active if target["health"] != "unknown"}

    def wait(self, seconds):
        deadline = time.monotonic() + seconds
        while len(self.targets()) < len(self.urls):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                last = self.log.read().strip().rpartition("\n")[2]
                raise SystemExit("prometheus-scrape: Prometheus did not scrape every target: " + last)
            time.sleep(0.2)

    def number(self, query):
        result = self.get("query", query=query)["result"]
        return int(float(result[0]["value"][1])) if result else 0


def show_target(prometheus, number, target):
    """Prints one line; whether the target gave anything."""
    url = prometheus.urls[number]
    if target["health"] != "up":
        print(f"{url}: {target['health']}, {target['lastError']}")
        return False
    samples = prometheus.number(f'scrape_samples_scraped{{job="target-{number}"}}')
    families = prometheus.number(f'count(count by (__name__) ({{job="target-{number}",__name__!~"up|scrape_.*"}}))')
    print(f"{url}: up, {samples} samples of {families} metrics in {target['lastScrapeDuration']:.3f} s")
    return samples > 0


def show_query(prometheus, query):
    """Prints a query's result; whether there is one."""
    result = prometheus.get("query", query=query)["result"]
    print(f"{query}:" + ("" if result else " no result"))
    if result and not isinstance(result[0], dict):
        print(f"  {result[1]}")
        return True
    for row in result:
        labels = {name: value for name, value in row["metric"].items() if name not in ("job", "instance")}
        print(f"  {json.dumps(labels, sort_keys=True)} {row['value'][1]}")
    return bool(result)


def main():
    parser = argparse.ArgumentParser(prog="prometheus-scrape", description=__doc__)
    parser.add_argument("urls", metavar="URL", nargs="+", help="http[s]://HOST:PORT[/metrics]")
    parser.add_argument("--query", metavar="PROMQL", action="append", default=[],
                        help="print this query's result after the scrape; repeatable")
    parser.add_argument("--seconds", type=float, default=0, help="keep scraping so long after the first scrape")
    parser.add_argument("--timeout", type=float, default=30, help="of the first scrape (default %(default)s)")
    options = parser.parse_args()
    for url in options.urls:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            parser.error(f"not an http(s) URL: {url}")
    with Prometheus(options.urls) as prometheus:
        prometheus.wait(options.timeout)
        time.sleep(options.seconds)
        good = [show_target(prometheus, number, target) for number, target in sorted(prometheus.targets().items())]
        good += [show_query(prometheus, query) for query in options.query]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())

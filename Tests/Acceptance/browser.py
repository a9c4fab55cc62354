"""A headless Chromium, driven by its debugging protocol."""
import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request

from suite import Failure, Missing, wait_until

SECONDS = 20


class Page:
    """One page of a browser that lives as long as the `with` block."""

    def __init__(self, folder, width=1280, height=900):
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if not program:
            raise Missing("Chromium (apt-get install chromium)")
        self.profile = tempfile.mkdtemp(dir=folder)
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
             f"--user-data-dir={self.profile}", f"--window-size={width},{height}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.number = 0
        self.events = []
        try:
            self.connect()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.terminate()
        self.process.wait()

    def connect(self):
        port_file = f"{self.profile}/DevToolsActivePort"
        wait_until(lambda: os.path.exists(port_file) and os.path.getsize(port_file), SECONDS, "Chromium runs")
        with open(port_file, encoding="ascii") as file:
            port = int(file.readline())
        def target():
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=SECONDS) as answer:
                pages = [page for page in json.load(answer) if page["type"] == "page"]
            return pages and pages[0]["webSocketDebuggerUrl"]
        path = wait_until(target, SECONDS, "Chromium has a page").split(str(port), 1)[1]
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.socket.recv(65536)
        self.buffer = self.buffer.split(b"\r\n\r\n", 1)[1]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """The result of one call; what the page says meanwhile is kept in `events`."""
        self.number += 1
        self.send(json.dumps({"id": self.number, "method": method, "params": parameters}).encode())
        while True:
            message = json.loads(self.receive())
            if message.get("id") == self.number:
                if "error" in message:
                    raise Failure(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def send(self, payload):
        mask = os.urandom(4)
        head = struct.pack("!BB", 0x81, 0x80 | (len(payload) if len(payload) < 126 else 126 if len(payload) < 65536 else 127))
        if len(payload) >= 126:
            head += struct.pack("!H" if len(payload) < 65536 else "!Q", len(payload))
        self.socket.sendall(head + mask + bytes(byte ^ mask[index & 3] for index, byte in enumerate(payload)))

    def receive(self):
        """One whole text message."""
        text = b""
        while True:
            first, second = self.take(2)
            length = second & 0x7F
            if length == 126:
                length = struct.unpack("!H", self.take(2))[0]
            elif length == 127:
                length = struct.unpack("!Q", self.take(8))[0]
            text += self.take(length)
            if first & 0x80:
                return text

    def take(self, count):
        while len(self.buffer) < count:
            data = self.socket.recv(1 << 20)
            if not data:
                raise Failure("the browser ended")
            self.buffer += data
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete'", "the page is loaded")

    def value(self, expression):
        """What a JavaScript expression comes to."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise Failure(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def until(self, expression, what):
        deadline = time.monotonic() + SECONDS
        while not self.value(expression):
            if time.monotonic() > deadline:
                raise Failure(f"not within {SECONDS} s: {what}")
            time.sleep(0.05)

    def press(self, key, code=None):
        text = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code or key,
                      windowsVirtualKeyCode={"Tab": 9, "Enter": 13}.get(key, ord(key[0].upper())), **text)

    def resize(self, width, height, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def complaints(self):
        """Errors and exceptions of the page, and what its policy refused."""
        self.value("1")
        return [event for event in self.events
                if event["method"] == "Runtime.exceptionThrown"
                or event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error"]

    def requested(self):
        """Addresses that the page asked for."""
        self.value("1")
        return {event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"}

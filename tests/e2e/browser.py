"""A headless Chromium, driven over the WebDriver protocol (W3C) with nothing but HTTP and JSON."""
import base64
import json
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

from edge import free_port
from waiting import PATIENCE_S, wait_for

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--mute-audio", "--autoplay-policy=no-user-gesture-required"]


class Browser:
    """One window with an empty profile. Used in a `with`, so that it always ends."""

    def __init__(self, *flags):
        self.profile = tempfile.mkdtemp(prefix="selvage-browser.")
        self.port = free_port()
        self.driver = subprocess.Popen([DRIVER, f"--port={self.port}", "--silent"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, start_new_session=True)
        self.session = None
        try:
            wait_for(self._up, "chromedriver ready")
            self.session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {
                "browserName": "chrome",
                "goog:chromeOptions": {
                    "binary": CHROMIUM, "args": [*FLAGS, f"--user-data-dir={self.profile}", *flags]},
                "timeouts": {"script": int(PATIENCE_S * 3000), "pageLoad": int(PATIENCE_S * 3000)},
            }}})["sessionId"]
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _up(self):
        try:
            return self._call("GET", "/status")["ready"]
        except OSError:
            return False

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S * 4) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode("utf-8", "replace")) from None

    def close(self):
        if self.session is not None:
            self._call("DELETE", f"/session/{self.session}")
            self.session = None
        self.driver.terminate()
        self.driver.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def goto(self, url):
        self._call("POST", f"/session/{self.session}/url", {"url": url})

    def run(self, script, *args):
        """The value that the body of a function returns, with `arguments`."""
        return self._call("POST", f"/session/{self.session}/execute/sync",
                          {"script": script, "args": list(args)})

    def wait_run(self, script, *args):
        """The value that it hands to its last argument, a callback, some time later."""
        return self._call("POST", f"/session/{self.session}/execute/async",
                          {"script": script, "args": list(args)})

    def devtools(self, command, **params):
        return self._call("POST", f"/session/{self.session}/goog/cdp/execute",
                          {"cmd": command, "params": params})

    def screen(self, width, height):
        """As a device with a screen of that size, smaller than any window could be."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=1, mobile=width < 600)

    def send_fields(self, fields):
        """With every request from now on."""
        self.devtools("Network.enable")
        self.devtools("Network.setExtraHTTPHeaders", headers=fields)

    def screenshot(self, path):
        """What the window shows, as PNG: for people who look."""
        with open(path, "wb") as f:
            f.write(base64.b64decode(self._call("GET", f"/session/{self.session}/screenshot")))

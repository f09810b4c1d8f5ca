"""A headless Chromium that opens pages and says what it saw: sizes of what it drew, what it asked for, complaints."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PATIENCE_S = 180
_LOOK = """
<link rel="icon" href="data:,"><body></body><pre></pre><script>
const wanted = WANTED, seen = [];
const box = e => { const r = e.getBoundingClientRect(); return [r.width, r.height]; };
function next() {
  if (seen.length == wanted.length) {
    document.querySelector("pre").textContent = JSON.stringify(seen);
    document.body.replaceChildren(document.querySelector("pre"));
    return;
  }
  const [place, width] = wanted[seen.length], frame = document.createElement("iframe");
  frame.width = width; frame.height = 900; frame.style.border = 0; frame.src = place;
  frame.onload = () => {
    const page = frame.contentDocument, root = page.documentElement;
    seen.push({
      wide: Math.max(root.scrollWidth, page.body.scrollWidth), seen: root.clientWidth,
      charts: [...page.querySelectorAll("svg")].map(box), high: root.scrollHeight, words: page.body.innerText,
      asked: frame.contentWindow.performance.getEntriesByType("resource").map(e => e.name),
    });
    frame.remove(); next();
  };
  document.body.append(frame);
}
next();
</script>
"""


@dataclass(frozen=True, slots=True)
class Look:
    """One page at one width, in CSS pixels."""

    wide: int
    """Of all there is: more than `seen` scrolls sideways."""
    seen: int
    high: int
    charts: list[list[float]]
    """Width and height of each."""
    words: str
    asked: list[str]
    """Addresses that it wanted more from."""


@dataclass(frozen=True, slots=True)
class Seen:
    looks: list[Look]
    complaints: list[str]
    """Of the console."""
    paths: list[str]
    """That were asked of the server, which has nothing but the pages."""


def chromium() -> str | None:
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


def opened(*wanted: tuple[str, int]) -> Seen:
    """Pages, each at a width; nothing but this machine can be reached meanwhile."""
    pages = {f"/page{number}": page for number, (page, _) in enumerate(wanted)}
    frames = [[place, width] for place, (_, width) in zip(pages, wanted, strict=True)]
    pages["/"] = "<!doctype html><meta charset=utf-8>" + _LOOK.replace("WANTED", json.dumps(frames))
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            body = pages.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_address[1]}/"
        done = _run(place, "--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom")
        server.shutdown()
    found = re.search(r"<pre>(.*?)</pre>", done.stdout, re.DOTALL)
    if found is None:
        raise AssertionError(
            f"the browser did not look: {done.returncode}\n{done.stdout[-500:]}\n{done.stderr[-2000:]}"
        )
    looks = [Look(**each) for each in json.loads(html.unescape(found[1]))]
    return Seen(looks, [line for line in done.stderr.splitlines() if "CONSOLE" in line], paths)


def photographed(page: str, picture: Path, width: int, height: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(page, "utf-8")
        _run(file.as_uri(), f"--window-size={width},{height}", f"--screenshot={picture}")


def _run(place: str, *words: str) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as profile:
        usual = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
                 "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")  # fmt: skip
        return subprocess.run(
            [chromium() or "chromium", *usual, *words, place],
            timeout=PATIENCE_S, capture_output=True, check=False, text=True, errors="replace",
        )  # fmt: skip

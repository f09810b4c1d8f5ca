"""An engine behind ssh, as `DOCKER_HOST=ssh://…` means it: a private socket here, `docker system dial-stdio` there.

The SDK's own ssh needs paramiko even to call the ssh program; this needs only the program, with its agent, keys and
configuration.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from lomi_ops.domain.container import one_line
from lomi_ops.errors import DockerUnavailable

CONNECT_S = 5
_LONGEST = 300


class Tunnel:
    """Listens at `url`; each connection is one ssh call. Close it."""

    def __init__(self, ssh_url: str) -> None:
        """Raises DockerUnavailable where there is no ssh program."""
        if shutil.which("ssh") is None:
            raise DockerUnavailable(f"{ssh_url} needs the program ssh", hint="apt-get install openssh-client")
        self._command = command(ssh_url)
        self._folder = Path(tempfile.mkdtemp(prefix="lomi-ssh-"))  # Only this user may enter it.
        self._said = (self._folder / "said").open("w+b")
        self._calls: list[subprocess.Popen[bytes]] = []
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._door.bind(str(self._folder / "docker.sock"))
        self._door.listen()
        self.url = f"unix://{self._folder}/docker.sock"
        self._listener = threading.Thread(target=self._serve, name="docker over ssh", daemon=True)
        self._listener.start()

    def said(self) -> str:
        """The last thing that ssh complained about."""
        self._said.seek(0)
        words = self._said.read().decode("utf-8", "replace").strip().splitlines()
        return one_line(words[-1], _LONGEST) if words else ""

    def close(self) -> None:
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)  # What wakes the listener: closing alone does not.
        self._listener.join(timeout=CONNECT_S)
        self._door.close()
        for call in self._calls:
            call.terminate()
            with suppress(subprocess.TimeoutExpired):
                call.wait(CONNECT_S)
        self._said.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._door.accept()
                with line:
                    end = line.fileno()
                    self._calls.append(subprocess.Popen(self._command, stdin=end, stdout=end, stderr=self._said))


def command(ssh_url: str) -> list[str]:
    """Never asks a question: nobody may be there to answer it."""
    parts = urlsplit(ssh_url)
    words = ["ssh", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_S}"]
    if parts.username:
        words += ["-l", parts.username]
    if parts.port:
        words += ["-p", str(parts.port)]
    return [*words, "--", parts.hostname or "", "docker system dial-stdio"]

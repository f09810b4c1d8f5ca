"""The images of the ring, all made here: nothing is pulled from a registry of images.

The base comes from debootstrap, the worker's from worker/Dockerfile on top of it, and that of its neighbours has the
programs of this machine in it, whose libraries fit since the base is of the same Debian.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FILES = Path(__file__).with_name("files")
BASE, WORKER, NEIGHBOURS = "lomi-test/base", "lomi-test/worker", "lomi-test/neighbours"
POSTGRES_IMAGE, REDIS_IMAGE = "lomi-test/postgres", "lomi-test/redis"
BACKEND_IMAGE, COMPREFACE_IMAGE = "lomi-test/backend", "lomi-test/compreface"
COMMANDS = {
    POSTGRES_IMAGE: ["postgres"],
    REDIS_IMAGE: ["redis-server"],
    BACKEND_IMAGE: ["backend"],
    COMPREFACE_IMAGE: ["compreface"],
}
_NEIGHBOURS = f"""FROM {WORKER}
USER root
HEALTHCHECK NONE
ADD rootfs.tar /
RUN ldconfig; echo 'postgres:x:70:70::/:/bin/sh\\nredis:x:999:999::/:/bin/sh' >> /etc/passwd; \\
    echo 'postgres:x:70:\\nredis:x:999:' >> /etc/group; \\
    mkdir -p /data /var/lib/postgresql/data; chown redis:redis /data; \\
    for program in postgres psql pg_isready; do ln -s /usr/lib/postgresql/*/bin/$program /usr/local/bin/; done
ENV PYTHONPATH=/srv:/srv/packages
VOLUME /data /var/lib/postgresql/data
ENTRYPOINT ["entrypoint"]
"""
_DOUBLES = ("werkzeug", "markupsafe")
"""What the doubles import and a worker does not."""
POSTGRES = Path("/usr/lib/postgresql")
REDIS = ("redis-server", "redis-cli")
_NO_JIT = "llvmjit"
"""The compiler that Postgres loads for large queries: a hundred megabytes, and off."""


def lacking() -> str:
    """What this machine lacks for the images; empty where it has all."""
    wanted = {
        "debootstrap": "debootstrap", "docker": "the command line of Docker (docker.io)",
        "docker-compose": "docker-compose", "redis-server": "redis-server", "git": "git",
    }  # fmt: skip
    missing = [package for program, package in wanted.items() if shutil.which(program) is None]
    if not any(POSTGRES.glob("*/bin/postgres")):
        missing.append("postgresql")
    return ", ".join(missing)


@dataclass(frozen=True)
class Builder:
    """Makes images on one engine."""

    url: str
    api: Any
    folder: Path

    def make(self) -> None:
        """All of them. With TEST_DOCKER_IMAGES=keep only those that the engine of TEST_DOCKER_HOST has not."""
        keep = os.environ.get("TEST_DOCKER_IMAGES") == "keep"
        for name, made in ((BASE, self.base), (WORKER, self.worker), (NEIGHBOURS, self.neighbours)):
            if not (keep and self.api.images(name)):
                made()

    def base(self) -> None:
        """The small Debian of worker/image/base."""
        archive = self.folder / "base.tar"
        self.run(ROOT / "worker" / "image" / "base", archive)
        self.api.import_image_from_file(str(archive), repository=BASE, tag="latest")
        archive.unlink()

    def worker(self) -> None:
        """As `make image` makes it, without a network."""
        self.run(ROOT / "worker" / "image" / "build", "--base", BASE, "--tag", WORKER)

    def neighbours(self) -> None:
        """Postgres, Redis, and doubles of the backend and of CompreFace: one image, told which to be by its command."""
        rootfs = _tar(
            [(path, str(path).lstrip("/")) for path in programs()]
            + [(path, f"srv/packages/{path.relative_to(site)}") for site in [_site()] for name in _DOUBLES
               for path in sorted((site / name).rglob("*.py"))]
            + [(path, f"srv/{path.relative_to(ROOT)}") for path in _sources()]
            + [(FILES / name, f"usr/local/bin/{name}") for name in ("entrypoint", "backend")]
            + [(FILES / "fetch", f"usr/local/bin/{name}") for name in ("curl", "wget")]
        )  # fmt: skip
        self._build(NEIGHBOURS, _NEIGHBOURS, rootfs)
        for name, words in COMMANDS.items():
            self._build(name, f"FROM {NEIGHBOURS}\nCMD {json.dumps(words)}\n")

    def _build(self, tag: str, dockerfile: str, rootfs: bytes | None = None) -> None:
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as tar:
            for name, data in (("Dockerfile", dockerfile.encode()), ("rootfs.tar", rootfs)):
                if data is not None:
                    entry = tarfile.TarInfo(name)
                    entry.size = len(data)
                    tar.addfile(entry, io.BytesIO(data))
        context.seek(0)
        said = list(self.api.build(fileobj=context, custom_context=True, tag=tag, rm=True, decode=True))
        assert not [line for line in said if "error" in line], said[-1]

    def run(self, *command: object) -> None:
        """A script of the checkout. Raises AssertionError with the end of what it said."""
        done = subprocess.run(
            [str(word) for word in command], env=os.environ | {"DOCKER_HOST": self.url, "PYTHON": sys.executable},
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def _site() -> Path:
    import werkzeug

    return Path(werkzeug.__file__).parents[1]


def _sources() -> list[Path]:
    return [ROOT / "tests" / "__init__.py", *sorted((ROOT / "tests" / "doubles").rglob("*.py"))]


def _tar(files: Iterable[tuple[Path, str]]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, name in files:
            # Where a file has a second name on this machine, as perf gives to libraries, the archive would have it
            # once and a link beside it, whose other end lies behind a link of the image.
            tar.inodes.clear()  # type: ignore[attr-defined]
            tar.add(path, name, recursive=False)
    return archive.getvalue()


def programs() -> list[Path]:
    """Redis and Postgres of this machine: files, links and the libraries that they load."""
    found: set[Path] = set()
    for name in REDIS:
        program = Path(shutil.which(name) or name)
        found |= {program, program.resolve()} | libraries(program.resolve())
    version = max(POSTGRES.glob("*"), key=lambda path: int(path.name))
    for folder in (version, Path("/usr/share/postgresql") / version.name):
        found |= {path for path in folder.rglob("*") if _NO_JIT not in path.as_posix()}
    loading = [*(version / "bin").glob("p*"), version / "bin" / "initdb", *(version / "lib").glob("*.so")]
    return sorted(found.union(*(libraries(path) for path in loading if _NO_JIT not in path.name)))


def libraries(program: Path) -> set[Path]:
    """What the loader would load for it, under the names it asks for and under their own."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    named: Iterable[str] = re.findall(r"=> (/\S+)", said)
    return {path for name in named for path in (Path(name), Path(name).resolve())}

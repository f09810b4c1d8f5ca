"""Runs inside the build of the image, with the image's own Python: takes out of its packages what no worker uses.

Standard library only, and never part of the image. Prints what it took, so that a build shows it.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

AWS_SERVICES = frozenset({"s3"})
"""botocore describes four hundred services in files of their own; we speak to one."""
UNUSED = (
    "boto3/data",
    "boto3/examples",
    "dateutil/zoneinfo/*.tar.gz",
    "numpy/_core/include",
    "numpy/_core/lib",
    "numpy/_pyinstaller",
    "numpy/distutils",
    "numpy/f2py",
    "numpy/random/lib",
    "numpy/random/_examples",
    "onnxruntime/backend",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "pydantic/v1",
)
"""Folders and files below site-packages."""
UNUSED_ANYWHERE = ("tests", "*.pyi", "*.pxd", "*.pyx", "*.h", "*.a")
"""By name, at any depth: tests, and what only compilers and type checkers read."""
LAUNCHER = "#!/opt/lomi/bin/python3\nimport sys\n\nfrom lomi_ops.__main__ import main\n\nsys.exit(main())\n"
PROGRAM = "/opt/lomi-ops"
"""Where our own code lies: a layer of its own, since it changes more often than what it stands on."""


def unused(packages: Path) -> Iterator[Path]:
    """What can go. Pure but for looking."""
    for service in (packages / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in AWS_SERVICES:
            yield service
    for pattern in UNUSED:
        yield from packages.glob(pattern)
    for pattern in UNUSED_ANYWHERE:
        yield from packages.rglob(pattern)


def size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if not file.is_dir())


def remove(path: Path) -> int:
    """The bytes that were freed; nothing where a folder above it has gone already."""
    if not path.exists():
        return 0
    freed = size(path)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    return freed


def main() -> None:
    packages = Path(sysconfig.get_path("purelib"))
    before = size(packages)
    freed = sum(remove(path) for path in list(unused(packages)))
    (packages / "lomi-ops.pth").write_text(f"{PROGRAM}\n")
    binaries = Path(sys.prefix) / "bin"
    for script in binaries.iterdir():
        if not script.name.startswith("python"):
            remove(script)
    launcher = binaries / "lomi"
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)
    sys.stdout.write(f"trimmed {freed / 1e6:.0f} of {before / 1e6:.0f} MB\n")


if __name__ == "__main__":
    main()

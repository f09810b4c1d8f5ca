from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from lomi_ops.config import model_files
from lomi_ops.config.manifest import Manifest
from lomi_ops.errors import ExitCode, ModelError, Refused, Transient, UsageError
from lomi_ops.ops import models
from lomi_ops.ops.models import sources
from tests.onnx_models import classifier, detector, manifest, sha256
from worker.engines.load import verify_model

WEIGHTS = [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
VIT_WEIGHTS = [[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A manifest of one's own, its file beside it."""
    home = tmp_path / "own"
    home.mkdir()
    file = classifier(home / "toy.onnx", WEIGHTS)
    path = home / "toy.yaml"
    path.write_text(manifest(file).model_dump_json())
    return path


def add(wanted: Path | str, folder: Path, **more: object) -> models.Added:
    return models.add(str(wanted), into=folder, trial=verify_model, **more)  # type: ignore[arg-type]


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


class Files(BaseHTTPRequestHandler):
    """A web server with one file, some redirects and a fault."""

    body: ClassVar[bytes] = b""

    def do_GET(self) -> None:
        target = {"/moved": "/toy.onnx?signature=hush", "/loop": "/loop", "/away": "ftp://127.0.0.1/x"}.get(self.path)
        if target:
            self.send_response(302)
            self.send_header("Location", target)
            self.end_headers()
        elif self.path.startswith("/toy.onnx"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.body)
        elif self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.body) * 2))
            self.end_headers()
            self.wfile.write(self.body)
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@contextmanager
def serving(body: bytes) -> Iterator[str]:
    handler = type("Handler", (Files,), {"body": body})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_model_of_ones_own_is_installed_under_its_name(own: Path, folder: Path) -> None:
    added = add(own, folder)
    assert added.path == folder / "toy.onnx"
    assert added.recorded
    assert left(folder) == ["toy.onnx", "toy.onnx.sha256", "toy.yaml"]
    assert (folder / "toy.onnx.sha256").read_text() == f"{added.sha256}  toy.onnx\n"
    assert model_files.require("toy", folder) == (manifest(), added.path, added.sha256)


def test_installed_files_can_be_read_by_everybody(own: Path, folder: Path) -> None:
    add(own, folder)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}


def test_what_was_recorded_is_checked_from_then_on(own: Path, folder: Path) -> None:
    added = add(own, folder)
    added.path.write_bytes(added.path.read_bytes() + b"\x00")
    (found,) = models.verify(["toy"], folder, verify_model)
    assert not found.ok
    assert "altered" in found.detail


def test_a_classifier_of_the_catalogue_is_installed_from_a_file(tmp_path: Path, folder: Path) -> None:
    file = classifier(tmp_path / "export.onnx", VIT_WEIGHTS, size=224)
    described = model_files.catalogue()["falconsai"]
    with pytest.raises(ModelError, match="has the inputs pixels"):
        add("falconsai", folder, source=str(file))
    assert left(folder) == []
    renamed = described.model_copy(
        update={
            "name": "ours",
            "file": "ours.onnx",
            "input": described.input.model_copy(update={"name": "pixels"}),
            "output": described.output.model_copy(update={"name": "scores"}),
        }
    )
    path = tmp_path / "ours.yaml"
    path.write_text(renamed.model_dump_json())
    added = add(path, folder, source=str(file), sha256=sha256(file).upper())
    assert not added.recorded
    assert added.sha256 == sha256(file)


def test_marqo_and_gantman_take_an_export_whatever_its_names_are(tmp_path: Path, folder: Path) -> None:
    marqo = classifier(tmp_path / "m.onnx", WEIGHTS, size=384)
    assert add("marqo-384", folder, source=str(marqo)).recorded
    five = classifier(tmp_path / "g.onnx", [[1.0] * 5, [0.5] * 5, [0.0] * 5], size=224, layout="nhwc", softmax=True)
    assert add("gantman-224", folder, source=str(five)).path.name == "gantman-224.onnx"
    detector_file = classifier(tmp_path / "p.onnx", WEIGHTS, size=480, layout="flat", half=True, softmax=True)
    assert add("private-detector", folder, source=str(detector_file)).recorded
    assert all(found.ok for found in models.verify([], folder, verify_model))


def test_a_wrong_sha256_installs_nothing(own: Path, folder: Path) -> None:
    with pytest.raises(ModelError, match="expected 0000"):
        add(own, folder, sha256="0" * 64)
    assert left(folder) == []


def test_a_sha256_that_is_none_is_a_usage_error(own: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match="64 hexadecimal"):
        add(own, folder, sha256="xyz")


def test_a_sha256_against_the_catalogues_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="catalogue knows another sha256"):
        add("nudenet-320n", folder, sha256="0" * 64, accept_licence=True)


def test_a_file_that_is_no_model_is_not_installed_over_a_good_one(own: Path, folder: Path, tmp_path: Path) -> None:
    good = add(own, folder)
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"<html>")
    with pytest.raises(ModelError, match="not an ONNX graph"):
        add(own, folder, source=str(bad))
    assert left(folder) == ["toy.onnx", "toy.onnx.sha256", "toy.yaml"]
    assert sha256(good.path) == good.sha256


def test_a_model_of_another_shape_is_not_installed(own: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="shape"):
        add(own, folder, source=str(detector(tmp_path / "d.onnx", [[1, 1, 1, 1, 0.5]])))
    assert left(folder) == []


def test_a_licence_that_is_not_permissive_has_to_be_accepted(folder: Path) -> None:
    with pytest.raises(Refused, match=r"AGPL-3\.0") as caught:
        add("nudenet-320n", folder)
    assert caught.value.hint == "lomi models add nudenet-320n --accept-licence"
    assert caught.value.exit_code is ExitCode.REFUSED


def test_a_model_that_no_package_carries_needs_a_source(folder: Path) -> None:
    with pytest.raises(UsageError, match="AdamCodd") as caught:
        add("adamcodd", folder)
    assert caught.value.hint == "lomi models add adamcodd FILE-OR-URL"


@pytest.mark.parametrize("changed", [{"name": "falconsai"}, {"file": "320n.onnx"}])
def test_names_of_the_catalogue_are_taken(own: Path, folder: Path, changed: dict[str, Any]) -> None:
    own.write_text(manifest(**changed).model_dump_json())
    with pytest.raises(UsageError, match="catalogue"):
        add(own, folder)


def test_a_source_that_is_nothing_is_a_usage_error(own: Path, folder: Path, tmp_path: Path) -> None:
    for source in (str(tmp_path / "absent.onnx"), "no-such-distribution"):
        with pytest.raises(UsageError, match="no file, no https address"):
            add(own, folder, source=source)


def test_a_folder_that_cannot_be_made_is_a_usage_error(own: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(UsageError, match="cannot write") as caught:
        add(own, blocked / "models")
    assert "--dir" in caught.value.hint


def test_plain_http_needs_a_flag_and_a_sha256(own: Path, folder: Path) -> None:
    with serving(b"") as base:
        with pytest.raises(UsageError, match="not https"):
            add(own, folder, source=f"{base}/toy.onnx")
        with pytest.raises(UsageError, match="needs --sha256"):
            add(own, folder, source=f"{base}/toy.onnx", insecure=True)
    with pytest.raises(UsageError, match="not a source of models"):
        add(own, folder, source="ftp://host/toy.onnx")


def test_an_address_is_fetched_through_redirects_and_checked(own: Path, folder: Path) -> None:
    file = own.with_name("toy.onnx")
    with serving(file.read_bytes()) as base:
        added = add(own, folder, source=f"{base}/moved", insecure=True, sha256=sha256(file))
    assert added.sha256 == sha256(file)
    assert added.origin == f"{base}/moved"


def test_a_server_that_answers_something_else_is_found_out(own: Path, folder: Path) -> None:
    expected = sha256(own.with_name("toy.onnx"))
    with serving(b"<html>please log in</html>") as base, pytest.raises(ModelError, match="nothing was installed"):
        add(own, folder, source=f"{base}/toy.onnx", insecure=True, sha256=expected)
    assert left(folder) == []


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("/absent", Transient, "answered 404"),
        ("/cut", Transient, "could not fetch"),
        ("/loop", Transient, "redirects more than"),
        ("/away", UsageError, "not a source of models"),
    ],
)
def test_a_failing_address_leaves_nothing_behind(
    own: Path, folder: Path, path: str, error: type[Exception], message: str
) -> None:
    with serving(own.with_name("toy.onnx").read_bytes()) as base, pytest.raises(error, match=message):
        add(own, folder, source=f"{base}{path}", insecure=True, sha256="0" * 64)
    assert left(folder) == []


def test_a_dead_server_is_worth_another_try_and_its_secrets_stay_secret(own: Path, folder: Path) -> None:
    with pytest.raises(Transient) as caught:
        add(own, folder, source="https://user:hush@127.0.0.1:1/toy.onnx?token=hush")
    assert "https://127.0.0.1:1/toy.onnx" in caught.value.message
    assert "hush" not in caught.value.message
    assert caught.value.exit_code is ExitCode.UNKNOWN


def test_a_source_without_end_is_cut_off(own: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES", 100)
    with pytest.raises(ModelError, match="larger than"):
        add(own, folder)
    assert left(folder) == []


def fake_distribution(site: Path, name: str, version: str, files: dict[str, bytes]) -> None:
    """An installed package, as importlib.metadata sees one."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    for path, body in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(body)
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in files))


@pytest.fixture
def packaged(own: Path) -> Callable[[dict[str, str]], Path]:
    """A manifest whose file comes in a package; `changes` go to its package part."""

    def make(changes: dict[str, str]) -> Path:
        file = own.with_name("toy.onnx")
        package = {"distribution": "toy-weights", "version": "1.0", "member": "toy_weights/best.onnx"} | changes
        described = manifest(file, sha256=sha256(file), package={"wheel_sha256": "0" * 64} | package)
        elsewhere = own.parent / "alone" / "toy.yaml"
        elsewhere.parent.mkdir()
        elsewhere.write_text(described.model_dump_json())
        return elsewhere

    return make


def test_an_installed_package_gives_its_file(
    own: Path, folder: Path, packaged: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = own.with_name("toy.onnx").read_bytes()
    fake_distribution(tmp_path / "site", "toy-weights", "1.0", {"toy_weights/best.onnx": body})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    wanted = packaged({})
    assert add(wanted, folder).origin == "the installed package toy-weights 1.0"
    assert add(wanted, folder, source="toy-weights").origin == "the installed package toy-weights"


def test_what_is_installed_already_is_tried_and_kept(own: Path, folder: Path, packaged: Callable[..., Path]) -> None:
    wanted = packaged({})
    folder.mkdir()
    (folder / "toy.onnx").write_bytes(own.with_name("toy.onnx").read_bytes())
    assert "already" in add(wanted, folder).origin


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_package_that_the_index_does_not_have_is_worth_another_try(
    folder: Path, packaged: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """Also where the package is installed in another version, or without the file."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    fake_distribution(tmp_path / "site", "toy-weights", version, {})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with pytest.raises(Transient, match=r"pip could not fetch the package toy-weights 1\.0"):
        add(packaged({}), folder)
    assert left(folder) == []


def test_a_python_without_pip_says_what_to_do(
    folder: Path, packaged: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="no pip") as caught:
        add(packaged({}), folder)
    assert "toy_weights/best.onnx out of toy-weights 1.0" in caught.value.hint


def wheel(folder: Path, files: dict[str, bytes]) -> str:
    """A wheel of toy-weights 1.0 that pip can find; returns its sha256."""
    import zipfile

    folder.mkdir()
    path = folder / "toy_weights-1.0-py3-none-any.whl"
    info = "toy_weights-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_from_a_wheel_only_the_model_is_taken(
    own: Path, folder: Path, packaged: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = own.with_name("toy.onnx").read_bytes()
    digest = wheel(tmp_path / "wheels", {"toy_weights/best.onnx": body, "toy_weights/__init__.py": b"raise SystemExit"})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    added = add(packaged({"wheel_sha256": digest}), folder)
    assert added.origin == "the package toy-weights 1.0 of the package index"
    assert left(folder) == ["toy.onnx", "toy.onnx.sha256", "toy.yaml"]


def test_a_wheel_of_another_sha256_or_without_the_model_is_refused(
    folder: Path, packaged: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = wheel(tmp_path / "wheels", {"toy_weights/other.onnx": b""})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    wanted = packaged({"wheel_sha256": digest})
    with pytest.raises(ModelError, match=r"holds no toy_weights/best\.onnx"):
        add(wanted, folder)
    wanted.write_text(wanted.read_text().replace(digest, "0" * 64))
    with pytest.raises(Transient, match="with the expected sha256"):
        add(wanted, folder)
    assert left(folder) == []


def test_the_list_tells_installed_from_known_and_from_unchecked(own: Path, folder: Path) -> None:
    add(own, folder)
    classifier(folder / "falconsai.onnx", VIT_WEIGHTS, size=224)
    entries = {entry.name: entry for entry in models.listed(folder)}
    assert set(entries) == {*model_files.catalogue(), "toy"}
    assert entries["toy"].installed
    assert not entries["toy"].bundled
    assert not entries["adamcodd"].installed
    assert "no sha256 is recorded" in entries["falconsai"].problem


def test_verify_reports_every_model_and_stops_at_none(own: Path, folder: Path) -> None:
    assert models.verify([], folder, verify_model) == []
    add(own, folder)
    classifier(folder / "falconsai.onnx", VIT_WEIGHTS, size=224)
    found = {result.name: result.ok for result in models.verify([], folder, verify_model)}
    assert found == {"falconsai": False, "toy": True}
    (missing,) = models.verify(["adamcodd"], folder, verify_model)
    assert not missing.ok
    assert missing.path is None
    with pytest.raises(ModelError, match="no model is called"):
        models.verify(["nothing"], folder, verify_model)


def test_the_trial_sees_the_file_before_anybody_else_can(own: Path, folder: Path) -> None:
    seen: list[tuple[str, bool]] = []

    def trial(described: Manifest, path: Path, sha: str | None) -> None:
        seen.append((described.name, (folder / described.file).exists()))
        assert sha == sha256(path)

    models.add(str(own), into=folder, trial=trial)
    assert seen == [("toy", False)]

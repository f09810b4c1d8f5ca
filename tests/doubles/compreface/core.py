"""compreface-core: two single-threaded workers that decode, look and answer (`_endpoints.py` of 1.2.0)."""

from __future__ import annotations

import base64
import binascii
import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import numpy as np
from PIL import Image, UnidentifiedImageError

from tests.doubles.compreface.personality import Personality
from tests.doubles.compreface.script import Face, Pixels, Script
from tests.doubles.messages import Request, Response, flask_json

BUILD = "1.2.0"


class BadRequest(Exception):
    """A 400 in the words of the core."""


class Busy(Exception):
    """No worker came free in time."""


@dataclass
class Worker:
    """One uWSGI process: what it remembers between requests is its own."""

    warm: bool = False
    skips_detection: bool = False
    """The `detect_faces=false` flag; set before decoding and cleared only by success, so an error leaves it behind."""


@dataclass
class Core:
    """The service behind port 3000. Times in seconds."""

    personality: Personality
    script: Script
    workers: int = 2
    service_s: float = 0.0
    """That one detection takes, reading and decoding included."""
    cold_start_s: float = 0.0
    """That the first request of any kind takes in each worker."""
    has_healthcheck: bool = True
    """Old versions have none."""
    closing: threading.Event = field(default_factory=threading.Event)
    idle: SimpleQueue[Worker] = field(init=False, default_factory=SimpleQueue)
    crew: list[Worker] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        for _ in range(self.workers):
            self.crew.append(Worker())
            self.idle.put(self.crew[-1])

    def stick(self) -> None:
        """Every worker skips detection in its next request that succeeds."""
        for worker in self.crew:
            worker.skips_detection = True

    def restart(self) -> None:
        """Flags and models are gone."""
        for worker in self.crew:
            worker.warm = worker.skips_detection = False

    @contextmanager
    def worker(self, patience_s: float | None = None) -> Iterator[Worker]:
        """Waits in the backlog for a free worker. Raises Busy after `patience_s`."""
        try:
            worker = self.idle.get(timeout=patience_s)
        except Empty:
            raise Busy from None
        try:
            if not worker.warm:
                self.closing.wait(self.cold_start_s)
                worker.warm = True
            yield worker
        finally:
            self.idle.put(worker)

    def answer(self, request: Request, worker: Worker) -> Response:
        """What this worker says."""
        try:
            return self._route(request, worker)
        except BadRequest as error:
            return flask_json({"message": f"400 Bad Request: {error}"}, 400)
        except Exception as error:
            text = f": {error}" if str(error) else ""
            return flask_json({"message": f"{type(error).__name__}{text}"}, 500)

    def _route(self, request: Request, worker: Worker) -> Response:
        match request.method, request.path:
            case "GET", "/healthcheck" if self.has_healthcheck:
                return flask_json({"status": "OK"})
            case "GET", "/status":
                return flask_json(self._status())
            case "POST", "/find_faces":
                return self._find_faces(request, worker)
            case "POST", "/find_faces_base64":
                return self._find_faces_base64(request, worker)
            case _, "/status" | "/find_faces" | "/find_faces_base64":
                text = "405 Method Not Allowed: The method is not allowed for the requested URL."
                return flask_json({"message": text}, 405)
            case _:
                text = (
                    "404 Not Found: The requested URL was not found on the server. If you entered the URL manually "
                    "please check your spelling and try again."
                )
                return flask_json({"message": text}, 404)

    def _status(self) -> dict[str, object]:
        plugins = self.personality.plugins
        return {
            "status": "OK",
            "build_version": BUILD,
            "calculator_version": plugins["calculator"],
            "similarity_coefficients": list(self.personality.similarity),
            "available_plugins": dict(plugins),
        }

    def _find_faces(self, request: Request, worker: Worker) -> Response:
        started = time.monotonic()
        form = request.form()
        if form.file is None:
            raise BadRequest("No file is attached")
        if not form.file.filename:
            raise BadRequest("No file is selected")
        return self._look(form.file.data, dict(form.values), worker, started)

    def _find_faces_base64(self, request: Request, worker: Worker) -> Response:
        started = time.monotonic()
        text = request_json(request)["file"]
        try:
            image = base64.b64decode(str(text))
        except binascii.Error as error:
            raise ValueError(str(error)) from error
        return self._look(image, dict(request.query), worker, started)

    def _look(self, image: bytes, values: dict[str, str], worker: Worker, started: float) -> Response:
        """The order of the checks is the core's: image, threshold, faces, and only then the limit."""
        asked = self._plugins(values)
        if values.get("detect_faces") == "false":
            worker.skips_detection = True
            asked = [slug for slug in asked if slug not in ("landmarks", "pose", "mask")]
        opened, pixels = read_image(image)
        threshold = _threshold(values)
        faces = self._faces(image, opened, pixels, threshold, worker)
        self.closing.wait(max(0.0, self.service_s - (time.monotonic() - started)))
        result = [self._face(face, pixels, asked, len(faces)) for face in faces]
        limited = _limit(result, values.get("limit"))
        worker.skips_detection = False
        versions = {slug: self.personality.plugins[slug] for slug in ["detector", *asked]}
        return flask_json({"plugins_versions": versions, "result": limited})

    def _plugins(self, values: dict[str, str]) -> list[str]:
        """Asked plugins in the order of the build; unknown ones are ignored."""
        wanted = [slug.strip() for slug in values.get("face_plugins", "").split(",")]
        return [slug for slug in self.personality.plugins if slug in wanted and slug != "detector"]

    def _faces(
        self, image: bytes, opened: Image.Image, pixels: Pixels, threshold: float | None, worker: Worker
    ) -> Sequence[Face]:
        height, width = pixels.shape[:2]
        if worker.skips_detection:
            return [Face(self.personality.whole_frame(width, height), probability=1.0, pixels=True)]
        limit = self.personality.threshold if threshold is None else threshold
        seen = [face for face in self.script.faces(image, opened, pixels) if face.probability > limit]
        return sorted(seen, key=lambda face: _area(face.corners(width, height)), reverse=True)

    def _face(self, face: Face, pixels: Pixels, asked: Sequence[str], count: int) -> dict[str, object]:
        height, width = pixels.shape[:2]
        left, top, right, bottom = face.corners(width, height)
        box = {"probability": face.probability, "x_max": right, "y_max": bottom, "x_min": left, "y_min": top}
        times = {"detector": 130 // count, **{slug: _PLUGIN_MS.get(slug, 1) for slug in asked}}
        said: dict[str, object] = {"box": box, "execution_time": times}
        for slug in asked:
            said |= self._plugin(slug, face, (left, top, right, bottom))
        return said

    def _plugin(self, slug: str, face: Face, corners: tuple[int, int, int, int]) -> dict[str, object]:
        left, top, right, bottom = corners
        match slug:
            case "age":
                return {"age": self.personality.age(face.age, face.age_probability)}
            case "gender":
                probability = 1.0 if self.personality.name == "insightface" else 0.98
                return {"gender": {"probability": probability, "value": face.gender}}
            case "mask":
                return {"mask": {"probability": 0.9999, "value": "without_mask"}}
            case "pose":
                return {"pose": {"pitch": 6.8, "roll": -12.1, "yaw": -10.6}}
            case "calculator":
                size = 512 if self.personality.name == "insightface" else 128
                return {"embedding": [round(float(np.sin(i + left)), 6) for i in range(size)]}
            case _:
                w, h = right - left, bottom - top
                points = ((0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75))
                return {"landmarks": [[round(left + x * w), round(top + y * h)] for x, y in points]}


_PLUGIN_MS = {"age": 30, "gender": 26, "pose": 1, "calculator": 49, "mask": 36, "landmarks": 0}
"""Milliseconds, the sample of CompreFace's documentation."""


def request_json(request: Request) -> dict[str, object]:
    value = json.loads(request.body)
    if not isinstance(value, dict):
        raise TypeError("the body is no JSON object")
    return value


def read_image(data: bytes) -> tuple[Image.Image, Pixels]:
    """As `read_img.py` does over imageio: the first frame, three channels, and no look at the EXIF orientation.

    Only what cannot be opened is called broken; a file that ends early is an OSError, hence a 500. Two channels
    (grey with alpha) get through the reader and break the detector.
    """
    if zipfile.is_zipfile(io.BytesIO(data)):
        # imageio reads NumPy's own format too: the one way to an image of one dimension.
        array = np.load(io.BytesIO(data))["arr_0"]
        if array.ndim < 2:
            raise BadRequest("Given image has only one dimension")
        return Image.fromarray(array), np.dstack([array] * 3)
    try:
        opened = Image.open(io.BytesIO(data))
    except (UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise BadRequest("Image has incorrect format or is broken") from error
    frame = opened.convert("RGB") if opened.mode in ("P", "1") else opened
    frame.load()
    array = np.asarray(frame)
    if array.ndim == 2:
        grey = (array >> 8 if array.dtype == np.uint16 else array).astype(np.uint8)
        return opened, np.dstack([grey] * 3)
    if array.shape[2] == 2:
        raise ValueError("could not broadcast input array from shape (2,) into shape (3,)")
    return opened, np.ascontiguousarray(array[:, :, :3])


def _threshold(values: dict[str, str]) -> float | None:
    text = values.get("det_prob_threshold")
    if text is None:
        return None
    threshold = float(text)
    if not 0 <= threshold <= 1:
        raise BadRequest("Detection threshold incorrect (0 <= det_prob_threshold <= 1)")
    return threshold


def _limit(faces: list[dict[str, object]], text: str | None) -> list[dict[str, object]]:
    if not faces:
        raise BadRequest("No face is found in the given image")
    try:
        limit = int(text or 0)
    except ValueError:
        raise BadRequest("Limit format is invalid (limit >= 0)") from None
    if limit < 0:
        raise BadRequest("Limit value is invalid (limit >= 0)")
    return faces[:limit] if limit else faces


def _area(corners: tuple[int, int, int, int]) -> int:
    left, top, right, bottom = corners
    return (right - left) * (bottom - top)

"""The models that a policy needs, loaded once and asked together: the NSFW engine and the local face detector."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lomi_ops.config import model_files
from lomi_ops.config.manifest import Boxes, Manifest
from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.judging import ModelsSection
from lomi_ops.domain.finding import Engine, EngineReport, EngineStatus, Finding
from lomi_ops.domain.policy import Policy, Requirement
from lomi_ops.errors import ModelError
from lomi_ops.imaging.pixels import Pixels
from lomi_ops.imaging.view import Photo
from worker.engines.classifier import Classifier
from worker.engines.detector import Detector
from worker.engines.local_faces import check_finds_faces, faces_of
from worker.engines.session import Session


class Model(Protocol):
    """What looks at a photo."""

    session: Session

    def look(self, photo: Photo) -> tuple[Finding, ...]:
        """All that it finds in an upright RGB photo. Any exception is a fault."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """One model's answer about one photo; `fault` says why there is none."""

    findings: tuple[Finding, ...] = ()
    fault: str = ""
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Engines:
    """The loaded models. Each looks at a photo once, whatever it is asked for."""

    nsfw: tuple[Model, ...]
    faces: Model | None

    def look(self, photos: Sequence[Photo]) -> list[tuple[EngineReport, EngineReport]]:
        """For each upright RGB photo the NSFW report and the report of the local faces, in the order given.

        Photos go through the models one by one: batches bring no speed on a CPU (docs/models.md), and so a photo's
        scores cannot depend on its neighbours. A model that fails makes its report unavailable, never empty.
        """
        return [self._look(photo) for photo in photos]

    def describe(self) -> dict[str, str]:
        """What is loaded: model reference to sha256, for the worker's registration."""
        return {model.session.manifest.ref: model.session.sha256 for model in self.models}

    @property
    def models(self) -> tuple[Model, ...]:
        """Each once."""
        extra = (self.faces,) if self.faces is not None and self.faces not in self.nsfw else ()
        return (*self.nsfw, *extra)

    def _look(self, photo: Photo) -> tuple[EngineReport, EngineReport]:
        answers = {id(model): ask(model, photo) for model in self.models}
        nsfw = self._nsfw_report([answers[id(model)] for model in self.nsfw])
        return nsfw, self._faces_report(answers[id(self.faces)] if self.faces is not None else None)

    def _nsfw_report(self, answers: list[Answer]) -> EngineReport:
        if not answers:
            return EngineReport(Engine.NSFW, detail="no NSFW model is loaded")
        faults = [f"{_ref(m)}: {a.fault}" for m, a in zip(self.nsfw, answers, strict=True) if a.fault]
        return EngineReport(
            Engine.NSFW,
            model="+".join(_ref(model) for model in self.nsfw),
            version="+".join(model.session.sha256 for model in self.nsfw),
            status=EngineStatus.UNAVAILABLE if faults else EngineStatus.ANSWERED,
            findings=() if faults else tuple(finding for answer in answers for finding in answer.findings),
            detail="; ".join(faults),
            elapsed_ms=sum(answer.elapsed_ms for answer in answers),
        )

    def _faces_report(self, answer: Answer | None) -> EngineReport:
        if self.faces is None or answer is None:
            return EngineReport(Engine.FACES, detail="no local face detector is loaded")
        return EngineReport(
            Engine.FACES,
            model=_ref(self.faces),
            version=self.faces.session.sha256,
            status=EngineStatus.UNAVAILABLE if answer.fault else EngineStatus.ANSWERED,
            findings=faces_of(answer.findings),
            detail=answer.fault,
            # A run that the NSFW engine shares is counted there.
            elapsed_ms=0.0 if self.faces in self.nsfw else answer.elapsed_ms,
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """A model that has passed its test inference."""

    ref: str
    sha256: str
    elapsed_ms: float
    """Of one photo of 640 x 640 pixels, after the warm-up, with one thread."""


def load_engines(settings: Settings, policy: Policy) -> Engines:
    """The models that the settings name and the policy needs. Raises ModelError where one is missing or unfit.

    Without CompreFace the local face detector is what a policy that requires faces stands on, so it must load; with
    CompreFace it is a fallback that may be absent, but not broken.
    """
    models, threads = settings.models, settings.models.threads
    loaded: dict[str, Model] = {}
    for name in models.nsfw if _wants_nsfw(policy) else ():
        loaded[name] = _load(name, models, threads)
    if Requirement.NSFW in policy.requires and not loaded:
        raise ModelError(f"policy {policy.ref} requires an NSFW model and models.nsfw is empty", hint=_INSTALL)
    nsfw = tuple(loaded.values())
    return Engines(nsfw, _faces(settings, policy, loaded))


def load_model(manifest: Manifest, path: Path, *, sha256: str | None = None, threads: int = 1) -> Model:
    """One model, warmed up. Raises ModelError."""
    session = Session(manifest, path, sha256=sha256, threads=threads)
    output = manifest.output
    return Detector(session, output) if isinstance(output, Boxes) else Classifier(session, output)


def verify_model(manifest: Manifest, path: Path, sha256: str | None = None) -> Trial:
    """Loads a model and lets it look at one generated photo. Raises ModelError where it does not answer."""
    model = load_model(manifest, path, sha256=sha256)
    answer = ask(model, _generated_photo())
    if answer.fault:
        raise ModelError(f"the model {manifest.name}, {path}, failed its test inference: {answer.fault}", hint=_INSTALL)
    return Trial(manifest.ref, model.session.sha256, answer.elapsed_ms)


def ask(model: Model, photo: Photo) -> Answer:
    """The model's answer, or its fault in one line."""
    started = time.perf_counter()
    try:
        findings = model.look(photo)
    except Exception as error:  # noqa: BLE001 - whatever a model does, the photo is then unjudged, never safe
        return Answer(fault=_fault(error), elapsed_ms=_since(started))
    return Answer(findings, elapsed_ms=_since(started))


_INSTALL = "lomi models list"


def _wants_nsfw(policy: Policy) -> bool:
    return Requirement.NSFW in policy.requires or bool(policy.nsfw)


def _faces(settings: Settings, policy: Policy, loaded: dict[str, Model]) -> Model | None:
    name = settings.models.local_faces
    needed = not settings.compreface.urls and Requirement.FACES in policy.requires
    if not name:
        if needed:
            text = f"policy {policy.ref} requires faces, with no CompreFace configured and models.local_faces empty"
            raise ModelError(text, hint=_INSTALL)
        return None
    if name in loaded:
        model = loaded[name]
    elif not needed and model_files.locate(name, settings.models.dir).path is None:
        return None
    else:
        model = _load(name, settings.models, settings.models.threads)
    check_finds_faces(model.session.manifest)
    return model


def _load(name: str, models: ModelsSection, threads: int) -> Model:
    manifest, path, sha256 = model_files.require(name, models.dir)
    return load_model(manifest, path, sha256=sha256, threads=threads)


def _generated_photo() -> Pixels:
    """A gradient with every channel in use; no photo is at hand where models are installed."""
    import numpy as np

    ramp = np.linspace(0, 255, 640).astype(np.uint8)
    return np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], ramp[::-1, None]), axis=2)


def _ref(model: Model) -> str:
    return model.session.manifest.ref


def _fault(error: Exception) -> str:
    """One line without line breaks or lengthy runtime texts, which name files and nodes."""
    text = " ".join(str(error).split()) if type(error) is ValueError else ""
    return text[:200] or type(error).__name__


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000

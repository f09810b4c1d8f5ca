"""One CompreFace endpoint: which face it shows, what it is made of, whether it is well, and what it sees."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace

from lomi_ops.clients.compreface.answers import Inventory, findings, read_inventory, read_object
from lomi_ops.clients.compreface.outcome import Kind, Mode, Outcome, classify, throttles
from lomi_ops.clients.compreface.transport import Reply, Transport
from lomi_ops.config.sections.services import CompreFaceSection
from lomi_ops.domain.finding import Engine, EngineReport, EngineStatus, Finding
from lomi_ops.errors import ConfigError, FacesUnavailable

DEFAULT_KEY = "00000000-0000-0000-0000-000000000003"
"""Every install is born with this DETECTION key (CompreFace, db.changelog-0.1.8.yaml)."""
DEFAULT_KEY_WARNING = (
    "CompreFace is used with the well-known key that every install has: whoever reaches it can use it. "
    "Create a service of type DETECTION and set compreface.api_key, and keep port 8000 from the outside."
)

_HEALTH_TIMEOUT_S = 3.0
"""A busy core answers its health check late: two workers of one thread, and no other place in the queue."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What an endpoint said about itself."""

    mode: Mode
    inventory: Inventory = field(default_factory=Inventory)
    max_bytes: int | None = None
    """Largest file that the API takes."""
    passthrough: bool = False
    """A gateway that also shows the core below `/core`."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether one endpoint says that it is well."""

    url: str
    ok: bool
    mode: Mode | None = None
    detail: str = ""
    elapsed_ms: float = 0.0
    ejected: bool = False
    """No photos go there until it is well again."""
    slow: bool = False
    """It gave no answer in time: how it is, nobody knows."""


class Busy(FacesUnavailable):
    """Asked what it is, it asked to slow down."""

    def __init__(self, message: str, retry_after_s: float | None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Endpoint:
    """Thread-safe. The mode is asked once and remembered until `forget`."""

    def __init__(self, url: str, section: CompreFaceSection) -> None:
        # One connection more than callers: a health check must not wait behind photos.
        self._transport = Transport(
            url, connect_timeout_s=section.connect_timeout_s, connections=section.concurrency + 1
        )
        self._section = section
        self._asking = threading.Lock()
        self._profile: Profile | None = None

    @property
    def label(self) -> str:
        return self._transport.label

    @property
    def uses_default_key(self) -> bool:
        """Whether the well-known key is or may be sent."""
        configured = self._section.api_key
        if configured is not None and configured.get_secret_value() != DEFAULT_KEY:
            return False
        known = self._profile.mode if self._profile else self._section.mode
        return known == "api"

    def close(self) -> None:
        self._transport.close()

    def forget(self) -> None:
        """The next call asks again what this endpoint is; for one that comes back after an outage."""
        self._profile = None

    def profile(self) -> Profile:
        """Raises FacesUnavailable where it does not answer, ConfigError where it is no CompreFace."""
        with self._asking:
            if self._profile is None:
                self._profile = self._ask()
            return self._profile

    @property
    def known(self) -> Inventory | None:
        """What it has said that it is made of; None before it did, and after an outage."""
        profile = self._profile
        return profile.inventory if profile else None

    def find(self, jpeg: bytes, scale: float, size: tuple[int, int]) -> tuple[Outcome, EngineReport | None]:
        """One try. The report is there exactly when the outcome is FACES or NO_FACE. Raises nothing on purpose."""
        started = time.perf_counter()
        try:
            profile = self.profile()
            outcome = self._detect(profile, jpeg)
        except Busy as busy:
            return Outcome(Kind.THROTTLED, busy.message, retry_after_s=busy.retry_after_s), None
        except FacesUnavailable as fault:
            return Outcome(Kind.UNAVAILABLE, fault.message), None
        except ConfigError as mistake:
            return Outcome(Kind.MISCONFIGURED, mistake.message, hint=mistake.hint), None
        seen: tuple[Finding, ...] = ()
        try:
            seen = findings(outcome.answer, scale, size) if outcome.answer else ()
        except FacesUnavailable as fault:
            outcome = Outcome(Kind.UNAVAILABLE, fault.message)
        if outcome.kind not in (Kind.FACES, Kind.NO_FACE):
            return replace(outcome, detail=f"CompreFace at {self.label} {outcome.detail}"), None
        inventory = self._learn(profile, outcome)
        elapsed = (time.perf_counter() - started) * 1000
        report = EngineReport(
            Engine.FACES, inventory.model, inventory.version, EngineStatus.ANSWERED, seen, elapsed_ms=elapsed
        )
        return outcome, report

    def health(self) -> Health:
        """Asks the health URL of the mode, or the configured one. Raises nothing."""
        started = time.perf_counter()
        mode, trouble, slow = None, "", False
        try:
            mode, trouble = self._check()
        except (FacesUnavailable, ConfigError) as error:
            trouble, slow = error.message, "Timeout" in type(error.__cause__).__name__
        elapsed_ms = (time.perf_counter() - started) * 1000
        return Health(self.label, not trouble, mode, trouble, elapsed_ms, slow=slow)

    def takes_default_key(self, jpeg: bytes) -> bool:
        """Whether the API detects faces for whoever knows the well-known key. A core asks for no key at all: False.

        Raises FacesUnavailable or ConfigError where the endpoint cannot be asked.
        """
        profile = self.profile()
        if profile.mode is not Mode.API:
            return False
        return self._detect(profile, jpeg, key=DEFAULT_KEY).answered

    def _detect(self, profile: Profile, jpeg: bytes, *, key: str = "") -> Outcome:
        if profile.max_bytes is not None and len(jpeg) > profile.max_bytes:
            detail = f"takes files up to {profile.max_bytes} bytes, this one has {len(jpeg)}"
            hint = "lower images.canonical_side or images.canonical_quality, or raise its MAX_FILE_SIZE"
            return Outcome(Kind.MISCONFIGURED, detail, hint=hint)
        reply = self._transport.post_photo(
            "/find_faces" if profile.mode is Mode.CORE else "/api/v1/detection/detect",
            jpeg,
            params={
                "limit": "0",
                "det_prob_threshold": f"{self._section.det_prob_threshold}",
                # Ages only. `calculator` would be a biometric template (GDPR, Article 9) and is never asked for.
                "face_plugins": "age",
                "status": "true",
            },
            headers={"x-api-key": key or self._key()} if profile.mode is Mode.API else {},
            timeout_s=self._section.timeout_s,
        )
        return classify(reply, profile.mode)

    def _key(self) -> str:
        configured = self._section.api_key
        return configured.get_secret_value() if configured else DEFAULT_KEY

    def _learn(self, profile: Profile, outcome: Outcome) -> Inventory:
        """What answered this photo: what the answer says, on top of what the status said before."""
        plugins = outcome.answer.plugins if outcome.answer else {}
        inventory = profile.inventory.updated(plugins)
        if inventory != profile.inventory:
            with self._asking:
                # Not over a `forget` in between, which asks for all of it again.
                if self._profile is profile:
                    self._profile = replace(profile, inventory=inventory)
        return inventory

    def _ask(self) -> Profile:
        """Core first: a gateway answers `/status` with its web page, a core has no `/api/v1/config`."""
        wanted, strange = self._section.mode, []
        if wanted in ("core", "auto"):
            reply = self._get("/status")
            inventory = read_inventory(reply.body)
            if inventory or wanted == "core":
                return Profile(Mode.CORE, inventory or Inventory())
            strange.append(reply.status)
        reply = self._get("/api/v1/config")
        limit = read_object(reply.body).get("clientMaxFileSize")
        if isinstance(limit, int) or wanted == "api":
            return self._api_profile(limit if isinstance(limit, int) else None)
        strange.append(reply.status)
        statuses = " and ".join(str(status) for status in strange)
        raise ConfigError(
            f"{self.label} does not answer like CompreFace ({statuses})", hint="check compreface.urls, or name the mode"
        )

    def _api_profile(self, limit: int | None) -> Profile:
        """The core's status is a bonus here: the gateway passes it through, compreface-api alone does not."""
        reply = self._transport.get("/core/status", timeout_s=self._section.timeout_s)
        inventory = read_inventory(reply.body)
        passthrough = inventory is not None or reply.status in (502, 503, 504)
        return Profile(Mode.API, inventory or Inventory(), limit, passthrough)

    def _get(self, path: str) -> Reply:
        """Raises FacesUnavailable for an answer that says nothing about what this endpoint is."""
        reply = self._transport.get(path, timeout_s=self._section.timeout_s)
        if throttles(reply):
            raise Busy(f"CompreFace at {self.label} asks to slow down", reply.retry_after_s)
        if reply.status >= 500:
            raise FacesUnavailable(f"CompreFace at {self.label} answers {reply.status}")
        return reply

    def _check(self) -> tuple[Mode | None, str]:
        """The mode as far as known, and what is wrong, empty for nothing."""
        if self._section.health_url:
            return (self._profile.mode if self._profile else None), self._trouble(self._section.health_url)
        profile = self.profile()
        if profile.mode is Mode.CORE:
            trouble = self._trouble("/healthcheck")
            # Old cores have no /healthcheck.
            return profile.mode, self._trouble("/status") if trouble.endswith("answers 404") else trouble
        trouble = self._trouble("/api/v1/consistence/status")
        if not trouble and profile.passthrough:
            # The API remembers what it knew of its core and stays OK after the core is gone.
            trouble = self._trouble("/core/healthcheck")
        return profile.mode, trouble

    def _trouble(self, path: str) -> str:
        reply = self._transport.get(path, timeout_s=min(_HEALTH_TIMEOUT_S, self._section.timeout_s))
        if reply.status != 200:
            return f"{path} answers {reply.status}"
        said = read_object(reply.body).get("status")
        if path == self._section.health_url and said is None:
            return ""
        return "" if said in ("OK", "UP") else f"{path} says {str(said)[:40]!r}"

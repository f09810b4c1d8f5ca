"""What KEDA takes, as a JSON schema: written from the fields that its documentation names (ScaledObject and
TriggerAuthentication of keda.sh/v1alpha1, triggers `redis` and `redis-sentinel`); its own ones are in no package."""

from __future__ import annotations

from typing import Any

WORD = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 0}


def _closed(required: tuple[str, ...], **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(required), "additionalProperties": False}


def _texts(required: tuple[str, ...], *names: str) -> dict[str, Any]:
    """Metadata of a trigger: texts only, numbers and switches included."""
    return _closed(required, **dict.fromkeys((*required, *names), WORD))


_COMMON = ("listLength", "activationListLength", "enableTLS", "unsafeSsl", "databaseIndex", "usernameFromEnv",
           "passwordFromEnv")  # fmt: skip
_TRIGGERS = {
    "redis": {
        **_texts(("listName",), "address", "host", "port", "addressFromEnv", "hostFromEnv", "portFromEnv", *_COMMON),
        "oneOf": [{"required": ["address"]}, {"required": ["host", "port"]}, {"required": ["addressFromEnv"]}],
    },
    "redis-sentinel": _texts(
        ("listName", "addresses", "sentinelMaster"), "sentinelUsernameFromEnv", "sentinelPasswordFromEnv", *_COMMON
    ),
}


def _trigger(name: str) -> dict[str, Any]:
    reference = _closed(("name",), name=WORD, kind={"enum": ["TriggerAuthentication", "ClusterTriggerAuthentication"]})
    return _closed(
        ("type", "metadata"), type={"const": name}, name=WORD, metadata=_TRIGGERS[name], authenticationRef=reference,
        metricType={"enum": ["AverageValue", "Value", "Utilization"]}, useCachedMetrics={"type": "boolean"},
    )  # fmt: skip


_META = {"type": "object", "required": ["name"]}
SCALED_OBJECT = _closed(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion={"const": "keda.sh/v1alpha1"},
    kind={"const": "ScaledObject"},
    metadata=_META,
    spec=_closed(
        ("scaleTargetRef", "triggers"),
        scaleTargetRef=_closed(("name",), name=WORD, apiVersion=WORD, kind=WORD, envSourceContainerName=WORD),
        pollingInterval=COUNT, cooldownPeriod=COUNT, initialCooldownPeriod=COUNT, idleReplicaCount=COUNT,
        minReplicaCount=COUNT, maxReplicaCount={"type": "integer", "minimum": 1},
        fallback=_closed(("failureThreshold", "replicas"), failureThreshold=COUNT, replicas=COUNT),
        advanced=_closed(
            (),
            restoreToOriginalReplicaCount={"type": "boolean"},
            # What is inside is an HPA's own, and validated as such.
            horizontalPodAutoscalerConfig=_closed((), name=WORD, behavior={"type": "object"}),
        ),
        triggers={"type": "array", "minItems": 1, "items": {"oneOf": [_trigger(name) for name in _TRIGGERS]}},
    ),
)  # fmt: skip
TRIGGER_AUTHENTICATION = _closed(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion={"const": "keda.sh/v1alpha1"},
    kind={"const": "TriggerAuthentication"},
    metadata=_META,
    spec=_closed(
        (),
        secretTargetRef={
            "type": "array",
            "items": _closed(
                ("parameter", "name", "key"),
                parameter={"enum": ["username", "password", "sentinelUsername", "sentinelPassword", "ca", "cert"]},
                name=WORD,
                key=WORD,
            ),
        },
    ),
)
SCHEMAS = {"ScaledObject": SCALED_OBJECT, "TriggerAuthentication": TRIGGER_AUTHENTICATION}

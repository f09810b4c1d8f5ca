"""Rendered manifests against the schemas of Kubernetes, and of KEDA."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from lomi_ops.config.schema import Settings
from lomi_ops.domain.deployment import Target
from lomi_ops.ops.deploy.render import render
from lomi_ops.ops.deploy.values import Named, values
from tests.integration.deploy.keda import SCHEMAS

VERSIONS = ("1.29", "1.37")
"""The oldest that somebody may still run, and the newest that the validator knows."""
SENTINELS = {"redis": {"sentinels": ["10.0.0.1:26379"], "username": "lomi", "sentinel_password": "x"}}


def manifests(settings: dict[str, Any]) -> list[dict[str, Any]]:
    chosen = values(Target.KUBERNETES, Settings.model_validate(settings), Named())
    texts = [file.text for file in render(Target.KUBERNETES, chosen) if file.name.endswith(".yaml")]
    return [each for text in texts for each in yaml.safe_load_all(text) if each["kind"] != "Kustomization"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("settings", [{}, SENTINELS, {"backup": {"to": "/b"}}], ids=["plain", "sentinels", "backup"])
def test_every_manifest_is_valid(version: str, settings: dict[str, Any]) -> None:
    found = manifests(settings)

    assert len(found) >= 12
    for each in found:
        if each["kind"] in SCHEMAS:
            jsonschema.validate(each, SCHEMAS[each["kind"]])
        else:
            kubernetes_validate.validate(each, version, strict=True)


def test_the_validators_notice_what_is_wrong() -> None:
    by_kind = {each["kind"]: each for each in manifests({})}
    deployment = copy.deepcopy(by_kind["Deployment"])
    deployment["spec"]["template"]["spec"]["terminationGracePeriod"] = 60
    scaled = copy.deepcopy(by_kind["ScaledObject"])
    scaled["spec"]["triggers"][0]["metadata"]["listLength"] = 5

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[-1], strict=True)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(scaled, SCHEMAS["ScaledObject"])


def test_what_keda_hands_on_to_an_autoscaler_is_one_s_own() -> None:
    (scaled,) = [each for each in manifests({}) if each["kind"] == "ScaledObject"]
    spec = scaled["spec"]
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "keda-hpa"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": spec["scaleTargetRef"]["name"]},
            "minReplicas": spec["minReplicaCount"],
            "maxReplicas": spec["maxReplicaCount"],
            "behavior": spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"],
        },
    }

    kubernetes_validate.validate(autoscaler, VERSIONS[-1], strict=True)


def test_every_secret_and_every_claim_that_is_mounted_is_named_once() -> None:
    found = manifests({})
    claims = {each["metadata"]["name"] for each in found if each["kind"] == "PersistentVolumeClaim"}
    pods = [_pod(each) for each in found if each["kind"] in ("Deployment", "StatefulSet", "CronJob")]

    for pod in pods:
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes) | {"data"}
            assert container["securityContext"]["readOnlyRootFilesystem"]
        for volume in volumes.values():
            assert volume.get("secret", {"secretName": "lomi"})["secretName"] == "lomi"
            assert volume.get("persistentVolumeClaim", {"claimName": "lomi-models"})["claimName"] in claims


def _pod(manifest: dict[str, Any]) -> dict[str, Any]:
    spec = manifest["spec"]
    template = spec["jobTemplate"]["spec"]["template"] if manifest["kind"] == "CronJob" else spec["template"]
    pod: dict[str, Any] = template["spec"]
    return pod

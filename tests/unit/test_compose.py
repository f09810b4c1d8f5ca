"""Which containers are the cluster's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lomi_ops.domain.compose import Sighting, choose, compose_file, place_of, scale_command, sighting, up_command
from lomi_ops.domain.container import Cluster, ComposeFile, Place
from tests.unit.containers import COMPOSE, NOW, WORKERS, cluster, container

SERVICES = ("postgres", "redis", "backend", "compreface", WORKERS)


def labels(project: str, service: str, number: int = 1) -> dict[str, str]:
    return {
        "com.docker.compose.project": project,
        "com.docker.compose.service": service,
        "com.docker.compose.container-number": str(number),
    }


def test_labels_say_where_a_container_belongs_whatever_its_name() -> None:
    assert place_of("funny_name", labels("app", "redis", 3), SERVICES) == Place("app", "redis", 3)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("redis", Place("", "redis", 1, labelled=False)),
        ("app_redis_1", Place("app", "redis", 1, labelled=False)),
        ("app-redis-2", Place("app", "redis", 2, labelled=False)),
        ("lomi_mini_moderator-worker_4", Place("lomi_mini", WORKERS, 4, labelled=False)),
        ("moderator-worker-2", Place("", WORKERS, 2, labelled=False)),
    ],
)
def test_without_labels_the_name_says_it_as_compose_would_have_named_it(name: str, place: Place) -> None:
    assert place_of(name, {}, SERVICES) == place


@pytest.mark.parametrize("name", ["redisinsight", "redis-exporter", "my-predis", "registry"])
def test_a_name_that_only_sounds_like_a_service_is_no_member(name: str) -> None:
    assert place_of(name, {}, SERVICES) is None


def test_a_service_that_is_not_ours_and_a_one_off_run_are_no_members() -> None:
    assert place_of("app-grafana-1", labels("app", "grafana"), SERVICES) is None
    one_off = labels("app", "backend") | {"com.docker.compose.oneoff": "True"}
    assert place_of("app-backend-run-ab12", one_off, SERVICES) is None


def test_a_task_of_a_swarm_is_a_member_while_it_runs() -> None:
    task = {
        "com.docker.stack.namespace": "prod",
        "com.docker.swarm.service.name": "prod_moderator-worker",
        "com.docker.swarm.task.name": "prod_moderator-worker.3.k2x8",
    }
    seen = sighting("c1", "prod_moderator-worker.3.k2x8", task, SERVICES, up=True)
    assert seen == Sighting("c1", Place("prod", WORKERS, 3), up=True)
    assert sighting("c2", "prod_moderator-worker.3.old", task, SERVICES, up=False) is None


def seen(container_id: str, project: str, service: str, *, up: bool = True, labelled: bool = True) -> Sighting:
    return Sighting(container_id, Place(project, service, 1, labelled), up)


def test_the_project_that_has_the_workers_is_the_cluster() -> None:
    chosen = choose([seen("a", "shop", "redis"), seen("b", "app", WORKERS), seen("c", "app", "redis")], None, WORKERS)

    assert (chosen.project, chosen.ids, chosen.others) == ("app", ("b", "c"), ())


def test_a_project_that_runs_comes_before_one_that_was_left_behind() -> None:
    chosen = choose([seen("a", "old", WORKERS, up=False), seen("b", "app", WORKERS)], None, WORKERS)

    assert chosen.project == "app"


def test_a_cluster_whose_workers_all_stopped_is_still_known() -> None:
    chosen = choose([seen("a", "app", WORKERS, up=False), seen("b", "shop", "redis")], None, WORKERS)

    assert (chosen.project, chosen.ids) == ("app", ("a",))


def test_two_projects_with_workers_are_not_chosen_between() -> None:
    several = [seen("a", "staging", WORKERS), seen("b", "app", WORKERS)]

    assert choose(several, None, WORKERS).others == ("app", "staging")
    assert choose(several, "app", WORKERS).ids == ("b",)


def test_names_count_only_for_services_without_labels() -> None:
    chosen = choose(
        [
            seen("labelled", "app", WORKERS),
            seen("by-hand", "", "postgres", labelled=False),
            seen("stray", "", WORKERS, labelled=False),
            seen("other", "shop", "redis", labelled=False),
        ],
        None,
        WORKERS,
    )

    assert chosen.ids == ("labelled", "by-hand")


def test_where_nothing_has_labels_names_are_all_there_is() -> None:
    chosen = choose([seen("a", "", "redis", labelled=False), seen("b", "x", "postgres", labelled=False)], None, WORKERS)

    assert (chosen.project, chosen.ids) == ("", ("b", "a"))


def test_nothing_is_nobodys_project() -> None:
    assert choose([], None, WORKERS).ids == ()
    assert choose([seen("a", "shop", "redis")], "app", WORKERS).ids == ()


def test_the_command_that_makes_what_is_missing_names_the_files_that_made_the_rest() -> None:
    found = up_command(cluster(container("redis")), WORKERS, 4)

    assert found == (
        "docker compose -p app -f /srv/app/docker-compose.prod.yml --env-file /srv/app/.env.production"
        " up -d --scale moderator-worker=4 moderator-worker"
    )
    assert up_command(Cluster("", (), NOW), "backend") == "docker compose up -d backend"


def test_the_files_are_read_off_the_labels() -> None:
    said = {
        "com.docker.compose.project.working_dir": "/srv/app",
        "com.docker.compose.project.config_files": "/srv/app/docker-compose.prod.yml",
        "com.docker.compose.project.environment_file": "/srv/app/.env.production",
    }

    assert compose_file(said) == COMPOSE
    assert compose_file({}) == ComposeFile()


def test_relative_names_start_where_compose_was_called() -> None:
    """As version 1 writes them down; the folder is that of the first file."""

    def called(folder: str, files: str, env_file: str = "") -> tuple[tuple[str, ...], tuple[str, ...]]:
        found = compose_file({
            "com.docker.compose.project.working_dir": folder,
            "com.docker.compose.project.config_files": files,
            "com.docker.compose.project.environment_file": env_file,
        })  # fmt: skip
        return found.files, found.env_files

    assert called("/srv/app", "a.yml,b/c.yml", ".env.p") == (
        ("/srv/app/a.yml", "/srv/app/b/c.yml"),
        ("/srv/app/.env.p",),
    )
    assert called("/srv/app", "app/a.yml", ".env.p") == (("/srv/app/a.yml",), ("/srv/.env.p",))
    assert called("/srv/app", "/etc/a.yml") == (("/etc/a.yml",), ())


def test_version_1_is_a_program_of_its_own() -> None:
    made = replace(COMPOSE, version="1.29.2")

    assert scale_command("app", made, WORKERS, 6) == (
        "docker-compose -p app -f /srv/app/docker-compose.prod.yml --env-file /srv/app/.env.production"
        " up -d --no-recreate --scale moderator-worker=6"
    )
    assert up_command(cluster(container("redis", compose=made)), "redis").startswith("docker-compose -p app")

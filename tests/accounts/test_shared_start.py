"""Several who upgrade or start on one empty database at once: one does it, the others find it done."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.gateway import Gateway, run
from tests.replicas import Replicas
from tests.servers import PostgresServer

AT_ONCE = 4


def test_database_is_upgraded_once_by_whoever_comes_first(
    gateway_in: Callable[..., Gateway], own_postgres: PostgresServer
) -> None:
    gateway = gateway_in(ROUTER_DATABASE_URL=own_postgres.fresh())

    def upgrade(_: int) -> tuple[int, str]:
        done = run(gateway.folder, "database", "upgrade", env=gateway.env, seconds=60)
        return done.returncode, done.stderr

    with ThreadPoolExecutor(AT_ONCE) as pool:
        first = list(pool.map(upgrade, range(AT_ONCE)))
    again = upgrade(0)

    assert [code for code, _ in [*first, again]] == [0] * (AT_ONCE + 1), first
    url = gateway.env["ROUTER_DATABASE_URL"]
    assert own_postgres.psql("SELECT count(*) FROM projects WHERE id = 'proj-default'", url) == ["1"]


def test_key_made_on_one_replica_opens_all_others_at_once(trio: Replicas) -> None:
    key = trio.admin.key()

    answers = [trio.admin.client(key, at=gateway).get("/models").status_code for gateway in trio.gateways]

    assert answers == [200] * len(trio.gateways)


def test_unknown_key_that_is_made_later_is_not_remembered_as_unknown(trio: Replicas) -> None:
    name = "sk-proj-" + "A" * 48
    for gateway in trio.gateways:
        assert trio.admin.call("GET", "/models", key=name, at=gateway).status_code == 401

    test_key_made_on_one_replica_opens_all_others_at_once(trio)

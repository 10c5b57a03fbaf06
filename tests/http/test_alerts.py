"""Alerts as administrators meet them: a list, two commands, and mails that go out by themselves."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from urllib.parse import quote

import pytest
import requests

from accounts.alerts.alerts import note_crossings
from storage.sqlite import Sqlite
from tests.gateway import Gateway, run
from tests.unit.accounts.mailbox import PASSWORD, USER, Mailbox
from tests.unit.accounts.spendings import budget, spending

ADMIN = "sk-admin-Zq7Yw4-of-the-alerts-tests-0123456789abc"
PATH = "/v1/organization/alerts"


def leave(gateway: Gateway, *names: str) -> None:
    """Meet 80 % of budgets of these ids, in the gateway's own database."""
    database = Sqlite(gateway.folder / "data" / "router.db")
    for name in names:
        cause = spending("8", budget(id=name))
        asyncio.run(database.write(lambda cause=cause: note_crossings(cause, Decimal(0), database.clock_ns())))


@pytest.fixture(scope="module")
def without_mail(gateway_with: Callable[..., Gateway]) -> Gateway:
    gateway = gateway_with(ROUTER_ADMIN_KEY=ADMIN)
    leave(gateway, "bud_1", "bud_2", "bud_3")
    return gateway


def asked(gateway: Gateway, credential: str | None, **query: str | int) -> requests.Response:
    headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
    return requests.get(gateway.url + PATH, headers=headers, params=query, timeout=10)


def test_alerts_stay_visible_as_unsent_without_a_mail_server(without_mail: Gateway) -> None:
    answer = asked(without_mail, ADMIN)

    assert answer.status_code == 200
    body = answer.json()
    assert (body["object"], body["has_more"]) == ("list", False)
    assert [row["budget_id"] for row in body["data"]] == ["bud_3", "bud_2", "bud_1"]
    first = body["data"][0]
    assert (first["object"], first["state"], first["threshold"]) == ("organization.alert", "waiting", 80)
    assert first["sent_at"] is None


def test_the_list_goes_on_behind_its_last_row(without_mail: Gateway) -> None:
    first = asked(without_mail, ADMIN, limit=2).json()
    rest = asked(without_mail, ADMIN, limit=2, after=first["last_id"]).json()

    assert first["has_more"]
    assert [row["budget_id"] for row in rest["data"]] == ["bud_1"]


@pytest.mark.parametrize(
    ("query", "status"), [({"after": "alert_nobody"}, 404), ({"limit": 0}, 400), ({"limit": 101}, 400)]
)
def test_a_page_that_there_is_not_is_refused(without_mail: Gateway, query: dict[str, str], status: int) -> None:
    answer = asked(without_mail, ADMIN, **query)

    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_only_administrators_see_alerts(without_mail: Gateway) -> None:
    assert asked(without_mail, None).status_code == 401
    assert asked(without_mail, "sk-admin-wrong-wrong-wrong-wrong-wrong").status_code == 401
    assert asked(without_mail, without_mail.token()).status_code == 403


def test_the_command_lists_what_the_route_lists(without_mail: Gateway) -> None:
    printed = run(without_mail.folder, "alerts", "list", "--json", env=without_mail.env)

    assert [json.loads(line) for line in printed.stdout.splitlines()] == asked(without_mail, ADMIN).json()["data"]


def test_a_gateway_with_a_mail_server_sends_what_is_left(gateway_with: Callable[..., Gateway]) -> None:
    with Mailbox() as mailbox:
        url = f"smtp://127.0.0.1:{mailbox.port}"
        gateway = gateway_with(
            ROUTER_ADMIN_KEY=ADMIN, ROUTER_WORKERS="2", ROUTER_SMTP_URL=url, ROUTER_MAIL_FROM="router@example.org"
        )
        leave(gateway, "bud_1")
        assert mailbox.took.wait(20)
        assert gateway.stop() == 0

    assert [mail["to"] for mail in mailbox.mails] == ["boss@example.org"]


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # on loopback, to read it here
def test_a_test_mail_says_whether_mail_goes_out(empty: dict[str, str], tmp_path) -> None:
    def tried(port: int, **changes: str):
        url = f"smtp://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{port}"
        env = empty | {"ROUTER_SMTP_URL": url, "ROUTER_MAIL_FROM": "Routeur <router@example.org>"} | changes
        return run(tmp_path, "alerts", "test", "--to", "you@example.org", env=env)

    with Mailbox(login=True) as mailbox:
        sent = tried(mailbox.port)
    failed, unset = tried(1), tried(1, ROUTER_SMTP_URL="")

    assert (sent.returncode, mailbox.recipients) == (0, [["you@example.org"]]), sent.stderr
    assert (failed.returncode, unset.returncode) == (2, 2)
    assert "cannot be reached" in failed.stderr
    assert quote(PASSWORD, safe="") not in failed.stderr
    assert PASSWORD not in failed.stderr
    assert "set it and ROUTER_MAIL_FROM" in unset.stderr

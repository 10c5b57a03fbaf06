"""`router alerts`: what was mailed about budgets, and whether mail goes out at all."""

import asyncio
import sys

from cyclopts import App

from router.process import on_database, refuse, settings_of_process

app = App(name="alerts", help="Mails about budgets: what was sent, what waits, and a test mail.")


@app.command(name="list")
def list_alerts(*, json: bool = False, limit: int = 100) -> None:
    """Print the alerts, newest first.

    Parameters
    ----------
    json
        One JSON object a line.
    limit
        How many at most.

    """
    from accounts.alerts.alerts import Alerts  # noqa: PLC0415 - `--help` must be quick
    from router.framing import as_json  # noqa: PLC0415 - same reason
    from router.routes.alerts import row_of  # noqa: PLC0415 - same reason

    alerts = on_database(settings_of_process(), lambda database: Alerts(database).listed(limit))
    for alert in alerts:
        if json:
            sys.stdout.write(as_json(row_of(alert)).decode() + "\n")
        else:
            whom = ", ".join(alert.recipients) or "nobody"
            state = alert.state if alert.failure is None else f"{alert.state} ({alert.failure})"
            sys.stdout.write(f"{alert.created_at:%Y-%m-%d %H:%M:%S}  {state:9}  {whom}  {alert.subject}\n")


@app.command
def test(*, to: str) -> None:
    """Send a test mail through the server of ROUTER_SMTP_URL.

    Parameters
    ----------
    to
        The address that gets it.

    """
    from accounts.alerts.post import post_to, test_message  # noqa: PLC0415 - same reason
    from accounts.alerts.relay import is_address  # noqa: PLC0415 - same reason
    from accounts.errors import MailRefused  # noqa: PLC0415 - `--help` must be quick

    settings = settings_of_process()
    if settings.smtp_url is None or settings.mail_from is None:
        refuse(["ROUTER_SMTP_URL: no mail server is set; set it and ROUTER_MAIL_FROM, then try again"])
    if not is_address(to):
        refuse(["--to: is no address; write it as name@example.org"])
    try:
        refused = asyncio.run(post_to(settings.smtp_url, settings.mail_from).send(test_message(to), (to,)))
    except MailRefused as failure:
        refuse([f"ROUTER_SMTP_URL: the mail was not taken: {failure.detail}"])
    if refused:
        refuse([f"--to: {to} was refused: {refused[to]}"])
    sys.stdout.write(f"The mail server took a test mail for {to}\n")

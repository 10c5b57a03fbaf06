"""`router prompts run`: a prompt run by name on the gateway that serves here."""

import sys
from typing import Any

from router.commands.prompt_terminal import Number
from router.process import print_json, refuse, settings_of_process


def run(
    name: str,
    *,
    var: tuple[str, ...] = (),
    version: Number = None,
    label: str | None = None,
    stream: bool = False,
    key: str | None = None,
    json: bool = False,
) -> None:
    """Run a prompt on the gateway that serves with these settings, and print what the model says.

    Parameters
    ----------
    name
        The prompt's name.
    var
        A variable as NAME=VALUE; once for each.
    version
        The version of this number instead of the one in production.
    label
        The version of this label instead.
    stream
        Print the answer as it comes.
    key
        Whose run it is: a key, or `-` to read it from the standard input. The project is the key's; without one, a
        token of this gateway's secret is used, and the project is `proj-default`.
    json
        Print the whole answer as an object; with --stream, each event.

    """
    from router.commands.prompt_call import run_streamed, run_whole  # noqa: PLC0415 - `--help` must be quick

    body: dict[str, Any] = {"promptName": name, "variables": _variables(var)}
    body |= {} if version is None else {"version": version}
    body |= {} if label is None else {"label": label}
    settings = settings_of_process()
    if not stream:
        answer = run_whole(settings, key, body)
        if json:
            print_json([answer])
        else:
            sys.stdout.write(f"{answer['output']}\n")
        return
    for event in run_streamed(settings, key, body):
        if json:
            print_json([event])
        else:
            sys.stdout.write("\n" if event.get("done") else event.get("delta", ""))
        sys.stdout.flush()


def _variables(given: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or name in found:
            refuse([f"--var {name}: give each variable once, as NAME=VALUE"])
        found[name] = value
    return found

"""Where mail goes is told by one URL; what is wrong with it is told without its password."""

import pytest

from accounts.alerts.relay import Relay, relay_of, sender_of
from accounts.errors import RelayWrong

HIDDEN = "hidden-Pa55"


@pytest.mark.parametrize(
    ("url", "relay"),
    [
        ("smtp://mail.example.org", Relay("mail.example.org", 25, "none", None, None)),
        ("smtp://127.0.0.1:2525/", Relay("127.0.0.1", 2525, "none", None, None)),
        ("smtp+starttls://u:p@mail.example.org", Relay("mail.example.org", 587, "starttls", "u", "p")),
        ("smtps://u%40example.org:p%2F%3A%25@h:4650", Relay("h", 4650, "tls", "u@example.org", "p/:%")),
        ("smtps://[::1]", Relay("::1", 465, "tls", None, None)),
    ],
)
def test_a_url_names_the_relay(url: str, relay: Relay) -> None:
    assert relay_of(url) == relay


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org",
        f"https://u:{HIDDEN}@h",
        "smtp://",
        f"smtp://u:{HIDDEN}@h:99999",
        f"smtp://u:{HIDDEN}@h:port",
        f"smtp://u:{HIDDEN}@h:0",
        f"smtp://u:{HIDDEN}/{HIDDEN}@h",
        f"smtp://u:{HIDDEN}@h?x={HIDDEN}",
        f"smtp://:{HIDDEN}@h",
        "smtp://hidden-Pa55@h",
        f"smtp://u:{HIDDEN}\r\n@h",
        f"smtp://u:{HIDDEN} @h",
        f"smtp://u:{HIDDEN}é@h",
        f"smtp://u:{HIDDEN}@[h",
    ],
)
def test_a_url_that_names_none_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(RelayWrong) as wrong:
        relay_of(url)

    assert HIDDEN not in str(wrong.value)
    assert "smtp+starttls://" in str(wrong.value)


def test_a_relay_never_prints_its_password() -> None:
    assert HIDDEN not in f"{relay_of(f'smtp://u:{HIDDEN}@h')!r}"


@pytest.mark.parametrize("text", ["alerts@example.org", "Routeur IA <alerts@example.org>", "Été <alerts@example.org>"])
def test_a_sender_is_an_address_with_or_without_a_name(text: str) -> None:
    assert sender_of(text).addr_spec == "alerts@example.org"


@pytest.mark.parametrize("text", ["", "alerts", "a@b, c@d", "A <a@b>\r\nBcc: c@d", "A <a@b\n>", "<>", "é@b", "a@b c@d"])
def test_a_sender_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(RelayWrong):
        sender_of(text)

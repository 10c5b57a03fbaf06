"""A prompt in a Markdown file comes back exactly as it was, and a file that is none is refused by its field."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.messages import Message
from agents.prompts.folder import MOST_BYTES, FileWrong, read, sheet_of, written
from agents.prompts.prompt import Config, Content, StoredPrompt, Version

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PIECES = [
    "\n",
    "\r\n",
    "\r",
    "---",
    "---\n",
    "...",
    "  ",
    "\t",
    "# ",
    ": ",
    "- ",
    "{{name}}",
    "'",
    '"',
    "\\",
    "|",
    "é",
    "😀",
    "\x85",
    "\u2028",
    "\ufeff",
    "\x07",
    "null",
    "yes",
    "1e3",
    "<<",
    "*a",
    "&a",
    "!!x",
    "%YAML",
    "@",
    "`",
]
SIGNS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(SIGNS, max_size=4), max_size=12).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
CONFIGS = st.builds(
    Config,
    model=st.none() | st.text(SIGNS, min_size=1, max_size=20),
    agent=st.none() | st.sampled_from(["V1", "V2"]),
    temperature=st.none() | st.floats(0, 2),
    max_tokens=st.none() | st.integers(1, 10_000_000),
    top_p=st.none() | st.floats(0.001, 1),
    presence_penalty=st.none() | st.floats(-2, 2),
    extra=st.dictionaries(TEXTS, JSON, max_size=3),
)
TURNS = st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXTS)
CONTENTS = st.one_of(
    TEXTS.map(lambda text: Content((Message("user", text),))),
    st.tuples(TEXTS, TEXTS).map(lambda pair: Content((Message("system", pair[0]), Message("user", pair[1])))),
    st.lists(TURNS, max_size=4).map(lambda turns: Content(tuple(turns), "chat")),
)


def stored(name: str = "Mail", description: str = "", category: str = "", tags: tuple[str, ...] = ()) -> StoredPrompt:
    kept = {"id": "prm_1", "project_id": "p", "latest": 1, "production": None, "created_at": NOW, "updated_at": NOW}
    return StoredPrompt(name=name, description=description, category=category, tags=tags, **kept)


def version(content: Content, config: Config = Config(), note: str = "", labels: tuple[str, ...] = ()) -> Version:  # noqa: B008 - a frozen Struct
    times = {"created_at": NOW, "updated_at": NOW, "promoted_at": None, "archived_at": None}
    return Version(
        number=1, state="DRAFT", content=content, config=config, note=note, labels=labels, author="", **times
    )


def user(text: str) -> Content:
    return Content((Message("user", text),))


def file(front: str, body: str = "Hi") -> bytes:
    return f"---\n{front}\n---\n{body}".encode()


@given(st.text(SIGNS, min_size=1), TEXTS, st.lists(TEXTS, max_size=3), CONTENTS, CONFIGS, TEXTS)
def test_every_prompt_comes_back_from_its_file_exactly(name, description, tags, content, config, note):
    sheet = sheet_of(stored(name, description, "a/b", tuple(tags)), version(content, config, note), "")

    data = written(sheet)

    assert read(data) == sheet
    assert read(data).front.config() == config
    assert written(read(data)) == data


@given(TEXTS)
@example("")
@example("\n")
@example("no end of line")
@example("two ends\n\n")
@example("---\nname: other\n---\n")
@example("---")
@example("a\r\nb\rc\r\n")
@example("\t{{ x }}\t\n")
@example("\ufeffBOM")
def test_the_body_is_the_template_and_one_end_of_line(text: str):
    data = written(sheet_of(stored(), version(user(text)), ""))

    assert data == b"---\nname: Mail\nversion: 1\nstate: DRAFT\n---\n" + text.encode() + b"\n"
    assert read(data).content == user(text)


def test_a_file_is_one_that_a_person_can_read_and_review():
    system = "You write mails.\n\n- Be kind:  \n  always.\n"
    content = Content((Message("system", system), Message("user", "Write to {{name}}.")))
    prompt = stored("Email de Bienvenue", "Accueille: « oui »", "support/mails", ("accueil",))
    config = Config(model="gpt-4o", temperature=0.3, max_tokens=200)

    data = written(sheet_of(prompt, version(content, config, "warmer", ("staging",)), "support/mails"))

    assert data.decode() == (
        "---\nname: Email de Bienvenue\ndescription: 'Accueille: « oui »'\ntags:\n- accueil\nlabels:\n- staging\n"
        "note: warmer\nversion: 1\nstate: DRAFT\nmodel: gpt-4o\ntemperature: 0.3\nmaxTokens: 200\nsystem: |\n"
        "  You write mails.\n\n  - Be kind:  \n    always.\n---\nWrite to {{name}}.\n"
    )


def test_a_short_system_message_stands_in_a_block_too():
    content = Content((Message("system", "Be kind: yes."), Message("user", "Hi")))

    assert b"system: |-\n  Be kind: yes.\n---\nHi" in written(sheet_of(stored(), version(content), ""))


def test_a_category_that_the_folders_do_not_say_is_stated_even_if_it_is_none():
    sheets = [sheet_of(stored(category=category), version(user("x")), "a") for category in ("a", "b", "")]

    assert [read(written(sheet)).front.category for sheet in sheets] == [None, "b", ""]


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf---\nname: x\n---\nHi", b"---\r\nname: x\r\n---\r\nHi"])
def test_what_editors_of_other_systems_add_above_the_body_does_no_harm(data: bytes):
    assert (read(data).front.name, read(data).content) == ("x", user("Hi"))


def test_a_file_that_ends_with_the_front_matter_has_an_empty_template():
    assert read(b"---\nname: x\n---").content == user("")


def test_a_date_is_the_text_that_it_is():
    assert read(file("name: 2026-01-01\nnote: 2026-99-99")).front.name == "2026-01-01"


LAUGHS = "a: &a [x,x]\n" + "\n".join(f"{b}: &{b} [*{a},*{a}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "must begin with a line ---"),
        (b"# A title\n", "must begin with a line ---"),
        (b"---\nname: x\n", "must begin with a line ---"),
        (file("- x"), "must hold fields"),
        (file("x"), "must hold fields"),
        (file("description: x"), "missing required field `name`"),
        (file("name: x\nnmae: y\ntemprature: 1"), "^nmae, temprature: no such field; there are name, description"),
        (file("name: 3"), "^name: Expected `str`, got `int`"),
        (file("name: x\ntags: a"), "^tags: Expected `array`"),
        (file("name: x\ntags: [1]"), r"^tags\[0\]: Expected `str`"),
        (file("name: x\ntemperature: 3"), "^temperature: Expected `float` <= 2.0"),
        (file("name: x\nagent: V3"), "^agent: Invalid enum value 'V3'"),
        (file("name: x\nstate: LIVE"), "^state: Invalid enum value"),
        (file("name: x\nmessages: [{role: tool, content: x}]", ""), r"^messages\[0\].role: Invalid enum value 'tool'"),
        (file("name: x\nmessages: [{role: user, text: x}]", ""), r"^messages\[0\]: Object contains unknown field"),
        (file("name: x\nmessages: [{role: user, content: x}]", "Hi"), "^messages: .* without a body"),
        (file("name: x\nsystem: y\nmessages: []", ""), "^messages: .* without a system field"),
        (file("name: x\nname: y"), "^front matter, line 3: a field stands there twice"),
        (file("name: x\n? [a]\n: b"), "stands there twice"),
        (file("name: 'x"), "^front matter, line 3: found unexpected end of stream"),
        (file("name: x: y"), "^front matter, line 2: mapping values are not allowed"),
        (file(LAUGHS), "^front matter, line 3: aliases are not allowed"),
        (file("name: !!python/object/apply:os.system [id]"), "^front matter, line 2: tags are not allowed"),
        (file("name: !!binary aGk="), "tags are not allowed"),
        (file("name: " + "[" * 100_000), "there is too much in it"),
        (file("name: " + "{a: " * 100_000), "there is too much in it"),
        (file("name: [" + "1," * 100_000 + "]"), "there is too much in it"),
        (file("name: " + "1" * 5000), "^front matter: Exceeds the limit"),
        (file('name: "a\\0b"'), "NUL"),
        (file('name: x\nextra: {a: [{"\\0": 1}]}'), "NUL"),
        (b"---\nname: x\n---\na\0b", "NUL"),
        (b"---\nname: \xff\n---\nHi", "^it is not UTF-8"),
        (b"---\nname: x\n---\n\xe9", "^it is not UTF-8"),
        (b"---\nname: x\n---\n" + b"x" * MOST_BYTES, "4000000 is the most"),
    ],
    ids=range(34),
)
def test_what_is_no_prompt_is_refused_and_the_field_named(data: bytes, told: str):
    with pytest.raises(FileWrong) as refused:
        read(data)

    assert refused.match(told)


@pytest.mark.parametrize(
    "content", [user("a\0b"), Content((Message("system", "\0"), Message("user", ""))), user("x" * MOST_BYTES)]
)
def test_what_no_file_can_hold_is_not_written(content: Content):
    with pytest.raises(FileWrong):
        written(sheet_of(stored(), version(content), ""))

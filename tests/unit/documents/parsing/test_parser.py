"""The parsing process starts at need, is started again, keeps nothing, and never outlives who needs it."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents.local.fetch import fetch_tokenizers
from agents.local.shelf import default_models_dir
from documents.errors import ParserDown, Unreadable
from documents.parsing.limits import Limits
from documents.parsing.parser import Parser
from documents.words import words_of
from metering.tokens import Tokens
from tests.unit.documents.parsing.files import pdf
from tests.unit.documents.parsing.reader import GOOD, Reader, children, memory_peak, running, wait_until

SLOW = pdf(["q Q " * 20_000] * 400)
ROOT = Path(__file__).parents[4]


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def good(tmp_path):
    (tmp_path / "good.txt").write_bytes(GOOD)
    return tmp_path / "good.txt"


@pytest.fixture
def slow(tmp_path):
    (tmp_path / "slow.pdf").write_bytes(SLOW)
    return tmp_path / "slow.pdf"


@pytest.fixture
async def parser(tmp_path):
    parser = Parser(tmp_path / "no-tokenizers")
    yield parser
    await parser.aclose()


async def begun(parser, upload):
    """Start to read a slow document; return once its fork runs."""
    task = asyncio.create_task(parser.read(upload, "slow.pdf", "pdf"))
    assert await asyncio.to_thread(wait_until, lambda: parser.pid and children(parser.pid))
    return task, children(parser.pid)[0]


def test_no_process_runs_before_the_first_document(tmp_path):
    with Reader(tmp_path) as reader:
        assert reader.parser.pid is None


@pytest.mark.anyio
async def test_documents_asked_for_together_are_all_read(parser, good):
    read = await asyncio.gather(*(parser.read(good, "good.txt", "txt") for _ in range(5)))

    assert [passages[0].text.encode() for passages in read] == [GOOD] * 5


@pytest.mark.anyio
async def test_the_loop_goes_on_while_a_document_is_read(parser, slow):
    task, _ = await begun(parser, slow)
    longest, before = 0.0, time.thread_time()
    for _ in range(5_000):
        await asyncio.sleep(0)
        longest, before = max(longest, time.thread_time() - before), time.thread_time()

    assert not task.done()
    assert longest < 0.05
    task.cancel()


@pytest.mark.anyio
async def test_cancelling_ends_the_fork_and_the_next_document_is_read(parser, good, slow):
    task, fork = await begun(parser, slow)
    pid = parser.pid
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (await parser.read(good, "good.txt", "txt"))[0].text.encode() == GOOD
    assert parser.pid == pid
    assert not running(fork)


@pytest.mark.anyio
async def test_a_process_that_was_killed_is_started_again(parser, good):
    await parser.read(good, "good.txt", "txt")
    killed = parser.pid
    os.kill(killed, signal.SIGKILL)

    assert (await parser.read(good, "good.txt", "txt"))[0].text.encode() == GOOD
    assert parser.pid != killed


@pytest.mark.anyio
async def test_an_idle_process_ends_and_the_next_document_is_read(tmp_path, good):
    parser = Parser(tmp_path, idle_seconds=0.05)
    await parser.read(good, "good.txt", "txt")
    ended = parser.pid

    assert await asyncio.to_thread(wait_until, lambda: not running(ended))
    assert (await parser.read(good, "good.txt", "txt"))[0].text.encode() == GOOD
    await parser.aclose()


@pytest.mark.anyio
async def test_a_process_killed_while_it_reads_takes_its_fork_along_and_reads_anew(parser, slow):
    task, fork = await begun(parser, slow)
    killed = parser.pid
    os.kill(killed, signal.SIGKILL)

    assert await asyncio.to_thread(wait_until, lambda: parser.pid not in (killed, None))
    assert wait_until(lambda: not running(fork))
    task.cancel()


@pytest.mark.anyio
async def test_a_fork_that_is_killed_is_its_documents_fault(parser, good, slow):
    task, fork = await begun(parser, slow)
    os.kill(fork, signal.SIGKILL)

    with pytest.raises(Unreadable, match="too much memory"):
        await task
    assert (await parser.read(good, "good.txt", "txt"))[0].text.encode() == GOOD


@pytest.mark.anyio
async def test_closing_ends_all_and_nothing_is_started_again(tmp_path, slow):
    parser = Parser(tmp_path)
    task, fork = await begun(parser, slow)
    pid = parser.pid
    await parser.aclose()

    with pytest.raises(ParserDown):
        await task
    assert not running(pid)
    assert wait_until(lambda: not running(fork))


@pytest.mark.anyio
async def test_an_upload_that_is_gone_is_no_fault_of_the_document(parser, tmp_path):
    with pytest.raises(ParserDown):
        await parser.read(tmp_path / "gone.txt", "gone.txt", "txt")


def bounds_of(pid):
    """Return the limits of a process, the soft and the hard one, by the kernel's names."""
    rows = re.findall(r"(Max [a-z ]+?)  +(\S+) +(\S+)", Path(f"/proc/{pid}/limits").read_text())
    return {name: (soft, hard) for name, soft, hard in rows}


@pytest.mark.anyio
async def test_the_kernel_bounds_the_fork_and_takes_it_first(parser, slow):
    task, fork = await begun(parser, slow)
    proc = Path(f"/proc/{fork}")
    assert await asyncio.to_thread(wait_until, lambda: bounds_of(fork)["Max cpu time"] == ("60", "61"))
    bounds = bounds_of(fork)
    descriptors = {(proc / "fd" / name).readlink().name.partition(":")[0] for name in map(str, range(3))}

    assert (proc / "oom_score_adj").read_text() == "1000\n"
    assert int(bounds["Max address space"][1]) < 1200 << 20
    assert bounds["Max file size"] == (str(64 << 20), str(64 << 20))
    assert bounds["Max open files"] == ("32", "32")
    assert descriptors == {"null"}
    task.cancel()


def test_the_gateway_itself_never_loads_a_parser():
    code = "import sys, documents.parsing.parser, documents.parsing.formats; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout

    assert {"lxml", "pypdf", "docx", "markdown_it", "tiktoken", "numpy"} & set(loaded.split()) == set()


GATEWAY = """
import asyncio, sys
from pathlib import Path
from documents.parsing.parser import Parser
from documents.words import words_of

async def main():
    parser = Parser(Path("nowhere"))
    await parser.read(Path(sys.argv[1]), "good.txt", "txt")
    print(parser.pid, flush=True)
    await parser.read(Path(sys.argv[2]), "slow.pdf", "pdf")

asyncio.run(main())
"""


def test_a_killed_gateway_leaves_no_orphan(good, slow):
    command = [sys.executable, "-c", GATEWAY, str(good), str(slow)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
    ) as gateway:
        pid = int(gateway.stdout.readline())
        assert wait_until(lambda: children(pid))
        (fork,) = children(pid)
        gateway.kill()

    assert wait_until(lambda: not running(pid) and not running(fork))


def test_the_process_has_no_secret_no_network_and_one_thread(tmp_path):
    with Reader(tmp_path) as reader:
        reader.read(GOOD, "good.txt")
        proc = Path(f"/proc/{reader.parser.pid}")
        names = {line.partition(b"=")[0].decode() for line in (proc / "environ").read_bytes().split(b"\0") if line}
        status = (proc / "status").read_text()
        routes = (proc / "net" / "route").read_text().splitlines()[1:]

        assert not any("KEY" in name or "SECRET" in name or name.startswith("ROUTER") for name in names)
        assert "Threads:\t1\n" in status
        assert int((proc / "stat").read_text().rpartition(")")[2].split()[16]) >= 10
        if (proc / "ns/net").readlink() == Path("/proc/self/ns/net").readlink():
            pytest.skip("this kernel lets no process leave the network")
        assert routes == []


def test_neither_process_grows_with_the_documents(tmp_path):
    text = b"".join(b"Ligne %d de ce texte, qui en a beaucoup.\n\n" % number for number in range(600_000))
    with Reader(tmp_path) as reader:
        reader.read(GOOD, "good.txt")
        ours, before = memory_peak(os.getpid()), memory_peak(reader.parser.pid)
        for _ in range(3):
            assert "passages" in reader.reason(text, "long.txt")

        assert memory_peak(reader.parser.pid) - before < 4 << 20
        assert memory_peak(os.getpid()) - ours < 40 << 20


def test_a_document_with_too_much_text_for_its_result_says_so(tmp_path):
    text = "".join(f"Ligne {number} de ce texte, qui en a beaucoup.\n\n" for number in range(5000))

    with Reader(tmp_path, limits=Limits(result_bytes=10_000)) as reader:
        assert reader.reason(text.encode(), "long.txt") == "it has too much text; split it"


def test_the_number_of_passages_is_bounded_to_the_passage(tmp_path):
    text = "\n\n".join(f"Une ligne {number} " + "mot " * 100 for number in range(10)).encode()

    with Reader(tmp_path, most_passages=10) as reader:
        assert len(reader.read(text, "ten.txt")) == 10
    with Reader(tmp_path, most_passages=9) as reader:
        assert reader.reason(text, "ten.txt") == "it has more than 9 passages; split it"


@pytest.mark.anyio
async def test_tokens_are_those_of_the_vocabulary(good):
    folder = fetch_tokenizers(default_models_dir())
    parser, tokens = Parser(folder), Tokens(folder)
    passages = await parser.read(good, "good.txt", "txt")
    counted = await tokens.count("o200k_base", [passages[0].text])
    await parser.aclose()
    tokens.close()

    assert counted.source == "tokenizer"
    assert passages[0].tokens == counted.tokens


@pytest.mark.anyio
async def test_passages_bring_the_words_that_they_are_found_by(parser, good):
    passages = await parser.read(good, "good.txt", "txt")

    assert [passage.words for passage in passages] == [words_of(f"\n{passage.text}") for passage in passages]
    assert all(passage.words for passage in passages)

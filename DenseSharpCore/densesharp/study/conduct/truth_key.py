"""The secret that keeps a study's order from telling the truth.

The order is balanced by class, so whatever draws it looks at the truth. Drawn from the design's
seed, which every reader's computer holds, the draw could be done again for any guess of the truth
until it gives the schedule. So it comes from a key that lies with the truth and not in the study's
folder; the design keeps the key's hash. The hash of the truth needs the key too: a table of a few
hundred classes can be guessed, a key of 256 bits cannot.
"""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from densesharp.errors import OutputError, StudyError
from densesharp.files import sha256, write_text

SUFFIX = ".key"


@dataclass(frozen=True)
class TruthKey:
    """The key of one study; `secret` is 32 random bytes."""

    secret: bytes = field(repr=False)

    @classmethod
    def draw(cls) -> "TruthKey":
        """A new key."""
        return cls(secrets.token_bytes(32))

    @property
    def sha256(self) -> str:
        """The hash that the design keeps."""
        return sha256(self.secret)

    def seal(self, truth: bytes) -> str:
        """HMAC-SHA256 of the truth file's bytes."""
        return hmac.new(self.secret, truth, hashlib.sha256).hexdigest()

    def generator(self, seed: int) -> np.random.Generator:
        """The random numbers for what looks at the truth."""
        digest = hmac.new(self.secret, f"order {seed}".encode(), hashlib.sha256).digest()
        return np.random.default_rng(np.frombuffer(digest, np.uint32))

    def write(self, path: Path, study: str) -> None:
        """Write the key's file, readable for its owner only.

        Raises:
            OutputError: there is such a file, or it cannot be written.
        """
        if path.exists():
            raise OutputError(
                f"'{path}' exists already and may be another study's key, without which its truth "
                "cannot be checked: name another file with --key."
            )
        write_text(path, json.dumps({"study": study, "key": self.secret.hex()}) + "\n")
        path.chmod(0o600)


def key_path(truth: Path, study: str) -> Path:
    """Where a study's key lies unless another place was named: beside the truth."""
    return truth.with_name(f"{truth.stem}-{study}{SUFFIX}")


def read_key(path: Path, sha256: str) -> TruthKey:
    """A study's key, from its file; `sha256` is what the design keeps of it.

    Raises:
        StudyError: the file cannot be read or holds another study's key.
    """
    try:
        key = TruthKey(bytes.fromhex(json.loads(path.read_text(encoding="utf-8"))["key"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"'{path}' is no key of a study, as 'densesharp study new' writes it."
        raise StudyError(message) from error
    if key.sha256 != sha256:
        message = f"'{path}' is another study's key: give the one that was made with this study."
        raise StudyError(message)
    return key

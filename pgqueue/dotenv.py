"""`.env` files: settings for development, beside the code that they are for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from pgqueue.errors import ConfigError


def read_dotenv(path: str | Path) -> dict[str, str]:
    """Read KEY=VALUE lines, with `export`, quotes and comments; nothing is expanded."""
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {type(error).__name__}") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        value = _unquoted(match[2].strip()) if match else None
        if match is None or value is None:
            raise ConfigError(f"{path}, line {number}: write KEY=VALUE, with closed quotes")
        found[match[1]] = value
    return found


_LINE: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)")
_QUOTED: Final = re.compile(r"""(?:"((?:[^"\\]|\\.)*)"|'([^']*)')\s*(?:#.*)?""")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t"}


def _unquoted(text: str) -> str | None:
    if not text.startswith(('"', "'")):
        return _COMMENT.sub("", text).rstrip()
    match = _QUOTED.fullmatch(text)
    if match is None:
        return None
    double, single = match.groups()
    if double is None:
        return str(single)
    return re.sub(r"\\(.)", lambda escape: _ESCAPED.get(escape[1], escape[1]), double)

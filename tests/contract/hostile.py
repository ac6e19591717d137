"""Two hundred names that are none, for every edge at which a name comes in."""

from __future__ import annotations

from itertools import product

QUOTES = ("'", '"', "`", "''", "\\'", "$$", "$tag$", "\\", "/*", ";", "%s", "%(name)s", "{}")
SQL = (
    "'; drop table pgqueue.jobs; --", '"; select pg_sleep(9); --', "a' or '1'='1", "a) or (1=1",
    "pgqueue.jobs where true", "x'||pg_sleep(9)||'", "1; commit", "U&'\\0061'", "$1", ":name",
    "jobs\"; notify x, 'y", "a\u2019; drop", "E'\\n'",
)  # fmt: skip
PATHS = ("../etc/passwd", "..", "./a", "/", "//", "C:\\a", "a/b", "~root", "file:///a", "a\\b", ".")
SHELL = (
    "$(id)", "`id`", "a|b", "a&b", "a>b", "a b", "*", "?", "!", "#", "a=b", "${HOME}", "@a", "^",
)  # fmt: skip
FORMATS = ("%", "%%", "%d", "%n", "{0}", "{x!r}", "\\x41", "\\u0000", "&lt;", "<script>", "]]>")
BLANKS = ("", " ", " a", "a ", "\t", "a\tb", "\n", "a\n", "\r\n", "a\x0b", "\x0c", "\x85", "\u2028")
CONTROL = ("\x01", "\a", "\b", "\x1b", "\x7f", "\x9b", "\x1b[31mred", "\x1b]0;title\x07", "a\x00b")
UNICODE = (
    "é", "ü", "ß", "Ω", "名前", "имя", "اسم", "😀", "a\u0301", "\u200b", "a\u200db", "\ufeff",
    "\u202ea", "\u2066a\u2069", "\ufffd", "\uff41", "٣", "Ⅷ", "ǅ", "\u00a0", "\u3000",
    "\U0001d41a", "\U0010ffff", "\u0130",
)  # fmt: skip
DASHES = ("-", "--", "-1", "- a", "-a", "--help", "-rf", "+a", "\u2010a", "\u2212a", ":a", ".a")
LONG = ("a" * 49, "a" * 64, "a" * 10_000, "é" * 48, "a." * 25, "-" * 48)
DEAD = ("a.dead", ".dead", "a.dead.dead")
# Whatever is hostile stays so in the midst of what is not.
AMID = tuple(f"a{one}b" for one in (*QUOTES, *FORMATS, *CONTROL, "\n", "\u202e", "../"))
PAIRS = tuple(a + b for a, b in product(("'", '"', "%", "\n", "\\", ";"), repeat=2))
# PostgreSQL has no text for the first two, and no encoding has one for the others.
UNSENDABLE = ("\x00", "\x00a", "\ud800", "a\udfffb")

_ALL = (
    *(QUOTES + SQL + PATHS + SHELL + FORMATS + BLANKS + CONTROL + UNICODE),
    *(DASHES + LONG + DEAD + AMID + PAIRS + UNSENDABLE),
)
NAMES = tuple(dict.fromkeys(_ALL))
SENDABLE = tuple(one for one in NAMES if one not in UNSENDABLE and "\x00" not in one)

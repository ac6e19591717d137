"""Payload types of every kind that an application may declare."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, Literal, TypedDict
from uuid import UUID

import msgspec
import pydantic

CANARY = "canary-7c1f"


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Shout(str):
    """Text that another library has subclassed, as template engines do."""


@dataclass(frozen=True, slots=True)
class Song:
    file: str
    seconds: float = 0.0
    tags: list[str] = field(default_factory=list)


@dataclass
class Album:
    id: UUID
    made: datetime
    day: date
    price: Decimal
    colour: Colour
    level: Level
    length: timedelta
    cover: bytes
    songs: list[Song]
    by_id: dict[UUID, Song]
    parent: Song | None


class Point(msgspec.Struct):
    x: int
    y: int = 0


class User(TypedDict):
    user_id: int
    name: str


class Address(pydantic.BaseModel):
    street: str
    number: int = pydantic.Field(alias="no")


class Customer(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)
    id: UUID
    since: datetime
    addresses: list[Address] = []


@dataclass
class Order:
    customer: Customer
    total: int


@dataclass
class Positive:
    number: int

    def __post_init__(self) -> None:
        if self.number == 0:
            raise LookupError(f"{CANARY} is not positive")
        if self.number < 0:
            raise ValueError(f"{CANARY} {self.number} is not positive")


class Picky(pydantic.BaseModel):
    kind: Literal["a", "b"]

    @pydantic.field_validator("kind", mode="before")
    @classmethod
    def refuse(cls, value: str) -> str:
        if value == "a":
            raise ValueError(f"{CANARY} {value} is refused")
        return value


@dataclass
class Box:
    content: Any


class Crate(msgspec.Struct):
    content: Any


class FloatModel(pydantic.BaseModel):
    size: float


class Endless(pydantic.BaseModel):
    me: Any = None


SONG = Song("a.mp3", 1.5, ["x", "é"])
ALBUM = Album(
    id=UUID(int=7),
    made=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    day=date(2026, 1, 2),
    price=Decimal("1.10"),
    colour=Colour.RED,
    level=Level.HIGH,
    length=timedelta(minutes=3),
    cover=b"\x00\xff",
    songs=[SONG],
    by_id={UUID(int=9): SONG},
    parent=None,
)
CUSTOMER = Customer(
    id=UUID(int=8),
    since=datetime(2026, 1, 2, tzinfo=UTC),
    addresses=[Address(street="Rue", no=3)],
)

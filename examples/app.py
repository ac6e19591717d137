"""An application and its worker: orders come in, and each is charged exactly once.

Run the worker with `pgqueue work examples.app:worker`, and the application with
`python -m examples.app`; both find the database in PGQUEUE_DSN.
"""

import time
from dataclasses import dataclass

import psycopg

from pgqueue import Job, Postgres, Processors, Queue, Worker, exponential


@dataclass(frozen=True)
class Order:
    number: int
    cents: int


ORDERS = Queue("orders", Order)
processors = Processors()


@processors.process(ORDERS, concurrency=5, retries=3, backoff=exponential("1s", cap="1m"))
async def charge(job: Job[Order]) -> None:
    """Write the charge in the transaction that completes the job."""
    async with job.transaction() as conn:
        await conn.execute(
            "insert into charges (order_number, cents) values (%s, %s)",
            (job.payload.number, job.payload.cents),
        )


pg = Postgres()
worker = Worker(pg, include=[processors])


def take_orders(conn: psycopg.Connection, count: int, pause: float) -> None:
    """Store orders, each together with its job: both are there, or neither is."""
    for number in range(1, count + 1):
        with conn.transaction():
            conn.execute("insert into orders (number) values (%s)", (number,))
            pg.push(ORDERS, Order(number, cents=100 * number), on=conn)
        time.sleep(pause)


def create_tables(conn: psycopg.Connection) -> None:
    """Create the application's own tables."""
    with conn.transaction():
        conn.execute("create table if not exists orders (number int)")
        conn.execute("create table if not exists charges (order_number int, cents int)")


if __name__ == "__main__":
    with psycopg.connect(pg.config.conninfo()) as connection:
        create_tables(connection)
        take_orders(connection, count=60, pause=1)

"""The application of S12 and S13: a processor that says when it runs."""

from pgqueue import Processors

processors = Processors()


@processors.process("bench")
async def ran(payload: object) -> None:
    print("ran", flush=True)

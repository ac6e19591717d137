"""`pgqueue demo`: pgqueue at real work, and an account of it that is checked."""

import typer


def demo() -> None:
    """See pgqueue do real work, lose a worker, and account for it."""
    from pgqueue_cli.demo.story import tell

    raise typer.Exit(tell())

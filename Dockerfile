FROM python:3.11-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY pgqueue pgqueue
COPY cli cli
COPY migrations migrations
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim
WORKDIR /app
COPY constraints.txt ./
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --constraint constraints.txt /wheels/*.whl
COPY examples examples
USER nobody
# The exec form: the command gets the signals itself, and drains on the first.
CMD ["pgqueue", "--help"]

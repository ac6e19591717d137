# Needs Python 3.11 and make; uv is used when there, and else fetched into .uv/.
# Everything is installed into .venv, in the versions of constraints.txt.
UV := $(or $(shell command -v uv),.uv/bin/uv)
RUN := .venv/bin/

.PHONY: demo test check bench bench-full constraints
.DELETE_ON_ERROR:

demo: .venv/demo.stamp
	@$(RUN)pgqueue demo

# make test ARGS="-k lease -x"
test: .venv/dev.stamp
	@$(RUN)python -m pytest $(ARGS)

check: .venv/dev.stamp
	$(RUN)ruff check
	$(RUN)ruff format --check
	$(RUN)mypy
	$(RUN)pyright
	@$(RUN)python -m tests.rows

# Ratios only: absolute speeds differ from machine to machine. make bench ARGS="--only S1"
bench: .venv/dev.stamp
	@UV=$(UV) $(RUN)python -m tests.bench --out bench.jsonl $(ARGS)

# Every figure and every peer, at full size; takes hours, and wants a machine for itself.
bench-full: .venv/dev.stamp
	@UV=$(UV) $(RUN)python -m tests.bench --full --out bench.jsonl $(ARGS)

# Looks up the newest versions that fit; commit what it changes.
constraints: | $(UV)
	$(UV) lock -q --upgrade
	$(UV) export -q --no-emit-project --no-hashes --no-header --all-groups --all-extras \
	  --output-file constraints.txt

.venv/demo.stamp: PARTS := -e '.[dev-server]'
.venv/dev.stamp: PARTS := -e '.[dev-server]' --group dev
.venv/%.stamp: pyproject.toml constraints.txt | $(UV)
	@$(UV) venv -q --allow-existing .venv
	@$(UV) pip install -q --python .venv --constraint constraints.txt $(PARTS)
	@touch $@

.uv/bin/uv:
	@python3 -m venv .uv
	@.uv/bin/pip install -q --disable-pip-version-check uv

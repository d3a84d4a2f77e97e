#!/bin/sh
# Resolves anew and writes the two lock files: versions and hashes, no addresses. Needs uv; run from the repository root.
set -eu
flags="--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet"
uv pip compile pyproject.toml requirements/build.in --all-extras $flags -o requirements/dev.txt >/dev/null
uv pip compile pyproject.toml requirements/build.in --extra postgres --extra s3 -c requirements/dev.txt $flags -o requirements/run.txt >/dev/null
uv pip compile requirements/node.in $flags -o requirements/node.txt >/dev/null

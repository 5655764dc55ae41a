#!/bin/sh
# Resolve the version ranges of pyproject.toml into one lock file with hashes and no index address.
# Usage: sh requirements/lock.sh runtime|lab|dev|mutation  (in that order: each is bound by the one before)
set -eu
compile() {
  .venv/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-emit-options \
    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links "$@" pyproject.toml
}
case "$1" in
  runtime) compile -o requirements/runtime.lock ;;
  lab) compile --extra lab --extra build -c requirements/runtime.lock -o requirements/lab.lock ;;
  dev) compile --extra lab --extra build --extra test --extra lint -c requirements/lab.lock -o requirements/dev.lock ;;
  mutation) compile --extra mutation -c requirements/dev.lock -o requirements/mutation.lock ;;
esac

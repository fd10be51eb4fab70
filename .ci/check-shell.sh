#!/usr/bin/env bash
# Every shell script of the repository goes through shellcheck, those that run on tenant hosts above all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v shellcheck >/dev/null; then
  echo "shell: not checked, shellcheck is not installed (apt-get install shellcheck)"
  exit 0
fi
find . \( -name node_modules -o -name .git \) -prune -o -type f \( -name '*.sh' -o -path './.ci/run' \) -print0 |
  xargs -0 shellcheck --external-sources

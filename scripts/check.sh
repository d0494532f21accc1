#!/usr/bin/env bash
# Checks everything that continuous integration checks, part by part; stops at the first part that fails.
#
#   scripts/check.sh            all parts
#   scripts/check.sh words docs   some of them
#   scripts/check.sh studio       the studio with real clients, which is no part of all
#
# Each part says what it does and how long it took. PIXNERD_JOBS limits the compilers that run at a time.
set -uo pipefail
cd "$(dirname "$0")/.."

parts=(format imports words tests hostile docs kernels outside hosts sanitized)
declare -A about=(
    [format]="Swift and C are formatted as .swift-format and .clang-format say"
    [imports]="imports, Package.swift and docs/architecture.md agree"
    [words]="texts, output, docstrings, lengths and types follow the rules of scripts/check_words.py"
    [tests]="all tests, optimised"
    [hostile]="hostile keys, options, files and moments break no promise of docs/reliability.md"
    [docs]="the documentation of PixNerdKit builds without warnings"
    [kernels]="tests of tensors with the kernels of older processors"
    [outside]="a package outside trains and samples with PixNerdKit"
    [hosts]="training over two hosts made of network namespaces"
    [studio]="the studio with real clients: packages of PyPI, a browser, a fuzzer, many requests"
    [sanitized]="Snippets/ and quick tests in debug, under the address and undefined-behaviour sanitizers"
)

swift_jobs=(${PIXNERD_JOBS:+-j "$PIXNERD_JOBS"})
swift_folders=(Sources Tests Snippets Package.swift)
# What tests see of modules, as a flag instead of the usual option, so that .ci/run can build the program with the same.
testable=(--disable-testable-imports -Xswiftc -enable-testing)
# Test targets that take less than a minute each in debug, and tests among them that take several.
quick='^(Checkpoints|Distributed|Images|Inspection|Layers|Models|Optimization|Sampling|Spaces|Tensors|Text)Tests\.'
slow='^TensorsTests\..*largeSizes'

check_format() {
    swift format lint --strict --parallel --recursive "${swift_folders[@]}"
    if [[ -f .clang-format ]] && command -v clang-format > /dev/null; then
        git ls-files 'Sources/*.c' 'Sources/*.h' | xargs clang-format --dry-run --Werror
    else
        echo "C is not checked: clang-format is not installed"
    fi
}

check_imports() { python3 scripts/check_imports.py; }

check_words() { python3 scripts/check_words.py; }

# Runs tests; those that run side by side mix their lines, so what failed is repeated at the end, where a reader looks.
run_tests() {
    local log status=0
    log=$(mktemp)
    swift test "$@" "${swift_jobs[@]}" > "$log" 2>&1 || status=$?
    if ((status != 0)); then
        cat "$log"
        echo "--- What failed:"
        grep -F -e '✘' -e 'error:' -e 'ERROR: ' -e 'FAIL ' "$log" | tail -n 100
    else
        grep -E 'Test run with [0-9]+ test' "$log"
    fi
    rm -f "$log"
    return $status
}

# Builds, too; `swift build` would leave out what tests see of modules.
check_tests() {
    scripts/fetch_tokenizer.sh || echo "tests with Qwen3's own tokenizer are skipped"
    run_tests -c release "${testable[@]}"
}

check_hostile() {
    local program
    program=$(swift build -c release --show-bin-path)/pixnerd
    python3 scripts/fuzz.py --program "$program" --runs 600
    python3 scripts/kills.py --program "$program" --runs 20
}

check_docs() { scripts/docs.sh; }

check_kernels() {
    [[ $(uname -m) == x86_64 ]] || { echo "skipped: only x86-64 has levels"; return 0; }
    # Emulated tiles need AVX-512 BF16; elsewhere the name is said to be unknown, and the highest level runs once more.
    for level in x86-64 x86-64-v3 x86-64-v4 x86-64-v4+emulated-tiles; do
        echo "PIXNERD_ISA=$level"
        PIXNERD_ISA=$level run_tests -c release "${testable[@]}" --skip-build --filter '^TensorsTests\.'
    done
}

check_outside() { scripts/outside_package.sh; }

check_hosts() {
    local status=0
    Tests/two_hosts.sh || status=$?
    # 77 where this machine cannot do it.
    ((status == 77)) || return $status
}

# Needs a virtual environment for the clients, and Debian's chromium; what is missing is skipped with a reason.
check_studio() {
    local program script
    swift build -c release --product pixnerd-studio
    program=$(swift build -c release --show-bin-path)/pixnerd
    [[ -d .venv-studio ]] || python3 -m venv .venv-studio
    .venv-studio/bin/pip install -q -r Tests/Studio/requirements.txt
    for script in server clients editing faults fuzz load browser; do
        echo "-- $script"
        .venv-studio/bin/python "Tests/Studio/$script.py" --program "$program"
    done
}

# Swift's own runtime is not built for leak detection, and knows undefined behaviour by traps; C is checked by clang, whose
# least optimization makes the kernels, where most of the time goes, some times faster.
check_sanitized() {
    local flags=(--scratch-path .build/sanitized --sanitize=address -Xcc -fsanitize=undefined
        -Xcc -fno-sanitize-recover=undefined -Xcc -O1)
    # The linker says of each of the sanitizer's symbols that it stays local.
    swift build --build-tests "${flags[@]}" "${swift_jobs[@]}" 2>&1 | { grep -v 'Cannot export local symbol' || true; }
    export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
    run_tests "${flags[@]}" --skip-build --filter "$quick" --skip "$slow"
    python3 scripts/fuzz.py --program .build/sanitized/debug/pixnerd --address-space 0 --seconds 120 --megabytes 4000 --runs 60
}

for part in "$@"; do
    [[ -n ${about[$part]-} ]] || { echo "there is no part $part: choose from ${parts[*]}" >&2; exit 2; }
done
(($# == 0)) || parts=("$@")
times=()
for part in "${parts[@]}"; do
    echo "== $part: ${about[$part]}"
    start=$SECONDS
    # In a shell of its own, whose first failing command ends it.
    (set -e; "check_$part")
    status=$?
    seconds=$((SECONDS - start))
    if ((status != 0)); then
        echo "== $part FAILED after $seconds s: ${about[$part]}" >&2
        exit 1
    fi
    # The documentation is made from the modules that were just built.
    [[ $part != tests ]] || export PIXNERD_BUILD=.build/release
    times+=("$(printf '%-10s %5d s' "$part" $seconds)")
done
echo "== All parts passed:"
printf '%s\n' "${times[@]}"

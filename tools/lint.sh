#!/usr/bin/env bash
# The rules of the tree that a script can check: spacing, file names, licence lines, links, which way folders may look.
# Prints one line for each breach and exits with 1 when there was any.
# SPDX-License-Identifier: MIT
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

n_breaches=0
breach() {
    printf '%s\n' "$*"
    n_breaches=$((n_breaches + 1))
}

# breaches_from TEXT: every line on standard input is one.
breaches_from() {
    local line
    while IFS= read -r line; do breach "$1: $line"; done
}

# Tracked files and new ones, but not what .gitignore names.
files() {
    git ls-files --cached --others --exclude-standard -- "$@" | while IFS= read -r file; do
        [ -f "$file" ] && printf '%s\n' "$file"
    done
}

# Tables that scripts made lie in data folders: nobody reads or edits those.
c_files=$(files '*.c' '*.h' | grep -v /data/)
benchmarks="bench/wer bench/e2e bench/encoder bench/memory bench/start bench/kernels bench/plot"
sources="$c_files $(files '*.py' '*.sh' run $benchmarks)"

# ---- Spacing ------------------------------------------------------------------------------------------------------
while IFS= read -r line; do breach "$line"; done < <(
    clang-format --dry-run --Werror $c_files 2>&1 | grep -E ': (error|warning):' | sed 's/^\([^:]*:[0-9]*\):.*/\1: not as clang-format lays it out/' | sort -u)

# ---- Text ---------------------------------------------------------------------------------------------------------
breaches_from 'switched off code' < <(grep -nE '^ *# *if +0\b' $c_files /dev/null)
breaches_from 'unfinished' < <(grep -nE '\b(TODO|FIXME|XXX|HACK)\b' $sources /dev/null | grep -v '^tools/lint\.sh:')
breaches_from 'no SPDX line' < <(grep -L 'SPDX-License-Identifier: MIT' $sources)
breaches_from 'tab or trailing blank' < <(grep -nP '\t|[ \t]+$' $c_files /dev/null)

# ---- Links ----------------------------------------------------------------------------------------------------------
# links FILE: where its relative links go, seen from the root of the tree; without what follows a '#'.
links() {
    grep -oE '\]\([^)#[:space:]]+' "$1" | sed 's/^](//' | grep -vE '^[a-z]+:' | sed "s|^|$(dirname "$1")/|"
}
breaches_from 'links to nothing' < <(for file in $(files '*.md'); do
    for target in $(links "$file"); do [ -e "$target" ] || echo "$file -> ${target#./}"; done
done)

# ---- Names --------------------------------------------------------------------------------------------------------
breaches_from 'name used twice' < <(for file in $sources; do basename "$file"; done | sort | uniq -d)
breaches_from 'not snake_case' < <(for file in $c_files; do basename "$file"; done | grep -vE '^[a-z0-9_]+\.[ch]$')

# ---- Size ---------------------------------------------------------------------------------------------------------
breaches_from 'more than 600 lines' < <(for file in $c_files; do
    case $file in *_tables.[ch] | *_tables_*.[ch]) continue ;; esac # generated
    n=$(wc -l <"$file")
    [ "$n" -gt 600 ] && echo "$file ($n)"
done)

# ---- Which way folders look -----------------------------------------------------------------------------------------
# may FOLDER ALLOWED...: what the files of src/FOLDER include from other folders of src.
may() {
    local folder=$1 allowed
    shift
    allowed=$(printf '%s|' "$folder" "$@")
    breaches_from "src/$folder may include only $* and itself" < <(
        grep -rnE '^ *# *include +"[a-z0-9_]+/' "src/$folder" --include='*.[ch]' 2>/dev/null |
            grep -vE "\"(${allowed%|})/")
}
may base
may kernels base
may audio base
may text base
may model base
may backend base kernels audio model
may engine base kernels audio text model backend
breaches_from 'src/api.c includes only the public header and the C library' < <(
    grep -nE '^ *# *include +"' src/api.c /dev/null | grep -vE '"amanuensis\.h"')
# The reference is an oracle only as long as it shares nothing with what it judges.
breaches_from 'reference includes only the C library and its own files' < <(
    grep -nE '^ *# *include' reference/*.[ch] | while IFS= read -r line; do
        name=$(sed 's/.*include *["<]\(.*\)[">].*/\1/' <<<"$line")
        case $line in
            *\"*) [[ $name != */* && -f reference/$name ]] && continue ;;
            *) [ "$name" != amanuensis.h ] && continue ;;
        esac
        printf '%s\n' "$line"
    done)
breaches_from 'the library never prints, exits or reads the environment' < <(
    grep -rnE '\b((printf|puts|putchar|perror|exit|_exit|abort|getenv|setenv|setlocale) *\(|stdout\b|stderr\b)' src --include='*.[ch]' |
        grep -vE ':[0-9]+: *(/?\*|//)')
breaches_from 'cli includes only <amanuensis.h> and its own files' < <(
    grep -nE '^ *# *include +"' cli/*.[ch] | while IFS= read -r line; do
        name=$(sed 's/.*"\(.*\)".*/\1/' <<<"$line")
        [ -f "cli/$name" ] || printf '%s\n' "$line"
    done)
breaches_from 'the environment is read in cli/environment.c' < <(grep -n 'getenv' cli/*.[ch] | grep -v '^cli/environment\.c:')

if [ "$n_breaches" -gt 0 ]; then
    printf '%d breaches\n' "$n_breaches"
    exit 1
fi
printf 'lint: %d files, nothing to say\n' "$(wc -w <<<"$sources")"

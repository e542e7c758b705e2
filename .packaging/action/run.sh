#!/usr/bin/env bash
# Runs preflight for the action: run.sh FOLDER, which has the binary.
#
#     PREFLIGHT_ARGUMENTS  separated by spaces
#     PREFLIGHT_FAIL       `false` leaves it to the next steps to look at the outputs
set -uo pipefail
read -ra arguments <<< "$PREFLIGHT_ARGUMENTS"
"$1/preflight" "${arguments[@]}"
status=$?
case $status in
  0) verdict=go ;;
  1) verdict=no-go ;;
  2) verdict=not-proven ;;
  *) verdict=none ;;
esac
printf 'exit-code=%s\nverdict=%s\n' "$status" "$verdict" >> "$GITHUB_OUTPUT"
# Without a verdict, nothing was proven, whatever the caller tolerates.
if [ "$verdict" != none ] && [ "$PREFLIGHT_FAIL" = false ]; then exit 0; fi
exit "$status"

#!/bin/sh
# The shared library exports every function that its headers declare, and nothing else.
set -eu
library=$1
headers=$2

exported=$(nm -D --defined-only "$library" | awk '{ print $3 }' | sort)
declared=$(cat "$headers/error.h" "$headers/client.h" | tr '\n' ' ' |
	grep -o 'PEPPERMINT_API [^(;]*(' | grep -o 'peppermint_[a-z_]*(' | tr -d '(' | sort)
if [ -z "$declared" ] || [ "$exported" != "$declared" ]; then
	printf 'declared:\n%s\nexported:\n%s\n' "$declared" "$exported"
	exit 1
fi

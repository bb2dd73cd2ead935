#!/bin/bash
# deploy/dev-vault, which developers, integrators and these stories rely on.
. "$(dirname "$0")/lib.sh"
dev_vault=$source_dir/deploy/dev-vault

tell "start prints shell lines and nothing else, and they are enough"
lines=$("$dev_vault" start "$dir" 2>/dev/null)
[ "$(grep -cv '^export ' <<<"$lines")" -eq 0 ] || fail "$lines"
(eval "$lines" && peppermint key mint --env test --account acme --quiet) >"$story_dir/key"
pid=$(vault_pid)

tell "started again while it runs, it is the same vault"
[ "$("$dev_vault" start "$dir" 2>/dev/null)" = "$lines" ]
[ "$(vault_pid)" = "$pid" ]

tell "stopped and started again, it has its tokens and keys"
"$dev_vault" stop "$dir" 2>/dev/null
! process_runs "$pid" peppermintd || fail "it still runs"
"$dev_vault" stop "$dir" 2>/dev/null # nothing runs: fine
eval "$("$dev_vault" start "$dir" 2>/dev/null)"
[ "$(vault_pid)" != "$pid" ]
expect 0 peppermint key verify --env test <"$story_dir/key"

tell "what it made is its owner's alone"
output=$(find "$dir" ! -type l -perm /077)
[ -z "$output" ] || fail "open to others"

tell "a start that fails fails the eval, and says why"
fails()
{
	! eval "$("$dev_vault" start "$@" 2>"$story_dir/why")" || fail "the eval succeeded"
	output=$(<"$story_dir/why")
}
fails "$story_dir/$(printf 'x%.0s' {1..100})"
says 107
fails "$story_dir/other" --limit nonsense=1
says nonsense
fails "$dir" unknown-argument
says usage

#!/bin/bash
# The main job with peppermint, our CLI: what it prints, and its exit status, which is what scripts
# go by: 0 done or valid, 1 refused, 2 usage, 3 the vault said no or is not there.
. "$(dirname "$0")/lib.sh"
start_vault

tell "status, for people and for programs"
expect 0 peppermint status
says test live SERVING
expect 0 peppermint --json status
[ "$(jq -r '.environments | length' <<<"$output")" = 2 ]

tell "mint: --quiet prints the key and nothing else"
expect 0 peppermint key mint --env live --account acme --product payments --name 'till 7' --quiet
first=$output
[[ $first =~ ^ak_live_([0-9A-Za-z]{16})_[0-9A-Za-z]{49}$ ]] || fail "not a key: $first"
id=${BASH_REMATCH[1]}
expect 0 peppermint --json key mint --env live --account acme --expires 30d
[ "$(jq -r .key.account <<<"$output")" = acme ]
[[ $(jq -r .api_key <<<"$output") == ak_live_* ]]

tell "verify reads keys from standard input, one on a line, and says which is not valid"
expect 0 peppermint key verify --env live <<<"$first"
expect 1 peppermint key verify --env live <<<"${first%?}"
says MALFORMED
expect 1 peppermint key verify --env live <<<"$first"$'\n'"junk"
expect 1 peppermint key verify --env test <<<"$first"
expect 2 peppermint key verify --env live "$first"

tell "show and list never show a secret"
expect 0 peppermint key show --env live "$id"
says "$id" acme payments 'till 7'
silent_on "$first"
expect 0 peppermint key list --env live
says "$id"
silent_on "$first"
expect 0 peppermint --json key list --env live
[ "$(jq -r '.keys | length' <<<"$output")" = 2 ]

tell "rotate with overlap, then a second rotation inside it is a conflict unless forced"
expect 0 peppermint key rotate --env live "$id" --overlap 600 --quiet
second=$output
expect 0 peppermint key verify --env live <<<"$first"$'\n'"$second"
expect 3 peppermint key rotate --env live "$id" --overlap 600 --quiet
expect 0 peppermint key rotate --env live "$id" --force --quiet
third=$output
expect 0 peppermint key verify --env live <<<"$third"
expect 1 peppermint key verify --env live <<<"$first"

tell "peppers: create, rotate, list; keys verify on"
expect 0 peppermint pepper create --env live pan
expect 3 peppermint pepper create --env live pan
expect 0 peppermint pepper rotate --env live api-keys
expect 0 peppermint pepper list --env live
says pan api-keys
expect 0 peppermint key verify --env live <<<"$third"

tell "hash and hash verify"
expect 0 peppermint hash --env live --pepper pan <<<'4111111111111111'
hash=$output
[[ $hash =~ ^v1:[0-9A-Za-z_-]{43}$ ]] || fail "not a hash: $hash"
expect 0 peppermint hash verify --env live --pepper pan <<<"4111111111111111 $hash"
expect 1 peppermint hash verify --env live --pepper pan <<<"4111111111111112 $hash"

tell "revoke is final, and repeating it is fine"
expect 0 peppermint key revoke --env live "$id"
expect 0 peppermint key revoke --env live "$id"
expect 1 peppermint key verify --env live <<<"$third"
expect 3 peppermint key rotate --env live "$id"

tell "usage is 2; what the vault refuses, or a vault that is not there, is 3 and says what to do"
expect 2 peppermint
expect 2 peppermint key mint --env live
expect 2 peppermint key mint --env live --account a --unknown
expect 3 peppermint key show --env live AAAAAAAAAAAAAAAA
expect 3 peppermint key mint --env nowhere --account a
expect 3 peppermint --socket "$dir/nowhere.sock" status
says 'peppermintd'

tell "output that cannot be written is not a success"
if [ -e /dev/full ]; then
	status=0
	peppermint status >/dev/full 2>/dev/null || status=$?
	[ $status -ne 0 ] || fail "a full disk went unnoticed"
fi

#!/bin/bash
# SIGTERM: requests in flight are answered, then the vault ends, with its signers and its socket.
. "$(dirname "$0")/lib.sh"
start_vault
mint live
pid=$(vault_pid)
signer=$(signer_pid live)
signers=$(children_of "$pid")

tell "a verify and a mint wait for a signer that does not move, and SIGTERM arrives"
kill -STOP "$signer"
encode "verify_keys { environment: \"live\" api_keys: \"$key\" }" >"$story_dir/verify"
encode 'request_id: "draining" mint_key { environment: "live" account: "drain" }' >"$story_dir/mint"
send_nanocat "$story_dir/verify" >"$story_dir/verified" &
verifying=$!
send_nanocat "$story_dir/mint" >"$story_dir/minted" &
minting=$!
sleep 2
kill -TERM "$pid"
sleep 1
process_runs "$pid" peppermintd || fail "it did not wait for them"

tell "the signer moves again: both are answered"
kill -CONT "$signer"
wait "$verifying"
wait "$minting"
output=$(decode <"$story_dir/verified")
says 'valid: true'
output=$(decode <"$story_dir/minted")
says 'api_key: "ak_live_'
minted=$(field api_key)

tell "then it is gone, and so are its signers and its socket"
gone()
{
	! process_runs "$1" "$2"
}
eventually 30 gone "$pid" peppermintd
for child in $signers; do
	eventually 10 gone "$child" peppermint-sign
done
[ ! -e "$socket" ] || fail "the socket is still there"
expect 3 peppermint --timeout 2 status

tell "what was minted while it drained verifies after a start"
start_vault
verdict_is VALID live "$minted"

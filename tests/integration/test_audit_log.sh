#!/bin/bash
# The audit log from the first act to the auditor's desk: what callers did is in it, nobody's texts
# are, it is exported, verified without the vault, and one entry is proved with sha256sum and openssl.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/audit.sh"
start_vault
read_vkey

entries()
{
	expect 0 peppermint audit search "$@"
}

count_is()
{
	local found
	found=$(grep -c . <<<"$output" || true)
	[ "$found" -eq "$1" ] || fail "$found entries, not $1"
}

tell "a change, a refusal and a denial are in it, found by key, account, operator, caller, type"
change 'operator: "carol" mint_key { environment: "live" account: "merchant-77" name: "till" }'
key=$(field api_key) key_id=$(field id)
change "operator: \"carol\" rotate_key { environment: \"live\" key_id: \"$key_id\" }"
verdict_is SUPERSEDED live "$key"
change "operator: \"dave\" revoke_key { environment: \"live\" key_id: \"$key_id\" }"
change "rotate_key { environment: \"live\" key_id: \"$key_id\" }"
says CONFLICT
entries --key "$key_id"
count_is 5
says '"type":"key.mint"' '"type":"key.rotate"' '"type":"key.revoke"' '"err":"CONFLICT"' \
	'"reason":"SUPERSEDED"'
entries --env live --account merchant-77
count_is 1
entries --env live --operator-name carol
count_is 2
entries --type key. --failures
says CONFLICT
entries --caller peppermintd --type vault.start
count_is 1

tell "a receipt names the entry, and the entry has that hash"
change 'want_receipt: true mint_key { environment: "test" account: "receipt" }'
index=$(field index)
entry=$(peppermint audit show "${index:-0}")
printf '\0%s' "$entry" | sha256sum >"$story_dir/sum"
encode "want_receipt: true request_id: \"$request_id\" mint_key { environment: \"test\" account: \"receipt\" }" \
	>"$story_dir/request"
send_nanocat "$story_dir/request" | od -An -tx1 | tr -d ' \n' >"$story_dir/reply"
grep -q "$(cut -c1-64 "$story_dir/sum")" "$story_dir/reply" || fail "the receipt's hash is another"

tell "nothing that a caller said is in it, and no secret"
peppermint audit tail --lines 1000 >"$story_dir/all"
for text in merchant-77 till carol dave receipt "$request_id" "${key##*_}" "$(cat "$dir/live.pin")"; do
	! grep -qF -- "$text" "$story_dir/all" || fail "the log has the text $text"
done

tell "every entry says who, what kind, when, whether it went well, where from, and on what"
jq -e 'select([.v, .seq, .ts, .type, .ok, .caller, .uid, .pid, .operator, .from, .env, .request,
	.policy] | any(. == null or . == ""))' "$story_dir/all" >"$story_dir/lacking" || true
[ ! -s "$story_dir/lacking" ] || fail "$(cat "$story_dir/lacking")"
jq -s -e 'map(.seq) == [range(length)]' "$story_dir/all" >/dev/null || fail "the indexes have holes"

tell "exported twice, it verifies with no vault there"
export_and_verify
mint live
export_and_verify
stop_vault
expect 0 peppermint audit verify "$export" --key "$vkey"
start_vault

tell "its files are what C2SP says: the leaf hashes of the bundle are the tile"
size=$(sed -n 2p "$export/1/checkpoint")
[ "$size" -lt 256 ] || fail "too many entries for this test"
peppermint audit tail --lines 1000 | head -n "$size" | while IFS= read -r line; do
	printf '\0%s' "$line" | sha256sum | cut -c1-64
done >"$story_dir/hashes"
od -An -v -tx1 -w32 "$export/1/tile/0/000.p/$size" | tr -d ' ' | cmp - "$story_dir/hashes"

tell "one entry is proved with coreutils and openssl only"
expect 0 peppermint audit proof "$index" --out "$story_dir/one.tlog-proof"
expect 0 env PATH=/usr/bin:/bin "$source_dir/deploy/audit-verify-leaf" "$story_dir/one.tlog-proof" \
	"$story_dir/one.tlog-proof.entry" "$vkey"
sed -i 's/key.mint/key.moot/' "$story_dir/one.tlog-proof.entry"
expect 1 "$source_dir/deploy/audit-verify-leaf" "$story_dir/one.tlog-proof" \
	"$story_dir/one.tlog-proof.entry" "$vkey"

tell "reading it is in it"
stop_vault
start_vault
entries --type log.read
says EXPORT

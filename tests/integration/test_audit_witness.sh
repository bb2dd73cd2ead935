#!/bin/bash
# A witness that is not ours (openssl and coreutils) cosigns a checkpoint; the vault takes the line,
# keeps it, tells how much is not witnessed, and who verifies the export checks it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/audit.sh"
start_vault
read_vkey
stop_vault

tell "a witness makes its key, and the configuration names it"
name=witness.example/w1
openssl genpkey -algorithm ed25519 -out "$story_dir/witness.pem" 2>/dev/null
openssl pkey -in "$story_dir/witness.pem" -pubout -outform DER | tail -c 32 >"$story_dir/public"
{
	printf '%s\n\x04' "$name"
	cat "$story_dir/public"
} | sha256sum | cut -c1-8 >"$story_dir/id"
id=$(<"$story_dir/id")
witness=$name+$id+$({ printf '\x04'; cat "$story_dir/public"; } | base64 -w0)
printf '\n[witness w1]\nkey = %s\n' "$witness" >>"$dir/peppermintd.conf"
start_vault
mint live
eventually 30 all_is_signed

# cosign NOTE: the note with the witness's line, which signs the note's text and the time.
cosign()
{
	local now
	now=$(date +%s)
	sed '/^$/,$d' "$1" >"$story_dir/text"
	printf 'cosignature/v1\ntime %d\n' "$now" | cat - "$story_dir/text" >"$story_dir/signed"
	openssl pkeyutl -sign -rawin -inkey "$story_dir/witness.pem" -in "$story_dir/signed" \
		-out "$story_dir/signature"
	cat "$1"
	# shellcheck disable=SC2059 # the escapes are the format
	printf -- '— %s %s\n' "$name" "$({
		printf "$(sed 's/../\\x&/g' <<<"$id$(printf %016x "$now")")"
		cat "$story_dir/signature"
	} | base64 -w0)"
}

tell "its line is taken once it verifies, and no other"
cp "$dir/state/audit-checkpoint" "$story_dir/note"
cosign "$story_dir/note" >"$story_dir/cosigned"
sed 's|example/w1|example/w2|' "$story_dir/cosigned" >"$story_dir/stranger"
expect 3 peppermint audit cosign "$story_dir/stranger"
says DENIED
cosign <(sed '2s/.*/7/' "$story_dir/note") | tail -n 1 | cat "$story_dir/note" - >"$story_dir/wrong"
expect 3 peppermint audit cosign "$story_dir/wrong"
says DENIED
expect 0 peppermint audit cosign "$story_dir/cosigned"

tell "what came since is not witnessed, and that is said"
mint live
mint live
eventually 30 all_is_signed
call 'status { }'
[ "$(field unwitnessed)" -ge 2 ] || fail "unwitnessed: $(field unwitnessed)"

tell "the line is in the export of that checkpoint, and in the log that it was taken"
cosign "$dir/state/audit-checkpoint" >"$story_dir/cosigned"
expect 0 peppermint audit cosign "$story_dir/cosigned"
expect 0 peppermint audit export "$story_dir/export"
expect 0 peppermint audit verify "$story_dir/export" --key "$vkey" --witness "$witness"
expect 0 peppermint audit search --type log.cosign
says '"witnesses":1'

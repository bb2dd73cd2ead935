#!/bin/bash
# What platforms promise about a key's secret: how it is made, handed over, changed, checked and kept.
. "$(dirname "$0")/rules.sh"
start_vault --environment accounts=registered
for env in live test; do
	account $env acme 'status: ACCOUNT_APPROVED merchant: "176269832"
		products { name: "payments" enabled: true }'
done
now=$(date +%s)

# reset ID: in two steps; the new text in $key.
reset()
{
	confirmed live ACT_RESET "$1"
	done_ "confirmation: \"$confirmation\" reset_secret { environment: \"live\" key_id: \"$1\" }"
	key=$(field api_key)
}

# check EXPECTED ID TEXT: VerifySecret.
check()
{
	read_ "verify_secret { environment: \"live\" key_id: \"$2\" secret: \"$3\" }"
	local match
	match=$(field match)
	[ "${match:-false}" = "$1" ] || fail "match is not $1"
}

rule 38,2 'minting shows id, external reference, value and a ready Authorization header'
expect 0 peppermint key mint --env live --account acme --product payments --ref order-1 --format json
key=$(jq -r .api_key <<<"$output") key_id=$(jq -r .key_id <<<"$output")
[ "$(jq -r .external_reference <<<"$output")" = order-1 ]
[ "$(jq -r .authorization_bearer <<<"$output")" = "Bearer $key" ]
basic=$(jq -r .authorization_basic <<<"$output")
[ "$(base64 -d <<<"${basic#Basic }")" = "176269832:$key" ]
presented VALID live "authorization: \"$basic\""
first=$key first_id=$key_id

rule 40 'the key goes into a configuration file as it is printed'
expect 0 peppermint key mint --env live --account acme --product payments --format env
( eval "$output" && [[ $PEPPERMINT_API_KEY == ak_live_* ]] )
expect 0 peppermint key mint --env live --account acme --product payments --format header
[[ $output == "Authorization: Bearer ak_live_"* ]]

rule 25 'a reset is confirmed, gives a new secret for the same id, and kills the old one at once'
mint_for live acme
old=$key id=$key_id
refused STEP_UP_REQUIRED "reset_secret { environment: \"live\" key_id: \"$id\" }"
verdict_is VALID live "$old"
reset "$id"
[[ $key == "ak_live_${id}_"* && $key != "$old" ]]
verdict_is VALID live "$key"
verdict_is SUPERSEDED live "$old"

rule 25 'a confirmation is good once, for one key; a reset may be repeated at will'
refused STEP_UP_REQUIRED "confirmation: \"$confirmation\" reset_secret { environment: \"live\" key_id: \"$id\" }"
confirmed live ACT_RESET "$first_id"
refused STEP_UP_REQUIRED "confirmation: \"$confirmation\" reset_secret { environment: \"live\" key_id: \"$id\" }"
for _ in 1 2 3; do
	reset "$id"
done
verdict_is VALID live "$key"

rule 26 'the secret is nowhere but in the answer: not in log, database, list or repeated answer later'
reset "$id"
if grep -rF "${key##*_}" "$dir"/*.log "$dir/state"; then
	fail 'the secret was written'
fi

rule 23 'an account has a key with an id in each environment'
mint_for test acme
read_ 'list_keys { environment: "test" account: "acme" }'
says "$key_id"

rule 27 'an owner can check a secret at any time: yes or no, which is no use of it'
mint_for live acme
check true "$key_id" "$key"
check false "$key_id" "$first"
check false "$key_id" "ak_live_${key_id}_nonsense"
read_ "get_key { environment: \"live\" key_id: \"$key_id\" }"
silent_on use_count
silent_on last_used_at

rule 27 'checking is limited for each key'
for _ in $(seq 10); do
	call "verify_secret { environment: \"live\" key_id: \"$key_id\" secret: \"$first\" }"
done
asked RATE_LIMITED "verify_secret { environment: \"live\" key_id: \"$key_id\" secret: \"$key\" }"
verdict_is VALID live "$key"
check true "$first_id" "$first"

rule 17 'two secrets overlap as long as one likes, and never longer than the key lives'
mint_for live acme "expires_at: $((now + 500))"
old=$key
done_ "rotate_key { environment: \"live\" key_id: \"$key_id\" overlap_seconds: 9999 }"
new=$(field api_key)
[ "$(field overlap_until)" = $((now + 500)) ]
verdict_is VALID live "$old"
verdict_is VALID live "$new"
refused CONFLICT "rotate_key { environment: \"live\" key_id: \"$key_id\" overlap_seconds: 10 }"
done_ "rotate_key { environment: \"live\" key_id: \"$key_id\" overlap_seconds: 0 force: true }"
newest=$(field api_key)
verdict_is VALID live "$newest"
for each in "$old" "$new"; do
	verdict live "$each"
	[ "$verdict" != VALID ] || fail 'a third secret is alive'
done

rule 44 'a new secret may begin at its first use, and be taken back before'
mint_for live acme
old=$key
done_ "rotate_key { environment: \"live\" key_id: \"$key_id\" first_use: true overlap_seconds: 0 }"
unused=$(field api_key)
verdict_is VALID live "$old"
done_ "rollback_key { environment: \"live\" key_id: \"$key_id\" }"
verdict_is VALID live "$old"
verdict live "$unused"
[ "$verdict" != VALID ]
done_ "rotate_key { environment: \"live\" key_id: \"$key_id\" first_use: true overlap_seconds: 0 }"
new=$(field api_key)
[ "$new" != "$unused" ]
verdict_is VALID live "$old"
verdict_is VALID live "$new"
verdict live "$old"
[ "$verdict" != VALID ] || fail 'the old secret outlived the first use of the new one'
refused CONFLICT "rollback_key { environment: \"live\" key_id: \"$key_id\" }"

rule 13,14 'in test a value can be shown again where the policy allows it'
refused DENIED 'mint_key { environment: "test" account: "acme" product: "payments" recoverable: true }'
policy test production no
policy test recoverable yes
restart_vault
mint_for test acme 'recoverable: true'
recoverable=$key recoverable_id=$key_id
done_ "reveal_key { environment: \"test\" key_id: \"$recoverable_id\" }"
[ "$(field api_key)" = "$recoverable" ]
if strings -a "$dir"/state/peppermint.db* | grep -F "${recoverable##*_}"; then
	fail 'it is kept in clear'
fi
mint_for test acme
refused CONFLICT "reveal_key { environment: \"test\" key_id: \"$key_id\" }"

rule 13 'in production it never can'
policy live recoverable yes
stop_vault
expect 1 peppermintd --check-config --config "$dir/peppermintd.conf"
says 'production'
sed -i '/^\[environment live\]/,/^$/{/^recoverable/d}' "$dir/peppermintd.conf"
start_vault
refused DENIED 'mint_key { environment: "live" account: "acme" product: "payments" recoverable: true }'

rule 26 'a secret can be sealed to its recipient, so that no portal sees it'
openssl genpkey -algorithm X25519 -out "$story_dir/x.pem" 2>/dev/null
openssl pkey -in "$story_dir/x.pem" -pubout -out "$story_dir/x.pub.pem"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$story_dir/r.pem" 2>/dev/null
openssl pkey -in "$story_dir/r.pem" -pubout -out "$story_dir/r.pub.pem"
for recipient in x r; do
	expect 0 peppermint key mint --env live --account acme --product payments --format json \
		--to "$story_dir/$recipient.pub.pem"
	silent_on ak_live_
	sealed=$(jq -r .sealed <<<"$output")
	expect 0 peppermint key unseal-secret --key "$story_dir/$recipient.pem" <<<"$sealed"
	verdict_is VALID live "$output"
done

rule 15,28 'keys of another system are taken over by their hashes, without reissuing them'
legacy=legacy_$(openssl rand -hex 16)
plain=legacy_$(openssl rand -hex 16)
sha512=legacy_$(openssl rand -hex 16)
mac=legacy_$(openssl rand -hex 16)
printf 'key of the old system, 32 bytes!' >"$story_dir/old.key"
expect 0 peppermint import hmac-key old --env live --value-file "$story_dir/old.key"
digest()
{
	printf %s "$2" | openssl dgst "-$1" -r | cut -d' ' -f1
}
cat >"$story_dir/keys.jsonl" <<END
{"sha256": "$(digest sha256 "$legacy")", "account": "acme", "product": "payments", "name": "old till"}
{"sha512": "$(digest sha512 "$sha512")", "account": "acme", "product": "payments"}
{"key": "$plain", "account": "acme", "product": "payments", "external_reference": "legacy-3"}
{"hmac_sha256": "$(printf %s "$mac" | openssl dgst -sha256 -mac HMAC -macopt key:"$(<"$story_dir/old.key")" -r | cut -d' ' -f1)", "hmac_key": "old", "account": "acme", "product": "payments"}
END
expect 0 peppermint import "$story_dir/keys.jsonl" --env live
for each in "$legacy" "$sha512" "$plain" "$mac"; do
	verdict_is VALID live "$each"
	verdict_is VALID live "$each"
	verdict live "${each%?}x"
	[ "$verdict" != VALID ]
done

rule 15 'what is stored is no bare hash'
for each in "$legacy" "$sha512"; do
	for algorithm in sha256 sha512; do
		[ "$(database "SELECT count(*) FROM api_key WHERE instr(hex(current_mac),
			upper('$(digest $algorithm "$each")')) > 0")" = 0 ]
	done
done

rule 28 'an import can be repeated: nothing twice'
rm -f "$story_dir/keys.jsonl.state"
expect 0 peppermint import "$story_dir/keys.jsonl" --env live
read_ 'list_keys { environment: "live" account: "acme" text: "old till" }'
[ "$(field total)" = 1 ]

rule 28 'an imported key is rotated into one of ours'
id=$(field id)
done_ "rotate_key { environment: \"live\" key_id: \"$id\" overlap_seconds: 100 }"
new=$(field api_key)
[[ $new == "ak_live_${id}_"* ]]
verdict_is VALID live "$legacy"
verdict_is VALID live "$new"
done_ "revoke_key { environment: \"live\" key_id: \"$id\" }"
verdict_is REVOKED live "$legacy"

rule 19 'a key that was found in public is revoked, on the word of who signs for it'
openssl ecparam -name prime256v1 -genkey -noout -out "$story_dir/scanner.pem"
spki=$(openssl pkey -in "$story_dir/scanner.pem" -pubout -outform DER | base64 -w 0)
printf '\n[leak_source scanner]\nkey_id = scanner-1\npublic_key = %s\n' "$spki" >>"$dir/peppermintd.conf"
restart_vault
mint_for live acme
leaked=$key
printf '[{"token":"%s","type":"peppermint","url":"https://example.org/x","source":"content"},{"token":"ghp_other","type":"x"}]' \
	"$leaked" >"$story_dir/report.json"
signature=$(openssl dgst -sha256 -sign "$story_dir/scanner.pem" "$story_dir/report.json" | base64 -w 0)
expect 3 peppermint key leak-report --payload "$story_dir/report.json" --key-id scanner-2 --signature "$signature"
verdict_is VALID live "$leaked"
expect 0 peppermint key leak-report --payload "$story_dir/report.json" --key-id scanner-1 --signature "$signature"
says 'was revoked'
output=${output#*revoked.}
[ "$(jq -r '[.[].label] | join(" ")' <<<"$output")" = 'true_positive false_positive' ]
verdict_is REVOKED live "$leaked"

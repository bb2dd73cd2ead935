#!/bin/bash
# What platforms promise about a key's record: its fields, its states and its list.
. "$(dirname "$0")/rules.sh"
start_vault --environment accounts=registered
account live acme 'status: ACCOUNT_APPROVED products { name: "payments" enabled: true }
	products { name: "payouts" enabled: true }'
account test acme
now=$(date +%s)

# shown ID: the key's record, as the caller sees it, in $output.
shown()
{
	read_ "get_key { environment: \"live\" key_id: \"$1\" }"
}

# update ID FIELDS
update()
{
	done_ "update_key { environment: \"live\" key_id: \"$1\" $2 }"
}

# listed FIELDS: the ids of a list of acme's keys, in $ids.
listed()
{
	read_ "list_keys { environment: \"live\" account: \"acme\" $1 }"
	ids=$(sed -nE 's/^    id: "(.*)"/\1/p; s/^  keys \{ id: "(.*)"/\1/p' <<<"$output" | xargs)
	[ -n "$ids" ] || ids=$(sed -nE 's/^ *id: "(.*)"/\1/p' <<<"$output" | xargs)
}

rule 8 'a key is created with a name, in an environment'
mint_for live acme 'name: "Production server"'
first=$key first_id=$key_id
says 'name: "Production server"' 'environment: "live"'

rule 10 'a key has an id that is not its secret'
[[ $first == *"_${first_id}_"* && ${#first_id} = 16 ]]
shown "$first_id"
silent_on "${first##*_}"

rule 11 'keys are created, listed and revoked by API and by command'
expect 0 peppermint key mint --env live --account acme --product payments --quiet
by_command=$output
expect 0 peppermint key list --env live --account acme
says "$first_id"
done_ "revoke_key { environment: \"live\" key_id: \"${by_command:8:16}\" }"
verdict_is REVOKED live "$by_command"

rule 12 'the secret is shown once, and no call reads it back'
refused DENIED "reveal_key { environment: \"live\" key_id: \"$first_id\" }"
if strings -a "$dir"/state/peppermint.db* | grep -F "${first##*_}"; then
	fail 'the database has the secret'
fi

rule 16 'a revoke is immediate, final, and seen by the next verify'
mint_for live acme
verdict_is VALID live "$key"
done_ "revoke_key { environment: \"live\" key_id: \"$key_id\" }"
verdict_is REVOKED live "$key"
refused CONFLICT "update_key { environment: \"live\" key_id: \"$key_id\" set_disabled: true }"
refused CONFLICT "rotate_key { environment: \"live\" key_id: \"$key_id\" }"
verdict_is REVOKED live "$key"
revoked_id=$key_id

rule 17,33 'an account has several live keys at once, so that it can rotate by hand'
mint_for live acme
second=$key second_id=$key_id
mint_for live acme "expires_at: $((now + 86400))"
third=$key third_id=$key_id
for each in "$first" "$second" "$third"; do
	verdict_is VALID live "$each"
done

rule 18 'a list tells who created a key, its name, and when it was last used'
used()
{
	shown "$first_id" && [ "$(field last_used_at)" -ge "$now" ] && [ "$(field use_count)" -ge 1 ]
}
eventually 75 used
says 'created_by: "developer"' 'name: "Production server"'

rule 18 'a refused use is no use'
uses=$(field use_count)
presented WRONG_PRODUCT live "api_key: \"$first\" product: \"payouts\""
shown "$first_id"
[ "$(field use_count)" = "$uses" ]

rule 22 'a key may have an end, and is refused from then on'
mint_for live acme "expires_at: $(($(date +%s) + 2))"
short=$key short_id=$key_id
verdict_is VALID live "$short"
eventually 10 judged EXPIRED live "$short"

rule 22 'what has expired keeps its row, and is not brought back'
shown "$short_id"
says KEY_EXPIRED
refused CONFLICT "update_key { environment: \"live\" key_id: \"$short_id\" set_expires_at: true expires_at: 0 }"

rule 30 'the list shows id, external reference, masked value, start, end and state'
mint_for live acme "external_reference: \"rt2BDISsktLfrvPUqnS\" not_before: $((now - 100)) expires_at: $((now + 9999))"
referred_id=$key_id referred=$key
shown "$referred_id"
says "id: \"$referred_id\"" 'external_reference: "rt2BDISsktLfrvPUqnS"' "not_before: $((now - 100))" \
	"expires_at: $((now + 9999))" KEY_ACTIVE

rule 31 'the masked value is five stars and the last three characters'
says "masked: \"*****${referred: -3}\""

rule 32 'external reference and end may be empty; a reference is unique in its account'
shown "$second_id"
silent_on external_reference
silent_on expires_at
refused ALREADY_EXISTS 'mint_key { environment: "live" account: "acme" product: "payments" external_reference: "rt2BDISsktLfrvPUqnS" }'
account live globex
mint_for live globex 'external_reference: "rt2BDISsktLfrvPUqnS"'

rule 30 'the list begins with the latest start, and can be ordered otherwise'
mint_for live acme "not_before: $((now + 5000))"
future=$key future_id=$key_id
listed ''
[ "${ids%% *}" = "$future_id" ]
listed 'ascending: true sort: SORT_START'
[ "${ids##* }" = "$future_id" ]
listed 'sort: SORT_REFERENCE'
[ "${ids%% *}" = "$referred_id" ]

rule 34 'a page has a size, a token for the next, and the total'
read_ 'list_keys { environment: "live" account: "acme" page_size: 3 }'
total=$(field total)
seen=$(sed -nE 's/^ *id: "(.*)"/\1/p' <<<"$output")
while token=$(field next_page_token) && [ -n "$token" ]; do
	read_ "list_keys { environment: \"live\" account: \"acme\" page_size: 3 page_token: \"$token\" }"
	seen+=$'\n'$(sed -nE 's/^ *id: "(.*)"/\1/p' <<<"$output")
	[ "$(field total)" = "$total" ]
done
[ "$(sort -u <<<"$seen" | wc -l)" = "$total" ]
[ "$(wc -l <<<"$seen")" = "$total" ]
asked BAD_REQUEST 'list_keys { environment: "live" account: "acme" page_token: "junk" }'

rule 30 'the list is filtered by product, state and text'
done_ 'mint_key { environment: "live" account: "acme" product: "payouts" name: "Till Seven" }'
payouts_id=$(field id)
listed 'product: "payouts"'
[ "$ids" = "$payouts_id" ]
listed 'states: KEY_REVOKED'
[[ " $ids " == *" $revoked_id "* && " $ids " != *" $first_id "* ]]
listed 'states: KEY_NOT_YET'
[ "$ids" = "$future_id" ]
listed 'text: "till sev"'
[ "$ids" = "$payouts_id" ]
listed "expires_before: $((now + 90000))"
[[ " $ids " == *" $third_id "* && " $ids " != *" $second_id "* && " $ids " != *" $short_id "* ]]

rule 35 'state, start and end can be changed; reference and value cannot'
update "$third_id" "set_not_before: true not_before: $((now + 3000)) set_expires_at: true expires_at: $((now + 6000))"
verdict_is NOT_YET live "$third"
update "$third_id" 'set_not_before: true not_before: 0'
verdict_is VALID live "$third"
refused BAD_REQUEST "update_key { environment: \"live\" key_id: \"$third_id\" set_expires_at: true expires_at: $((now - 5)) }"

rule 36 'a key may be made to begin later'
verdict_is NOT_YET live "$future"
shown "$future_id"
says KEY_NOT_YET

rule 37 'disabling is reversible, and is not revoking'
update "$second_id" 'set_disabled: true disabled: true'
verdict_is DISABLED live "$second"
shown "$second_id"
says KEY_DISABLED
update "$second_id" 'set_disabled: true'
verdict_is VALID live "$second"
mint_for live acme 'disabled: true'
verdict_is DISABLED live "$key"

rule 39 'a reference of 20 characters is given by the vault where the platform wants that'
policy live external_references generated
restart_vault
mint_for live acme
[[ $(field external_reference) =~ ^[0-9A-Za-z]{20}$ ]]

rule 52 'a new key is active at once'
mint_for live acme
verdict_is VALID live "$key"

rule 22,37 'revoked and expired keys keep their rows for ever'
listed 'states: KEY_REVOKED states: KEY_EXPIRED'
[[ " $ids " == *" $revoked_id "* && " $ids " == *" $short_id "* ]]

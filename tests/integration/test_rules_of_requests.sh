#!/bin/bash
# What platforms promise about presenting a key.
. "$(dirname "$0")/rules.sh"
start_vault --environment accounts=registered
account test acme
account live acme 'status: ACCOUNT_APPROVED merchant: "176269832"
	products { name: "payments" enabled: true } products { name: "payouts" enabled: true }'
mint_for test acme
test_key=$key
mint_for live acme
live_key=$key live_id=$key_id

rule 1 'every request carries the key as a Bearer token'
presented VALID live "authorization: \"Bearer $live_key\""
presented VALID live "authorization: \"bearer $live_key\""
presented VALID live "api_key: \"$live_key\""

rule 2 'Basic is base64 of the merchant and the key'
presented VALID live "authorization: \"Basic $(base64_of "176269832:$live_key")\""
presented WRONG_MERCHANT live "authorization: \"Basic $(base64_of "176269833:$live_key")\""
presented VALID test "authorization: \"Basic $(base64_of "acme:$test_key")\""
presented MALFORMED live "authorization: \"Basic $(base64_of "$live_key")\""
presented MALFORMED live 'authorization: "Basic ====" '

rule 5 'test and live have keys of their own, in tokens of their own'
read_ 'status { }'
[ "$(sed -nE 's/^ *token_serial: "(.*)"/\1/p' <<<"$output" | sort -u | wc -l)" = 2 ]

rule 6 'the prefix tells the environment'
[[ $test_key == ak_test_* && $live_key == ak_live_* ]]

rule 7 'a test key used against production is refused, and the other way round'
presented WRONG_ENVIRONMENT live "authorization: \"Bearer $test_key\""
presented WRONG_ENVIRONMENT test "authorization: \"Bearer $live_key\""

rule 19 'a key is found by one regular expression, and never in a log'
regex='[A-Za-z0-9][A-Za-z0-9_]{0,14}_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}'
grep -Eqx "$regex" <<<"$live_key"
if grep -F -e "${live_key##*_}" -e "${test_key##*_}" -r "$dir"/*.log "$dir/state"; then
	fail 'a secret was written'
fi

rule 20 'the public gets one message, whatever was wrong'
for wrong in "api_key: \"${live_key%?}\"" "authorization: \"Bearer $test_key\"" 'api_key: "junk"' \
	'authorization: "Digest x"' ''; do
	presented "$(call "verify_keys { environment: \"live\" presented { $wrong } }"
		field reason)" live "$wrong"
	says 'message: "Invalid or missing API key"'
	[ "$(grep -c 'message:' <<<"$output")" = 1 ]
done

rule 21 'the trusted caller is told the cause: missing, malformed, revoked, expired, wrong environment'
presented MISSING live ''
presented MALFORMED live "authorization: \"$live_key\""
presented MALFORMED live "authorization: \"Bearer  $live_key\""
presented MALFORMED live "authorization: \"Bearer $live_key,Bearer $live_key\""
presented MALFORMED live "authorization: \"Bearer $live_key\\n\""
presented BAD_CHECKSUM live "authorization: \"Bearer ${live_key%?}$([[ $live_key == *A ]] && echo B || echo A)\""
mint_for live acme
done_ "revoke_key { environment: \"live\" key_id: \"$key_id\" }"
presented REVOKED live "authorization: \"Bearer $key\""
mint_for live acme "expires_at: $(($(date +%s) + 2))"
sleep 3
presented EXPIRED live "authorization: \"Bearer $key\""

rule 53 'a key is good for its product, its scopes and its networks, and nothing beyond'
mint_for live acme 'scopes: "payments.write" scopes: "refunds.*"
	networks: "203.0.113.0/24" networks: "2001:db8::/32"'
from='source_address: "203.0.113.9"'
presented VALID live "api_key: \"$key\" $from"
presented VALID live "api_key: \"$key\" $from product: \"payments\" scopes: \"payments.write\""
presented VALID live "api_key: \"$key\" $from scopes: \"refunds.create\""
presented WRONG_PRODUCT live "api_key: \"$key\" $from product: \"payouts\""
presented SCOPE_MISSING live "api_key: \"$key\" $from scopes: \"payouts.write\""
presented VALID live "api_key: \"$key\" source_address: \"2001:db8:ffff::1\""
presented VALID live "api_key: \"$key\" source_address: \"::ffff:203.0.113.255\""
for elsewhere in 203.0.114.1 203.0.112.255 2001:db9::1 ::1 junk 203.0.113.9.; do
	presented ADDRESS_DENIED live "api_key: \"$key\" source_address: \"$elsewhere\""
done
presented ADDRESS_DENIED live "api_key: \"$key\""

rule 53 'two credentials in one request are refused'
presented SEVERAL_CREDENTIALS live "authorization: \"Bearer $live_key\" authorization: \"Bearer $live_key\""
presented SEVERAL_CREDENTIALS live "api_key: \"$live_key\" authorization: \"Bearer $live_key\""
presented VALID live "authorization: \"Bearer $live_key\""
read_ "get_key { environment: \"live\" key_id: \"$live_id\" }"
says acme

#include "fake_cipher.h"

#include <stdlib.h>
#include <string.h>

#include "fake_misdeeds.h"

/* The length that is right, unless the key says otherwise. */
static size_t length_of(ProtobufCBinaryData key, size_t right)
{
	if (begins_with(key.data, key.len, "short"))
		return right - 1;
	return begins_with(key.data, key.len, "wide") ? right + 1 : right;
}

/* Of a request with such a key that is not answered as others are; true: it was dealt with. */
static bool is_odd_cipher(const Peppermint__Signer__V1__SignerRequest *request,
			  const Peppermint__Signer__V1__Cipher *asked)
{
	if (asked->key_id.len != 16 || asked->iv.len != 12 || asked->data.len > 528)
		exit(9);
	if (misbehave(request->id, asked->key_id.data, asked->key_id.len))
		return true;
	if (!begins_with(asked->key_id.data, asked->key_id.len, "unknown"))
		return false;
	send_failure(request->id, FAILURE(CALLER), 0, "no such key");
	return true;
}

/* The bytes inverted, and as a tag the iv and the length of the additional data. */
void fake_encrypt(const Peppermint__Signer__V1__SignerRequest *request)
{
	const Peppermint__Signer__V1__Cipher *asked = request->encrypt;
	Reply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;
	uint8_t room[600] = { 0 };
	const size_t len = asked->data.len;

	if (is_odd_cipher(request, asked))
		return;
	for (size_t i = 0; i < len; i++)
		room[i] = (uint8_t)~asked->data.data[i];
	memcpy(room + len, asked->iv.data, 12);
	room[len + 12] = (uint8_t)asked->aad.len;
	reply.id = request->id;
	reply.result_case = RESULT(ENCRYPTED);
	reply.encrypted = (ProtobufCBinaryData){ length_of(asked->key_id, len + 16), room };
	send_reply(&reply);
}

void fake_decrypt(const Peppermint__Signer__V1__SignerRequest *request)
{
	const Peppermint__Signer__V1__Cipher *asked = request->decrypt;
	Reply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;
	uint8_t room[600] = { 0 };
	const size_t len = asked->data.len - 16;

	if (is_odd_cipher(request, asked))
		return;
	if (asked->data.len < 16 || memcmp(asked->data.data + len, asked->iv.data, 12) != 0 ||
	    asked->data.data[len + 12] != (uint8_t)asked->aad.len) {
		send_failure(request->id, FAILURE(CALLER), 0x40, "it is not what was encrypted");
		return;
	}
	for (size_t i = 0; i < len; i++)
		room[i] = (uint8_t)~asked->data.data[i];
	reply.id = request->id;
	reply.result_case = RESULT(DECRYPTED);
	reply.decrypted = (ProtobufCBinaryData){ length_of(asked->key_id, len), room };
	send_reply(&reply);
}

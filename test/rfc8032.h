/* rfc8032.h - the key pairs of RFC 8032, 7.1, tests 1 to 3. */
#ifndef TEST_RFC8032_H
#define TEST_RFC8032_H

#include "hex.h"

#include "crypto/curve.h"

static inline void rfc8032_keys(unsigned number, struct public_key *public,
				struct secret_key *secret)
{
	static const char *const seeds[] = {
		"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	};
	uint8_t seed[32];

	unhex(seeds[number - 1], seed, sizeof(seed));
	ed25519_from_seed(public, secret, seed);
}

#endif

#include "crypto/curve.h"

#include "contexts.h"
#include "hex.h"

#define COUNT(rows) (sizeof(rows) / sizeof(*(rows)))

/* RFC 7748, 5.2. */
static void test_x25519(void)
{
	static const char *const rows[][3] = {
		{ "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
		  "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
		  "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552" },
		{ "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
		  "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
		  "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957" },
	};

	test_crypto();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct dh_secret k, out;
		struct dh_public u;

		unhex(rows[i][0], k.b, 32);
		unhex(rows[i][1], u.b, 32);
		ok(x25519(&out, &k, &u));
		eq_hex(out.b, 32, rows[i][2]);
		x25519_clamp(&k);
		ok(x25519(&out, &k, &u));
		eq_hex(out.b, 32, rows[i][2]);
	}
}

static void test_x25519_iterated(void)
{
	struct dh_secret k = { { 9 } }, out;
	struct dh_public u = { { 9 } };

	test_crypto();
	for (int i = 1; i <= 1000; i++) {
		ok(x25519(&out, &k, &u));
		memcpy(u.b, k.b, 32);
		k = out;
		if (i == 1)
			eq_hex(k.b, 32,
			       "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
	}
	eq_hex(k.b, 32, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

/* RFC 7748, 6.1. */
static void test_diffie_hellman(void)
{
	struct dh_secret a, b, out;
	struct dh_public pa, pb;

	test_crypto();
	unhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", a.b, 32);
	unhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", b.b, 32);
	x25519_public(&pa, &a);
	x25519_public(&pb, &b);
	eq_hex(pa.b, 32, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
	eq_hex(pb.b, 32, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	ok(x25519(&out, &a, &pb));
	eq_hex(out.b, 32, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
	ok(x25519(&out, &b, &pa));
	eq_hex(out.b, 32, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

static void test_clamp(void)
{
	struct dh_secret k;

	memset(k.b, 0xff, 32);
	x25519_clamp(&k);
	ok(k.b[0] == 0xf8 && k.b[1] == 0xff && k.b[31] == 0x7f);
	memset(k.b, 0, 32);
	x25519_clamp(&k);
	ok(k.b[0] == 0 && k.b[31] == 0x40);
}

/* Points whose product with a clamped scalar is zero; the top bit does not count. */
static void test_low_order(void)
{
	static const char *const rows[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};

	test_crypto();
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		struct dh_secret k = { { 1, 2, 3 } }, out;
		struct dh_public u;

		memset(out.b, 0xee, 32);
		unhex(rows[i / 2], u.b, 32);
		if (i % 2)
			u.b[31] |= 0x80;
		if (x25519(&out, &k, &u))
			TAP_FAIL("%s is taken", rows[i / 2]);
		ok(ct_is_zero(out.b, 32));
	}
}

/* RFC 8032, 7.1: tests 1 to 3. */
static const struct {
	const char *seed, *key, *message, *signature;
} rfc8032[] = {
	{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
	  "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
	{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
	  "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
	  "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
};

static void test_ed25519(void)
{
	test_crypto();
	for (size_t i = 0; i < COUNT(rfc8032); i++) {
		uint8_t seed[32], message[3] = { 0 };
		size_t len = unhex(rfc8032[i].message, message, sizeof(message));
		struct public_key pk;
		struct secret_key sk;
		struct signature sig;

		unhex(rfc8032[i].seed, seed, 32);
		ed25519_from_seed(&pk, &sk, seed);
		eq_hex(pk.b, 32, rfc8032[i].key);
		eq_mem(sk.b, seed, 32);
		eq_mem(sk.b + 32, pk.b, 32);
		ed25519_sign(&sig, message, len, &sk);
		eq_hex(sig.b, 64, rfc8032[i].signature);
		ok(ed25519_verify(&sig, message, len, &pk));
		ok(!ed25519_verify(&sig, message, len + 1, &pk));
		for (unsigned bit = 0; bit < 512; bit++) {
			sig.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
			ok(!ed25519_verify(&sig, message, len, &pk));
			sig.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (unsigned bit = 0; bit < 256; bit++) {
			pk.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
			ok(!ed25519_verify(&sig, message, len, &pk));
			pk.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

/* S + L is the same number to the equation, and must be refused nevertheless. */
static void test_malleable(void)
{
	uint8_t order[32];
	struct public_key pk;
	struct signature sig;
	unsigned carry = 0;

	test_crypto();
	unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order, 32);
	unhex(rfc8032[0].key, pk.b, 32);
	unhex(rfc8032[0].signature, sig.b, 64);
	ok(ed25519_verify(&sig, NULL, 0, &pk));
	for (unsigned i = 0; i < 32; i++) {
		carry += sig.b[32 + i] + order[i];
		sig.b[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	ok(!ed25519_verify(&sig, NULL, 0, &pk));
}

/* Points made with an independent implementation. A is 12345 times the base point. */
static void test_points(void)
{
	static const struct {
		bool good;
		const char *key;
	} rows[] = {
		{ true, "ef4f62f8479733ad879cfaced3c89a9c39dd4fc795ef2efa1c3eafe4d729a081" },
		{ true, "ef4f62f8479733ad879cfaced3c89a9c39dd4fc795ef2efa1c3eafe4d729a001" },
		{ true, "1a00000000000000000000000000000000000000000000000000000000000000" },
		/* A plus a point of order 8, 4, 2 */
		{ false, "40a4cf5c611d737a2f1c6fcca84d9cabfed80987f186a5a6c57e629bff1af27f" },
		{ false, "af6e8e63f857d90bf1afb0d2cd8753a15efed2964adc823c24f85082207e073e" },
		{ false, "feaf9d07b868cc52786305312c376563c622b0386a10d105e3c1501b28d65f7e" },
		/* small order, canonical */
		{ false, "0100000000000000000000000000000000000000000000000000000000000000" },
		{ false, "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a" },
		{ false, "0000000000000000000000000000000000000000000000000000000000000080" },
		{ false, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05" },
		{ false, "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
		{ false, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85" },
		{ false, "0000000000000000000000000000000000000000000000000000000000000000" },
		{ false, "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa" },
		/* not canonical: y of p, p + 1, p + 3, p + 18; x zero with a sign */
		{ false, "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
		{ false, "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
		{ false, "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
		{ false, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
		{ false, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" },
		{ false, "0100000000000000000000000000000000000000000000000000000000000080" },
		{ false, "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" },
		/* not on the curve */
		{ false, "0200000000000000000000000000000000000000000000000000000000000000" },
	};

	test_crypto();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct public_key pk;
		struct dh_public dh;

		unhex(rows[i].key, pk.b, 32);
		if (ed25519_to_dh_public(&dh, &pk) != rows[i].good)
			TAP_FAIL("%s is not %d", rows[i].key, rows[i].good);
		if (i < 2) /* twins: both signs of A have one X25519 key */
			eq_hex(dh.b, 32,
			       "71d72a95b1c18d7abaf9cdb1e984af4976ad728b916bdc0b2f83cabf6e9dab13");
	}
}

static void test_twins(void)
{
	static const char *const rows[][4] = {
		{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
		  "307c83864f2833cb427a2ef1c00a013cfdff2768d980c0a3a520f006904de94f",
		  "d85e07ec22b0ad881537c2f44d662d1a143cf830c57aca4305d85c7a90f6b62e" },
		{ "5b21e253e2aecac1a792eec3e619655181d47226a540dc4d9a7c775c404621ea",
		  "3aa9960bbb63f45acb1e0af275d49676348601800249a129d6ae250048b39bfe",
		  "f8e518133e7bec9c05d42d3739296a72738dedf749dc964f0eda38785ecb0c53",
		  "84bc4bd45919b4bcd206ee2dd2fc1382b71869902e77ee79fc623b8eea760718" },
	};

	test_crypto();
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t seed[32];
		struct public_key pk;
		struct secret_key sk;
		struct dh_secret dh;
		struct dh_public pub, again;

		unhex(rows[i][0], seed, 32);
		ed25519_from_seed(&pk, &sk, seed);
		eq_hex(pk.b, 32, rows[i][1]);
		ed25519_to_dh_secret(&dh, &sk);
		eq_hex(dh.b, 32, rows[i][2]);
		ok(ed25519_to_dh_public(&pub, &pk));
		eq_hex(pub.b, 32, rows[i][3]);
		x25519_public(&again, &dh);
		eq_mem(again.b, pub.b, 32);
	}
}

TAP_TESTS(T(test_x25519), T(test_x25519_iterated), T(test_diffie_hellman), T(test_clamp),
	  T(test_low_order), T(test_ed25519), T(test_malleable), T(test_points), T(test_twins))

#include "crypto/hash.h"

#include "contexts.h"
#include "dies.h"
#include "hex.h"

#define COUNT(rows) (sizeof(rows) / sizeof(*(rows)))

static uint8_t rising[256]; /* 0, 1, 2, ... */

static void start(void)
{
	test_crypto();
	for (unsigned i = 0; i < sizeof(rising); i++)
		rising[i] = (uint8_t)i;
}

/* RFC 7693, appendix B, and results of an independent implementation. */
static void test_blake2s(void)
{
	static const struct {
		size_t len;
		const char *hash;
	} rows[] = {
		{ 0, "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9" },
		{ 64, "56f34e8b96557e90c1f24b52d0c89d51086acf1b00f634cf1dde9233b8eaaa3e" },
		{ 65, "1b53ee94aaf34e4b159d48de352c7f0661d0a40edff95a0b1639b4090e974472" },
		{ 128, "1fa877de67259d19863a2a34bcc6962a2b25fcbf5cbecd7ede8f1fa36688a796" },
		{ 255, "f03f5789d3336b80d002d59fdf918bdb775b00956ed5528e86aa994acb38fe2d" },
	};
	struct hash h;

	start();
	blake2s(&h, bytes_of("abc", 3), bytes_of(NULL, 0));
	eq_hex(h.b, 32, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t cut = 0; cut <= rows[i].len; cut++) {
			blake2s(&h, bytes_of(rising, cut),
				bytes_of(rising + cut, rows[i].len - cut));
			eq_hex(h.b, 32, rows[i].hash);
		}
	}
}

/* The key is that many rising bytes, and so is the input. */
static void test_blake2s_mac(void)
{
	static const struct {
		size_t key, len;
		const char *mac;
	} rows[] = {
		{ 32, 0, "9536f9b267655743dee97b8a670f9f53" },
		{ 32, 1, "13bacfb85b48a1223c595f8c1e7e82cb" },
		{ 16, 64, "dd55c51c98f8ab96ed272882941f0b6a" },
		{ 32, 65, "811ff8686d23a435ecbd0bdafcd27b1b" },
		{ 1, 148, "19b6467b310731f1d3ead528b328b4dc" },
		{ 32, 255, "cd075928ab7e6883e697fe7fd3ac43ee" },
	};

	start();
	for (int twice = 0; twice < 2; twice++) {
		for (size_t i = 0; i < COUNT(rows); i++) {
			uint8_t mac[17] = { [16] = 0xee };

			blake2s_mac(mac, rising, rows[i].key, bytes_of(rising, rows[i].len));
			eq_hex(mac, 16, rows[i].mac);
			eq_int(mac[16], 0xee);
		}
	}
}

static void test_hmac(void)
{
	static const struct {
		size_t key, len;
		const char *mac;
	} rows[] = {
		{ 0, 0, "eaf4bb25938f4d20e72656bbbc7a9bf63c0c18537333c35bdb67db1402661acd" },
		{ 32, 50, "16dbe549faeb700617b13658d2668ea0d2a8d494e950cb51ae2c25957ff0d4b2" },
		{ 64, 3, "f798719867f2c152e1327c636fc46b506f42cc60792c8a3de31b1b36c0078eb8" },
		{ 65, 3, "b929fd9b297b402a8da5fd0212b683a37c91cfb8daba86fa1435a20a362eef4b" },
		{ 100, 0, "60c8ad712b1d426c37f4b615c6232c8a91904ab8685338e99b3e8ac9f0834c68" },
		{ 100, 200, "c4c95271905c6f69c1dd7c6fbc0cb3735457a660ccc2c4370f28825e7abef5af" },
	};

	start();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hash h;

		hmac_blake2s(&h, rising, rows[i].key, bytes_of(rising, rows[i].len));
		eq_hex(h.b, 32, rows[i].mac);
	}
}

/* Keys shorter than 32 bytes: HMAC fills them up with zeros anyway. */
static void test_kdf(void)
{
	static const struct {
		const char *key, *input, *t[3];
	} rows[] = {
		{ "test-key", "test-input",
		  { "6f0e5ad38daba1bea8a0d213688736f19763239305e0f58aba697f9ffc41c633",
		    "df1194df20802a4fe594cde27e92991c8cae66c366e8106aaa937a55fa371e8a",
		    "fac6e2745a325f5dc5d11a5b165aad08b0ada28e7b4e666b7c077934a4d76c24" } },
		{ "wireguard", "wireguard",
		  { "491d43bbfdaa8750aaf535e334ecbfe5129967cd64635101c566d4caefda96e8",
		    "1e71a379baefd8a79aa4662212fcafe19a23e2b609a3db7d6bcba8f560e3d25f",
		    "31e1ae48bddfbe5de38f295e5452b1909a1b4e38e183926af3780b0c1e1f0160" } },
		{ "", "",
		  { "8387b46bf43eccfcf349552a095d8315c4055beb90208fb1be23b894bc2ed5d0",
		    "58a0e5f6faefccf4807bff1f05fa8a9217945762040bcec2f4b4a62bdfe0e86e",
		    "0ce6ea98ec548f8e281e93e32db65621c45eb18dc6f0a7ad94178610a2f7338e" } },
	};

	start();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hash key = { { 0 } }, t[3];
		struct bytes in = bytes_of(rows[i].input, strlen(rows[i].input));

		memcpy(key.b, rows[i].key, strlen(rows[i].key));
		for (int n = 1; n <= 3; n++) {
			memset(t, 0xee, sizeof(t));
			kdf(&t[0], n > 1 ? &t[1] : NULL, n > 2 ? &t[2] : NULL, &key, in);
			for (int k = 0; k < 3; k++) {
				if (k < n)
					eq_hex(t[k].b, 32, rows[i].t[k]);
				else
					eq_int(t[k].b[0], 0xee);
			}
		}
		kdf(&key, &t[1], &t[2], &key, in); /* the chaining key in place */
		eq_hex(key.b, 32, rows[i].t[0]);
		eq_hex(t[1].b, 32, rows[i].t[1]);
		eq_hex(t[2].b, 32, rows[i].t[2]);
	}
}

static void test_blake2b(void)
{
	static const struct {
		bool keyed;
		size_t len;
		const char *hash;
	} rows[] = {
		{ false, 0, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8" },
		{ false, 3, "3d8c3d594928271f44aad7a04b177154806867bcf918e1549c0bc16f9da2b09b" },
		{ true, 0, "4e51e7a913fc80137da52880fecca175bf81e117d5c68126dc2774033517ea0d" },
		{ true, 200, "a39ff6e7e838226fd50e24a55375ff3a39419fd93e32cc463f3f74323291c425" },
	};

	start();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hash h;
		struct sym_key key;
		size_t third = rows[i].len / 3;
		const struct bytes parts[4] = {
			bytes_of(rising, third),
			bytes_of(NULL, 0),
			bytes_of(rising + third, third),
			bytes_of(rising + 2 * third, rows[i].len - 2 * third),
		};

		memcpy(key.b, rising, 32);
		blake2b(&h, rows[i].keyed ? &key : NULL, parts, 4);
		eq_hex(h.b, 32, rows[i].hash);
	}
}

/* Of the official test vectors, those of one block; the input is rising bytes. */
static void test_blake3(void)
{
	static const struct {
		size_t len;
		const char *hash;
	} rows[] = {
		{ 0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262" },
		{ 1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213" },
		{ 2, "7b7015bb92cf0b318037702a6cdd81dee41224f734684c2c122cd6359cb1ee63" },
		{ 3, "e1be4d7a8ab5560aa4199eea339849ba8e293d55ca0a81006726d184519e647f" },
		{ 4, "f30f5ab28fe047904037f77b6da4fea1e27241c5d132638d8bedce9d40494f32" },
		{ 5, "b40b44dfd97e7a84a996a91af8b85188c66c126940ba7aad2e7ae6b385402aa2" },
		{ 6, "06c4e8ffb6872fad96f9aaca5eee1553eb62aed0ad7198cef42e87f6a616c844" },
		{ 7, "3f8770f387faad08faa9d8414e9f449ac68e6ff0417f673f602a646a891419fe" },
		{ 8, "2351207d04fc16ade43ccab08600939c7c1fa70a5c0aaca76063d04c3228eaeb" },
		{ 63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b" },
		{ 64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98" },
	};

	start();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hash h;

		blake3(&h, rising, rows[i].len);
		eq_hex(h.b, 32, rows[i].hash);
	}
}

/* The example of the SipHash paper, appendix A, and the first official vector. */
static void test_siphash(void)
{
	start();
	ok(siphash(rising, rising, 15) == 0xa129ca6149be45e5u);
	ok(siphash(rising, NULL, 0) == 0x726fdb47dd0e0e31u);
}

static void too_much_blake3(void *len)
{
	struct hash h;

	blake3(&h, rising, *(size_t *)len);
}

static void mac_key(void *len)
{
	uint8_t mac[16];

	test_crypto();
	blake2s_mac(mac, rising, *(size_t *)len, bytes_of(rising, 1));
}

static void no_contexts(void *arg)
{
	(void)arg;
	crypto_use(NULL);
	too_much_blake3(&(size_t){ 1 }); /* needs none */
	mac_key(&(size_t){ 1 });
}

static void test_misuse(void)
{
	start();
	ok(!dies(too_much_blake3, &(size_t){ 64 }));
	ok(dies(too_much_blake3, &(size_t){ 65 }));
	ok(!dies(mac_key, &(size_t){ 32 }));
	ok(dies(mac_key, &(size_t){ 33 }));
	ok(dies(mac_key, &(size_t){ 0 }));
	ok(dies(no_contexts, NULL));
}

TAP_TESTS(T(test_blake2s), T(test_blake2s_mac), T(test_hmac), T(test_kdf), T(test_blake2b),
	  T(test_blake3), T(test_siphash), T(test_misuse))

/* wg_golden.h - two whole WireGuard exchanges, without and with a preshared key.
 *
 * Made by an independent implementation in Python that shook hands with wireguard-go. The
 * indices are 0x11223344 and 0xa1b2c3d4, the source of the cookie is 203.0.113.7:51820.
 */
#ifndef VECTORS_WG_GOLDEN_H
#define VECTORS_WG_GOLDEN_H

#define GOLDEN_INITIATOR_INDEX 0x11223344u
#define GOLDEN_RESPONDER_INDEX 0xa1b2c3d4u

/* Bytes as hexadecimal digits. */
struct wg_golden {
	const char *name,
		*initiator_static_private,
		*responder_static_private,
		*initiator_static_public,
		*responder_static_public,
		*initiator_ephemeral_private,
		*responder_ephemeral_private,
		*psk,
		*tai64n,
		*handshake_hash,
		*initiation,
		*response,
		*initiator_send_key,
		*responder_send_key,
		*cookie_secret,
		*cookie,
		*cookie_nonce,
		*cookie_reply,
		*initiation_with_mac2,
		*keepalive_i2r_counter0,
		*data_plain,
		*data_i2r_counter1,
		*data_r2i_counter0;
};

static const struct wg_golden wg_golden[] = {
	{
		.name = "zero-psk",
		.initiator_static_private =
			"30d1f88614c0a04ab6720a24e33f2d6a3a86fc864226c417dc2f9e0201a2485d",
		.responder_static_private =
			"80eff63efcc5226e2c75dad9e0d7f50f6fbbc1c042dba0fefbe1407acb0cd46c",
		.initiator_static_public =
			"15296b8c41c7a4e675b91acd4e627972dfdbd85e44336f9af085a0315b5ba02f",
		.responder_static_public =
			"9e04c9116fe628ad4a22619b57ab573155530cf63b692ca4512d31d3037f281c",
		.initiator_ephemeral_private =
			"d09a7201fe82e67cc6f84c006b7d0054e35d55a113ee629d227088e599afb47b",
		.responder_ephemeral_private =
			"d03377c280eca2be2bbaab7639d9419e34c5046d5b03c54855caefb576cb5b76",
		.psk = "0000000000000000000000000000000000000000000000000000000000000000",
		.tai64n = "400000006553f10a3b000000",
		.handshake_hash =
			"d7d5f46366ffb7249d0391b5bca39e0bf520f13b2b4bc1801148c7bf0a71c387",
		.initiation =
			"0100000044332211f5ca33221248cd29362a8795df5360dbf2e208c15570d2a45fadc57d"
			"0e3b77584e765a1c0dc6f1425dd4e3d3bfbe26af5b25e85cc83a3577d883ed2013a8e72a"
			"c78366fdf426c40a92ef9dd33f8e050702faa80b88de45f243705978407d5890583b08f5"
			"465cf0a75272e77ecad14c08763dd5f99a2536a6365f2bc0000000000000000000000000"
			"00000000",
		.response =
			"02000000d4c3b2a144332211ffe16a040501b0bc76c106b671fef56fde584fb76820d227"
			"47071efa2a8e4b4f73e9bf4516afafb76855ed3e23496231cb2ca4c8263e716efb61fbb2"
			"48ad0b3200000000000000000000000000000000",
		.initiator_send_key =
			"1addee2546c02dccfdd7731d76243b9e964bf245ac19f65c3da1ca6384fddb09",
		.responder_send_key =
			"afdb673529b59726599b25a238c627bd461596d8ac417fbfeddfef938f3e394f",
		.cookie_secret = "782df865e062a1b8f4d23f753d6beee2299ba17fb9329e3b21a84e86f9494244",
		.cookie = "1cf4752cefd69bc4f0c03dde9a270a3f",
		.cookie_nonce = "64c2c4cca5f0af2b24734008ce8f201fcc9282e2cf0509b4",
		.cookie_reply =
			"030000004433221164c2c4cca5f0af2b24734008ce8f201fcc9282e2cf0509b4e6ff47c8"
			"a5bb297b10aef477f6ab94c7435e41bb2177907389a716c1f34112b8",
		.initiation_with_mac2 =
			"0100000044332211f5ca33221248cd29362a8795df5360dbf2e208c15570d2a45fadc57d"
			"0e3b77584e765a1c0dc6f1425dd4e3d3bfbe26af5b25e85cc83a3577d883ed2013a8e72a"
			"c78366fdf426c40a92ef9dd33f8e050702faa80b88de45f243705978407d5890583b08f5"
			"465cf0a75272e77ecad14c08763dd5f99a2536a6365f2bc0b0099a965793554cbfacab55"
			"d4ead783",
		.keepalive_i2r_counter0 =
			"04000000d4c3b2a10000000000000000d3f0f761536558dbd1112565cbc3801a",
		.data_plain = "4500001d00010000401100000a6301020a630304045708ae0009000058",
		.data_i2r_counter1 =
			"04000000d4c3b2a10100000000000000f7adbd87748399e65743c01dd9080324622e4dec"
			"0c1967cf793affe03dc8c0e42ccf7282ceb1d086813db1937c30da44",
		.data_r2i_counter0 =
			"040000004433221100000000000000007827f3eb6f9d9eab31eb94eb550b101219e3341a"
			"0998695b8e81fb3cba60c5b41c70eaf7230e4b2e07faa8ff9f67a6fd",
	},
	{
		.name = "psk",
		.initiator_static_private =
			"30d1f88614c0a04ab6720a24e33f2d6a3a86fc864226c417dc2f9e0201a2485d",
		.responder_static_private =
			"80eff63efcc5226e2c75dad9e0d7f50f6fbbc1c042dba0fefbe1407acb0cd46c",
		.initiator_static_public =
			"15296b8c41c7a4e675b91acd4e627972dfdbd85e44336f9af085a0315b5ba02f",
		.responder_static_public =
			"9e04c9116fe628ad4a22619b57ab573155530cf63b692ca4512d31d3037f281c",
		.initiator_ephemeral_private =
			"d09a7201fe82e67cc6f84c006b7d0054e35d55a113ee629d227088e599afb47b",
		.responder_ephemeral_private =
			"d03377c280eca2be2bbaab7639d9419e34c5046d5b03c54855caefb576cb5b76",
		.psk = "e306f0432c62cd840abfac1406daf1e7ccbcfa96cc41e8d14767af6bee96de17",
		.tai64n = "400000006553f10a3b000000",
		.handshake_hash =
			"f775141545f347166803b4b1df89ec2b7318ac386d15aa2dd5c2ba7b2084da5f",
		.initiation =
			"0100000044332211f5ca33221248cd29362a8795df5360dbf2e208c15570d2a45fadc57d"
			"0e3b77584e765a1c0dc6f1425dd4e3d3bfbe26af5b25e85cc83a3577d883ed2013a8e72a"
			"c78366fdf426c40a92ef9dd33f8e050702faa80b88de45f243705978407d5890583b08f5"
			"465cf0a75272e77ecad14c08763dd5f99a2536a6365f2bc0000000000000000000000000"
			"00000000",
		.response =
			"02000000d4c3b2a144332211ffe16a040501b0bc76c106b671fef56fde584fb76820d227"
			"47071efa2a8e4b4fc82b704fa8c946c4b9eacf34e294e33999989789302be1829566fe62"
			"73b0dba500000000000000000000000000000000",
		.initiator_send_key =
			"39917de9b8f597104cf7b06130311228e037c0df94a2a149d92722baf6aad803",
		.responder_send_key =
			"6cea3c9f20df389c7f34a76ec0f4873beb4497fd2ca5b00b11f378067d863d18",
		.cookie_secret = "782df865e062a1b8f4d23f753d6beee2299ba17fb9329e3b21a84e86f9494244",
		.cookie = "1cf4752cefd69bc4f0c03dde9a270a3f",
		.cookie_nonce = "64c2c4cca5f0af2b24734008ce8f201fcc9282e2cf0509b4",
		.cookie_reply =
			"030000004433221164c2c4cca5f0af2b24734008ce8f201fcc9282e2cf0509b4e6ff47c8"
			"a5bb297b10aef477f6ab94c7435e41bb2177907389a716c1f34112b8",
		.initiation_with_mac2 =
			"0100000044332211f5ca33221248cd29362a8795df5360dbf2e208c15570d2a45fadc57d"
			"0e3b77584e765a1c0dc6f1425dd4e3d3bfbe26af5b25e85cc83a3577d883ed2013a8e72a"
			"c78366fdf426c40a92ef9dd33f8e050702faa80b88de45f243705978407d5890583b08f5"
			"465cf0a75272e77ecad14c08763dd5f99a2536a6365f2bc0b0099a965793554cbfacab55"
			"d4ead783",
		.keepalive_i2r_counter0 =
			"04000000d4c3b2a1000000000000000041147120992de8e32e48eb98f347d1a2",
		.data_plain = "4500001d00010000401100000a6301020a630304045708ae0009000058",
		.data_i2r_counter1 =
			"04000000d4c3b2a10100000000000000d7ae0d08022235f33b8687c198d69eb6c40e3d0f"
			"7a34c401a014adffff8d25cd7e0291499f3f2620a490ef3d7f779173",
		.data_r2i_counter0 =
			"040000004433221100000000000000009eddd6a147b4fdee3186efef6daed3bd52f2d48b"
			"98b5a4b3a74e630e93e41bf81bbfe1e070f7c899b6d094e4e8612c18",
	},
};

#endif

/* First contact: who meets whom, what each then knows, and what is refused. */
#include "org_world.h"

#include "base/cursor.h"
#include "crypto/aead.h"
#include "crypto/hash.h"

#define NOW at_ms(0)

static void join(struct person *p, const struct person *org, bool member)
{
	struct certificate c = certificate_of(org, p);

	introduce_marks(p->x, &org->pk, 1, false, NOW);
	introduce_papers(p->x, &c, member, NULL, 0, NOW);
}

static void two_members_of_an_org_meet(void)
{
	struct meeting m;
	struct person org;
	struct certificate c;

	meeting_start(&m);
	key_start(&org, 50);
	join(&m.a, &org, true);
	join(&m.b, &org, true);
	ok(meet(&m, NOW));

	eq_mem(&m.of_a.key, &m.a.pk, 32);
	ok(endpoint_equal(&m.of_a.from, &m.a.at));
	ok(!m.of_a.initiator && !m.of_a.open);
	eq_int(m.of_a.org_count, 1);
	eq_mem(&m.of_a.orgs[0], &org.pk, 32);
	eq_int(m.of_a.certificate_count, 1);
	eq_int(m.of_a.statement_count, 0);
	c = certificate_of(&org, &m.a);
	eq_int(m.of_a.certificates[0].len, c.len);
	eq_mem(m.of_a.certificates[0].wire, c.wire, c.len);

	eq_mem(&m.of_b.key, &m.b.pk, 32);
	ok(endpoint_equal(&m.of_b.from, &m.b.at));
	ok(m.of_b.initiator && !m.of_b.open && !m.of_b.answer.possible);
	eq_mem(&m.of_b.orgs[0], &org.pk, 32);
	c = certificate_of(&org, &m.b);
	eq_int(m.of_b.certificate_count, 1);
	eq_mem(m.of_b.certificates[0].wire, c.wire, c.len);
	meeting_stop(&m);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(two_members_of_an_org_meet),
	};

	test_crypto();
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}

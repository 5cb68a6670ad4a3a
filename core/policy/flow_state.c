/* flow_state.c - how far a flow has come.
 *
 * The TCP states are those that a bystander needs. Sequence numbers are not looked at: who could
 * forge a segment of a flow is its own peer, and he harms himself. A flow that is over keeps the
 * end that it was given, so that a peer cannot hold it open. A RST that this host did not believe
 * (it goes on sending) did not end anything.
 */
#include "policy/flow.h"

#include "packet/tcp.h"

static void tcp_step(struct flow *f, bool from_here, uint8_t flags)
{
	bool is_opener = from_here == !!(f->flags & FLOW_IS_OURS);

	if (flags & TCP_RST) {
		f->state = FLOW_RESET;
		return;
	}
	if (is_opener && (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		if (flow_is_over(f)) {
			f->state = FLOW_SYN;
			f->flags &= (uint8_t)~(FLOW_OPENER_FIN | FLOW_OTHER_FIN);
		}
		return;
	}
	if (f->state == FLOW_RESET && !from_here)
		return;
	if (flags & TCP_FIN)
		f->flags |= is_opener ? FLOW_OPENER_FIN : FLOW_OTHER_FIN;
	if (f->state == FLOW_RESET || (f->state == FLOW_ANSWERED && is_opener))
		f->state = FLOW_ESTABLISHED;
	else if (f->state == FLOW_SYN && !is_opener)
		f->state = FLOW_ANSWERED;
	if (f->state == FLOW_SYN || f->state == FLOW_ANSWERED)
		return;
	if ((f->flags & FLOW_OPENER_FIN) && (f->flags & FLOW_OTHER_FIN))
		f->state = FLOW_CLOSED;
	else if (f->flags & (FLOW_OPENER_FIN | FLOW_OTHER_FIN))
		f->state = FLOW_HALF_CLOSED;
}

void flow_step(struct flow *f, bool from_here, uint8_t tcp_flags)
{
	if (f->protocol == PROTO_TCP)
		tcp_step(f, from_here, tcp_flags);
	else if (from_here != !!(f->flags & FLOW_IS_OURS))
		f->state = FLOW_TWO_WAYS;
}

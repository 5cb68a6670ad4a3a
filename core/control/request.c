#include "control/request.h"

bool request_allowed(enum request_verb verb, uint32_t uid, uint32_t owner)
{
	switch (verb) {
	case REQUEST_STATUS:
	case REQUEST_COUNTERS:
	case REQUEST_SERVICES:
	case REQUEST_OBSERVED:
	case REQUEST_PING:
		return true;
	case REQUEST_DOWN:
		return uid == 0 || uid == owner;
	case REQUEST_NONE:
	case REQUEST_VERBS:
		break;
	}
	return false;
}

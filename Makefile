# meshguard: `make` builds build/meshguard; `make help` lists the rest.
#
# Rooms of the core, and which rooms each may use. The compiler enforces this table: a room is
# compiled against a folder that holds these headers only, and its tests are linked with these
# archives only.
MAY_base     :=
MAY_crypto   := base
MAY_packet   := base
MAY_dns      := base
MAY_control  := base
MAY_identity := base crypto
MAY_policy   := base packet
MAY_wg       := base crypto packet
MAY_swim     := base crypto identity
MAY_nat      := base crypto identity
MAY_org      := base crypto identity
MAY_node     := base crypto packet dns control identity policy wg swim nat org
ROOMS := base crypto packet dns control identity policy wg swim nat org node

B       ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
OPT     ?= -O2 -g
SAN     ?=
WERROR  ?=
T       ?= 60
JOBS    ?= $(shell nproc)
ifeq ($(origin CC),default)
CC      := gcc
endif

WARN    := -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes \
           -Wwrite-strings -Wcast-qual -Wconversion -Wno-sign-conversion
# Sanitizers bring their own checks of memory, and _FORTIFY_SOURCE would hide some of them.
ifeq ($(SAN),)
HARDEN  := -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 \
           -ftrivial-auto-var-init=zero $(if $(filter x86_64,$(shell uname -m)),-fcf-protection)
HARD_LD := -Wl,-z,relro,-z,now,-z,noexecstack
endif
# Runs of packets go through intel-ipsec-mb where it is: on x86-64, with its header. The core calls it through pointers
# that the shell got, so that only programs that make its contexts need it.
IPSEC_MB := $(if $(filter x86_64-%,$(shell $(CC) -dumpmachine)),$(if $(wildcard /usr/include/intel-ipsec-mb.h),1))
MB_FLAG := -DCRYPTO_IPSEC_MB=$(if $(IPSEC_MB),1,0)
CFLAGS_ALL := -std=gnu17 -D_GNU_SOURCE $(MB_FLAG) -fno-common -fPIE $(OPT) $(HARDEN) $(WARN) $(WERROR) \
              $(SAN) -MMD -MP $(CFLAGS)
LINK    = $(CC) $(SAN) -pie $(HARD_LD) $(LDFLAGS)
LIBS    := -lsodium -lcrypto $(if $(IPSEC_MB),-lIPSec_MB)
SHELL_LIBS := -ljansson -lmnl -lminiupnpc -lcap-ng -lcares -lavahi-core -lavahi-common -lqrencode $(LIBS)

PROG := $(B)/meshguard
all: $(PROG) $(B)/meshguard-wireguard

# --- the core: one archive a room
define room
$(1)_OBJ := $$(patsubst %.c,$(B)/%.o,$$(wildcard core/$(1)/*.c))
$(B)/inc/$(1)/.made: Makefile
	@rm -rf $$(@D) && mkdir -p $$(@D) && for d in $(1) $$(MAY_$(1)); do \
	 ln -sfn $$(CURDIR)/core/$$$$d $$(@D)/$$$$d; done && touch $$@
$$($(1)_OBJ): $(B)/%.o: %.c | $(B)/inc/$(1)/.made
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS_ALL) -iquote $(B)/inc/$(1) -c $$< -o $$@
$(B)/lib$(1).a: $$($(1)_OBJ)
	@rm -f $$@
	@$$(AR) rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room,$(r))))
reverse = $(if $(1),$(call reverse,$(wordlist 2,99,$(1))) $(firstword $(1)))
CORE := $(foreach r,$(call reverse,$(ROOMS)),$(B)/lib$(r).a)
# The archives that a test or fuzz target of a room is linked with, and its include path.
row = $(if $(filter linux cli,$(1)),$(filter-out $(B)/cli/main.o,$(SHELL_OBJ)) $(CORE),\
      $(if $(filter sim,$(1)),$(filter-out $(B)/sim/main.o,$(SIM_OBJ)) $(CORE),\
      $(foreach r,$(1) $(call reverse,$(MAY_$(1))),$(B)/lib$(r).a)))
path_of = $(if $(filter linux cli,$(1)),-iquote core -iquote .,-iquote $(B)/inc/$(1))
libs_of = $(if $(filter linux cli,$(1)),$(SHELL_LIBS),\
          $(if $(filter base packet dns control policy,$(1)),,$(LIBS)))
room_of = $(firstword $(subst _, ,$(notdir $(1))))

# --- the shell: sees everything
SHELL_SRC := $(wildcard linux/*.c cli/*.c)
SHELL_OBJ := $(patsubst %.c,$(B)/%.o,$(SHELL_SRC))
$(SHELL_OBJ): $(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -iquote core -iquote . -c $< -o $@
$(PROG): $(SHELL_OBJ) $(CORE)
	$(LINK) -o $@ $^ $(SHELL_LIBS)
# `wg-quick` finds the plain WireGuard by this name.
$(B)/meshguard-wireguard: $(PROG)
	@ln -sf meshguard $@

# --- the simulator: another world for the same node; it sees the core, and never the shell
SIM_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard sim/*.c))
SIM := $(B)/mgsim
$(B)/inc/sim/.made: Makefile
	@rm -rf $(@D) && mkdir -p $(@D) && for d in $(ROOMS); do ln -sfn $(CURDIR)/core/$$d $(@D)/$$d; done && \
	 ln -sfn $(CURDIR)/sim $(@D)/sim && touch $@
$(SIM_OBJ): $(B)/%.o: %.c | $(B)/inc/sim/.made
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -iquote $(B)/inc/sim -c $< -o $@
$(SIM): $(SIM_OBJ) $(CORE)
	$(LINK) -o $@ $^ $(LIBS)

# --- tests: test/unit/<room>_<what>.c links its room and what that room may use
UNIT := $(patsubst test/unit/%.c,$(B)/test/%,$(wildcard test/unit/*.c))
.SECONDEXPANSION:
$(UNIT): $(B)/test/%: test/unit/%.c $$(call row,$$(call room_of,$$*))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(call path_of,$(call room_of,$*)) -iquote test -pie $(HARD_LD) -o $@ $< \
	 $(filter %.o %.a,$^) $(call libs_of,$(call room_of,$*))
# One process checks the signatures of all nodes: each once (test/verify_once.h).
$(B)/test/swim_large $(B)/test/swim_insiders $(B)/test/swim_grid $(B)/test/swim_hours: HARD_LD += -Wl,--wrap=ed25519_verify
# fuzz/<room>_<what>.c, with its seeds in fuzz/seeds/<room>_<what>/, replayed as a test
FUZZ := $(patsubst fuzz/%.c,%,$(filter-out fuzz/replay.c,$(wildcard fuzz/*.c)))
SEEDS := $(patsubst %,$(B)/seeds/%,$(FUZZ))
$(SEEDS): $(B)/seeds/%: fuzz/%.c fuzz/replay.c $$(call row,$$(call room_of,$$*))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -Wno-missing-prototypes $(call path_of,$(call room_of,$*)) -iquote test \
	 -DTARGET='"$*"' -pie $(HARD_LD) -o $@ $< fuzz/replay.c $(filter %.o %.a,$^) \
	 $(call libs_of,$(call room_of,$*))

CLI_TESTS := $(wildcard test/cli/*.t)
E2E_TESTS := $(filter-out test/e2e/long_%,$(wildcard test/e2e/*.t))
LONG_TESTS := $(wildcard test/e2e/long_*.t)
SCENARIOS := $(wildcard test/sim/*.scn)
PROVE := prove -j$(JOBS)
export MESHGUARD = $(CURDIR)/$(PROG)

tests: all $(UNIT) $(SEEDS) $(SIM)
# No root, no network.
check: tests
	@$(PROVE) -e '' $(UNIT) $(SEEDS)
	@$(PROVE) $(CLI_TESTS)
	@$(PROVE) -e '$(SIM)' $(filter-out test/sim/long_%,$(SCENARIOS))
# Whole nodes in virtual time.
check-sim: $(filter $(B)/test/sim_%,$(UNIT)) $(SIM)
	@$(PROVE) -e '' $(filter $(B)/test/sim_%,$(UNIT))
	@$(PROVE) -e '$(SIM)' $(SCENARIOS)
	@$(SIM) --explore 200
# So many nodes: it says first what memory and time it may take, and refuses more than 12 GB. And lies
# of insiders, N = 128: so many worlds with a lie of five minutes each, three seconds of CPU a world.
# JOBS of these at once; 80 minutes of CPU in all.
AT_ONCE  = xargs -d '\n' -n 1 -P $(JOBS) sh -c
sim-large: $(B)/test/swim_large $(B)/test/swim_insiders
	@{ for n in $(LARGE); do echo "SWIM_LARGE=$$n $<"; done; \
	 for i in $$(seq 0 20 $$(($(WORLDS) - 1))); do \
	  echo "SWIM_INSIDERS='$$i $$((i + 20 < $(WORLDS) ? i + 20 : $(WORLDS))) 300 1' $(B)/test/swim_insiders"; \
	 done; } | $(AT_ONCE)
LARGE   ?= 10000 1000
WORLDS  ?= 1000
# Days in which all lies are told one after the other, half an hour each: 12 to 17 minutes of CPU a
# day. Ten of them would make sim-large longer than an hour on two cores.
sim-insiders: $(B)/test/swim_insiders
	@for i in $$(seq 0 $$(($(DAYS) - 1))); do echo "SWIM_INSIDERS='$$i $$((i + 1)) 1800 48' $<"; done | $(AT_ONCE)
DAYS    ?= 10
# Lifeguard's grid of blocked members, 432 cells: two seconds of CPU each.
sim-grid: $(B)/test/swim_grid
	SWIM_GRID='$(REPEAT) $(STEP)' $<
REPEAT  ?= 1
STEP    ?= 1
# 20 % loss for a hundred node-hours each.
sim-hours: $(B)/test/swim_hours
	SWIM_HOURS='100 100' $<
	SWIM_HOURS='1000 100' $<
# Where a scenario has its trace recorded beside it: records it anew, for the diff to be judged.
golden: $(SIM)
	@for t in $(wildcard test/sim/*.trace); do $(SIM) --golden $${t%.trace}.scn >/dev/null || exit 1; done
# N random worlds from seed FIRST on; a failure is printed with its seed, shrunk to a scenario.
N       ?= 1000
FIRST   ?= 1
explore: $(SIM)
	@$(SIM) --explore $(N) --seed $(FIRST) --commit $$(git describe --always --dirty 2>/dev/null || echo unknown)
# Root: network namespaces of their own. Three at once: they wait most of the time.
E2E_JOBS ?= 3
check-e2e: all
	@prove -j$(E2E_JOBS) $(E2E_TESTS)
# Ten real minutes and more, two at a time, and attacks 07 and 23 in their full size.
check-long: all $(B)/test/node_attack_gossip
	@FLOOD=10000000 $(B)/test/node_attack_gossip
	@prove -j2 $(LONG_TESTS)

# Real daemons behind NATs of all kinds, in a laboratory of network namespaces (docs/nat.md).
NAT_TESTS := $(wildcard test/nat/*.t)
check-nat-short: all
	@prove $(NAT_TESTS)
# The same with every pair of kinds, a hundred runs of three of them, and every ordered pair with
# one token: up to an hour.
check-nat: all
	@prove -v test/nat/lab.t
	@NAT_SET=full prove -v test/nat/matrix.t
	@NAT_SET=full prove -v test/nat/token.t

# Real processes beside Debian's serf: needs root, nft and serf. SIZES=10,50,100,128; about five minutes a world.
SIZES   ?= 10,50
bench-gossip: all
	@bench/gossip.py --sizes $(SIZES) --json $(B)/bench-gossip.json --write docs/membership.md

# What the filter costs a packet: 200 rules, 50,000 flows; what sealing and opening costs; and splitting, merging and
# looking up a peer.
BENCH_CORE := $(addprefix $(B)/bench/,filter aead packet keys)
$(BENCH_CORE): $(B)/bench/%: bench/%.c $(CORE)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -iquote core -iquote test -pie $(HARD_LD) -o $@ $< $(CORE) $(LIBS)
bench-filter: $(B)/bench/filter
	@$<
bench-aead: $(B)/bench/aead
	@$<
bench-packet: $(B)/bench/packet
	@$<
# One TCP stream through two daemons, beside wireguard-go (root, iperf3, wireguard-go).
bench-tunnel: all
	@bench/tunnel.sh 3 3
# What sends and counts; and the TUN without anything (bench/compare).
$(B)/bench/flows $(B)/bench/traffic: $(B)/bench/%: bench/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -pie $(HARD_LD) -o $@ $<
$(B)/bench/initiations: test/e2e/initiations.c $(CORE)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -iquote core -iquote test -pie $(HARD_LD) -o $@ $< $(CORE) $(LIBS)
$(B)/bench/plain: bench/plain.c $(B)/linux/tun.o $(B)/linux/udp.o $(B)/libpacket.a $(B)/libbase.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -iquote core -iquote . -pie $(HARD_LD) -o $@ $^
# Everything beside its rivals, at most half an hour (QUICK=1: three minutes); writes docs/performance.md. Root; installs
# what is missing from Debian. WGGO=FILE: a newer wireguard-go.
bench: all $(addprefix $(B)/bench/,aead packet filter traffic plain keys initiations)
	@bench/compare
# And in a daemon (root, perf, nft): the share of its CPU.
bench-filter-share: all $(B)/bench/flows
	@bench/filter_share

# --- gates
# What the core may ask of libc: memory it was handed, text, and nothing else.
PURE_OK := mem(chr|cmp|cpy|move|set)|__mem(cpy|move|set)_chk|str(n?len|n?cmp|chr)|explicit_bzero|__explicit_bzero_chk|abort|__assert_fail|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_
# What core/crypto alone may ask of its libraries: arithmetic on contexts and buffers it was handed.
CRYPTO_OK := EVP_(En|De)crypt(Init_ex|Update|Final_ex)|EVP_CIPHER_CTX_ctrl|EVP_Digest(Init_ex|Update|Final_ex)|EVP_MAC_(init|update|final)|$\
 crypto_aead_xchacha20poly1305_ietf_(en|de)crypt|crypto_stream_chacha20_ietf|crypto_shorthash_siphash24|$\
 crypto_generichash_blake2b_(init|update|final)|crypto_scalarmult_curve25519(_base)?|crypto_core_ed25519_is_valid_point|$\
 crypto_sign_ed25519_(detached|verify_detached|seed_keypair|(pk|sk)_to_curve25519)
pure: $(CORE)
	@nm --defined-only -g $(CORE) | awk 'NF==3{print $$3}' | sort -u >$(B)/have
	@nm -u -A $(CORE) | awk 'NF>1 && $$(NF-1)=="U" {print $$NF, $$1}' | sort -u | awk 'NR==FNR{h[$$1]=1;next} !h[$$1]' $(B)/have - \
	 | grep -vE '^($(PURE_OK)) |^($(CRYPTO_OK)) [^ ]*libcrypto\.a:' && { echo 'core/ asks the system for the above'; exit 1; } || echo 'core/ is pure'
headers: $(foreach r,$(ROOMS) sim,$(B)/inc/$(r)/.made)
	@for h in $(wildcard core/*/*.h); do r=$$(echo $$h | cut -d/ -f2); \
	 $(CC) -std=gnu17 -D_GNU_SOURCE $(WARN) -Werror -iquote $(B)/inc/$$r -fsyntax-only -x c $$h || exit 1; done
	@for h in $(wildcard sim/*.h); do \
	 $(CC) -std=gnu17 -D_GNU_SOURCE $(WARN) -Werror -iquote $(B)/inc/sim -fsyntax-only -x c $$h || exit 1; done
	@for h in $(wildcard linux/*.h cli/*.h); do \
	 $(CC) -std=gnu17 -D_GNU_SOURCE $(WARN) -Werror -iquote core -iquote . -fsyntax-only -x c $$h || exit 1; done
	@echo 'each header stands alone'
# Neither world knows the other, and both link one core: no file of the one was compiled with a header of the other,
# and a function of the core is as long in the one program as in the other.
walls: $(PROG) $(SIM)
	@! grep -lE '(^| )(\./|[^ ]*\.\./)?sim/[a-z_]*\.h' $(B)/linux/*.d $(B)/cli/*.d && \
	 ! grep -lE '(^| )(\./|[^ ]*\.\./)?(linux|cli)/[a-z_]*\.h' $(B)/sim/*.d || \
	 { echo 'the above look over the wall'; exit 1; }
	@nm --defined-only -g $(CORE) | awk 'NF==3 && $$2=="T"{print $$3}' | sort -u >$(B)/core-names
	@for p in $(PROG) $(SIM); do nm -S --defined-only $$p | awk 'NR==FNR{c[$$1]=1;next} NF==4 && c[$$4]{print $$4, $$2}' \
	 $(B)/core-names - | sort >$$p.core; done
	@join $(PROG).core $(SIM).core | awk '$$2!=$$3{print; bad++} END{if(bad||NR<100)exit 1; \
	 print NR" functions of the core are the same in both worlds"}'
# A function fits one screen, a line fits two windows side by side.
tidy:
	@awk 'FNR==1{s=0} /^{/{s=FNR} /^}/{if(s&&FNR-s>71)print FILENAME":"s": "FNR-s-1" lines in one function",bad++; s=0} \
	  {gsub(/\t/,"        ")} length>100{print FILENAME":"FNR": longer than 100 columns",bad++} END{exit bad>0}' \
	  $$(git ls-files '*.c' '*.h' 2>/dev/null || find core linux cli sim test fuzz -name '*.[ch]') && echo tidy
# Address and undefined behaviour: the whole unit suite, and the end-to-end suite (root).
ASAN := CC=clang OPT='-O1 -g' SAN='-fsanitize=address,undefined -fno-sanitize-recover=all'
asan: asan-unit
	@$(MAKE) --no-print-directory asan-e2e
asan-unit:
	@$(MAKE) --no-print-directory B=$(B)/asan $(ASAN) check
asan-e2e:
	@$(MAKE) --no-print-directory B=$(B)/asan $(ASAN) check-e2e
tsan:
	@$(MAKE) --no-print-directory B=$(B)/tsan CC=clang OPT='-O1 -g' SAN=-fsanitize=thread check
analyze:
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 -Icore core linux cli
	clang-tidy --quiet --checks='bugprone-*,clang-analyzer-*,-bugprone-easily-swappable-parameters,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling' --warnings-as-errors='*' \
	  $$(find core linux cli -name '*.c') -- -std=gnu17 -D_GNU_SOURCE $(MB_FLAG) -Icore -I.
# Each target for T seconds, from its seeds; new inputs stay under build/.
FUZZ_SAN := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
fuzz-build: $(patsubst %,$(B)/fuzz/%,$(FUZZ))
$(B)/fuzz/%: fuzz/%.c $(wildcard core/*/*.[ch] linux/*.[ch] cli/*.[ch])
	@mkdir -p $(@D)
	clang -g -O1 $(FUZZ_SAN) -std=gnu17 -D_GNU_SOURCE $(MB_FLAG) -iquote core -iquote . -iquote test -o $@ $< \
	 $(foreach r,$(call room_of,$*) $(MAY_$(call room_of,$*)),$(wildcard core/$(r)/*.c)) \
	 $(if $(filter linux cli,$(call room_of,$*)),$(wildcard core/*/*.c linux/*.c) \
	 $(filter-out cli/main.c,$(wildcard cli/*.c)) $(SHELL_LIBS),$(LIBS))
fuzz: fuzz-build
	@for f in $(FUZZ); do echo "fuzz $$f"; mkdir -p $(B)/corpus/$$f; \
	 $(B)/fuzz/$$f -max_total_time=$(T) -rss_limit_mb=2048 -timeout=10 -verbosity=0 -print_final_stats=0 \
	 -artifact_prefix=$(B)/fuzz/$$f- $(B)/corpus/$$f fuzz/seeds/$$f || exit 1; done
gate: check pure headers walls tidy asan-unit

compile_commands.json: Makefile
	@$(MAKE) --no-print-directory -Bn tests | awk -v dir='$(CURDIR)' 'BEGIN{print "["} \
	 / -c [^ ]+\.c /{match($$0,/ -c [^ ]+\.c/); f=substr($$0,RSTART+4,RLENGTH-4); gsub(/\\/,"\\\\"); gsub(/"/,"\\\""); \
	 printf "%s{\"directory\":\"%s\",\"file\":\"%s\",\"command\":\"%s\"}",n++?",\n":"",dir,f,$$0} END{print "\n]"}' >$@

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/doc/meshguard
	install -m 755 $(PROG) $(DESTDIR)$(PREFIX)/bin/meshguard
	ln -sf meshguard $(DESTDIR)$(PREFIX)/bin/meshguard-wireguard
	install -m 644 man/meshguard.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	install -m 644 README.md LICENSE CHANGELOG.md docs/*.md $(DESTDIR)$(PREFIX)/share/doc/meshguard/
clean:
	rm -rf $(B)
help:
	@echo 'make                build build/meshguard'
	@echo 'make check          unit, seed and command tests: no root, no network'
	@echo 'make check-sim      all scenarios of the simulator'
	@echo 'make sim-large LARGE="10000 1000"  membership of so many nodes, and WORLDS=1000 with'
	@echo '                                   a liar: an hour, 11 GB'
	@echo 'make sim-insiders DAYS=10          lies of members all day long, N = 128: two hours of CPU'
	@echo 'make sim-grid REPEAT=1 STEP=1      members that are blocked, N = 128: 15 minutes'
	@echo 'make sim-hours      20 % loss, 100 node-hours of 100 and of 1,000 nodes: minutes'
	@echo 'make explore N=1000 FIRST=1    random worlds; a failure prints its seed'
	@echo 'make golden         record the traces of scenarios anew'
	@echo 'make check-e2e      end-to-end tests in network namespaces (root)'
	@echo 'make check-long     the ten-minute tests, and the largest floods (root)'
	@echo 'make check-nat      every pair of NATs, 100 runs of the three that matter, tokens: an hour (root)'
	@echo 'make check-nat-short   NATs of all kinds, real daemons: minutes (root)'
	@echo 'make bench          everything beside wireguard-go and other rivals: half an hour; QUICK=1: three minutes (root)'
	@echo 'make bench-gossip SIZES=10,50    membership of real processes, beside serf (root)'
	@echo 'make bench-filter   what the filter costs a packet, with 200 rules and 50,000 flows'
	@echo 'make bench-filter-share   the same as a share of a daemon that receives (root, perf)'
	@echo 'make bench-tunnel   one TCP stream through two daemons, beside wireguard-go (root)'
	@echo 'make bench-aead     what sealing and opening a packet costs'
	@echo 'make bench-packet   what splitting, merging and looking up a peer costs'
	@echo 'make asan           make check and the end-to-end tests under sanitizers (root); asan-unit: make check alone'
	@echo 'make tsan           make check under the thread sanitizer'
	@echo 'make pure headers tidy analyze   gates on the source'
	@echo 'make fuzz T=60      each fuzz target for T seconds'
	@echo 'make install        DESTDIR= PREFIX=/usr/local'
	@echo 'make compile_commands.json       for editors'
.PHONY: all tests check golden check-sim sim-large sim-insiders sim-grid sim-hours explore check-e2e check-long check-nat check-nat-short bench-gossip bench-filter bench-filter-share bench bench-packet bench-aead bench-tunnel pure headers walls fuzz fuzz-build asan asan-unit asan-e2e tsan tidy \
        analyze gate clean install help compile_commands.json
-include $(wildcard $(B)/core/*/*.d $(B)/linux/*.d $(B)/cli/*.d $(B)/sim/*.d $(B)/test/*.d $(B)/seeds/*.d)

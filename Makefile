# Rooms of the core, and which rooms each may use. The compiler enforces this
# table: a room is compiled against a folder that holds these headers only, and
# its tests are linked with these archives only.
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
MAY_node     := base crypto packet dns control identity policy wg swim nat
ROOMS := base crypto packet dns control identity policy wg swim nat node

CC      ?= gcc
B       ?= build
OPT     ?= -O2 -g
SAN     ?=
WARN    := -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes \
           -Wwrite-strings -Wcast-qual -Wconversion -Wno-sign-conversion -Werror
CFLAGS_ALL := -std=gnu17 -D_GNU_SOURCE -fno-common $(OPT) $(WARN) $(SAN) -MMD -MP $(CFLAGS)
LIBS    := -lsodium -lcrypto
SHELL_LIBS := -ljansson -lmnl -lcap-ng $(LIBS) -lpthread

PROG := $(B)/meshguard
all: $(PROG)

# --- the core: one archive a room
define room
$(1)_OBJ := $$(patsubst %.c,$(B)/%.o,$$(wildcard core/$(1)/*.c))
$(B)/inc/$(1)/.made:
	@mkdir -p $$(@D) && for d in $(1) $$(MAY_$(1)); do ln -sfn $$(CURDIR)/core/$$$$d $$(@D)/$$$$d; done && touch $$@
$$($(1)_OBJ): $(B)/%.o: %.c | $(B)/inc/$(1)/.made
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS_ALL) -iquote $(B)/inc/$(1) -c $$< -o $$@
$(B)/lib$(1).a: $$($(1)_OBJ)
	@rm -f $$@
	$$(AR) rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room,$(r))))
reverse = $(if $(1),$(call reverse,$(wordlist 2,99,$(1))) $(firstword $(1)))
CORE := $(foreach r,$(call reverse,$(ROOMS)),$(B)/lib$(r).a)

# --- the shell: sees everything
SHELL_SRC := $(wildcard linux/*.c cli/*.c)
SHELL_OBJ := $(patsubst %.c,$(B)/%.o,$(SHELL_SRC))
$(SHELL_OBJ): $(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -iquote core -iquote . -c $< -o $@
$(PROG): $(SHELL_OBJ) $(CORE)
	$(CC) $(SAN) $(LDFLAGS) -o $@ $^ $(SHELL_LIBS)

# --- tests: test/unit/<room>_<what>.c links its room and what that room may use
UNIT := $(patsubst test/unit/%.c,$(B)/test/%,$(wildcard test/unit/*.c))
room_of = $(firstword $(subst _, ,$(notdir $(1))))
.SECONDEXPANSION:
$(UNIT): $(B)/test/%: test/unit/%.c $$(foreach r,$$(call room_of,$$*) $$(call reverse,$$(MAY_$$(call room_of,$$*))),$(B)/lib$$(r).a)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -iquote $(B)/inc/$(call room_of,$*) -iquote test -o $@ $< $(filter %.a,$^) $(if $(filter base packet dns control policy,$(call room_of,$*)),,$(LIBS))
check: $(UNIT)
	@prove -j4 -Q -e '' $^

# --- gates
# What the core may ask of libc: memory it was handed, text, and nothing else.
PURE_OK := mem(cmp|cpy|move|set)|str(n?len|n?cmp|chr)|explicit_bzero|abort|__assert_fail|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_
# What core/crypto alone may ask of its libraries: arithmetic on contexts and buffers it was handed.
CRYPTO_OK := EVP_(En|De)crypt(Init_ex|Update|Final_ex)|EVP_CIPHER_CTX_ctrl|EVP_Digest(Init_ex|Update|Final_ex)|EVP_MAC_(init|update|final)|$\
 crypto_aead_xchacha20poly1305_ietf_(en|de)crypt|crypto_stream_chacha20_ietf|crypto_shorthash_siphash24|$\
 crypto_generichash_blake2b_(init|update|final)|crypto_scalarmult_curve25519(_base)?|crypto_core_ed25519_is_valid_point|$\
 crypto_sign_ed25519_(detached|verify_detached|seed_keypair|(pk|sk)_to_curve25519)
pure: $(CORE)
	@nm --defined-only -g $(CORE) | awk 'NF==3{print $$3}' | sort -u >$(B)/have
	@nm -u -A $(CORE) | awk 'NF>1 && $$(NF-1)=="U" {print $$NF, $$1}' | sort -u | awk 'NR==FNR{h[$$1]=1;next} !h[$$1]' $(B)/have - \
	 | grep -vE '^($(PURE_OK)) |^($(CRYPTO_OK)) [^ ]*libcrypto\.a:' && { echo 'core/ asks the system for the above'; exit 1; } || echo 'core/ is pure'
headers: $(foreach r,$(ROOMS),$(B)/inc/$(r)/.made)
	@for h in $(wildcard core/*/*.h); do r=$$(echo $$h | cut -d/ -f2); \
	 $(CC) -std=gnu17 -D_GNU_SOURCE $(WARN) -iquote $(B)/inc/$$r -fsyntax-only -x c $$h || exit 1; done; echo 'each header stands alone'
fuzz: $(patsubst fuzz/%.c,$(B)/fuzz/%,$(wildcard fuzz/*.c))
$(B)/fuzz/%: fuzz/%.c
	@mkdir -p $(@D)
	clang -g -O1 -fsanitize=fuzzer,address,undefined -std=gnu17 -D_GNU_SOURCE -iquote core -o $@ $< $(wildcard core/*/*.c)
asan:
	@$(MAKE) --no-print-directory B=$(B)/asan CC=clang OPT='-O1 -g' SAN='-fsanitize=address,undefined -fno-sanitize-recover=all' check
# A function fits one screen, a line fits two windows side by side.
tidy:
	@awk 'FNR==1{s=0} /^{/{s=FNR} /^}/{if(s&&FNR-s>71)print FILENAME":"s": "FNR-s-1" lines in one function",bad++; s=0} \
	  {gsub(/\t/,"        ")} length>100{print FILENAME":"FNR": longer than 100 columns",bad++} END{exit bad>0}' \
	  $$(git ls-files '*.c' '*.h' 2>/dev/null || find core linux cli sim test fuzz -name '*.[ch]') && echo tidy
tsan:
	@$(MAKE) --no-print-directory B=$(B)/tsan CC=clang OPT='-O1 -g' SAN=-fsanitize=thread check
analyze:
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 -Icore core linux cli
	clang-tidy --quiet --checks='bugprone-*,clang-analyzer-*,-bugprone-easily-swappable-parameters,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling' --warnings-as-errors='*' \
	  $$(find core linux cli -name '*.c') -- -std=gnu17 -D_GNU_SOURCE -Icore -I.
gate: all check pure headers tidy asan
clean:
	rm -rf $(B)
.PHONY: all check pure headers fuzz asan tsan tidy analyze gate clean
-include $(wildcard $(B)/core/*/*.d $(B)/linux/*.d $(B)/cli/*.d $(B)/test/*.d)

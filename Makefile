# axond: one binary, one engine library. `make help` lists the targets.
#
# A flavour is a build directory: build/ (release), build/asan, build/ubsan, build/tsan, build/clang,
# build/aarch64. Sources are found by wildcard; *.isa.c are compiled once per instruction set.

FLAVOUR ?= release
CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
V       ?= @
BUILD   := build$(if $(filter-out release,$(FLAVOUR)),/$(FLAVOUR))

STD     := -std=gnu11 -fno-math-errno -ffp-contract=off
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
           -Wno-psabi $(if $(CI),-Werror)
OPT     := -O2 -g
CPPFLAGS += -Iengine -D_GNU_SOURCE -MMD -MP
LDLIBS_ENGINE := -lopenblas -lcjson -lpng -ljpeg -lz -lm -lpthread
LDLIBS_SERVER := -lmicrohttpd -lsqlite3

SAN_asan   := -fsanitize=address -fno-omit-frame-pointer
SAN_ubsan  := -fsanitize=undefined,float-cast-overflow -fno-sanitize-recover=all
SAN_tsan   := -fsanitize=thread
SAN        := $(SAN_$(FLAVOUR))
ifneq ($(SAN),)
OPT        := -O1 -g
endif
ifeq ($(FLAVOUR),clang)
CC := clang
endif
ifeq ($(FLAVOUR),fuzz)
CC  := clang
SAN := -fsanitize=fuzzer-no-link,address,undefined
OPT := -O1 -g
endif

# Instruction sets: name, flags. The baseline objects must run everywhere, so only *.isa.c differ.
ARCH := $(shell $(CC) -dumpmachine | cut -d- -f1)
ifeq ($(FLAVOUR),aarch64)
CC   := aarch64-linux-gnu-gcc
ARCH := aarch64
endif
ifeq ($(ARCH),x86_64)
ISAS := v2 v3 v4
ISA_v2 := -march=x86-64-v2 -DAX_VL=4
ISA_v3 := -march=x86-64-v3 -DAX_VL=8
ISA_v4 := -march=x86-64-v4 -DAX_VL=16 -mprefer-vector-width=512
else
ISAS := neon
ISA_neon := -DAX_VL=4
endif
# Contraction to fused multiply-add: on for GEMM and convolution, off for activations, whose bits
# must be the same on every instruction set.
CONTRACT_math := -ffp-contract=fast
CONTRACT_activation := -ffp-contract=off
CONTRACT_train := -ffp-contract=off

ENGINE_C := $(filter-out %.isa.c,$(wildcard engine/*/*.c engine/*.c))
ENGINE_ISA := $(wildcard engine/*/*.isa.c)
ENGINE_O := $(ENGINE_C:%.c=$(BUILD)/obj/%.o) \
            $(foreach i,$(ISAS),$(ENGINE_ISA:%.isa.c=$(BUILD)/obj/%.$(i).o))
SERVER_O := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard server/*.c))
CLI_O    := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard cli/*.c))
LIB      := $(BUILD)/libaxon.a
BIN      := $(BUILD)/axond

UNIT_T   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*.c tests/prop/*.c tests/golden/*.c))
HTTP_T   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/http/test_*.c))

.PHONY: all
all: $(BIN) ## build the release binary, build/axond

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(V)$(CC) $(STD) $(WARN) $(OPT) $(SAN) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

define isa_rule
$(BUILD)/obj/%.$(1).o: %.isa.c
	@mkdir -p $$(@D)
	$$(V)$$(CC) $$(STD) $$(WARN) -O3 -g $$(SAN) $$(CPPFLAGS) $$(CFLAGS) \
	    $$(CONTRACT_$$(notdir $$(patsubst %/,%,$$(dir $$<)))) $$(ISA_$(1)) -fno-lto \
	    $$(if $$(SAN),-DAX_FEW_TILES) -DAX_ISA=$(1) -c $$< -o $$@
endef
$(foreach i,$(ISAS),$(eval $(call isa_rule,$(i))))

$(LIB): $(ENGINE_O)
	@rm -f $@
	$(V)$(AR) rcs $@ $^

$(BIN): $(CLI_O) $(SERVER_O) $(LIB)
	$(V)$(CC) $(OPT) $(SAN) $(LDFLAGS) $(CLI_O) $(SERVER_O) $(LIB) $(LDLIBS_SERVER) $(LDLIBS_ENGINE) -o $@

$(BUILD)/tests/unit/%: LDLIBS_T := -lcmocka
$(BUILD)/tests/prop/%: LDLIBS_T := -lcmocka
$(BUILD)/tests/golden/%: LDLIBS_T := -lcmocka
$(BUILD)/tests/http/%: LDLIBS_T := -lcmocka -lcurl
# The tests reach engine, server and cli alike; the latter two come as a library so that only what a
# test uses is linked.
$(BUILD)/libapp.a: $(SERVER_O) $(filter-out %/main.o,$(CLI_O))
	@rm -f $@
	$(V)$(AR) rcs $@ $^
$(BUILD)/tests/%: tests/%.c $(LIB) $(BUILD)/libapp.a
	@mkdir -p $(@D)
	$(V)$(CC) $(STD) $(WARN) $(OPT) $(SAN) $(CPPFLAGS) -I. -Itests -MF $@.d $(CFLAGS) $< $(BUILD)/libapp.a \
	    $(LIB) $(LDFLAGS) $(LDLIBS_T) $(LDLIBS_SERVER) $(LDLIBS_ENGINE) -o $@

.PHONY: test
test: deps all $(UNIT_T) $(HTTP_T) ## build and run all tests (T=name runs those whose name contains it)
	@BUILD=$(BUILD) tests/run.sh $(UNIT_T) $(HTTP_T)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: format
format: ## reformat the C sources
	clang-format -i $(wildcard engine/*/*.[ch] engine/*.h server/*.[ch] cli/*.[ch] tests/*/*.[ch] bench/*.[ch])

.PHONY: deps
deps: ## install the missing Debian packages where allowed, else print the line to type
	@./deps.sh

.PHONY: clean
clean: ## remove everything built
	rm -rf build

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z0-9_-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

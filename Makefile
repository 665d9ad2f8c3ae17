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
OPT_ISA := -O3 -g
CPPFLAGS += -Iengine -D_GNU_SOURCE -MMD -MP
LDLIBS_ENGINE := -lopenblas -lcjson -lpng -ljpeg -lz -lm -lpthread
LDLIBS_SERVER := -lmicrohttpd -lsqlite3

SAN_asan   := -fsanitize=address -fno-omit-frame-pointer
SAN_ubsan  := -fsanitize=undefined,float-cast-overflow -fno-sanitize-recover=all
SAN_tsan   := -fsanitize=thread
SAN        := $(SAN_$(FLAVOUR))
ifneq ($(filter clang fuzz,$(FLAVOUR)),)
CC   := clang
DEPS := clang
endif
ifeq ($(FLAVOUR),fuzz)
SAN := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
endif
ifneq ($(SAN),)
OPT     := -O1 -g
OPT_ISA := -O2 -g -DAX_ROLLED
endif

# Instruction sets: name, flags. The baseline objects must run everywhere, so only *.isa.c differ.
ARCH := $(shell $(CC) -dumpmachine 2>/dev/null | cut -d- -f1)
ifeq ($(FLAVOUR),aarch64)
CC   := aarch64-linux-gnu-gcc --sysroot=$(CURDIR)/build/aarch64/sysroot
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
CONTRACT_formula := -ffp-contract=off
CONTRACT_train := -ffp-contract=off
# The formulas of activations are evaluated for several vectors abreast. gcc interleaves them only when
# told to schedule before it gives out registers; clang has no such switch.
SCHEDULE_activation := $(if $(findstring clang,$(CC)),,-fschedule-insns -fsched-pressure)
SCHEDULE_formula := $(SCHEDULE_activation)

ENGINE_C := $(filter-out %.isa.c,$(wildcard engine/*/*.c engine/*/*/*.c engine/*.c))
ENGINE_ISA := $(wildcard engine/*/*.isa.c engine/*/*/*.isa.c)
ENGINE_O := $(ENGINE_C:%.c=$(BUILD)/obj/%.o) \
            $(foreach i,$(ISAS),$(ENGINE_ISA:%.isa.c=$(BUILD)/obj/%.$(i).o))
SERVER_O := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard server/*.c))
CLI_O    := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard cli/*.c))
LIB      := $(BUILD)/libaxon.a
BIN      := $(BUILD)/axond

UNIT_T   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*.c tests/prop/*.c tests/golden/*.c))
HTTP_T   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/http/test_*.c))
FUZZ_T   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/fuzz/*.c))
BENCH    := $(patsubst %.c,$(BUILD)/%,$(wildcard bench/*.c))

# What a target builds before it does something: on all cores, unless -j was given.
BUILD_MAKE = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: all
all: $(BIN) ## build the release binary, build/axond

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(V)$(CC) $(STD) $(WARN) $(OPT) $(SAN) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

define isa_rule
$(BUILD)/obj/%.$(1).o: %.isa.c
	@mkdir -p $$(@D)
	$$(V)$$(CC) $$(STD) $$(WARN) $$(OPT_ISA) $$(SAN) $$(CPPFLAGS) $$(CFLAGS) \
	    $$(CONTRACT_$$(notdir $$(patsubst %/,%,$$(dir $$<)))) \
	    $$(SCHEDULE_$$(notdir $$(patsubst %/,%,$$(dir $$<)))) $$(ISA_$(1)) -fno-lto \
	    -DAX_ISA=$(1) -c $$< -o $$@
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
# this one lets the engine's allocations fail
$(BUILD)/tests/unit/no_memory: LDLIBS_T := -lcmocka $(foreach f,malloc calloc realloc aligned_alloc strdup strndup free,\
    -Wl,--wrap=$(f))
# The tests reach engine, server and cli alike; the latter two come as a library so that only what a
# test uses is linked.
$(BUILD)/libapp.a: $(SERVER_O) $(filter-out %/main.o,$(CLI_O))
	@rm -f $@
	$(V)$(AR) rcs $@ $^
$(BUILD)/tests/%: tests/%.c $(LIB) $(BUILD)/libapp.a
	@mkdir -p $(@D)
	$(V)$(CC) $(STD) $(WARN) $(OPT) $(SAN) $(CPPFLAGS) -I. -Itests -MF $@.d $(CFLAGS) $< $(MORE_T) \
	    $(BUILD)/libapp.a $(LIB) $(LDFLAGS) $(LDLIBS_T) $(LDLIBS_SERVER) $(LDLIBS_ENGINE) -o $@
# A fuzz target is a test too: replay.c runs it on its seeds. Only `make fuzz` lets it invent input.
ifeq ($(FLAVOUR),fuzz)
$(BUILD)/tests/fuzz/%: LDLIBS_T := -fsanitize=fuzzer
else
$(BUILD)/tests/fuzz/%: MORE_T = tests/replay.c -DSEEDS='"$(<:.c=.seeds)"'
$(BUILD)/tests/fuzz/%: LDLIBS_T := -lcmocka
endif
$(BUILD)/bench/%: bench/%.c $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(STD) $(WARN) $(OPT) $(SAN) $(CPPFLAGS) -MF $@.d $(CFLAGS) $< $(LIB) $(LDFLAGS) \
	    $(LDLIBS_SERVER) $(LDLIBS_ENGINE) -o $@

# Under an emulator the tests over HTTP, which take their time from the clock, stay out.
TESTS := $(UNIT_T) $(FUZZ_T) $(if $(RUNNER),,$(HTTP_T))
.PHONY: test test-programs
test: deps ## build and run all tests (T=name runs those whose name contains it)
	+@$(BUILD_MAKE) test-programs
test-programs: $(BIN) $(TESTS)
	@BUILD=$(BUILD) tests/run.sh $(TESTS)

.PHONY: run
run: deps ## build and serve the models in models/ at 127.0.0.1:8080
	+@$(BUILD_MAKE) all
	@echo 'try, in another terminal:'
	@echo '  curl -s -H "Content-Type: image/png" --data-binary @models/ankle-boot.png http://127.0.0.1:8080/predict?model=fashion-cnn'
	@exec $(BIN) serve --models models

.PHONY: models
models: DEPS := dataset-fashion-mnist
models: deps ## train the sample models again; stopped, it goes on where it was
	+@$(BUILD_MAKE) all
	@for spec in models/*.train.json; do name=$$(basename $$spec .train.json); \
	    $(BIN) train $$spec --out models/$$name.safetensors --checkpoint build/checkpoints/$$name --resume && \
	    rm -r build/checkpoints/$$name || exit 1; \
	done

# The sweep over float32 judges with MPFR and, in its reference, with glibc's vector functions; there
# the constants of the reference, long doubles elsewhere, are to be doubles.
$(BUILD)/ulp: $(wildcard tests/ulp/*.c tests/ulp/*.h tests/act_reference*.h) $(LIB)
	$(V)$(CC) $(STD) $(WARN) -O3 -march=native -fno-trapping-math -mlong-double-64 \
	    $(CPPFLAGS) -MF $@.d -I. -Itests \
	    $(filter %.c,$^) $(LIB) -lmvec $(LDLIBS_ENGINE) -lmpfr -lgmp -o $@
ULP_STRIDE := 997
.PHONY: ulp ulp-exhaustive
ulp: DEPS := libmpfr-dev
ulp: deps ## measure the error of every activation at a part of the inputs, about a minute
	+@$(BUILD_MAKE) $(BUILD)/ulp
	@rm -rf $(BUILD)/ulp-part && $(BUILD)/ulp $(ULP_STRIDE) $(BUILD)/ulp-part $(T)
ulp-exhaustive: DEPS := libmpfr-dev
ulp-exhaustive: deps ## the same at all 2^32 inputs, hours; stopped, it goes on where it was; writes docs/accuracy.md
	+@$(BUILD_MAKE) $(BUILD)/ulp
	@$(BUILD)/ulp 1 $(BUILD)/ulp-all $(T)
	@$(BUILD)/ulp table $(BUILD)/ulp-all docs/accuracy.md engine/activation/accuracy.inc

# ONNX's own test data, and the models that axond writes, run by ONNX Runtime, which
# npm brings.
$(BUILD)/onnx-%: tests/onnx/%.c $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(STD) $(WARN) $(OPT) $(CPPFLAGS) -Itests -MF $@.d $(CFLAGS) $< $(LIB) $(LDFLAGS) $(LDLIBS_ENGINE) -o $@
.PHONY: onnx-test
onnx-test: DEPS := libonnx-testdata
onnx-test: deps ## run ONNX's own test cases, activations and real models beside ONNX Runtime, exports of PyTorch
	+@$(BUILD_MAKE) $(BUILD)/onnx-export $(BUILD)/onnx-converted $(BUILD)/onnx-backend $(BUILD)/axond
	@$(BUILD)/onnx-backend /usr/share/libonnx-testdata/data
	@BUILD=$(BUILD) tests/onnx.sh

.PHONY: asan ubsan tsan clang
asan ubsan tsan clang: ## all tests under this sanitizer or compiler, built in build/NAME
	@$(MAKE) --no-print-directory FLAVOUR=$@ test

.PHONY: test-aarch64
test-aarch64: ## cross-build for aarch64 and run the engine's tests under qemu
	@tests/aarch64.sh

.PHONY: fuzz
fuzz: ## let clang's fuzzer invent input for each reader, a minute each (FUZZ_SECONDS=n)
	+@$(BUILD_MAKE) FLAVOUR=fuzz fuzz-programs
	@tests/fuzz.sh build/fuzz/tests/fuzz
.PHONY: fuzz-programs
fuzz-programs: deps $(FUZZ_T)

.PHONY: docker-test
docker-test: ## build the container image, run it, ask it for a prediction, stop it
	@docker/test.sh

.PHONY: bench
bench: deps ## time the kernels and the sample models on this machine
	+@$(BUILD_MAKE) all $(BENCH)
	@bench/run.sh

.PHONY: layers
layers: ## prove from the #include lines which way dependencies point
	@tests/layers.sh

.PHONY: docs
docs: all ## generate docs/commands.md and docs/activations.md from the program itself
	@docs/generate.sh $(BIN)

-include $(shell find $(wildcard $(BUILD)/obj $(BUILD)/tests $(BUILD)/bench) -name '*.d' -type f 2>/dev/null)

.PHONY: format
format: ## reformat the C sources
	clang-format -i $(wildcard engine/*/*.[ch] engine/*/*/*.[ch] engine/*.h server/*.[ch] cli/*.[ch] tests/*/*.[ch] bench/*.[ch] tests/*.[ch])

.PHONY: deps
deps: ## install the missing Debian packages where allowed, else print the line to type
	@./deps.sh $(DEPS)

.PHONY: clean
clean: ## remove everything built
	rm -rf build

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z0-9_ -]+:.*## /{printf "  make %-23s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A graph of N targets, each made of two before it by the shell.
numbers := $(shell seq $(N))
all: $(addprefix t,$(numbers)); @echo done
define rule
t$(1): $(if $(filter-out 1 2,$(1)),t$(shell expr $(1) / 2) t$(shell expr $(1) / 3 + 1)); @echo t$(1)
endef
$(foreach n,$(numbers),$(eval $(call rule,$(n))))

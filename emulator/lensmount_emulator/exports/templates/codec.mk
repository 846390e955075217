# Checks and sizes of the generated codec.
CC ?= cc
CFLAGS ?= -O2
WARNINGS = -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror
ARM_CC ?= arm-none-eabi-gcc
ARM_SIZE ?= arm-none-eabi-size
ARM_FLAGS = -mcpu=cortex-m0plus -mthumb -Os -ffreestanding -ffunction-sections -fdata-sections

.PHONY: test sanitized size clean

test: ${p}_test
	./${p}_test ${p}_vectors.txt

sanitized: ${p}_test_sanitized
	./${p}_test_sanitized ${p}_vectors.txt

size: ${p}_codec_m0.o
	$$(ARM_SIZE) -t $$<

${p}_test: ${p}_test.c ${p}_codec.c ${p}_codec.h
	$$(CC) $$(WARNINGS) $$(CFLAGS) -o $$@ ${p}_test.c ${p}_codec.c

${p}_test_sanitized: ${p}_test.c ${p}_codec.c ${p}_codec.h
	$$(CC) $$(WARNINGS) -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -o $$@ ${p}_test.c ${p}_codec.c

${p}_codec_m0.o: ${p}_codec.c ${p}_codec.h
	$$(ARM_CC) $$(WARNINGS) $$(ARM_FLAGS) -c -o $$@ ${p}_codec.c

clean:
	rm -f ${p}_test ${p}_test_sanitized ${p}_codec_m0.o

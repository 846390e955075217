#!/bin/sh
# Installs the decoders for sigrok-cli and PulseView.
set -eu
place="$${SIGROKDECODE_DIR:-$${XDG_DATA_HOME:-$$HOME/.local/share}/libsigrokdecode/decoders}"
mkdir -p "$$place"
cp -R "$$(dirname "$$0")/$id" "$$(dirname "$$0")/${id}_lines" "$$place/"
echo "installed $$place/$id and $$place/${id}_lines"

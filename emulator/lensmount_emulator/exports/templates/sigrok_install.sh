#!/bin/sh
# Installs the decoder for sigrok-cli and PulseView.
set -eu
place="$${SIGROKDECODE_DIR:-$${XDG_DATA_HOME:-$$HOME/.local/share}/libsigrokdecode/decoders}"
mkdir -p "$$place"
cp -R "$$(dirname "$$0")/$id" "$$place/"
echo "installed $$place/$id"

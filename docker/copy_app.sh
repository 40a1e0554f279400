#!/bin/sh
# Lay what a device runs into a folder: the server, the engine builder, models, start scripts, the plugin and native kernels where built.
#
#     docker/copy_app.sh FOLDER     from the root of the repository
set -eu
folder=$1
mkdir -p "$folder/tests/data" "$folder/models" "$folder/docker" "$folder/export"
cp -R server "$folder/"
cp export/__init__.py "$folder/export/"
cp -R export/engine "$folder/export/" # of export/ a board needs this room alone
find "$folder/server" "$folder/export" -name __pycache__ -type d -prune -exec rm -rf {} +
cp models/*.onnx models/*.json "$folder/models/"
cp tests/data/*.golden.npz "$folder/tests/data/" # an engine is proved right with them
cp docker/board_facts.sh docker/gpu_nodes.txt docker/startup_checks.sh docker/entrypoint.sh docker/bindings.sh docker/sbom.py "$folder/docker/"
cp LICENSE THIRD_PARTY_NOTICES.md "$folder/"
if [ -e build/libfwht_onnxruntime.so ]; then
  mkdir -p "$folder/native"
  cp build/libfwht_onnxruntime.so build/libfwht_onnxruntime.json "$folder/native/"
fi
if [ -e build/libfwht_plugin.so ]; then
  mkdir -p "$folder/plugin"
  cp build/libfwht_plugin.so build/libfwht_plugin.json "$folder/plugin/"
fi

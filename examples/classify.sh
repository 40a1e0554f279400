#!/bin/sh
# Labels of image files with curl: sh examples/classify.sh http://127.0.0.1:8000 picture.jpg...
# A server with API keys wants one: API_KEY=... sh examples/classify.sh ...
set -eu

url=${1:?"give the address of the server, http://127.0.0.1:8000, and image files"}
shift
for image in "$@"; do
  # --fail-with-body (curl 7.76 or newer): a refusal is printed, it says what is wrong; the exit status is 22.
  # --retry: a server that is full answers 503 with Retry-After, which curl heeds.
  curl --silent --show-error --fail-with-body --retry 3 ${API_KEY:+--header "X-API-Key: $API_KEY"} \
    --form "file=@$image" "$url/v1/classify?top_k=3"
  echo
done

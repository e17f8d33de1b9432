#!/usr/bin/env bash
# zips.sh DIRECTORY: builds the functions and writes DIRECTORY/<function>.zip, each with the certificate authorities of RDS at the path that Terraform
# sets for functions on PostgreSQL (var.functions.rds_authority).
set -euo pipefail

directory="$(mkdir -p "$1" && cd "$1" && pwd)"
cd "$(dirname "$0")/../.."
cargo lambda build --release --arm64 --output-format zip --package shopease-functions --features aws-events
curl --fail --silent --show-error --proto '=https' --output "$directory/rds-ca.pem" https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
for zip in target/lambda/*/bootstrap.zip; do
  zip --quiet --junk-paths "$zip" "$directory/rds-ca.pem"
  mv "$zip" "$directory/$(basename "$(dirname "$zip")").zip"
done
rm "$directory/rds-ca.pem"

#!/usr/bin/env bash
# The lake's jobs: an empty lake gets the sample of an invented shop, with its database part in PostgreSQL. When started
# again, it finds nothing new to load.
set -euo pipefail
umask 077

readonly python=.venv/bin/python sample=/data/sample/shop.csv split=/data/sample/split
readonly shop=postgresql://database:5432/shop
export PGUSER=shop PGPASSWORD
PGPASSWORD=$(</secrets-shop/password)

if [[ ! -f $split/manifest.json ]]; then
  mkdir -p -- /data/sample
  "$python" -m splitter.sample --rows "${LAKEHOUSE_SAMPLE_ROWS:-10000}" --out "$sample"
  "$python" -m splitter "$sample" --out "$split" --database "$shop"
fi
# Such a small load is faster without Java's second compiler.
export SPARK_SUBMIT_OPTS=${SPARK_SUBMIT_OPTS--XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m}
exec ./spark-submit.sh pipeline --conf conf/docker.yaml --input "$split/manifest.json" --extract-date 2023-08-25

#!/usr/bin/env bash
# run.sh PLAN RESULTS.csv: makes the run of each line of a plan ("id|data|options") that the results have no row of.
# A line of comparison.plan is a study of one method under one seed (gridless compare), of every other plan a finetune.
#
# Resumable: a row is added when a run is finished, an interrupted run goes on, and several processes may work on one plan.
# SHARED, DIGITS and STUDY in data and options stand for the folder of the data sets, the digits' CSV and the folder of the
# study's own data and runs, so that rows name no machine's paths. Needs jq and flock.
set -euo pipefail
cd "$(dirname "$0")/.."
plan=$1 results=$2
shared=${GRIDLESS_SHARED:-../shared}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gridless
study=${STUDY:-.build/study}
commit=${COMMIT:-$(git rev-parse --short HEAD)$(git diff --quiet HEAD -- Sources Package.swift || echo -dirty)}
cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1 | tr -d ',"')
case $(basename "$plan") in
  comparison.plan)
    command=compare event=method
    last=accuracy,balanced_accuracy,nll,lr,lambda,tau,alpha,beta,runs,failed,hours,trained_steps
    keys=".${last//,/,.}" more='"," + $cpu' last+=,cpu ;;
  *)
    command=finetune event=result
    last=n,lr,kappa,lambda,tau,sigma,loss,accuracy,balanced_accuracy,nll,ece,brier,seconds,rungs
    keys='.n,.lr,.kappa,.lambda,.tau,.sigma,.loss,.test.accuracy,.test.balanced_accuracy,.test.nll,.test.ece,.test.brier,.seconds'
    more='"," + ([.rungs // [] | .[] | "\(.rung):\(.lr):\(.loss)"] | join(" "))' ;;
esac
mkdir -p "$study/runs"
[ -s "$results" ] || echo "id,commit,data,options,$last" > "$results"
expand() { sed "s#SHARED#$shared/data#g; s#DIGITS#$cache/digits/digits.csv#g; s#STUDY#$study#g" <<<"$1"; }
# A copy, so that all rows come of one build, whatever is built meanwhile.
gridless=$(mktemp "$study/gridless-XXXXXX")
trap 'rm -f "$gridless"' EXIT
cp "${GRIDLESS:-.build/release/gridless}" "$gridless"
chmod +x "$gridless"

while IFS='|' read -r id data options <&3; do
  case $id in '' | '#'*) continue ;; esac
  if grep -q "^$id," "$results"; then continue; fi
  # Held until the next line's takes its place; a killed process holds nothing.
  exec 9> "$study/runs/$id.lock"
  if ! flock --nonblock 9; then
    echo "$id: another process makes it" >&2
    continue
  fi
  # shellcheck disable=SC2046 # options are words
  if line=$("$gridless" $command $(expand "$data $options") --threads 1 --quiet --json --out "$study/runs/$id" \
    2> "$study/runs/$id.err" 9>&- | tail -n 1) && jq -e ".event == \"$event\"" <<<"$line" > /dev/null; then
    values=$(jq -r --arg cpu "$cpu" "([$keys] | map(tostring) | join(\",\")) + $more" <<<"$line")
    echo "$id,$commit,$data,\"$options\",$values" >> "$results"
  else
    echo "$id: failed: $(tail -n 1 "$study/runs/$id.err")" >&2
  fi
done 3< "$plan"

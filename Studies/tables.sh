#!/usr/bin/env bash
# tables.sh: prints the tables of the documentation's articles Study, Comparing methods and Speed from the results beside it, as Markdown.
set -euo pipefail
cd "$(dirname "$0")"
# The options of a row may hold commas, so that numbers are counted from the end.
columns='function number(back) { return $(NF - back) } { id = $1; lr = number(12); kappa = number(11); lambda = number(10)
  tau = number(9); sigma = number(8); loss = number(7); accuracy = number(6); balanced = number(5); nll = number(4)
  ece = number(3); seconds = number(1) }'

echo "## Screening, judged on held-out training data"
echo
echo "| run | λ | τ | σ | accuracy | NLL | ECE |"
echo "|---|---|---|---|---|---|---|"
sort screening.csv | awk -F, "$columns"' id != "id" {
  printf "| %s | %.2e | %.2e | %.2e | %.3f | %.3f | %.3f |\n", id, lambda, tau, sigma, accuracy, nll, ece }'

echo
echo "## Recipes: mean over seeds, and the mean of paired differences (default − published) with its standard error"
echo
echo "| data and network | seeds | accuracy, published | default | difference | NLL, published | default | difference |"
echo "|---|---|---|---|---|---|---|---|"
awk -F, "$columns"' id != "id" {
  n = split(id, part, "-"); pair = part[1] "-" part[2]; key = pair SUBSEP part[n] SUBSEP part[3]
  a[key] = balanced; l[key] = nll; pairs[pair] = 1; seeds[part[n]] = 1 }
  function line(pair,   s, m, d, da, dl, sa, sl, va, vl, p) {
    m = ap = ad = lp = ld = 0; for (s in seeds) { p = pair SUBSEP s SUBSEP "published"; d = pair SUBSEP s SUBSEP "default"
      if (!(p in a) || !(d in a)) continue
      m++; ap += a[p]; ad += a[d]; lp += l[p]; ld += l[d]; da[m] = a[d] - a[p]; dl[m] = l[d] - l[p] }
    if (m < 2) return
    for (i = 1; i <= m; i++) { sa += da[i] / m; sl += dl[i] / m }
    for (i = 1; i <= m; i++) { va += (da[i] - sa) ^ 2 / (m - 1); vl += (dl[i] - sl) ^ 2 / (m - 1) }
    printf "| %s | %d | %.3f | %.3f | %+.3f ± %.3f | %.3f | %.3f | %+.3f ± %.3f |\n", pair, m, ap / m, ad / m, sa,
      sqrt(va / m), lp / m, ld / m, sl, sqrt(vl / m) }
  END { for (pair in pairs) line(pair) }' recipes.csv | sort

echo
echo "## Methods on flowers89: mean over seeds of 400 steps, and seed 1 with 400 and 800"
echo
echo "| method | seeds | balanced accuracy | NLL | λ: 400 → 800 | τ | σ |"
echo "|---|---|---|---|---|---|---|"
awk -F, "$columns"' id != "id" {
  isLong = id ~ /-800$/; sub(/-800$/, "", id); match(id, /-[0-9]+$/)
  seed = substr(id, RSTART + 1); method = substr(id, 1, RSTART - 1); methods[method] = 1
  if (!isLong) { m[method]++; acc[method] += balanced; logs[method] += nll }
  if (seed == 1) { value[method, isLong, 1] = lambda; value[method, isLong, 2] = tau; value[method, isLong, 3] = sigma } }
  function change(method, index_,   before, after) {
    before = value[method, 0, index_]; after = value[method, 1, index_]
    if (before == "null" || before == "") return "–"
    if (after == "") return sprintf("%.2e", before)
    return sprintf("%.2e → %.2e (%+.0f %%)", before, after, 100 * (after / before - 1)) }
  END { for (k in methods) if (m[k]) printf "| %s | %d | %.3f | %.3f | %s | %s | %s |\n", k, m[k], acc[k] / m[k],
    logs[k] / m[k], change(k, 1), change(k, 2), change(k, 3) }' methods.csv | sort

echo
echo "## The race against four whole runs"
echo
echo "| pair | race took | its accuracy | best of four | difference | seconds, race / mean of the four |"
echo "|---|---|---|---|---|---|"
awk -F, "$columns"' id != "id" {
  split(id, part, "-"); pair = part[1] "-" part[2]
  if (part[3] == "race") { took[pair] = lr; a[pair] = accuracy; s[pair] = seconds }
  else if (part[3] ~ /^0.(1|01|001|0001)$/) { n[pair]++; t[pair] += seconds; if (accuracy > best[pair]) best[pair] = accuracy } }
  END { for (pair in took) if (n[pair] == 4) printf "| %s | %s | %.3f | %.3f | %+.3f | %.2f |\n", pair, took[pair], a[pair],
    best[pair], a[pair] - best[pair], s[pair] / (t[pair] / 4) }' racing.csv | sort

echo
echo "## Rank correlation (Spearman) of the rungs' objective with the whole runs', over the rates that both have"
echo
echo "| pair | rung 1 | rates |"
echo "|---|---|---|"
awk -F, "$columns"' id != "id" {
  split(id, part, "-"); pair = part[1] "-" part[2]
  if (part[3] == "race") { m = split($NF, rungs, " "); for (i = 1; i <= m; i++) { split(rungs[i], r, ":")
    if (r[1] == 1) rung[pair, r[2]] = r[3] } ; pairs[pair] = 1 }
  else full[pair, part[3]] = loss }
  END { k = split("0.1 0.03 0.01 0.003 0.001", rates, " "); for (pair in pairs) { n = 0
    for (i = 1; i <= k; i++) if ((pair, rates[i]) in rung && (pair, rates[i]) in full) {
      n++; x[n] = rung[pair, rates[i]]; y[n] = full[pair, rates[i]] }
    if (n < 3) continue
    d = 0; for (i = 1; i <= n; i++) { rx = ry = 1
      for (j = 1; j <= n; j++) { rx += x[j] < x[i]; ry += y[j] < y[i] } d += (rx - ry) ^ 2 }
    printf "| %s | %.2f | %d |\n", pair, 1 - 6 * d / (n * (n * n - 1)), n } }' racing.csv | sort

echo
echo "## From weights that Gridless trained: mean over seeds, with the lowest and highest"
echo
echo "| network | start | seeds | accuracy | NLL |"
echo "|---|---|---|---|---|"
awk -F, "$columns"' id != "id" {
  split(id, part, "-"); key = part[1] " | " part[2]
  n[key]++; a[key] += accuracy; l[key] += nll
  if (n[key] == 1 || accuracy < low[key]) low[key] = accuracy
  if (n[key] == 1 || accuracy > high[key]) high[key] = accuracy }
  END { for (key in n) printf "| %s | %d | %.3f (%.3f–%.3f) | %.3f |\n", key, n[key], a[key] / n[key], low[key], high[key],
    l[key] / n[key] }' transfer.csv | sort

echo
echo "## Ways to choose hyperparameters, flowers89: mean over seeds, with the lowest and highest"
echo
echo "| method | seeds | accuracy | balanced accuracy | NLL | runs | training steps | those of DE-ELBO's | hours | on |"
echo "|---|---|---|---|---|---|---|---|---|---|"
awk -F, 'NR > 1 { id = $1
  match(id, /-[0-9]+$/); m = substr(id, 1, RSTART - 1); if (!(m in n)) order[++count] = m
  n[m]++; acc[m] += $(NF - 12); bal[m] += $(NF - 11); nll[m] += $(NF - 10); runs[m] += $(NF - 4); hours[m] += $(NF - 2)
  steps[m] += $(NF - 1); if (index(cpus[m], $NF) == 0) cpus[m] = cpus[m] (cpus[m] == "" ? "" : "; ") $NF
  if (n[m] == 1 || $(NF - 11) < low[m]) low[m] = $(NF - 11)
  if (n[m] == 1 || $(NF - 11) > high[m]) high[m] = $(NF - 11)
  if (n[m] == 1 || $(NF - 10) < least[m]) least[m] = $(NF - 10)
  if (n[m] == 1 || $(NF - 10) > most[m]) most[m] = $(NF - 10) }
  END { own = steps["de-elbo"] / n["de-elbo"]
    for (i = 1; i <= count; i++) { m = order[i]
    printf "| %s | %d | %.3f | %.3f (%.3f–%.3f) | %.3f (%.3f–%.3f) | %.1f | %d | %.1f | %.3f | %s |\n", m, n[m], acc[m] / n[m],
      bal[m] / n[m], low[m], high[m], nll[m] / n[m], least[m], most[m], runs[m] / n[m], steps[m] / n[m], steps[m] / n[m] / own,
      hours[m] / n[m], cpus[m] } }' comparison.csv

for study in precision precision-two-draws; do
echo
echo "## A run in float32 and in bfloat16: bf16 beside fp32 of the same seed, and the mean of the differences with its standard error ($study)"
echo
echo "| seed | loss, fp32 | bf16 | difference | λ | τ | σ | test accuracy, fp32 | bf16 | points |"
echo "|---|---|---|---|---|---|---|---|---|---|"
[ ! -e "$study.csv" ] || awk -F, "$columns"' id != "id" {
  split(id, part, "-"); seeds[part[2]] = 1; l[id] = loss; a[id] = accuracy; h[id, 1] = lambda; h[id, 2] = tau; h[id, 3] = sigma }
  function percent(a, b) { return 100 * (b / a - 1) }
  END { for (seed = 1; seed in seeds; seed++) { f = "fp32-" seed; b = "bf16-" seed
    if (!(f in l) || !(b in l)) continue
    n++; dl[n] = percent(l[f], l[b]); da[n] = 100 * (a[b] - a[f]); sl += dl[n]; sa += da[n]
    printf "| %d | %.4f | %.4f | %+.1f %% ", seed, l[f], l[b], dl[n]
    for (i = 1; i <= 3; i++) printf "| %+.1f %% ", percent(h[f, i], h[b, i])
    printf "| %.3f | %.3f | %+.1f |\n", a[f], a[b], da[n] }
    if (n < 2) exit
    for (i = 1; i <= n; i++) { vl += (dl[i] - sl / n) ^ 2 / (n - 1); va += (da[i] - sa / n) ^ 2 / (n - 1) }
    printf "| mean | | | %+.1f ± %.1f %% | | | | | | %+.1f ± %.1f |\n", sl / n, sqrt(vl / n), sa / n, sqrt(va / n) }' "$study.csv"
done

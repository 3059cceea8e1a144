
"use strict";
// The page reads the program's scrape endpoint once a second, and shows sums over all
// engines. Rates and quantiles are those of the last WINDOW seconds.
const PERIOD = 1000, WINDOW = 10, SPAN = 120;
const history = [];
let failedScrapes = 0, answered = false, paused = false, wake = () => {};

const none = "none yet";
const percent = v => v === null ? "no lookups" : (100 * v).toFixed(1) + " %";
const megabytes = v => v === null ? none : short(v) + " MB/s";
const perSecond = v => v === null ? none : short(v) + " /s";
const count = v => v === null ? none : String(Math.round(v));
const faults = v => v > 0 ? count(v) + " (fault)" : count(v);
const perMebibyte = v => v === null ? none : time(v) + "/MiB";
// A quantile above the last boundary of its histogram is not known.
const seconds = last => v => v === null ? none : v >= last ? time(last) + " or more" : time(v);

const short = v => v === 0 ? "0" : v.toFixed(v < 10 ? 2 : v < 1000 ? 1 : 0);
function time(v) {
  const [factor, unit] = v === 0 || v >= 1 ? [1, "s"] : v >= 1e-3 ? [1e3, "ms"] : [1e6, "µs"];
  return Number((v * factor).toPrecision(3)) + " " + unit;
}

const tiering = "vllm:kv_offload_tiering_", offload = "vllm:kv_offload_";
const bytes = name => ({ from: [name], value: () => scaled(rate(name), 1e-6) });
const grown = (...names) => ({ from: names, value: () => total(names.map(name => rate(name))) });
const held = name => ({ from: [name], value: () => now(name) });
const most = name => ({ from: [name], value: () => greatest(name) });
const spread = name => [0.5, 0.9, 0.99].map(q => ({
  label: "p" + 100 * q, from: [name], value: () => quantile(q, name),
  about: q === 0.5 ? "The median: half of the samples are shorter." : `The ${100 * q}th percentile: ${100 * q} in 100 samples are shorter.` }));

const primary = "The first tier: memory of each engine's host. Lookups ask it first.";
const files = "The second tier: files, which all engines share. Lookups ask it for chunks that are not in memory.";
const sections = [
  { title: "Work", charts: [
    { title: "Hit rate by tier", ceiling: () => 1, format: percent,
      about: "Fraction of looked-up chunks that the tier had. A chunk is the KV cache of a few blocks of a prompt.", lines: [
        { label: "0:primary", about: primary, from: [tiering + "chunk_hits_total", tiering + "chunk_queries_total"], value: () => hitRate("0:primary") },
        { label: "1:fs", about: files, from: [tiering + "chunk_hits_total", tiering + "chunk_queries_total"], value: () => hitRate("1:fs") } ] },
    { title: "Throughput", ceiling: v => roundUp(Math.max(v, 1)), format: megabytes,
      about: "Bytes per second between GPU, memory and files.", lines: [
        { label: "load", about: "From memory to the GPU: chunks that were found.", ...bytes(offload + "load_bytes_total") },
        { label: "store", about: "From the GPU to memory: chunks that were computed.", ...bytes(offload + "store_bytes_total") },
        { label: "promotion", about: "From files to memory: chunks that a request asked for.", ...bytes(tiering + "read_bytes_total") },
        { label: "cascade", about: "From memory to files, after a store.", ...bytes(tiering + "write_bytes_total") } ] },
    { title: "Jobs in flight", ceiling: v => 2 * Math.ceil(Math.max(v, 4) / 2), format: count,
      about: "Copies between memory and files in progress. Their chunks cannot be evicted.", lines: [
        { label: "promotions", about: "Reads from files.", ...held(tiering + "active_promotion_jobs") },
        { label: "cascades", about: "Writes to files.", ...held(tiering + "active_cascade_jobs") } ] },
  ], facts: [
    { title: "Chunks in memory", about: "Chunks in the primary tiers of all engines.", from: ["tieredcache_resident_chunks"],
      value: () => now("tieredcache_resident_chunks", "0:primary") },
    { title: "Chunks in files", about: "Chunks in the file tier. Every engine reports all of them, and the page shows the number once.",
      from: ["tieredcache_resident_chunks"], value: () => scaled(now("tieredcache_resident_chunks", "1:fs"), 1 / engines()) },
    { title: "Failed writes", about: "Writes to files that failed, for example because the disk is full.", alarm: true, ...held("tieredcache_failed_writes_total") },
    { title: "Corrupt chunks", about: "Chunks whose content changed between writing and reading. They are not served.", alarm: true, ...held("tieredcache_corrupt_chunks_total") },
  ] },
  { title: "Latency", charts: [
    { title: "Scheduler blocked by a lookup", ceiling: v => roundUp(Math.max(v, 1e-5)), format: seconds(1),
      about: "How long one lookup blocks the scheduler. All other requests of the engine wait meanwhile.", lines: spread(offload + "lookup_sync_delay_seconds") },
    { title: "Wait of a deferred lookup", ceiling: v => roundUp(Math.max(v, 1e-4)), format: seconds(10),
      about: "Time from a request's first deferred lookup to the one that resolves. Lookups that resolve at once are not counted.", lines: spread(offload + "lookup_async_delay_seconds") },
    { title: "Lookup in a tier, p90", ceiling: v => roundUp(Math.max(v, 1e-6)), format: seconds(1),
      about: "The 90th percentile of the time that the lookup of one chunk in a tier blocks the scheduler. It shows which tier makes lookups slow.", lines: [
        { label: "0:primary", about: primary, from: [tiering + "lookup_sync_delay_seconds"], value: () => quantile(0.9, tiering + "lookup_sync_delay_seconds", "0:primary") },
        { label: "1:fs", about: files, from: [tiering + "lookup_sync_delay_seconds"], value: () => quantile(0.9, tiering + "lookup_sync_delay_seconds", "1:fs") } ] },
  ] },
  { title: "Pressure", charts: [
    { title: "Memory pinned", ceiling: () => 1, format: percent,
      about: "Fraction of the primary tier that transfers pin, the largest value over engines. Near 100 %, stores find no room. It does not show how full the tier is.", lines: [
        { label: "all", about: "Chunks pinned by any transfer.", ...most(offload + "cpu_cache_usage_perc") },
        { label: "writing", about: "Chunks that stores and promotions are writing.", ...most(offload + "cpu_cache_write_usage_perc") },
        { label: "reading", about: "Chunks that loads and cascades are reading.", ...most(offload + "cpu_cache_read_usage_perc") } ] },
    { title: "Store latency of files", ceiling: v => roundUp(v), format: perMebibyte,
      about: "Smoothed time that the file tier takes to store one MiB, the largest value over engines.", lines: [
        { label: "latency", about: "An exponential moving average over cascades that succeeded.", ...most(tiering + "backpressure_store_latency_ema") },
        { label: "mark", about: "Back-pressure: above this latency, some stores to the tier are dropped.", from: [], value: () => 0.005 } ] },
    { title: "Refused and dropped", ceiling: v => roundUp(Math.max(v, 1)), format: perSecond,
      about: "Transfers per second that did not happen. The cache still works, but computes more.", lines: [
        { label: "stores dropped", about: "Stores that back-pressure dropped because the file tier is slow.", ...grown(tiering + "backpressure_stores_dropped_total") },
        { label: "stores without room", about: "Stores that found every chunk of memory pinned.", ...grown(offload + "allocation_failure_total") },
        { label: "promotions without room", about: "Hits in files that were lost because memory had no room for them.", ...grown(tiering + "promotion_allocation_failures_total") },
        { label: "failed jobs", about: "Promotions and cascades that failed.",
          ...grown(tiering + "promotion_job_failures_total", tiering + "cascade_job_failures_total") } ] },
  ] },
  { title: "Exporter", charts: [
    { title: "Time of a scrape", ceiling: v => roundUp(Math.max(v, 1e-3)), format: seconds(Infinity),
      about: "Time from this page's request for /metrics to the end of the answer.", lines: [
        { label: "scrape", about: "Measured by the browser.", from: [], value: () => last().took } ] },
    { title: "Payloads", ceiling: v => roundUp(Math.max(v, 1)), format: perSecond,
      about: "Payloads per second that the recorder observed. Each engine sends one for each step of its scheduler.", lines: [
        { label: "payloads", about: "Zero while requests are served means that stats do not arrive.", ...grown("otelkv_payloads_total") } ] },
    { title: "Age of the last payload", ceiling: v => roundUp(Math.max(v, 1e-3)), format: seconds(Infinity),
      about: "Time since an engine last sent stats. If it keeps growing, the engine is stuck, or its stats are lost.", lines: [
        { label: "oldest", about: "The engine that was silent for the longest time.", ...most("otelkv_payload_age_seconds") } ] },
  ], facts: [
    { title: "Series", about: "Series of the recorder. Their number is limited.", ...held("otelkv_series") },
    { title: "Bytes of a scrape", about: "Length of the last answer of /metrics, before compression.", from: [], value: () => last().bytes },
    { title: "Failed scrapes", about: "Requests of this page for /metrics that failed.", from: [], alarm: true, value: () => failedScrapes },
    { title: "Rejected entries", about: "Entries of payloads that the recorder rejected: their metric, kind, labels or engine is wrong.", alarm: true, ...held("otelkv_rejected_entries_total") },
    { title: "Refused numbers", about: "Measurements that no series accepts, such as NaN or a negative increment.", alarm: true, ...held("otelkv_refused_numbers_total") },
    { title: "Folded labels", about: "How often a label value became \"other\", because there were too many series.", alarm: true, ...held("otelkv_folds_total") },
    { title: "Dropped series", about: "Series of removed engines and tiers whose last values were not exported.", alarm: true, ...held("otelkv_dropped_series_total") },
    { title: "Failed exports", about: "Failed pushes to a receiver. Without exporters that push, there are none.", alarm: true, ...held("otelkv_export_failures_total") },
  ] },
];
const charts = sections.flatMap(s => s.charts), facts = sections.flatMap(s => s.facts || []);

// parse returns the sums and the greatest values over engines of the samples of a text
// exposition, by name and by name and tier. For buckets, the boundary follows. bounds are
// the sorted boundaries of each histogram.
function parse(text) {
  const s = { sums: new Map(), greatest: new Map(), bounds: new Map(), engines: new Set(), bytes: text.length };
  const add = (key, le, value) => {
    if (le !== undefined) {
      const bounds = s.bounds.get(key) || s.bounds.set(key, []).get(key);
      if (!bounds.includes(le)) bounds.push(le);
      key += " " + le;
    }
    s.sums.set(key, (s.sums.get(key) || 0) + value);
    s.greatest.set(key, Math.max(s.greatest.get(key) ?? -Infinity, value));
  };
  for (const line of text.split("\n")) {
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!sample) continue;
    const labels = new Map([...(sample[2] || "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(l => [l[1], l[2]]));
    const value = Number(sample[3]), le = labels.has("le") ? bound(labels.get("le")) : undefined;
    if (labels.has("engine")) s.engines.add(labels.get("engine"));
    add(sample[1], le, value);
    if (labels.has("tier")) add(sample[1] + " " + labels.get("tier"), le, value);
  }
  for (const bounds of s.bounds.values()) bounds.sort((a, b) => a - b);
  return s;
}

const bound = le => le === "+Inf" ? Infinity : Number(le);
const last = () => history[history.length - 1];
const engines = () => last().engines.size || 1;
const series = (name, tier) => tier ? name + " " + tier : name;
const now = (name, tier) => last().sums.get(series(name, tier)) ?? null;
const greatest = name => last().greatest.get(name) ?? null;
const scaled = (v, factor) => v === null ? null : v * factor;
const total = values => values.includes(null) ? null : values.reduce((a, b) => a + b, 0);

// increase returns how much a counter grew in the window. A counter that fell was reset.
function increase(key) {
  let by = 0;
  for (let i = 1; i < history.length; i++) {
    const before = history[i - 1].sums.get(key) ?? 0, after = history[i].sums.get(key) ?? 0;
    by += after < before ? after : after - before;
  }
  return by;
}
function rate(name) {
  const span = last().time - history[0].time;
  return span > 0 && last().sums.has(name) ? increase(name) / span : null;
}
function hitRate(tier) {
  const queries = increase(series(tiering + "chunk_queries_total", tier));
  return queries > 0 ? increase(series(tiering + "chunk_hits_total", tier)) / queries : null;
}

// quantile estimates a quantile of a histogram's samples in the window, as
// histogram_quantile of PromQL does.
function quantile(q, name, tier) {
  const key = series(name + "_bucket", tier), bounds = last().bounds.get(key) || [];
  const upTo = bounds.map(le => increase(key + " " + le)), rank = q * upTo[upTo.length - 1];
  if (!(rank > 0)) return null;
  const i = upTo.findIndex(n => n >= rank), below = i > 0 ? bounds[i - 1] : 0, before = i > 0 ? upTo[i - 1] : 0;
  return bounds[i] === Infinity ? below : below + (bounds[i] - below) * (rank - before) / (upTo[i] - before);
}

function element(parent, name, attributes, text) {
  const svg = ["svg", "path", "line", "text"].includes(name);
  const e = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) e.setAttribute(key, value);
  if (text !== undefined) e.textContent = text;
  parent.append(e);
  return e;
}

// term adds a word with an explanation, which appears on hover or focus.
let terms = 0;
function term(parent, word, about, from = []) {
  const id = "about-" + terms++;
  const button = element(parent, "button", { type: "button", class: "term", "aria-describedby": id }, word);
  const tip = element(parent, "span", { id, role: "tooltip", class: "tip" }, about);
  for (const name of from) element(tip, "code", {}, name);
  const open = () => { tip.classList.remove("closed"); place(tip, button); };
  button.addEventListener("focus", open);
  button.addEventListener("mouseenter", open);
}

// place moves an open explanation into the window.
function place(tip, button) {
  tip.style.translate = "none";
  const box = tip.getBoundingClientRect(), width = document.documentElement.clientWidth;
  const left = Math.min(0, width - 8 - box.right);
  const up = box.bottom > innerHeight ? button.getBoundingClientRect().top - 6 - box.bottom : 0;
  tip.style.translate = `${left}px ${up}px`;
}

function build() {
  for (const section of sections) {
    const part = element(document.getElementById("sections"), "section");
    element(part, "h2", {}, section.title);
    const cards = element(part, "div", { class: "cards" });
    for (const chart of section.charts) {
      const card = element(cards, "section", { class: "card" });
      term(element(card, "h3"), chart.title, chart.about);
      chart.svg = element(card, "svg", { role: "img", "aria-label": chart.title + " over the last two minutes" });
      const legend = element(card, "ul");
      chart.lines.forEach((line, i) => {
        line.points = [];
        const item = element(legend, "li");
        element(element(item, "svg", { "aria-hidden": "true" }), "path", { d: "M0 4H22", class: "line-" + i });
        term(element(item, "span"), line.label, line.about, line.from);
        line.current = element(item, "b", {}, none);
      });
    }
    if (!section.facts) continue;
    const list = element(part, "dl");
    for (const fact of section.facts) {
      const box = element(list, "div");
      term(element(box, "dt"), fact.title, fact.about, fact.from);
      fact.current = element(box, "dd", {}, none);
    }
  }
}

// roundUp returns the smallest of 1, 2 or 5 times a power of ten that is at least v.
function roundUp(v) {
  const power = 10 ** Math.floor(Math.log10(v));
  return power * [1, 2, 5, 10].find(step => step * power >= v * 0.9999);
}

function draw(chart) {
  const svg = chart.svg, width = svg.clientWidth, height = svg.clientHeight;
  const points = chart.lines[0].points, end = points[points.length - 1].time;
  const left = 70, right = width - 6, top = 8, bottom = height - 20;
  const values = chart.lines.flatMap(line => line.points.map(p => p.value)).filter(v => v !== null);
  const highest = chart.ceiling(Math.max(0, ...values));
  const x = at => right - (end - at) / SPAN * (right - left);
  const y = value => bottom - value / highest * (bottom - top);
  svg.replaceChildren();
  for (const part of [0, 0.5, 1]) {
    element(svg, "line", { x1: left, x2: right, y1: y(highest * part), y2: y(highest * part) });
    element(svg, "text", { x: left - 6, y: y(highest * part) + 4, "text-anchor": "end" }, axisLabel(chart, highest * part));
  }
  element(svg, "text", { x: left, y: height - 4 }, "2 min ago");
  element(svg, "text", { x: right, y: height - 4, "text-anchor": "end" }, "now");
  chart.lines.forEach((line, i) => {
    let path = "", pen = "M";
    for (const p of line.points) {
      if (p.value === null) { pen = "M"; continue; }
      path += pen + x(p.time).toFixed(1) + " " + y(p.value).toFixed(1);
      pen = "L";
    }
    element(svg, "path", { d: path, "data-line": line.label, class: "line-" + i });
  });
}

function axisLabel(chart, v) {
  if (chart.format === percent) return 100 * v + " %";
  return chart.format === megabytes ? v + " MB/s" : chart.format === perSecond ? v + " /s" : chart.format === count ? String(v) : time(v);
}

function show(status, alarm) {
  const e = document.getElementById("status");
  if (e.textContent !== status) e.textContent = status;
  e.className = alarm ? "alarm" : "";
}

// scrape scrapes once and keeps the values. A scrape that fails leaves a gap in every line.
async function scrape() {
  const begin = performance.now();
  let answer = null;
  try {
    const response = await fetch("metrics", { cache: "no-store", signal: AbortSignal.timeout(5 * PERIOD) });
    if (!response.ok) throw new Error("status " + response.status);
    answer = parse(await response.text());
    answer.time = performance.now() / 1000;
    answer.took = answer.time - begin / 1000;
    history.push(answer);
    while (history.length > 2 && history[1].time <= answer.time - WINDOW) history.shift();
    show(engines() + (engines() === 1 ? " engine" : " engines") + ", measured every second", false);
  } catch (problem) {
    answer = null;
    failedScrapes++;
    show("No answer from the program: " + problem.message, true);
  }
  answered = answer !== null;
  const at = performance.now() / 1000;
  for (const line of charts.flatMap(chart => chart.lines)) {
    const value = answered ? line.value() : null;
    line.points.push({ time: at, value });
    while (line.points[0].time < at - SPAN) line.points.shift();
  }
  update();
}

// update draws the values.
function update() {
  if (history.length === 0) return;
  for (const chart of charts) {
    for (const line of chart.lines) line.current.textContent = answered ? chart.format(line.points[line.points.length - 1].value) : "no answer";
    draw(chart);
  }
  for (const fact of facts) {
    const value = fact.value();
    fact.current.textContent = fact.alarm ? faults(value) : count(value);
    fact.current.className = fact.alarm && value > 0 ? "alarm" : "";
  }
}

build();
addEventListener("resize", update);
addEventListener("keydown", event => {
  if (event.key !== "Escape") return;
  for (const tip of document.querySelectorAll(".tip")) tip.classList.add("closed");
});
document.getElementById("pause").addEventListener("click", event => {
  paused = !paused;
  event.target.textContent = paused ? "Continue" : "Pause";
  if (paused) show("Paused", false);
  wake();
});
(async () => {
  for (;;) {
    if (!paused) await scrape();
    await new Promise(resolve => { wake = resolve; setTimeout(resolve, PERIOD); });
  }
})();

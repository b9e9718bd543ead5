// Draws what waited, came in and went out, with uPlot, and tells of a place in the link's
// last day. The figures are those of the history, and of "portti:status" from then on; the
// elements that it fills are marked data-own, which live.js leaves alone.
const box = document.getElementById("plot");
const say = box ? box.dataset : {};
const lang = document.documentElement.lang;
const day = 24 * 3600, hour = 3600;

function make(parent, tag, attrs, text) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs || {})) e.setAttribute(name, value);
  if (text) e.textContent = text;
  parent.append(e);
  return e;
}

// The figures: columns of points, one a minute and one a second.
const columns = ["at", "waiting", "bytes", "in", "out", "lost"];
const empty = () => Object.fromEntries(columns.map((c) => [c, []]));
let minutes = empty(), seconds = empty();
let trusted = true, loaded = false, asked = 0;
let before = null; // the counts of the last event
let open = null; // what has happened in this minute

// points makes counts of a series to counts a second.
function points(s, every) {
  const all = empty();
  s.at.forEach((at, i) => {
    const step = Math.max(1, Math.min(i ? at - s.at[i - 1] : every, 2 * every));
    push(all, { at, waiting: s.waiting[i], bytes: s.bytes[i], in: s.in[i] / step, out: s.out[i] / step, lost: s.lost[i] });
  });
  return all;
}

function push(s, p, limit) {
  for (const c of columns) {
    s[c].push(p[c]);
    if (s[c].length > limit) s[c].shift();
  }
}

async function load() {
  if (Date.now() - asked < 2000) return;
  asked = Date.now();
  const h = await fetch("/api/v1/history" + (span === hour ? "?seconds=1" : "")).then((r) => (r.ok ? r.json() : null), () => null);
  if (!h) return; // the page says so when the gateway is gone
  minutes = points(h.minutes, 60);
  if (!loaded || h.seconds.at.length >= seconds.at.length) seconds = points(h.seconds, 1);
  trusted = h.trusted;
  loaded = true;
  open = null;
  draw();
}

const sum = (o) => Object.values(o || {}).reduce((a, b) => a + b, 0);

// note takes a second's figures.
function note(doc) {
  const now = { at: Date.parse(doc.time) / 1000, up: doc.uptime_s, in: doc.totals.read, out: doc.totals.acked, lost: sum(doc.totals.lost) };
  const was = before;
  before = now;
  if (!was || !loaded) return;
  const step = now.up - was.up;
  if (step < 0 || step > 30 || Math.abs(now.at - was.at - step) > 2) { // another start, a pause, another time
    seconds = empty();
    loaded = false;
    load();
    return;
  }
  if (step < 0.5) return;
  const more = (name) => Math.max(0, now[name] - was[name]);
  const p = { at: now.at, waiting: doc.buffer.waiting, bytes: doc.buffer.bytes, in: more("in"), out: more("out"), lost: more("lost") };
  push(seconds, { ...p, in: p.in / step, out: p.out / step }, hour);
  open ||= { in: 0, out: 0, lost: 0, span: 0 };
  for (const name of ["in", "out", "lost"]) open[name] += p[name];
  open.span += step;
  const full = open.span >= 60;
  if (full) {
    push(minutes, { ...p, in: open.in / open.span, out: open.out / open.span, lost: open.lost }, day / 60);
    open = null;
  }
  if (!document.hidden && (full || span === hour)) draw();
}

// shown are the points of the span: single seconds where there are any, else minutes.
function shown() {
  const all = empty();
  const end = Math.max(minutes.at.at(-1) || 0, seconds.at.at(-1) || 0);
  const fine = span === hour ? seconds.at.findIndex((at) => at > end - hour) : -1;
  const from = end - span, to = fine >= 0 ? seconds.at[fine] : Infinity;
  minutes.at.forEach((at, i) => {
    if (at > from && at < to) for (const c of columns) all[c].push(minutes[c][i]);
  });
  if (fine >= 0) for (const c of columns) all[c].push(...seconds[c].slice(fine));
  return { all, end };
}

// How it looks.
const style = getComputedStyle(document.documentElement);
const colour = (name) => () => style.getPropertyValue("--" + name).trim();
const short = new Intl.NumberFormat(lang, { notation: "compact", maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat(lang, { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat(lang, { maximumSignificantDigits: 2 });
const rate = (v) => say.rate.replace("{n}", v >= 100 ? whole.format(v) : fine.format(v));
const bytes = (v) => short.format(v / 1e6) + "\u00a0MB";
const lines = [
  { name: "waiting", scale: "n", tone: "link", width: 2, value: (v) => whole.format(v) },
  { name: "fill", column: "bytes", scale: "b", tone: "soft", width: 2, dash: [2, 4], value: bytes },
  { name: "in", scale: "r", tone: "good", width: 2, dash: [7, 4], value: rate },
  { name: "out", scale: "r", tone: "warn", width: 1.5, value: rate },
  { name: "lost", scale: "n", tone: "bad", value: (v) => whole.format(v) },
];
let span = day, plot = null, data = null, chosen = -1;
let canvas, slider, when, buttons;

const two = (n) => String(n).padStart(2, "0");
// clock is a time of day where the gateway is.
function clock(t, exact) {
  const d = new Date((t + Number(say.zone)) * 1000);
  return two(d.getUTCHours()) + ":" + two(d.getUTCMinutes()) + (exact ? ":" + two(d.getUTCSeconds()) : "");
}
const ago = (s) => (Math.round(s / 60) ? "−" + Math.round(s / 60) + "\u00a0" + say.minute : say.now);
const moment = (x, exact) => (trusted ? clock(x, exact) : ago(-x));

function axis(scale, side, size, format) {
  return { scale, side, size, stroke: colour("soft"), font: "12px system-ui, sans-serif", grid: { show: side !== 1, stroke: colour("line"), width: 1 },
    ticks: { show: false }, values: (u, all) => all.map(format) };
}

function build() {
  if (plot) plot.destroy();
  const scale = { range: (u, low, high) => [0, Math.max(high || 0, 1) * 1.1] };
  const steps = span === day ? [hour, 2 * hour, 4 * hour, 6 * hour] : [300, 600, 900, 1800];
  plot = new uPlot({
    width: canvas.clientWidth, height: 230, legend: { show: false },
    tzDate: (t) => { const d = new Date((t + Number(say.zone)) * 1000); return new Date(d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate(), d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()); },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { x: { time: trusted, range: () => [data.end - span, data.end] }, n: scale, r: { range: (u, low, high) => [0, Math.max(high || 0, 0.1) * 1.1] }, b: scale },
    axes: [
      { ...axis("x", 2, 28, (x) => (trusted ? clock(x) : ago(data.end - x))), incrs: steps, space: 56 },
      axis("n", 3, 44, (v) => (Number.isInteger(v) ? short.format(v) : "")),
      axis("r", 1, 44, (v) => rate(v)),
    ],
    series: [{}].concat(lines.map((l, i) => ({
      scale: l.scale, stroke: colour(l.tone), width: l.width, dash: l.dash, show: buttons[i].getAttribute("aria-pressed") === "true",
      ...(l.name === "lost" ? { paths: () => null, points: { show: true, size: 11, fill: colour(l.tone) } } : { points: { show: false } }),
    }))),
    hooks: { setCursor: [(u) => { if (u.cursor.idx != null && u.cursor.left >= 0) choose(u.cursor.idx); }] },
  }, data.columns, canvas);
}

// draw shows the figures as they are now.
function draw() {
  const { all, end } = shown();
  if (all.at.length < 2) return;
  if (!canvas) furnish();
  const last = chosen < 0 || !data || chosen >= data.all.at.length - 1;
  const at = last ? 0 : data.all.at[chosen];
  const lost = all.lost.map((n, i) => (n ? all.waiting[i] : null)); // marked where the line is
  const built = plot && data.span === span && data.trusted === trusted;
  data = { all, end, span, trusted, columns: [all.at, ...lines.map((l) => (l.name === "lost" ? lost : all[l.column || l.name]))] };
  if (built) plot.setData(data.columns);
  else build();
  slider.max = all.at.length - 1;
  choose(last ? all.at.length - 1 : Math.max(0, all.at.findIndex((t) => t >= at)));
}

// choose tells the figures of a point.
function choose(i) {
  chosen = i;
  const at = data.all.at[i];
  const time = trusted ? clock(at, span === hour) : ago(data.end - at);
  const texts = lines.map((l) => l.value(data.all[l.column || l.name][i]));
  when.textContent = time;
  buttons.forEach((b, n) => { b.lastChild.textContent = texts[n]; });
  slider.value = i;
  slider.setAttribute("aria-valuetext", time + ": " + lines.map((l, n) => say[l.name] + " " + texts[n]).join(", "));
}

// furnish puts the plot and what works it in the place of the drawing of the server.
function furnish() {
  box.replaceChildren();
  const choice = make(box, "div", { class: "row", role: "group", "aria-label": say.span });
  for (const [name, length] of [["day", day], ["hour", hour]]) {
    const b = make(choice, "button", { type: "button", "aria-pressed": length === span }, say[name]);
    b.addEventListener("click", () => {
      span = length;
      chosen = -1;
      for (const other of choice.children) other.setAttribute("aria-pressed", other === b);
      draw();
      asked = 0;
      load();
    });
  }
  canvas = make(box, "div", { class: "canvas", role: "img", "aria-labelledby": "plot-text" });
  slider = make(box, "input", { type: "range", min: 0, "aria-label": say.point });
  slider.addEventListener("input", () => {
    choose(Number(slider.value));
    plot.setCursor({ left: plot.valToPos(data.all.at[chosen], "x"), top: 0 }, false);
  });
  when = make(box, "p", { class: "when" });
  const series = make(box, "div", { class: "series", role: "group", "aria-label": say.label });
  buttons = lines.map((l, i) => {
    const b = make(series, "button", { type: "button", class: "s-" + l.name, "aria-pressed": l.name !== "fill" });
    make(b, "i");
    make(b, "span", {}, say[l.name]);
    make(b, "b");
    b.addEventListener("click", () => {
      const show = b.getAttribute("aria-pressed") !== "true";
      b.setAttribute("aria-pressed", show);
      plot.setSeries(i + 1, { show });
    });
    return b;
  });
  new ResizeObserver(() => { if (plot && canvas.clientWidth !== plot.width) plot.setSize({ width: canvas.clientWidth, height: 230 }); }).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());
}

// The link's last day: what the list says of the place that was tapped.
let outage = null; // when the chosen one began

function outages() {
  return [...document.querySelectorAll(".outages li")].map((li) => ({ from: Number(li.dataset.from), to: Number(li.dataset.to), text: li.textContent })).reverse();
}

function pick(from) {
  outage = from;
  mark();
}

// mark frames the chosen outage, and dresses the place where it is told.
function mark() {
  const place = document.getElementById("pick"), timeline = document.getElementById("timeline");
  if (!place || !timeline) return;
  if (!place.firstChild) {
    make(place, "p", { role: "status" });
    const row = make(place, "div", { class: "row" });
    for (const [name, step] of [["earlier", -1], ["later", 1]]) {
      make(row, "button", { type: "button" }, place.dataset[name]).addEventListener("click", () => {
        const all = outages(), is = all.findIndex((o) => o.from === outage);
        const next = all[is < 0 ? all.length - 1 : Math.min(Math.max(is + step, 0), all.length - 1)];
        if (next) pick(next.from);
      });
    }
  }
  const all = outages(), is = all.findIndex((o) => Math.abs(o.from - outage) < 2);
  const text = is < 0 ? place.dataset.choose : all[is].text;
  if (place.firstChild.textContent !== text) place.firstChild.textContent = text;
  const group = document.getElementById("chosen");
  group.replaceChildren();
  if (is < 0) return;
  const from = Number(timeline.dataset.from), part = (t) => (100 * Math.max(0, t - from)) / day;
  const rect = document.createElementNS(timeline.namespaceURI, "rect");
  const frame = { class: "chosen", x: part(all[is].from) + "%", width: part(all[is].to) - part(all[is].from) + "%", y: -3, height: 50 };
  for (const [name, value] of Object.entries(frame)) rect.setAttribute(name, value);
  group.append(rect);
}

document.addEventListener("click", (e) => {
  const timeline = e.target.closest("#timeline");
  if (!timeline) return;
  const at = timeline.getBoundingClientRect();
  const t = Number(timeline.dataset.from) + (day * (e.clientX - at.left)) / at.width;
  const far = (o) => (t < o.from ? o.from - t : t > o.to ? t - o.to : 0);
  const nearest = outages().sort((a, b) => far(a) - far(b))[0];
  if (nearest) pick(nearest.from);
});

document.addEventListener("portti:status", (e) => {
  mark();
  if (box) note(e.detail);
});
mark();
if (box) load();

// Charts of lines with axes, a read-out under the pointer or the arrow keys, and a text alternative.
import { h, svg, number, setText } from "./dom.js";

const height = 190;
const margin = { left: 52, right: 12, top: 8, bottom: 24 };

/** Round values between two bounds; on a logarithmic axis 1, 2 and 5 times powers of ten, or powers alone. */
export function ticks(low, high, count, log) {
  if (log) {
    const decades = Math.log10(high / low);
    const factors = decades < 2.2 ? [1, 2, 5] : [1];
    const every = Math.max(1, Math.ceil(decades / 6));
    const list = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
      if (power % every) continue;
      for (const factor of factors) {
        const value = factor * 10 ** power;
        if (value >= low * 0.999 && value <= high * 1.001) list.push(value);
      }
    }
    if (list.length > 1) return list;
  }
  const rough = (high - low) / count || 1;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((factor) => factor * unit >= rough * 0.75);
  const list = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at += 1) {
    list.push(Number((at * step).toPrecision(12)));
  }
  return list;
}

/** Charts of one group show the same place. */
export class Cursor {
  constructor() { this.charts = []; }
  move(x) { for (const chart of this.charts) chart.point(x); }
}

/**
 * A chart. `update` takes series {name, points: [[x, y]], band: [[x, low, high]], dots, faint}; colours follow the order,
 * or `colour`. `format` makes text of a value; the axis reaches `least` at least.
 */
export class LineChart {
  constructor({ id, title, x = "step", format = number, log = false, least = 0, cursor, controls = [] }) {
    Object.assign(this, { title, x, format, log, least, cursor, series: [] });
    this.readout = h("output", { class: "readout quiet" });
    this.legend = h("div", { class: "legend" });
    this.plot = svg("svg", { class: "plot", tabindex: 0, role: "slider", "aria-label": title,
      "aria-orientation": "horizontal" });
    this.element = h("figure", { class: "chart", id },
      h("div", { class: "row spread wrap" }, h("h3", { text: title }), controls), this.plot,
      h("div", { class: "row spread wrap under" }, this.legend, this.readout));
    cursor?.charts.push(this);
    this.plot.addEventListener("pointermove",
      (event) => this.moveTo(this.dataX(event.clientX - this.plot.getBoundingClientRect().left)));
    this.plot.addEventListener("pointerleave", () => this.moveTo(null));
    this.plot.addEventListener("blur", () => this.moveTo(null));
    this.plot.addEventListener("keydown", (event) => this.key(event));
    this.observer = new ResizeObserver(() => { if (this.plot.clientWidth !== this.width) this.draw(); });
    this.observer.observe(this.plot);
  }

  moveTo(x) {
    if (this.cursor) this.cursor.move(x);
    else this.point(x);
  }

  key(event) {
    const xs = this.xs;
    if (!xs || !xs.length) return;
    const at = this.at === undefined || this.at === null ? xs.length - 1 : nearest(xs, this.at);
    const jump = Math.max(1, Math.round(xs.length / 20));
    const next = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, PageDown: at - jump,
      PageUp: at + jump, Home: 0, End: xs.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.moveTo(xs[Math.max(0, Math.min(xs.length - 1, next))]);
  }

  update(series, { log = this.log } = {}) {
    this.series = series.filter(({ points, band }) => points.length || (band && band.length));
    this.log = log;
    this.element.hidden = !this.series.length;
    this.xs = [...new Set(this.series.flatMap(({ points }) => points.map(([x]) => x)))].sort((a, b) => a - b);
    this.draw();
  }

  get inner() {
    return { width: Math.max(20, this.width - margin.left - margin.right), height: height - margin.top - margin.bottom };
  }

  dataX(px) { return this.low + (px - margin.left) / this.inner.width * (this.high - this.low); }

  px(x) {
    const share = this.high === this.low ? 0.5 : (x - this.low) / (this.high - this.low);
    return margin.left + share * this.inner.width;
  }

  py(y) {
    const scale = this.log ? Math.log : (value) => value;
    const [value, bottom, top] = [this.log ? Math.max(y, this.bottom) : y, this.bottom, this.top].map(scale);
    const share = (value - bottom) / (top - bottom);
    return margin.top + (1 - share) * this.inner.height;
  }

  bounds() {
    let [low, high, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
    const take = (y) => {
      if (!Number.isFinite(y) || (this.log && y <= 0)) return;
      if (y < bottom) bottom = y;
      if (y > top) top = y;
    };
    for (const { points, band, faint } of this.series) {
      for (const [x, y] of points) {
        if (x < low) low = x;
        if (x > high) high = x;
        if (!faint || !this.series.some((other) => !other.faint)) take(y);
      }
      for (const [, a, b] of band || []) { take(a); take(b); }
    }
    if (bottom > top) [bottom, top] = this.log ? [0.1, 1] : [0, 1];
    if (this.log) {
      if (top / bottom < 1.5) { bottom /= 1.25; top *= 1.25; }
      bottom /= 1.04;
      top *= 1.04;
    } else {
      top = Math.max(top, this.least);
      if (bottom > 0 && bottom < 0.6 * top) bottom = 0;
      if (top === bottom) { top += Math.abs(top) * 0.1 || 1; if (bottom > 0) bottom = 0; }
      top += (top - bottom) * 0.05;
    }
    Object.assign(this, { low, high, bottom, top });
  }

  draw() {
    this.width = this.plot.clientWidth;
    if (!this.width || !this.series.length) return;
    this.bounds();
    const { px, py } = { px: (x) => this.px(x).toFixed(1), py: (y) => this.py(y).toFixed(1) };
    this.plot.setAttribute("viewBox", `0 0 ${this.width} ${height}`);
    this.plot.setAttribute("height", height);
    const right = this.width - margin.right;
    const base = height - margin.bottom;
    const axis = svg("g", { class: "axis" });
    for (const y of ticks(this.bottom, this.top, 4, this.log)) {
      axis.append(svg("line", { x1: margin.left, x2: right, y1: py(y), y2: py(y) }),
        svg("text", { x: margin.left - 6, y: py(y), dy: "0.32em", "text-anchor": "end", text: this.format(y) }));
    }
    for (const x of ticks(this.low, this.high, Math.max(3, Math.floor(this.width / 100)))) {
      axis.append(svg("text", { x: px(x), y: base + 16, "text-anchor": this.px(x) > right - 16 ? "end" : "middle",
        text: number(x) }));
    }
    axis.append(svg("line", { class: "base", x1: margin.left, x2: right, y1: base, y2: base }));
    const lines = this.series.flatMap(({ points, band, dots, faint, colour }, at) => {
      const parts = [];
      const kind = `s${colour ?? at}`;
      const drawn = points.filter(([, y]) => Number.isFinite(y));
      if (band && band.length) {
        const over = band.map(([x, , b]) => `${px(x)},${py(b)}`);
        const under = band.map(([x, a]) => `${px(x)},${py(a)}`).reverse();
        parts.push(svg("polygon", { class: `band ${kind}`, points: [...over, ...under].join(" ") }));
      }
      if (drawn.length > 1) {
        const path = drawn.map(([x, y]) => `${px(x)},${py(y)}`).join(" ");
        parts.push(svg("polyline", { class: `line ${kind} ${faint ? "faint" : ""}`, points: path }));
      }
      if (dots || drawn.length === 1) {
        for (const [x, y] of drawn) parts.push(svg("circle", { class: `dot ${kind}`, cx: px(x), cy: py(y), r: 2.5 }));
      }
      return parts;
    });
    this.mark = svg("line", { class: "cursor", y1: margin.top, y2: base, visibility: "hidden" });
    // An inner <svg> cuts what leaves it.
    const clip = svg("svg", { x: 0, y: 0, width: this.width, height: base + 1 }, lines);
    this.plot.replaceChildren(axis, clip, this.mark);
    this.legend.replaceChildren(...(this.series.length > 1
      ? this.series.map(({ name, faint, colour }, at) => h("span", { class: faint ? "faint" : null },
      h("span", { class: `key s${colour ?? at}` }), name)) : []));
    this.plot.setAttribute("aria-label", this.describe());
    this.plot.setAttribute("aria-valuemin", this.low);
    this.plot.setAttribute("aria-valuemax", this.high);
    this.point(this.at ?? null);
  }

  /** The chart in a sentence. */
  describe() {
    const main = this.series.find((series) => !series.faint && series.points.length) || this.series[0];
    const known = main.points.filter(([, y]) => Number.isFinite(y));
    if (!known.length) return this.title;
    const least = known.reduce((best, point) => (point[1] < best[1] ? point : best));
    const [first, last] = [known[0], known[known.length - 1]];
    const say = ([x, y]) => `${this.format(y)} at ${this.x} ${number(x)}`;
    return `${this.title}: ${say(first)}, ${say(last)}, least ${say(least)}. Arrow keys read it.`;
  }

  /** Reads out the values nearest to x; without one, the last values. */
  point(x) {
    this.at = x;
    if (!this.mark || !this.xs.length) return;
    const at = x === null ? this.xs[this.xs.length - 1] : this.xs[nearest(this.xs, x)];
    this.mark.setAttribute("visibility", x === null ? "hidden" : "visible");
    this.mark.setAttribute("x1", this.px(at));
    this.mark.setAttribute("x2", this.px(at));
    const values = this.series.filter(({ points }) => points.length).map(({ name, points }) => {
      const [there, y] = points[nearest(points.map((point) => point[0]), at)];
      const far = there === at ? "" : ` (${this.x} ${number(there)})`;
      return (this.series.length > 1 ? `${name} ` : "") + this.format(y) + far;
    });
    const text = `${this.x} ${number(at)}: ${values.join(", ")}`;
    setText(this.readout, text);
    this.plot.setAttribute("aria-valuenow", at);
    this.plot.setAttribute("aria-valuetext", text);
  }
}

/** The index of the value of a sorted list that is nearest to x. */
export function nearest(list, x) {
  let [low, high] = [0, list.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (list[middle] < x) low = middle;
    else high = middle;
  }
  return Math.abs(list[low] - x) <= Math.abs(list[high] - x) ? low : high;
}

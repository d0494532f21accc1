// The curves of a run: which figures are shown, smoothed how, and all of them as a table.
import { h, number } from "./dom.js";
import { Cursor, LineChart } from "./charts.js";
import { HeatMap } from "./heatmap.js";

/** An exponential mean, corrected for its beginning. */
export function smooth(points, weight) {
  let [mean, norm] = [0, 0];
  return points.filter(([, y]) => Number.isFinite(y)).map(([x, y]) => {
    mean = weight * mean + (1 - weight) * y;
    norm = weight * norm + 1 - weight;
    return [x, mean / norm];
  });
}

const percent = (share) => `${number(100 * share)} %`;
const parts = ["flow", "bound", "align", "frequency", "disperse", "reconstruction", "divergence", "perceptual"];

export class Curves {
  constructor() {
    const cursor = new Cursor();
    this.records = [];
    this.weight = h("input", { type: "range", id: "smoothing", min: 0, max: 0.98, step: 0.02, value: 0.6,
      oninput: () => this.drawLoss() });
    this.log = h("input", { type: "checkbox", id: "loss-log", checked: true, onchange: () => this.drawLoss() });
    const controls = h("div", { class: "row wrap" },
      h("label", { class: "inline" }, h("span", { text: "Smoothing" }), this.weight),
      h("label", { class: "check" }, this.log, " logarithmic"));
    const chart = (id, title, more) => new LineChart({ id: "chart-" + id, title, cursor, ...more });
    this.loss = chart("loss", "Loss", { controls });
    this.heat = new HeatMap();
    this.bins = new LineChart({ id: "chart-bins", title: "Held-out and training loss by time", x: "time",
      log: true });
    this.gradient = chart("gradient", "Gradient norm", { log: true });
    this.distances = new Map(); // measure -> its chart
    this.measured = h("div", { class: "charts" });
    this.cursor = cursor;
    this.single = [
      [chart("parts", "Parts of the loss", { log: true }), parts.map((key) => [key, key])],
      [chart("skipped", "Skipped steps"), [["steps", "skipped_steps"]],
        (records) => records.some((record) => record.skipped_steps > 0)],
      [chart("rate", "Learning rate"), [["rate", "learning_rate"]]],
      [chart("speed", "Images a second"), [["images", "images_per_second"]]],
      [chart("wait", "Time waiting for data", { format: percent, least: 0.02 }), [["share", "data_wait"]]],
      [chart("share", "Share of the speed of a large matmul", { format: percent }), [["share", "machine_share"]]],
      [chart("processors", "Processors busy"), [["processors", "processors_busy"]]],
      [chart("memory", "Peak memory in GB"), [["memory", "peak_memory_gb"]]],
    ];
    this.table = h("details", { id: "numbers", ontoggle: () => this.drawTable() },
      h("summary", { text: "The figures as a table" }),
      h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table of the figures" }));
    this.empty = h("p", { class: "empty", text: "There are no figures yet." });
    this.element = h("div", {}, this.empty, this.loss.element, this.heat.element, this.measured, h("div", { class: "charts" },
      this.bins.element, this.gradient.element, this.single.map(([item]) => item.element)), this.table);
  }

  /** Draws all; `records` are in the order of steps, `clip` is the limit of gradient norms, 0 for none. */
  update(records, clip) {
    this.records = records;
    this.empty.hidden = records.length > 0;
    this.table.hidden = !records.length;
    this.drawLoss();
    this.heat.update(records);
    this.drawBins();
    this.drawDistances();
    for (const [chart, series, wanted] of this.single) {
      chart.update(wanted && !wanted(records) ? []
        : series.map(([name, key]) => ({ name, points: this.points(key) })));
    }
    const norms = this.points("gradient_norm");
    this.gradient.update([{ name: "before clipping", points: norms },
      ...(clip > 0 ? [{ name: "limit", points: norms.map(([step]) => [step, clip]) }] : [])]);
    this.drawTable();
  }

  points(key) {
    return this.records.filter((record) => Number.isFinite(record[key])).map((record) => [record.step, record[key]]);
  }

  drawLoss() {
    const points = this.points("loss");
    const weight = Number(this.weight.value);
    this.weight.setAttribute("aria-valuetext", weight ? number(weight) : "none");
    const band = this.records.filter((record) => Number.isFinite(record.loss_low))
      .map((record) => [record.step, record.loss_low, record.loss_high]);
    const wide = band.some(([, low, high]) => high > low);
    this.loss.update([
      { name: weight ? "smoothed" : "loss", points: weight ? smooth(points, weight) : points,
        band: wide ? band : null, colour: 0 },
      ...(weight ? [{ name: "loss", points, faint: true, colour: 0 }] : []),
      { name: "held out", points: this.points("holdout_loss"), dots: true, colour: 1 },
      { name: "same measure in training", points: this.points("seen_loss"), dots: true, colour: 2 },
    ], { log: this.log.checked });
  }

  drawBins() {
    const held = this.records.findLast((record) => record.holdout_loss_by_time);
    const seen = held?.seen_loss_by_time || this.records.findLast((record) => record.loss_by_time)?.loss_by_time;
    const points = (bins) => (bins || []).map((value, at) => [(at + 0.5) / bins.length, value])
      .filter(([, y]) => Number.isFinite(y));
    this.bins.update(held ? [{ name: "held out", points: points(held.holdout_loss_by_time), dots: true, colour: 1 },
      { name: "training", points: points(seen), dots: true, colour: 0 }] : []);
  }

  /** A chart for each measure of samples, with its interval and what real images have among themselves. */
  drawDistances() {
    const measured = this.records.flatMap(({ step, distances }) => (distances || []).map((one) => ({ ...one, step })));
    for (const name of new Set([...this.distances.keys(), ...measured.map((one) => one.name)])) {
      const all = measured.filter((one) => one.name === name);
      if (!this.distances.has(name)) {
        const chart = new LineChart({ id: "chart-" + name, title: all[0].title, cursor: this.cursor });
        this.distances.set(name, chart);
        this.measured.append(chart.element);
      }
      const points = (key) => all.filter((one) => Number.isFinite(one[key])).map((one) => [one.step, one[key]]);
      this.distances.get(name).update([
        { name: "samples", points: points("value"), dots: true, colour: 0,
          band: all.filter(({ low }) => Number.isFinite(low)).map(({ step, low, high }) => [step, low, high]) },
        { name: "real images", points: points("floor"), colour: 2 },
      ]);
    }
  }

  /** At most fifty rows, evenly spaced, the last one among them. */
  drawTable() {
    if (!this.table.open || !this.records.length) return;
    const keys = [...new Set(this.records.flatMap((record) => Object.keys(record)))]
      .filter((key) => !["loss_low", "loss_high"].includes(key))
      .filter((key) => this.records.some((record) => typeof record[key] === "number"))
      .sort((a, b) => (b === "step") - (a === "step") || (b === "loss") - (a === "loss"));
    const count = Math.min(50, this.records.length);
    const rows = Array.from({ length: count },
      (_, at) => this.records[count === 1 ? 0 : Math.round(at * (this.records.length - 1) / (count - 1))]);
    this.table.lastChild.replaceChildren(h("table", {},
      h("thead", {}, h("tr", {}, keys.map((key) => h("th", { scope: "col", text: key.replaceAll("_", " ") })))),
      h("tbody", {}, rows.map((record) => h("tr", {}, keys.map((key) => h("td", { text: number(record[key]) })))))));
  }
}

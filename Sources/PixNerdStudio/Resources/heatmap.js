// The heat map of the loss: steps from left to right, times from noise at the bottom to data at the top.
import { h, number, setText, setOptions } from "./dom.js";
import { nearest } from "./charts.js";

// From dark blue over green to yellow, as far apart for eyes that see few colours.
const stops = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

function colour(share) {
  const at = Math.max(0, Math.min(0.9999, share)) * (stops.length - 1);
  const [a, b] = [stops[Math.floor(at)], stops[Math.floor(at) + 1]];
  return a.map((value, channel) => value + (b[channel] - value) * (at % 1));
}

export class HeatMap {
  constructor() {
    this.records = [];
    this.columns = [];
    this.scale = h("select", { id: "heat-scale", onchange: () => this.draw() });
    setOptions(this.scale, [["all", "one scale for all"], ["row", "each time by itself"]]);
    this.canvas = h("canvas", { class: "heat", tabindex: 0, role: "slider", "aria-orientation": "horizontal" });
    this.readout = h("output", { class: "readout quiet" });
    this.legend = h("div", { class: "legend" });
    this.axis = h("div", { class: "heat-steps quiet" }, h("span"), h("span", { text: "step" }), h("span"));
    this.element = h("figure", { class: "chart", id: "heat" },
      h("div", { class: "row spread wrap" }, h("h3", { text: "Loss by time" }),
        h("label", { class: "inline" }, h("span", { text: "Colours" }), this.scale)),
      h("div", { class: "heat-frame" }, h("div", { class: "heat-times quiet" }, h("span", { text: "data" }),
        h("span", { text: "noise" })), this.canvas), this.axis,
      h("div", { class: "row spread wrap under" }, this.legend, this.readout));
    this.canvas.addEventListener("pointermove", (event) => {
      const box = this.canvas.getBoundingClientRect();
      this.point(Math.floor((event.clientX - box.left) / box.width * this.columns.length),
        this.bins - 1 - Math.floor((event.clientY - box.top) / box.height * this.bins));
    });
    this.canvas.addEventListener("pointerleave", () => this.point(this.columns.length - 1, null));
    this.canvas.addEventListener("keydown", (event) => {
      const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key]
        || [];
      if (dx === undefined) return;
      event.preventDefault();
      this.point((this.column ?? this.columns.length - 1) + dx, (this.bin ?? 0) + dy);
    });
  }

  update(records) {
    this.records = records.filter((record) => record.loss_by_time && record.loss_by_time.some((value) => value > 0));
    this.element.hidden = !this.records.length;
    this.draw();
  }

  /** Columns are evenly spaced in steps, so that thinned and fresh records take the room that is theirs. */
  draw() {
    if (!this.records.length) return;
    this.bins = Math.max(...this.records.map((record) => record.loss_by_time.length));
    const steps = this.records.map((record) => record.step);
    const [first, last] = [steps[0], steps[steps.length - 1]];
    const count = Math.min(400, this.records.length);
    this.columns = Array.from({ length: count },
      (_, at) => this.records[count === 1 ? 0 : nearest(steps, first + (last - first) * at / (count - 1))]);
    const range = (values) => {
      const logs = values.filter((value) => value > 0).map(Math.log);
      return logs.length ? [Math.min(...logs), Math.max(...logs)] : [0, 1];
    };
    const all = range(this.columns.flatMap((record) => record.loss_by_time));
    const single = this.scale.value === "row";
    const image = new ImageData(count, this.bins);
    for (let bin = 0; bin < this.bins; bin += 1) {
      const [low, high] = single ? range(this.columns.map((record) => record.loss_by_time[bin])) : all;
      this.columns.forEach((record, at) => {
        const value = record.loss_by_time[bin];
        if (!(value > 0)) return;
        const place = 4 * ((this.bins - 1 - bin) * count + at);
        image.data.set([...colour(high > low ? (Math.log(value) - low) / (high - low) : 0.5), 255], place);
      });
    }
    this.canvas.width = count;
    this.canvas.height = this.bins;
    this.canvas.getContext("2d").putImageData(image, 0, 0);
    setText(this.axis.firstChild, number(first));
    setText(this.axis.lastChild, number(last));
    const ends = single ? ["least of each time", "largest"] : all.map((value) => number(Math.exp(value)));
    this.legend.replaceChildren(h("span", { text: ends[0] }), h("span", { class: "ramp" }),
      h("span", { text: ends[1] }));
    const newest = this.records[this.records.length - 1];
    const values = newest.loss_by_time.map(number).join(", ");
    this.canvas.setAttribute("aria-label",
      `Loss by time. At step ${number(newest.step)}, from noise to data: ${values}. Arrow keys read it.`);
    this.canvas.setAttribute("aria-valuemin", 0);
    this.canvas.setAttribute("aria-valuemax", count - 1);
    this.point(this.column ?? count - 1, this.bin ?? null);
  }

  point(column, bin) {
    if (!this.columns.length) return;
    const last = this.columns.length - 1;
    this.column = column >= last ? null : Math.max(0, column);
    this.bin = bin === null ? null : Math.max(0, Math.min(this.bins - 1, bin));
    const record = this.columns[this.column ?? last];
    let text = `step ${number(record.step)}`;
    if (this.bin !== null) {
      const [from, to] = [this.bin, this.bin + 1].map((edge) => number(edge / this.bins));
      const value = record.loss_by_time[this.bin] ?? null;
      text += `, time ${from} to ${to}: ${value === null ? "no figure" : number(value)}`;
    }
    setText(this.readout, text);
    this.canvas.setAttribute("aria-valuenow", this.column ?? last);
    this.canvas.setAttribute("aria-valuetext", text);
  }
}

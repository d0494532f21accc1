// The choice of a model: which one, which saved step, EMA or raw weights.
import { $, setOptions, setText } from "./dom.js";
import { get, on } from "./api.js";

let models = [];
const choosers = [];

export async function loadModels() {
  models = (await get("models")).models;
  for (const chooser of choosers) chooser.refresh();
}

on("saved", () => loadModels().catch(() => {}));
on("reconnected", () => loadModels().catch(() => {}));

/** "run@step:raw" taken apart. */
export function parseModel(text) {
  const [, id, step, raw] = /^(.*?)(?:@(\d+))?(:raw)?$/.exec(text || "");
  return { id, step: step || "", raw: Boolean(raw) };
}

/** Drives the fields PREFIX-model, PREFIX-step and PREFIX-ema or -raw. */
export class ModelChooser {
  constructor(prefix, changed) {
    this.prefix = prefix;
    this.changed = changed;
    this.field("model").addEventListener("change", () => this.show());
    this.field("step").addEventListener("change", () => changed());
    for (const kind of ["ema", "raw"]) this.field(kind).addEventListener("change", () => changed());
    choosers.push(this);
  }

  field(name) { return $(`${this.prefix}-${name}`); }

  get model() { return models.find((model) => model.id === this.field("model").value); }

  get text() {
    const step = this.field("step").value;
    const raw = this.model && this.model.has_ema && this.field("raw").checked;
    return this.field("model").value + (step ? "@" + step : "") + (raw ? ":raw" : "");
  }

  set text(text) {
    const { id, step, raw } = parseModel(text);
    if (!models.some((model) => model.id === id)) return;
    this.field("model").value = id;
    this.show();
    this.field("step").value = step;
    if (this.field("step").selectedIndex < 0) this.field("step").value = "";
    this.field(raw ? "raw" : "ema").checked = true;
    this.changed();
  }

  refresh() {
    const usable = models.find((model) => !model.error);
    const before = this.field("model").value;
    setOptions(this.field("model"), models.length
      ? models.map((model) => [model.id, model.error ? `${model.id} (cannot be sampled)` : model.id])
      : [["", "There are no models yet"]], before || (usable && usable.id));
    this.show();
  }

  show() {
    const model = this.model;
    const steps = model ? [...model.steps].sort((a, b) => b - a) : [];
    setOptions(this.field("step"), [["", steps.length ? `newest: ${steps[0]}` : "newest"],
      ...steps.map((step) => [String(step), String(step)])]);
    this.field("weights").hidden = !(model && model.has_ema);
    setText(this.field("summary"), model ? model.error || model.summary
      : "Train one, or start the studio with --checkpoints.");
    this.field("summary").classList.toggle("error", Boolean(model && model.error));
    this.changed();
  }
}

// The queue and the pictures of each job, as they are sampled and afterwards.
import { $, h, setText, announce, enc, plural, shown, when } from "./dom.js";
import { on, remove } from "./api.js";
import { openViewer, onDeleted } from "./viewer.js";
import { difference } from "./compare.js";

const views = new Map(); // job id -> JobView
const cards = new Map(); // job id, or both ids of a comparison -> its card
let pairs = readPairs();
let held = false; // sampling waits for a training

function readPairs() {
  try { return JSON.parse(sessionStorage.getItem("pairs")) || []; } catch { return []; }
}

/** Two jobs that are shown side by side. */
export function pair(a, b) {
  pairs = [...pairs, [a, b]].slice(-20);
  try { sessionStorage.setItem("pairs", JSON.stringify(pairs)); } catch { /* kept for this page only */ }
}

/** A job that was just sent: shown before the server says so by an event. */
export function expect(job) {
  update(job);
  arrange();
}

const rank = (state) => ({ waiting: 0, running: 1 })[state] ?? 2;
const over = (state) => rank(state) === 2;

/** The settings of a request as a list for people. */
export function settingsOf(request) {
  const { model, prompts, seeds, trajectory, image, mask, mask_kind, variation_seed, variation_strength, control,
    control_kind, control_lower, control_upper, ...rest } = request;
  if (image) rest.begins_with = mask ? "a picture and its mask" : "a picture";
  if (control) rest.shown = control_kind === "picture" ? "a picture" : "a photograph";
  if (control_lower !== undefined || control_upper !== undefined) {
    rest.control_interval = `${control_lower ?? 0},${control_upper ?? 1}`;
  }
  if (variation_strength) rest.variation = `${variation_strength} towards seed ${variation_seed}`;
  return rest;
}

/** One picture of a job in the shape that the gallery's have. */
function pictureOf(job, index) {
  const { request } = job;
  const prompt = request.prompts[Math.floor(index / request.seeds.length)];
  const seed = request.seeds[index % request.seeds.length];
  const [height, width] = (request.size || "0x0").split("x").map(Number);
  return {
    id: job.pictures[index], job: job.id, model: request.model, prompt, seed, height, width: width || height,
    settings: settingsOf(request), created: job.created,
    frames: request.trajectory && job.pictures.length ? request.steps || 0 : 0,
    request: { ...request, prompts: [prompt], seeds: [seed] },
  };
}

export const pictureURL = (id, frame) => `/api/pictures/${enc(id)}${frame ? `/frames/${frame}` : ""}`;

/** The pictures of one job: an <img> for each, its state in words, and a scrubber over the steps. */
class JobView {
  constructor(job) {
    this.job = job;
    this.made = Date.now();
    this.step = 0;
    this.quarter = 0;
    this.predictions = new Map(); // first picture -> the newest prediction that waits to be drawn
    this.tiles = Array.from({ length: job.count || job.request.prompts.length * job.request.seeds.length },
      (_, index) => this.tile(index));
  }

  tile(index) {
    const { prompt, seed, width, height } = pictureOf(this.job, index);
    const size = shown(width || 32, height || 32, 144);
    const image = h("img", { alt: `${prompt}, seed ${seed}`, class: size.pixelated ? "pixelated" : null,
      hidden: true, loading: "lazy", onerror: () => this.lost(index) });
    const button = h("button", { type: "button", class: "picture empty-picture", disabled: true,
      "aria-label": `${prompt}, seed ${seed}`, onclick: () => this.open(index) }, image);
    button.style.width = `${size.width}px`;
    button.style.aspectRatio = `${width || 1} / ${height || 1}`;
    const element = h("figure", {}, button,
      h("figcaption", {}, h("span", { text: prompt, title: prompt }), h("span", { class: "quiet", text: ` ${seed}` })));
    element.style.width = `${size.width}px`;
    return { element, image, button };
  }

  open(index) {
    openViewer(this.job.pictures.map((_, at) => pictureOf(this.job, at)), index);
  }

  /** A picture that is no longer there. */
  lost(index) {
    this.tiles[index].element.classList.add("deleted");
    this.tiles[index].button.disabled = true;
    this.tiles[index].button.setAttribute("aria-label", `${this.tiles[index].image.alt}: deleted`);
    this.tiles[index].image.hidden = true;
  }

  put(index, source) {
    const tile = this.tiles[index];
    if (!tile) return;
    tile.image.src = source;
    tile.image.hidden = false;
    tile.button.classList.remove("empty-picture");
    return tile.image;
  }

  show(event) {
    Object.assign(this.job, { done: event.done, total: event.total });
    this.step = event.step;
    this.steps = event.steps;
    if (event.pictures?.length) {
      this.predictions.set(event.first, event.pictures);
      this.draw();
    }
    const quarter = event.total ? Math.floor(4 * event.done / event.total) : 0;
    if (quarter > this.quarter && quarter < 4) announce(`Sampling: ${quarter * 25} per cent.`);
    this.quarter = quarter;
  }

  /** Draws predictions, the newest of each picture: those that come while others are drawn are skipped. */
  async draw() {
    if (this.isDrawing) return;
    this.isDrawing = true;
    while (this.predictions.size && !this.arrived) {
      const [first, pictures] = this.predictions.entries().next().value;
      this.predictions.delete(first);
      const images = pictures.map((picture, at) => this.put(first + at, "data:image/png;base64," + picture));
      await Promise.all(images.map((image) => image?.decode().catch(() => {}))); // another source took its place
      await new Promise((next) => document.hidden ? setTimeout(next, 100) : requestAnimationFrame(next));
    }
    this.isDrawing = false;
  }

  /** Shows what was predicted after a step; the last one is the picture itself. */
  frame(step) {
    this.job.pictures.forEach((id, index) => this.put(index, pictureURL(id, step < this.frames ? step : 0)));
  }

  get frames() {
    const { pictures, request } = this.job;
    return pictures.length && request.trajectory ? request.steps || this.steps || 0 : 0;
  }

  update(job) {
    if (rank(job.state) < rank(this.job.state)) return; // older news than what is known
    const finished = !over(this.job.state) && over(job.state);
    const arrived = job.pictures.length && !this.arrived;
    if (job.state === "running" && this.job.state === "waiting") announce("Sampling.");
    this.job = { ...job, done: Math.max(job.done, this.job.done) };
    if (arrived) {
      this.arrived = true;
      this.frame(Infinity);
      for (const { button } of this.tiles) button.disabled = false;
    }
    if (finished && job.state === "done") announce(`Done: ${plural(job.count, "picture")}.`);
    else if (finished) announce(job.error || "Cancelled.");
  }

  get words() {
    const { state, done, total, place } = this.job;
    if (state === "waiting" && held) return "waits for the end of the training";
    if (state === "waiting") return place ? `waiting, number ${place}` : "waiting";
    if (state === "running" && !total) return "starting";
    if (state === "running") return `${Math.floor(100 * done / total)} %, ${done} of ${plural(total, "step")}`;
    return { done: `done, ${when(this.job.created)}`, cancelled: "cancelled", failed: "failed" }[state] || state;
  }
}

function cancelButton(job) {
  return h("button", { type: "button", class: "cancel", text: "Cancel", "aria-label": `Cancel ${title(job)}`,
    onclick: async (event) => {
    event.currentTarget.disabled = true;
    try { await remove("jobs/" + enc(job.id)); } catch (error) { announce(error.message); }
  } });
}

function title({ request }) {
  const { model, prompts } = request;
  if (prompts.length <= 4) return `${model}: ${prompts.join(", ")}`;
  return `${model}: ${prompts.slice(0, 3).join(", ")} and ${prompts.length - 3} more`;
}

/** A card with the pictures of one job, or of two with their difference. */
class Card {
  constructor(jobViews) {
    this.views = jobViews;
    const [first, second] = jobViews;
    this.state = jobViews.map(() => h("span", { class: "quiet" }));
    this.bars = jobViews.map((view) => h("progress",
      { "aria-label": `Progress of ${view.job.request.model}`, max: 1, value: 0 }));
    this.notes = h("div");
    this.slider = h("input", { type: "range", min: 1, value: 1, "aria-label": "Step of the sampling",
      oninput: () => this.scrub() });
    this.sliderText = h("output");
    this.scrubber = h("label", { class: "scrub", hidden: true }, h("span", { text: "Step" }), this.slider,
      this.sliderText);
    const words = jobViews.map((view, at) => h("div", { class: "row spread" },
      h("h2", { text: second ? `${at ? "B" : "A"}: ${view.job.request.model}` : title(view.job) }), this.state[at]));
    this.compared = second && difference(first.tiles, second.tiles);
    this.element = h("article", { class: "card job", id: second ? "compare-" + first.job.id : "job-" + first.job.id },
      words, this.bars, this.notes,
      second ? this.compared.element : h("div", { class: "pictures" }, first.tiles.map((tile) => tile.element)),
        this.scrubber);
  }

  scrub() {
    const step = Number(this.slider.value);
    for (const view of this.views) view.frame(step >= this.frames ? Infinity : step);
    setText(this.sliderText, `${step} of ${this.frames}`);
  }

  update() {
    this.views.forEach((view, at) => {
      setText(this.state[at], view.words);
      this.bars[at].hidden = over(view.job.state);
      this.bars[at].max = view.job.total || 1;
      this.bars[at].value = view.job.done;
    });
    const notes = this.views.flatMap(({ job }) => [...(job.error ? [["error", job.error]] : []),
      ...(job.warnings || []).map((text) => ["warning", text])]);
    this.notes.replaceChildren(...notes.map(([kind, text]) => h("p", { class: kind, text })));
    const done = this.views.every((view) => view.job.state === "done");
    if (!done || this.done) return;
    this.done = true;
    this.frames = Math.min(...this.views.map((view) => view.frames));
    this.scrubber.hidden = this.frames < 2;
    this.slider.max = this.frames || 1;
    this.slider.value = this.slider.max;
    setText(this.sliderText, `${this.frames} of ${this.frames}`);
    if (this.compared) this.compared.start();
  }
}

function update(job) {
  const view = views.get(job.id);
  if (view) view.update(job);
  else {
    const made = new JobView(job);
    views.set(job.id, made);
    made.update(job);
  }
}

/** Puts queue and cards in order: running jobs first, then the finished ones, newest first. */
function arrange() {
  const all = [...views.values()];
  const queued = all.filter((view) => !over(view.job.state))
    .sort((a, b) => (a.job.place ?? 1e9) - (b.job.place ?? 1e9) || a.job.created - b.job.created);
  $("queue-section").hidden = !queued.length;
  const kept = new Map([...$("queue").children].map((item) => [item.dataset.job, item]));
  $("queue").replaceChildren(...queued.map((view) => {
    const item = kept.get(view.job.id) || h("li", { "data-job": view.job.id },
      h("span", { class: "grow" }, h("span", { text: title(view.job), class: "name" }),
        h("span", { class: "quiet" })), cancelButton(view.job));
    setText(item.querySelector(".quiet"), `${plural(view.job.count || view.tiles.length, "picture")}, ${view.words}`);
    return item;
  }));
  const paired = new Map(pairs.filter(([a, b]) => views.has(a) && views.has(b))
    .flatMap(([a, b]) => [[a, [a, b]], [b, [a, b]]]));
  const visible = all.filter((view) => view.job.state !== "waiting" || paired.has(view.job.id))
    .filter((view) => view.job.state !== "cancelled" || view.step || paired.has(view.job.id));
  const order = (view) => (over(view.job.state) ? 0 : 1e12) + view.job.created;
  const seen = new Set();
  const wanted = [];
  for (const view of visible.sort((a, b) => order(b) - order(a))) {
    const ids = paired.get(view.job.id) || [view.job.id];
    const key = ids.join(" ");
    if (seen.has(key)) continue;
    seen.add(key);
    if (!cards.has(key)) cards.set(key, new Card(ids.map((id) => views.get(id))));
    cards.get(key).update();
    wanted.push(cards.get(key).element);
  }
  const results = $("results");
  for (const element of [...results.children]) if (!wanted.includes(element)) element.remove();
  wanted.forEach((element, at) => {
    if (results.children[at] !== element) results.insertBefore(element, results.children[at] || null);
  });
  $("results-empty").hidden = wanted.length > 0 || queued.length > 0;
}

export function startJobs() {
  on("state", ({ jobs, training, while_training: choice }) => {
    held = Boolean(training) && choice === "wait";
    const ids = new Set(jobs.map((job) => job.id));
    for (const [id, view] of views) {
      // A job that the server no longer lists was finished long ago, or lost when the server started anew.
      if (ids.has(id) || Date.now() - view.made < 5000) continue;
      views.delete(id);
      for (const [key, card] of cards) if (card.views.includes(view)) cards.delete(key);
    }
    jobs.forEach(update);
    arrange();
  });
  on("finished", ({ job }) => { update(job); arrange(); });
  on("step", (event) => {
    const view = views.get(event.job);
    if (!view || over(view.job.state)) return;
    if (view.job.state === "waiting") view.job.state = "running";
    view.show(event);
    arrange();
  });
  onDeleted((id) => {
    for (const view of views.values()) {
      const at = view.job.pictures.indexOf(id);
      if (at < 0) continue;
      view.lost(at);
    }
  });
}

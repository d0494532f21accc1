// One run: its state and buttons, alerts, curves, configuration and log.
import { $, h, ask, announce, enc, number, setOptions, setText, showError, when, duration } from "./dom.js";
import { get, post } from "./api.js";
import { Curves } from "./curves.js";
import { Previews } from "./previews.js";
import { listOfRuns, loadRuns, trainingNow } from "./train.js";

const most = 3000; // records kept before they are fetched thinned again

export class RunView {
  constructor(id) {
    this.id = id;
    this.curves = new Curves();
    this.previews = new Previews(id);
    this.records = [];
    this.status = h("p", { class: "quiet", id: "run-status", role: "status" });
    this.error = h("p", { class: "error", id: "run-error", role: "alert", hidden: true });
    this.alerts = h("ul", { class: "alerts", id: "run-alerts", "aria-label": "Alerts" });
    const button = (id, text, action, kind) => h("button",
      { type: "button", id, text, class: kind, onclick: (event) => this.act(event.currentTarget, action) });
    this.buttons = {
      stop: button("train-stop", "Stop and save", () => this.order("stop", "It stops after this step and saves."),
        "primary"),
      save: button("train-save", "Save now", () => this.order("save", "It saves after this step.")),
      preview: button("train-preview", "Preview now",
        () => this.order("preview", "It makes a preview after this step.")),
      resume: button("train-resume", "Resume", () => this.resume(), "primary"),
      prolong: button("train-prolong", "Prolong", () => this.prolong()),
    };
    this.note = h("p", { class: "quiet", id: "run-note", role: "status", hidden: true });
    this.other = h("select", { id: "run-other", onchange: () => this.compare() });
    this.differences = h("div", { class: "scroll" });
    this.text = h("pre", { id: "run-configuration", tabindex: 0, "aria-label": "Configuration" });
    this.log = h("pre", { id: "run-log", tabindex: 0, "aria-label": "Log" });
    this.logDetails = h("details", { class: "card", id: "log", ontoggle: () => this.loadLog() },
      h("summary", {}, h("h2", { text: "Log" })), this.log);
    this.element = h("div", {},
      h("section", { class: "card" },
        h("div", { class: "row spread wrap" }, h("h2", { id: "run-title", text: id }),
          h("div", { class: "row wrap" }, Object.values(this.buttons))),
        this.status, this.note, this.error, this.alerts),
      h("section", { class: "card", id: "curves", "aria-label": "Curves" }, h("h2", { text: "Curves" }),
        this.curves.element),
      this.previews.element,
      h("details", { class: "card", id: "configuration" }, h("summary", {}, h("h2", { text: "Configuration" })),
        h("div", { class: "field" }, h("label", { htmlFor: "run-other", text: "Difference to" }), this.other),
          this.differences, this.text),
      this.logDetails);
    this.showButtons();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.retry);
  }

  async load() {
    clearTimeout(this.retry);
    try {
      const [detail, metrics] = await Promise.all([get("runs/" + enc(this.id)), get(`runs/${enc(this.id)}/metrics`)]);
      if (this.closed) return;
      this.detail = detail;
      this.records = metrics.records;
      showError(this.error, null);
    } catch (error) {
      if (this.closed) return;
      // A training that has just been started may have no files yet.
      if (error.status === 404 && trainingNow()?.run === this.id) this.retry = setTimeout(() => this.load(), 1500);
      else showError(this.error, error);
      return this.showButtons();
    }
    this.show();
  }

  show() {
    const { detail } = this;
    setText(this.text, detail.configuration || "");
    this.alerts.replaceChildren(...(detail.alerts || [])
      .map(({ kind, message }) => h("li", { class: kind === "not_finite" ? "error" : "warning", text: message })));
    this.previews.set(detail.previews || []);
    this.showButtons();
    this.runsChanged();
    this.draw();
    this.loadLog();
  }

  draw() {
    const begun = performance.now();
    const clip = (this.detail?.keys || []).find(({ key }) => key === "training.gradient_clip");
    this.curves.update(this.records, Number(clip?.value));
    this.drawn = performance.now();
    this.pause = Math.max(2000, 200 * (this.drawn - begun)); // drawing takes half a per cent of one core at most
    this.showStatus();
  }

  get looking() { return !document.hidden && !$("panel-train").hidden; }

  /** A new record. Drawing waits, so that an open page takes little from the training. */
  add(record) {
    const last = this.records[this.records.length - 1];
    if (last && record.step <= last.step) this.records = this.records.filter(({ step }) => step < record.step);
    this.records.push(record);
    if (this.detail) Object.assign(this.detail.run, { step: record.step, loss: record.loss });
    if (this.records.length > most) return this.load();
    if (!this.looking) return;
    this.showStatus();
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      if (!this.looking) return;
      this.draw();
      if (this.logDetails.open) this.loadLog();
    }, this.drawn ? Math.max(0, this.drawn + this.pause - performance.now()) : 0);
  }

  visible() { if (this.detail) this.draw(); }

  showStatus() {
    const training = trainingNow();
    const now = training?.run === this.id;
    const run = this.detail?.run;
    if (!run) return setText(this.status, now ? "starting" : "");
    const last = this.records[this.records.length - 1];
    const words = { stopping: "stopping after this step", paused: "paused while pictures are sampled" };
    const saved = (this.detail.saved_steps || []).slice(-3).map(number).join("; ");
    setText(this.status, [now ? words[training.state] || "training" : run.state,
      `step ${number(run.step)} of ${number((now && training.steps) || run.steps)}`,
      run.loss !== null && run.loss !== undefined && `loss ${number(run.loss)}`,
      now && last && last.images_per_second && `${number(last.images_per_second)} images a second`,
      now && training.seconds_left && `${duration(training.seconds_left)} left`,
      !now && run.updated && `changed ${when(run.updated)}`,
      saved && `saved at ${saved}`].filter(Boolean).join(" · "));
  }

  showButtons() {
    const training = trainingNow();
    const now = training?.run === this.id;
    const state = now ? training.state : this.detail?.run.state;
    const busy = state === "stopping";
    const { stop, save, preview, resume, prolong } = this.buttons;
    for (const item of [stop, save, preview]) {
      item.hidden = !now;
      item.disabled = busy || training?.isOwn === false || training?.is_own === false;
    }
    resume.hidden = now || !this.detail || state === "finished";
    prolong.hidden = now || !this.detail;
    resume.disabled = prolong.disabled = Boolean(training);
    const other = training && !now ? `${training.run} is training. One training runs at a time.`
      : now && stop.disabled && !busy ? "This training was not started here, so it cannot be stopped from here." : "";
    if (other || !this.answered) {
      setText(this.note, other);
      this.note.hidden = !other;
    }
    this.showStatus();
  }

  /** The state of the studio has changed; `turned` is true where this run's training began or ended with it. */
  stateChanged(turned) {
    const state = trainingNow()?.run === this.id ? trainingNow().state : "";
    if (state !== this.lastState) this.answered = false;
    this.lastState = state;
    this.showButtons();
    if (turned || (trainingNow()?.run === this.id && !this.detail)) this.load();
  }

  async act(button, action) {
    showError(this.error, null);
    button.disabled = true;
    try {
      await action();
    } catch (error) {
      showError(this.error, error);
    }
    button.disabled = false;
    this.showButtons();
  }

  async order(what, answer) {
    await post("trainings/" + what, {});
    this.answered = true;
    setText(this.note, answer);
    this.note.hidden = false;
    if (what === "stop") announce(answer);
  }

  async resume(keys = {}) {
    await post("trainings", { run: this.id, resume: true, keys });
    this.answered = true;
    setText(this.note, "Starting.");
    this.note.hidden = false;
    loadRuns();
  }

  async prolong() {
    const { steps, step } = this.detail.run;
    const answer = await ask({
      title: `Prolong ${this.id}`, text: `It has made ${number(step)} of ${number(steps)} steps.`, confirm: "Prolong",
      input: { label: "Steps in all", type: "number", value: Math.max(steps, step) * 2 },
      check: (text) => (/^\d+$/.test(text) && Number(text) > step ? null
        : `Give a whole number above ${number(step)}.`),
    });
    if (answer !== null) await this.resume({ "training.steps": answer });
  }

  addPreview(event) {
    this.previews.add(event);
    announce(`Preview of step ${number(event.step)}.`);
  }

  saved(step) {
    if (!this.detail) return;
    this.detail.saved_steps = [...new Set([...(this.detail.saved_steps || []), step])].sort((a, b) => a - b);
    this.showStatus();
  }

  runsChanged() {
    setOptions(this.other, [["", "choose a run"], ...listOfRuns().filter(({ id }) => id !== this.id)
      .map(({ id }) => [id, id])]);
  }

  /** The keys in which another run differs. */
  async compare() {
    const id = this.other.value;
    this.differences.replaceChildren();
    if (!id) return;
    try {
      const other = await get("runs/" + enc(id));
      const [mine, theirs] = [this.detail, other].map(({ keys }) => new Map(keys.map(({ key, value }) => [key,
        value])));
      const different = [...new Set([...mine.keys(),
        ...theirs.keys()])].filter((key) => mine.get(key) !== theirs.get(key));
      const cell = (value) => h("td", { text: value === undefined ? "not there" : value === "" ? "empty" : value,
        class: value ? null : "quiet" });
      this.differences.replaceChildren(different.length ? h("table", { id: "run-differences" },
        h("thead", {}, h("tr", {}, ["Key", this.id, id].map((text) => h("th", { scope: "col", text })))),
        h("tbody", {}, different.map((key) => h("tr", {}, h("th", { scope: "row", text: key }), cell(mine.get(key)),
          cell(theirs.get(key))))))
        : h("p", { class: "quiet", text: "They have the same configuration." }));
    } catch (error) {
      this.differences.replaceChildren(h("p", { class: "error", text: error.message }));
    }
  }

  async loadLog() {
    if (!this.logDetails.open) return;
    const log = this.log;
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
    try {
      setText(log, (await get(`runs/${enc(this.id)}/log`)).text || "The log is empty.");
    } catch (error) {
      setText(log, error.message);
    }
    if (atEnd) log.scrollTop = log.scrollHeight;
  }
}

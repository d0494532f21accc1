// The Train tab: the list of runs, and which one is shown.
import { $, h, enc, number, setText, showError } from "./dom.js";
import { get, on } from "./api.js";
import { RunView } from "./run.js";
import { startForm, openForm } from "./start.js";

let runs = [];
let view = null; // RunView of the chosen run
let training = null;
let shown = false;

export const listOfRuns = () => runs;
export const trainingNow = () => training;

function describe(run) {
  return [`step ${number(run.step)} of ${number(run.steps)}`, Number.isFinite(run.loss) && `loss ${number(run.loss)}`,
    run.kind !== "denoiser" && run.kind].filter(Boolean).join(", ");
}

function item(run) {
  const link = h("a", { href: "#/train/" + enc(run.id), "data-run": run.id });
  const now = training && training.run === run.id;
  const share = run.steps ? Math.min(1, run.step / run.steps) : 0;
  link.append(
    h("span", { class: "row spread" }, h("span", { class: "name", text: run.id }),
      h("span", { class: now ? "badge live" : "badge", text: now ? training.state : run.state })),
    h("span", { class: "quiet", text: describe(run) }));
  const bar = h("progress", { max: 1, value: share, "aria-hidden": "true" });
  link.append(bar);
  return h("li", {}, link);
}

function showRuns() {
  const focused = document.activeElement?.dataset?.run;
  $("runs").replaceChildren(...runs.map(item));
  for (const link of $("runs").querySelectorAll("a")) {
    if (view && link.dataset.run === view.id) link.setAttribute("aria-current", "true");
    if (link.dataset.run === focused) link.focus();
  }
}

export async function loadRuns() {
  try {
    runs = (await get("runs")).runs;
    showError($("runs-error"), null);
  } catch (error) {
    showError($("runs-error"), error);
  }
  showRuns();
  view?.runsChanged();
}

/** Shows a run, the form of a new training, or the invitation to choose. */
export function showTrain({ id, start }) {
  if (!shown) {
    shown = true;
    loadRuns().then(() => { // the newest run is shown where none was asked for
      if (location.hash === "#/train" && runs.length) location.replace("#/train/" + enc(training ? training.run
        : runs[0].id));
    });
  } else if (!id && !start && runs.length) {
    location.replace("#/train/" + enc(training ? training.run : runs[0].id));
    return;
  }
  $("train-form").hidden = !start;
  $("run").hidden = !id;
  $("train-empty").hidden = Boolean(id || start);
  if (start) openForm();
  if (id && (!view || view.id !== id)) {
    view?.close();
    view = new RunView(id);
    $("run").replaceChildren(view.element);
    view.load();
  } else if (id) {
    view.visible();
  }
  if (!id) { view?.close(); view = null; }
  showRuns();
}

export function startTrain() {
  $("train-new").addEventListener("click", () => { location.hash = "#/start"; });
  startForm();
  on("state", (state) => {
    const before = training;
    training = state.training;
    const changed = JSON.stringify([before?.run, before?.state]) !== JSON.stringify([training?.run, training?.state]);
    if (changed && shown) loadRuns();
    view?.stateChanged((before?.run === view.id) !== (training?.run === view.id));
  });
  on("metrics", ({ run, record }) => {
    const entry = runs.find(({ id }) => id === run);
    if (entry) {
      Object.assign(entry, { step: record.step, loss: record.loss });
      if (shown && !$("panel-train").hidden) updateItem(entry);
    }
    if (view && view.id === run) view.add(record);
  });
  on("preview", (event) => { if (view && view.id === event.run) view.addPreview(event); });
  on("saved", (event) => { if (view && view.id === event.run) view.saved(event.step); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) view?.visible(); });
  on("reconnected", () => { if (shown) { loadRuns(); view?.load(); } });
}

/** Steps and loss of one entry, without building the list anew. */
function updateItem(run) {
  const link = [...$("runs").querySelectorAll("a")].find((link) => link.dataset.run === run.id);
  if (!link) return;
  setText(link.children[1], describe(run));
  link.lastChild.value = run.steps ? run.step / run.steps : 0;
}
